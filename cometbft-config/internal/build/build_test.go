package build

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cometbftconfig "defchain/cometbft-config"
	"defchain/cometbft-config/internal/splice"
)

func builder(t *testing.T, tags string) *Builder {
	t.Helper()
	parsed, err := ParseTags(tags)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(t.Context(), t.TempDir(), parsed, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachVariantHasItsOwnFolderAndNumber(t *testing.T) {
	folders, numbers := make(map[string]bool), make(map[string]bool)
	for _, tags := range []string{"", "pod", "pod,pod_byzantine", "pod,pod_skew"} {
		b := builder(t, tags)
		if b.Tags.String() != tags {
			t.Errorf("%q became %q", tags, b.Tags)
		}
		folders[filepath.Base(b.dir)], numbers[b.Number()] = true, true
	}
	if len(folders) != 4 || len(numbers) != 4 {
		t.Fatalf("folders %v, numbers %v", folders, numbers)
	}
	if a, b := builder(t, "pod"), builder(t, "pod"); filepath.Base(a.dir) != filepath.Base(b.dir) {
		t.Fatal("the same input has two folders")
	}
}

func TestTagsThatMeanNothingAreRefused(t *testing.T) {
	for _, tags := range []string{"pot", "pod_byzantine", "pod,race", "pod_skew", "pod,pod_byzantine,pod_skew"} {
		if _, err := ParseTags(tags); err == nil {
			t.Errorf("%q was accepted", tags)
		}
	}
}

func TestTheTreeHasOurFilesAndCannotTakeUpstreams(t *testing.T) {
	b := builder(t, "pod")
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"internal/pod/draw.go", "consensus/pod.go", "consensus/pod_inert.go", "consensus/pod_byzantine.go", "consensus/pod_test.go",
		"types/time/pod_skew.go", "cmd/cometbft/commands/bootstrap_state.go",
	} {
		if _, err := os.Stat(filepath.Join(b.Source(), name)); err != nil {
			t.Error(err)
		}
	}
	ours, err := cometbftconfig.Sources.ReadFile("pod/draw.go")
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadFile(filepath.Join(b.Source(), "internal/pod/draw.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, there) {
		t.Error("the draw in the tree is not the one that makes the vectors")
	}
	version, err := os.ReadFile(filepath.Join(b.Source(), "version/version.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(version), `"`+b.Number()+`"`) {
		t.Errorf("the tree does not call itself %s", b.Number())
	}
	// A file of upstream under one of our names must end the build.
	if err := addOurs(b.Source(), false); err == nil || !strings.Contains(err.Error(), "of its own") {
		t.Errorf("our files were written over existing ones: %v", err)
	}
}

func TestSourcesWithAnotherChecksumAreRefused(t *testing.T) {
	b := builder(t, "pod")
	b.sum = "h1:0000000000000000000000000000000000000000000="
	err := b.Prepare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(b.Source()); err == nil {
		t.Fatal("they were copied all the same")
	}
}

func TestAReleaseOfAnotherShapeEndsTheBuildWithTheReason(t *testing.T) {
	b := builder(t, "pod")
	if err := b.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The spliced tree itself has another shape than upstream's.
	_, err := spliceTree(b.Source(), b.Number(), splice.Variant{})
	if err == nil || !strings.Contains(err.Error(), "set.Proposer is assigned") {
		t.Fatalf("got %v", err)
	}
}

// fakeBinary stands for a finished build.
func fakeBinary(t *testing.T, b *Builder, content string) {
	t.Helper()
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.Binary(), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestABinaryIsTakenOnlyWhenItIsWhole(t *testing.T) {
	b := builder(t, "pod")
	fakeBinary(t, b, "program")
	if b.fresh() {
		t.Fatal("a binary without a stamp was taken")
	}
	if err := b.finish(); err != nil {
		t.Fatal(err)
	}
	if !b.fresh() {
		t.Fatal("a finished binary is not taken")
	}
	if built, err := b.Build(t.Context()); err != nil || built {
		t.Fatalf("it was built again: %v", err)
	}
	fakeBinary(t, b, "prog")
	if b.fresh() {
		t.Fatal("a cut binary was taken")
	}
}

func TestInstallReplacesTheFileAndKeepsOneThatIsTheSame(t *testing.T) {
	b := builder(t, "pod")
	fakeBinary(t, b, "new")
	out := filepath.Join(t.TempDir(), "bin", "cometbft")
	if err := b.Install(out); err != nil {
		t.Fatal(err)
	}
	running, err := os.Open(out) // a process that runs the old file
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	before, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if before.Mode().Perm() != 0o755 {
		t.Errorf("its mode is %v", before.Mode())
	}
	if err := b.Install(out); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(out); err != nil || !os.SameFile(before, after) {
		t.Errorf("the same content was installed again: %v", err)
	}
	fakeBinary(t, b, "newer")
	if err := b.Install(out); err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(running); err != nil || string(content) != "new" {
		t.Errorf("the running program was changed to %q, %v", content, err)
	}
	if content, err := os.ReadFile(out); err != nil || string(content) != "newer" {
		t.Errorf("installed %q, %v", content, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Errorf("partial files were left: %v %v", entries, err)
	}
}

func TestOldBuildFoldersGoAndThoseInUseStay(t *testing.T) {
	root := t.TempDir()
	var dirs []string
	for i := range 5 {
		b := &Builder{Root: root, Log: io.Discard, dir: filepath.Join(root, "v0.40.0-"+strings.Repeat(string(rune('a'+i)), 4))}
		b.started = time.Now().Add(time.Duration(i-10) * time.Hour)
		unlock, err := b.lock()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			defer unlock() // the oldest is still in use
		} else {
			unlock()
		}
		if err := b.touch(); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, b.dir)
	}
	foreign := filepath.Join(root, "vacation-photos")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := prune(root, 2); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, false, true, true} {
		if _, err := os.Stat(dirs[i]); (err == nil) != want {
			t.Errorf("folder %d: there %v, expected %v", i, err == nil, want)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("a folder that is not ours was removed")
	}
}
