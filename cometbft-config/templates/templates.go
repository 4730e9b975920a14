// Package templates holds the complete configuration of a node.
package templates

import (
	_ "embed"
	"fmt"
	"strings"
)

// Config is CometBFT's configuration file with config/overrides.toml in it.
//
//go:embed config.toml
var Config string

// Set replaces one value. Key is the key with its table, as in p2p.laddr; value
// is what stands behind the equals sign. A key that is not there exactly once
// is an error.
func Set(file, key, value string) (string, error) {
	table, name := "", key
	if dot := strings.LastIndexByte(key, '.'); dot >= 0 {
		table, name = key[:dot], key[dot+1:]
	}
	current, hits := "", 0
	lines := strings.SplitAfter(file, "\n")
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]") {
			current = strings.Trim(trimmed, "[]")
			continue
		}
		if have, _, ok := strings.Cut(trimmed, "="); ok && current == table && strings.TrimSpace(have) == name {
			lines[i] = name + " = " + value + "\n"
			hits++
		}
	}
	if hits != 1 {
		return "", fmt.Errorf("%s stands %d times in the configuration, not once", key, hits)
	}
	return strings.Join(lines, ""), nil
}
