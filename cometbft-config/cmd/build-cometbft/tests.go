package main

import (
	"context"
	"fmt"
	"io"

	"defchain/cometbft-config/internal/build"
)

func runTests(ctx context.Context, o options, stdout, stderr io.Writer) error {
	switch o.test {
	case "upstream":
		return goTest(ctx, o, build.Tags{}, stderr, "./consensus/...")
	case "pod":
		return goTest(ctx, o, build.Tags{Pod: true}, stderr, "-run", "^TestPod", "./consensus/")
	default:
		return fmt.Errorf("unknown tests %q: there are upstream, pod, net and byzantine", o.test)
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
