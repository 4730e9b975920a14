package main

import (
	"errors"
	"flag"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatCannotBeMeantIsRefusedBeforeAnythingIsBuilt(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--out"}, "flag needs an argument"},
		{[]string{"cometbft"}, `unexpected argument "cometbft"`},
		{[]string{"--tags", "pod,race"}, `unknown build tag "race"`},
		{[]string{"--tags", "pod_byzantine"}, "use --tags pod,pod_byzantine"},
		{[]string{"--test", "everything"}, `unknown tests "everything"`},
		{[]string{"--test", "net", "--blocks", "3"}, "3 blocks show nothing"},
	} {
		args := append([]string{"--dir", t.TempDir()}, c.args...)
		err := run(t.Context(), args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, expected it to say %q", c.args, err, c.want)
		}
	}
}

func TestTheBuildFoldersStandInTheUsersCacheByDefault(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	t.Setenv("HOME", "/home/somebody")
	o, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(o.dir) != "cometbft" || !filepath.IsAbs(o.dir) || o.tags != "pod" {
		t.Fatalf("%+v", o)
	}
	if o, err = parse([]string{"--dir", "here"}, io.Discard); err != nil || !filepath.IsAbs(o.dir) {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err = parse([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("got %v", err)
	}
}
