// Package cometbftconfig is the root of the module that builds the modified
// CometBFT. It holds what the build program puts together: the pin of upstream
// and our own sources.
package cometbftconfig

import (
	"embed"
	"fmt"
	"strings"
)

// Upstream is the module path of CometBFT.
const Upstream = "github.com/cometbft/cometbft"

// Sources are our own files that go into the modified tree: the draw, the files
// of package consensus, the wrong clock of tests, a command, and the tests of all.
//
//go:embed pod/draw.go pod/_consensus/*.go pod/_time/*.go pod/_commands/*.go
var Sources embed.FS

//go:embed go.mod
var goMod string

//go:embed go.sum
var goSum string

// Pin returns the version of CometBFT that go.mod requires and the checksum of
// its sources that go.sum holds. There is no other place to change the version.
func Pin() (version, sum string, err error) {
	if version, err = field(goMod, Upstream); err != nil {
		return "", "", fmt.Errorf("go.mod: %w", err)
	}
	if sum, err = field(goSum, Upstream, version); err != nil {
		return "", "", fmt.Errorf("go.sum: %w", err)
	}
	return version, sum, nil
}

// field returns the word that follows words on the one line that has them in
// this order, with or without a leading "require".
func field(text string, words ...string) (string, error) {
	var found []string
	for line := range strings.Lines(text) {
		have := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(have) <= len(words) || strings.Join(have[:len(words)], " ") != strings.Join(words, " ") {
			continue
		}
		found = append(found, have[len(words)])
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%q stands on %d lines, not one", strings.Join(words, " "), len(found))
	}
	return found[0], nil
}
