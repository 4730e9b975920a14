package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	cometbftconfig "defchain/cometbft-config"
	"defchain/cometbft-config/internal/splice"
)

// skipped are folders of upstream without Go code.
var skipped = []string{"docs", "spec"}

// goTool runs a go command and shows what it says.
func (b *Builder) goTool(ctx context.Context, dir string, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(childEnv(), env...)
	cmd.Stdout, cmd.Stderr = b.Log, b.Log
	return cmd.Run()
}

// download returns the folder of the pinned release in the module cache.
func (b *Builder) download(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", cometbftconfig.Upstream+"@"+b.version)
	cmd.Dir, cmd.Env = b.dir, append(childEnv(), "GO111MODULE=on")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()
	var module struct{ Dir, Sum, Error string }
	if err := json.Unmarshal(stdout.Bytes(), &module); err != nil || runErr != nil || module.Error != "" {
		return "", fmt.Errorf("download %s %s: %s%s", cometbftconfig.Upstream, b.version, module.Error, stderr.String())
	}
	if module.Sum != b.sum {
		return "", fmt.Errorf("%s %s has checksum %s, go.sum says %s: refused", cometbftconfig.Upstream, b.version, module.Sum, b.sum)
	}
	return module.Dir, nil
}

// copyTree copies the read-only module cache into files that can be changed.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			if slices.Contains(skipped, relative) {
				return fs.SkipDir
			}
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

func spliceTree(root, number string, variant splice.Variant) ([]string, error) {
	tree, err := splice.Load(root)
	if err != nil {
		return nil, err
	}
	changed, report, err := splice.Apply(tree, number, variant)
	if err != nil {
		return nil, err
	}
	for name, src := range changed {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), src, 0o644); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// addOurs puts the draw into a package of its own, the wrong clock beside the
// right one, the command among CometBFT's and the rest into package consensus:
// the sources or, afterwards, their tests. A file of upstream is
// never written over.
func addOurs(root string, tests bool) error {
	return fs.WalkDir(cometbftconfig.Sources, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || isTest(name) != tests {
			return err
		}
		folder := "consensus"
		switch path.Dir(name) {
		case "pod":
			folder = "internal/pod"
		case "pod/_time":
			folder = "types/time"
		case "pod/_commands":
			folder = "cmd/cometbft/commands"
		}
		target := filepath.Join(root, filepath.FromSlash(folder), path.Base(name))
		if _, err := os.Stat(target); err == nil && !tests {
			return fmt.Errorf("upstream has a file %s/%s of its own", folder, path.Base(name))
		}
		src, err := cometbftconfig.Sources.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, src, 0o644)
	})
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.go") }

// prune removes all but the newest build folders. One in use is locked and
// stays.
func prune(root string, keep int) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	type folder struct {
		path string
		used time.Time
	}
	var folders []folder
	for _, entry := range entries {
		info, err := entry.Info()
		dir := filepath.Join(root, entry.Name())
		if err != nil || !entry.IsDir() || !strings.HasPrefix(entry.Name(), "v") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "lock")); err == nil {
			folders = append(folders, folder{dir, info.ModTime()})
		}
	}
	slices.SortFunc(folders, func(a, b folder) int { return b.used.Compare(a.used) })
	for _, old := range folders[min(keep, len(folders)):] {
		lock, err := os.Open(filepath.Join(old.path, "lock"))
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = os.RemoveAll(old.path)
		}
		_ = lock.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
