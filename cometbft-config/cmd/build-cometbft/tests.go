package main

import (
	"context"
	"fmt"
	"io"

	"defchain/cometbft-config/internal/build"
	"defchain/cometbft-config/internal/net"
)

// podTests are our own and those of upstream that let a whole network change
// its validators, their powers and their honesty, and do not count on a certain
// proposer.
const podTests = "^(TestPod.*|TestReactorBasic|TestReactorWithEvidence|TestReactorVotingPowerChange|" +
	"TestReactorValidatorSetChanges|TestByzantinePrevoteEquivocation)$"

func runTests(ctx context.Context, o options, stderr io.Writer) error {
	switch o.test {
	case "upstream":
		return goTest(ctx, o, build.Tags{}, stderr, "./consensus/...")
	case "pod":
		return goTest(ctx, o, build.Tags{Pod: true}, stderr, "-run", podTests, "./consensus/")
	case "net":
		return netTest(ctx, o, stderr, build.Tags{}, net.Honest)
	case "byzantine":
		return netTest(ctx, o, stderr, build.Tags{Pod: true, Byzantine: true}, net.Byzantine)
	case "load":
		return netTest(ctx, o, stderr, build.Tags{}, net.Load)
	default:
		return fmt.Errorf("unknown tests %q: there are upstream, pod, net, byzantine and load", o.test)
	}
}

// goTest runs tests inside the spliced tree.
func goTest(ctx context.Context, o options, tags build.Tags, log io.Writer, args ...string) error {
	builder, err := build.New(ctx, o.dir, tags, log)
	if err != nil {
		return err
	}
	if err := builder.Prepare(ctx); err != nil {
		return err
	}
	return builder.Test(ctx, args...)
}

// netTest runs four nodes; the first is of another build when other has tags.
func netTest(ctx context.Context, o options, log io.Writer, other build.Tags, kind net.Kind) error {
	run := net.Options{Kind: kind, Blocks: o.blocks, Log: log}
	var err error
	if run.Binary, err = binary(ctx, o.dir, build.Tags{Pod: true}, log); err != nil {
		return err
	}
	if other.Byzantine {
		if run.Byzantine, err = binary(ctx, o.dir, other, log); err != nil {
			return err
		}
	}
	return net.Run(ctx, run)
}
