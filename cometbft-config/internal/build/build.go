// Package build puts the modified CometBFT together: it copies the pinned
// release out of Go's module cache, splices it, adds our files and compiles it.
//
// A build folder is named by everything that goes into the binary, so an
// unchanged input is never built twice and two inputs never share a folder:
//
//	<root>/v0.40.0-<hash>/src        the spliced tree
//	<root>/v0.40.0-<hash>/cometbft   the binary
//	<root>/v0.40.0-<hash>/done       its checksum; written last
package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	cometbftconfig "defchain/cometbft-config"
)

// Builder builds one variant.
type Builder struct {
	Root    string // of the build folders
	Tags    Tags
	Log     io.Writer
	started time.Time
	version string
	sum     string
	dir     string
}

// DefaultRoot is where build folders are when nobody says otherwise.
func DefaultRoot() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for caches (%w): name one with --dir", err)
	}
	return filepath.Join(cache, "defchain", "cometbft"), nil
}

// New finds out what is to be built and where.
func New(ctx context.Context, root string, tags Tags, log io.Writer) (*Builder, error) {
	version, sum, err := cometbftconfig.Pin()
	if err != nil {
		return nil, err
	}
	b := &Builder{Root: root, Tags: tags, Log: log, started: time.Now(), version: version, sum: sum}
	key, err := b.key(ctx)
	if err != nil {
		return nil, err
	}
	b.dir = filepath.Join(root, version+"-"+key)
	return b, nil
}

// Source is the folder of the spliced tree.
func (b *Builder) Source() string { return filepath.Join(b.dir, "src") }

// Binary is the built program.
func (b *Builder) Binary() string { return filepath.Join(b.dir, "cometbft") }

// Number is what the binary calls itself.
func (b *Builder) Number() string { return strings.TrimPrefix(b.version, "v") + "+" + b.Tags.suffix() }

// Build makes the binary unless it is there. It returns whether it had to.
func (b *Builder) Build(ctx context.Context) (built bool, err error) {
	if b.fresh() {
		return false, b.touch()
	}
	unlock, err := b.lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if b.fresh() { // somebody else built it while we waited
		return false, nil
	}
	if err := b.tree(ctx); err != nil {
		return false, err
	}
	b.step("compile cometbft %s (tags: %s); two minutes the first time", b.Number(), b.Tags)
	args := []string{
		"build", "-trimpath", "-ldflags", ldflags, "-tags", b.Tags.String(), "-o", b.Binary(), "./cmd/cometbft",
	}
	if err := b.goTool(ctx, b.Source(), nil, args...); err != nil {
		return false, fmt.Errorf("compile: %w", err)
	}
	if err := b.finish(); err != nil {
		return false, err
	}
	b.step("built %s", b.Binary())
	return true, nil
}

// Signer builds CometBFT's own example of a remote signer of the consensus key, for tests and as a pattern. It speaks
// the protocol of `priv_validator_laddr`; whoever guards real money puts a hardened one in its place.
func (b *Builder) Signer(ctx context.Context, path string) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.tree(ctx); err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	b.step("compile CometBFT's remote signer")
	args := []string{"build", "-trimpath", "-tags", b.Tags.String(), "-o", path, "./cmd/priv_val_server"}
	return b.goTool(ctx, b.Source(), nil, args...)
}

// Prepare makes the spliced tree for tests, unless it is there.
func (b *Builder) Prepare(ctx context.Context) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := b.tree(ctx); err != nil {
		return err
	}
	return addOurs(b.Source(), true) // tests may have changed: they are not in the key
}

// tree downloads, copies and splices; the caller holds the lock.
func (b *Builder) tree(ctx context.Context) error {
	if _, err := os.Stat(b.spliced()); err == nil {
		return nil
	}
	b.step("fetch %s %s", cometbftconfig.Upstream, b.version)
	cached, err := b.download(ctx)
	if err != nil {
		return err
	}
	b.step("copy its sources to %s", b.Source())
	if err := os.RemoveAll(b.Source()); err != nil {
		return err
	}
	if err := copyTree(cached, b.Source()); err != nil {
		return fmt.Errorf("copy the sources: %w", err)
	}
	b.step("splice")
	report, err := spliceTree(b.Source(), b.Number(), b.Tags.variant())
	if err != nil {
		return fmt.Errorf("CometBFT %s is not of the shape that our changes were made for, nothing was built: %w", b.version, err)
	}
	for _, line := range report {
		fmt.Fprintf(b.Log, "         %s\n", line)
	}
	if err := addOurs(b.Source(), false); err != nil {
		return fmt.Errorf("add our files: %w", err)
	}
	return os.WriteFile(b.spliced(), nil, 0o644)
}

func (b *Builder) spliced() string { return filepath.Join(b.dir, "spliced") }

// Install puts the binary at path, which may be that of a running node: the
// old file is replaced, not written to.
func (b *Builder) Install(path string) error {
	if same, err := sameContent(b.Binary(), path); err != nil || same {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	partial, err := os.CreateTemp(filepath.Dir(path), ".cometbft-*")
	if err != nil {
		return err
	}
	defer os.Remove(partial.Name()) // does nothing once it is renamed
	binary, err := os.Open(b.Binary())
	if err != nil {
		return errors.Join(err, partial.Close())
	}
	defer binary.Close()
	_, err = io.Copy(partial, binary)
	if err := errors.Join(err, partial.Chmod(0o755), partial.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(partial.Name(), path)
}

func (b *Builder) step(format string, args ...any) {
	fmt.Fprintf(b.Log, "[%5.1fs] %s\n", time.Since(b.started).Seconds(), fmt.Sprintf(format, args...))
}

// Test runs `go test` with args in the spliced tree. One package at a time:
// consensus tests measure time, and the machine has other work.
func (b *Builder) Test(ctx context.Context, args ...string) error {
	b.step("test (tags: %q): %s", b.Tags, strings.Join(args, " "))
	scratch, err := os.MkdirTemp("", "cometbft-test") // upstream's tests leave folders behind
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	args = append([]string{"test", "-p", "1", "-count", "1", "-timeout", "40m", "-tags", b.Tags.String()}, args...)
	if err := b.goTool(ctx, b.Source(), []string{"TMPDIR=" + scratch}, args...); err != nil {
		return fmt.Errorf("test: %w", err)
	}
	b.step("passed")
	return nil
}
