package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"syncd/internal/app"
)

// roles are the least role that each command needs, as typed without syncd; a flag
// that needs more than its command stands behind it. A command that stands nowhere
// needs the greatest.
var roles = map[string]app.Role{
	"":                       app.RoleViewer,
	"plan":                   app.RoleViewer,
	"apply":                  app.RoleOperator,
	"holds":                  app.RoleViewer,
	"approve":                app.RoleApprover,
	"reject":                 app.RoleApprover,
	"revert":                 app.RoleApprover,
	"map":                    app.RoleViewer,
	"map export":             app.RoleViewer,
	"map import":             app.RoleMapper,
	"map suggest":            app.RoleMapper, // what it finds is stored, though it is in force only once it is accepted
	"map accept":             app.RoleMapper,
	"map ignore":             app.RoleMapper,
	"products":               app.RoleViewer,
	"products export":        app.RoleViewer,
	"products import":        app.RoleMapper,
	"products suggest":       app.RoleViewer,
	"matches":                app.RoleViewer,
	"matches list":           app.RoleViewer,
	"matches export":         app.RoleViewer,
	"matches import":         app.RoleMapper,
	"matches accept":         app.RoleMapper,
	"matches create":         app.RoleMapper,
	"matches ignore":         app.RoleMapper,
	"matches retry":          app.RoleMapper,
	"terms":                  app.RoleViewer,
	"terms export":           app.RoleViewer,
	"terms import":           app.RoleMapper,
	"override":               app.RoleViewer,
	"override list":          app.RoleViewer,
	"override export":        app.RoleViewer,
	"override set":           app.RoleMapper,
	"override end":           app.RoleMapper,
	"override import":        app.RoleMapper,
	"freeze":                 app.RoleViewer,
	"freeze list":            app.RoleViewer,
	"freeze start":           app.RoleApprover,
	"freeze end":             app.RoleApprover,
	"itglue":                 app.RoleViewer,
	"itglue layouts":         app.RoleViewer,
	"status":                 app.RoleViewer,
	"history":                app.RoleViewer,
	"explain":                app.RoleViewer,
	"report":                 app.RoleViewer,
	"report licences":        app.RoleViewer,
	"report month":           app.RoleViewer,
	"report month --close":   app.RoleApprover,
	"report month --reopen":  app.RoleApprover,
	"report leakage":         app.RoleViewer,
	"report renewals":        app.RoleViewer,
	"export":                 app.RoleViewer,
	"check":                  app.RoleViewer,
	"itglue layouts create":  app.RoleOperator,
	"itglue layouts upgrade": app.RoleOperator,

	// Whoever can start the daemon reads the secrets and the state, and most often is
	// the machine itself, which is nobody of the staff.
	"serve":         app.RoleViewer,
	"state":         app.RoleViewer,
	"state backup":  app.RoleOperator,
	"state restore": app.RoleOperator,
	"state verify":  app.RoleViewer,
	"state migrate": app.RoleOperator,
	"state compact": app.RoleOperator,
	"user":          app.RoleOperator,
	"user add":      app.RoleOperator,
	"token":         app.RoleOperator,
	"token create":  app.RoleOperator,
	"token list":    app.RoleOperator,
	"token revoke":  app.RoleOperator,
	"notify":        app.RoleViewer,
	"notify test":   app.RoleOperator,
	"reload":        app.RoleOperator,
	"support":       app.RoleOperator,

	// What touches nothing of ours.
	"demo":                  app.RoleViewer,
	"healthcheck":           app.RoleViewer,
	"version":               app.RoleViewer,
	"names":                 app.RoleViewer,
	"completion":            app.RoleViewer,
	"completion bash":       app.RoleViewer,
	"completion fish":       app.RoleViewer,
	"completion powershell": app.RoleViewer,
	"completion zsh":        app.RoleViewer,

	// CIPP itself. Any endpoint may be called, also those whose answers are keys and
	// passwords.
	"cipp":                       app.RoleViewer,
	"cipp call":                  app.RoleOperator,
	"cipp write-down":            app.RoleOperator, // how the commands that change something reach the journal
	"cipp endpoints":             app.RoleViewer,
	"cipp alerts":                app.RoleViewer,
	"cipp alerts list":           app.RoleViewer,
	"cipp ca":                    app.RoleViewer,
	"cipp ca list":               app.RoleViewer,
	"cipp calendar":              app.RoleViewer,
	"cipp calendar grant":        app.RoleOperator,
	"cipp calendar list":         app.RoleViewer,
	"cipp calendar revoke":       app.RoleOperator,
	"cipp devices":               app.RoleViewer,
	"cipp devices list":          app.RoleViewer,
	"cipp domains":               app.RoleViewer,
	"cipp domains health":        app.RoleViewer,
	"cipp domains list":          app.RoleViewer,
	"cipp events":                app.RoleViewer,
	"cipp events remove":         app.RoleOperator,
	"cipp events setup":          app.RoleOperator,
	"cipp groups":                app.RoleViewer,
	"cipp groups add-member":     app.RoleOperator,
	"cipp groups list":           app.RoleViewer,
	"cipp groups members":        app.RoleViewer,
	"cipp groups remove-member":  app.RoleOperator,
	"cipp licences":              app.RoleViewer,
	"cipp licences assign":       app.RoleOperator,
	"cipp licences list":         app.RoleViewer,
	"cipp licences remove":       app.RoleOperator,
	"cipp licences swap":         app.RoleOperator,
	"cipp logs":                  app.RoleViewer,
	"cipp mailboxes":             app.RoleViewer,
	"cipp mailboxes convert":     app.RoleOperator,
	"cipp mailboxes delegates":   app.RoleViewer,
	"cipp mailboxes forward":     app.RoleOperator,
	"cipp mailboxes grant":       app.RoleOperator,
	"cipp mailboxes list":        app.RoleViewer,
	"cipp mailboxes revoke":      app.RoleOperator,
	"cipp mfa":                   app.RoleViewer,
	"cipp mfa enforce":           app.RoleOperator,
	"cipp mfa policy":            app.RoleViewer,
	"cipp mfa report":            app.RoleViewer,
	"cipp playbook":              app.RoleViewer,
	"cipp playbook licences":     app.RoleOperator,
	"cipp playbook mfa":          app.RoleOperator,
	"cipp playbook offboard":     app.RoleOperator,
	"cipp playbook onboard":      app.RoleOperator,
	"cipp secure-score":          app.RoleViewer,
	"cipp service-health":        app.RoleViewer,
	"cipp tasks":                 app.RoleViewer,
	"cipp tasks list":            app.RoleViewer,
	"cipp tenant-groups":         app.RoleViewer,
	"cipp tenant-groups create":  app.RoleOperator,
	"cipp tenant-groups delete":  app.RoleOperator,
	"cipp tenant-groups list":    app.RoleViewer,
	"cipp tenants":               app.RoleViewer,
	"cipp tenants edit":          app.RoleOperator,
	"cipp tenants list":          app.RoleViewer,
	"cipp tenants show":          app.RoleViewer,
	"cipp users":                 app.RoleViewer,
	"cipp users create":          app.RoleOperator,
	"cipp users disable":         app.RoleOperator,
	"cipp users edit":            app.RoleOperator,
	"cipp users enable":          app.RoleOperator,
	"cipp users list":            app.RoleViewer,
	"cipp users offboard":        app.RoleOperator,
	"cipp users reset-password":  app.RoleOperator,
	"cipp users revoke-sessions": app.RoleOperator,
	"cipp users show":            app.RoleViewer,
}

// pathOf is a command as typed, without syncd.
func pathOf(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

// roleOf is the least role that a command needs with the flags that were typed.
func roleOf(cmd *cobra.Command) app.Role {
	path := pathOf(cmd)
	least, ok := roles[path]
	if !ok {
		return app.RoleOperator
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if more, ok := roles[path+" --"+f.Name]; ok && !least.Contains(more) {
			least = more
		}
	})
	return least
}
