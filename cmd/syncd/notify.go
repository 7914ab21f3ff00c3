package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"syncd/internal/app"
)

func notifyCommand(a *cli) *cobra.Command {
	cmd := &cobra.Command{Use: "notify", Short: "Try the ways in which syncd tells people", Args: cobra.NoArgs,
		Long: "The daemon tells people what waits for approval, what fails, which month can be closed, what renews and which credentials end,\nby mail, Microsoft Teams, Slack or a webhook (notify in the configuration)."}
	test := &cobra.Command{Use: "test", Short: "Send a message to every configured channel", Args: cobra.NoArgs,
		Long: "Send a message that says it is a test to every configured channel.\n\nExit status: 0 every channel took it, 1 one did not, 64 none is configured.",
		RunE: a.stateful(func(ctx context.Context, w *app.App, _ []string) error {
			tests, err := w.TestChannels(ctx)
			if err != nil {
				return err
			}
			for _, t := range tests {
				if !t.Taken {
					a.status = statusFailed
				}
			}
			return a.print(struct {
				Channels []app.ChannelTest `json:"channels"`
			}{tests}, func(out io.Writer) error {
				p := a.page(out)
				for _, t := range tests {
					if t.Taken {
						p.flow(fmt.Sprintf("%s %-8s ", p.paint("ok  ", text.FgGreen), t.Channel), "took the message; look whether it arrived")
						continue
					}
					p.flow(fmt.Sprintf("%s %-8s ", p.paint("FAIL", text.FgRed, text.Bold), t.Channel), clean(t.Error))
				}
				return p.err
			})
		})}
	cmd.AddCommand(test)
	return cmd
}
