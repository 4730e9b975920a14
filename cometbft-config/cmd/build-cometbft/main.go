// Command build-cometbft builds CometBFT with proposers drawn by weight (D33).
//
//	go run ./cmd/build-cometbft --out PATH
//
// See the README of this module for what it changes and how it is tested.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"defchain/cometbft-config/internal/build"
)

type options struct {
	out, dir, tags, test, signer string
	blocks                       int64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "build-cometbft: %v\n", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("build-cometbft", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.out, "out", "", "put the binary `here`; without it it stays in its build folder")
	flags.StringVar(&o.dir, "dir", "", "`folder` for the build folders (default: defchain/cometbft in the user's cache folder)")
	flags.StringVar(&o.tags, "tags", "pod", "pod, \"pod,pod_byzantine\" or \"pod,pod_skew\" (for tests: lies about its proposer, has a wrong clock) or nothing (stock proposers)")
	flags.StringVar(&o.signer, "signer", "", "build CometBFT's example of a remote signer instead and put it `here`")
	flags.StringVar(&o.test, "test", "", "run `tests` instead: upstream, pod, net, byzantine or load")
	flags.Int64Var(&o.blocks, "blocks", 200, "how many blocks the tests net, byzantine and load make")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.blocks < 20 {
		return o, fmt.Errorf("%d blocks show nothing: 20 or more", o.blocks)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.dir == "" {
		var err error
		if o.dir, err = build.DefaultRoot(); err != nil {
			return o, err
		}
	}
	var err error
	o.dir, err = filepath.Abs(o.dir)
	return o, err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.test != "" {
		return runTests(ctx, o, stderr)
	}
	tags, err := build.ParseTags(o.tags)
	if err != nil {
		return err
	}
	if o.signer != "" {
		builder, err := build.New(ctx, o.dir, tags, stderr)
		if err != nil {
			return err
		}
		if err := builder.Signer(ctx, o.signer); err != nil {
			return err
		}
		fmt.Fprintln(stdout, o.signer)
		return nil
	}
	path, err := binary(ctx, o.dir, tags, stderr)
	if err != nil {
		return err
	}
	if o.out != "" {
		path = o.out
		builder, err := build.New(ctx, o.dir, tags, stderr)
		if err != nil {
			return err
		}
		if err := builder.Install(path); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, path)
	return nil
}

// binary builds a variant and returns the path in its build folder.
func binary(ctx context.Context, dir string, tags build.Tags, log io.Writer) (string, error) {
	builder, err := build.New(ctx, dir, tags, log)
	if err != nil {
		return "", err
	}
	built, err := builder.Build(ctx)
	if err != nil {
		return "", err
	}
	if !built {
		fmt.Fprintf(log, "cometbft %s is up to date\n", builder.Number())
	}
	return builder.Binary(), nil
}
