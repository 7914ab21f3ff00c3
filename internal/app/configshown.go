package app

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"syncd/internal/secret"
)

// Shown is the configuration in force, as YAML and as a document for programs: defaults, file and
// environment together. Where a secret stands, by its path in the table of the systems' secrets,
// [redacted] does, and any other text in which a secret is repeated has it blotted out.
func (c *Config) Shown() (text string, document any, err error) {
	var root yaml.Node
	if err := encode(c, &root); err != nil {
		return "", nil, err
	}
	for _, s := range c.systems {
		var value yaml.Node
		if err := encode(s.Config(), &value); err != nil {
			return "", nil, err
		}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.Line.Section}, &value)
	}
	h := hiding{paths: c.secrets(), redact: c.Redactor()}
	h.hide(&root, "")
	out, err := yaml.Marshal(&root)
	if err != nil {
		return "", nil, fmt.Errorf("showing the configuration: %w", err)
	}
	if err := root.Decode(&document); err != nil {
		return "", nil, fmt.Errorf("showing the configuration: %w", err)
	}
	return string(out), document, nil
}

func encode(value any, into *yaml.Node) error {
	if err := into.Encode(value); err != nil {
		return fmt.Errorf("showing the configuration: %w", err)
	}
	return nil
}

// hiding takes secrets out of a document.
type hiding struct {
	paths  map[string]secret.String
	redact secret.Redactor
}

// hide takes them out of what stands at a path.
func (h *hiding) hide(n *yaml.Node, path string) {
	if s, ok := h.paths[path]; ok {
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.String()} // [redacted], or nothing
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			h.hide(n.Content[i+1], strings.TrimPrefix(path+"."+key, "."))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			h.hide(item, fmt.Sprintf("%s[%d]", path, i))
		}
	case yaml.ScalarNode:
		n.Value = h.redact.Text(n.Value)
	}
}
