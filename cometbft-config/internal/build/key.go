package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	cometbftconfig "defchain/cometbft-config"
	"defchain/cometbft-config/internal/splice"
)

// layout changes when this package begins to build otherwise.
const layout = "1"

// ldflags drops the symbol tables, as CometBFT's own Makefile does.
const ldflags = "-s -w"

// keepFolders is how many build folders stay: the variants of the current
// sources and a few older ones. Each takes about 150 MB.
const keepFolders = 6

// key hashes everything that decides the binary.
func (b *Builder) key(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH", "GOAMD64")
	cmd.Env = childEnv()
	toolchain, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("`go env` failed, is Go installed? %w", err)
	}
	h := sha256.New()
	for _, part := range []string{layout, b.version, b.sum, b.Tags.String(), ldflags, string(toolchain), splice.Sources} {
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	err = fs.WalkDir(cometbftconfig.Sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || isTest(path) {
			return err
		}
		src, err := cometbftconfig.Sources.ReadFile(path)
		fmt.Fprintf(h, "%s:%d:%s\n", path, len(src), src)
		return err
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

func (b *Builder) stamp() string { return filepath.Join(b.dir, "done") }

// fresh says whether the binary of this key is there, whole.
func (b *Builder) fresh() bool {
	want, err := os.ReadFile(b.stamp())
	if err != nil {
		return false
	}
	have, err := checksum(b.Binary())
	return err == nil && bytes.Equal(want, have)
}

// finish writes the stamp and clears away old build folders.
func (b *Builder) finish() error {
	sum, err := checksum(b.Binary())
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.stamp(), sum, 0o644); err != nil {
		return err
	}
	return prune(b.Root, keepFolders)
}

// lock keeps two builds of one folder apart; the second waits.
func (b *Builder) lock() (unlock func(), err error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(b.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		b.step("wait for another build in %s", b.dir)
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", b.dir, err), file.Close())
	}
	return func() {
		_ = b.touch()
		_ = file.Close()
	}, nil
}

// touch notes the time of use, which prune goes by.
func (b *Builder) touch() error { return os.Chtimes(b.dir, b.started, b.started) }

func checksum(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return nil, err
	}
	return []byte(hex.EncodeToString(h.Sum(nil)) + "\n"), nil
}

// sameContent says whether path exists and equals the file at binary.
func sameContent(binary, path string) (bool, error) {
	have, err := checksum(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want, err := checksum(binary)
	return bytes.Equal(have, want), err
}

// childEnv is the environment of every go command: what the caller has set for
// his own modules does not apply to upstream's.
func childEnv() []string {
	env := []string{"GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0"}
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); name != "GOFLAGS" && name != "GOWORK" && name != "CGO_ENABLED" {
			env = append(env, pair)
		}
	}
	return env
}
