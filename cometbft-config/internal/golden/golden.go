// Package golden compares generated files with the committed ones, and writes
// them anew when a test is run with -update.
package golden

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// Check fails when the file at path is not exactly want.
func Check(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	line := 1
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			break
		}
		if got[i] == '\n' {
			line++
		}
	}
	t.Fatalf("%s is stale: it has %d bytes, the code yields %d, they part at line %d; run `go test ./... -update` if this is meant",
		path, len(got), len(want), line)
}
