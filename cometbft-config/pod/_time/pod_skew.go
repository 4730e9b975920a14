//go:build pod_skew

package time

import (
	"fmt"
	"os"
	"time"
)

// A clock that is wrong, for tests only: what CometBFT takes for the time is
// the machine's clock and DEFCHAIN_CLOCK_OFFSET ("-90s", "30s").

// podClockOffset is read once: a process has one clock.
var podClockOffset = func() time.Duration {
	const name = "DEFCHAIN_CLOCK_OFFSET"
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	offset, err := time.ParseDuration(text)
	if err != nil {
		panic(fmt.Sprintf("%s is %q, expected a duration such as -90s: %v", name, text, err))
	}
	fmt.Fprintf(os.Stderr, "skewed clock: %s\n", offset)
	return offset
}()

func podClock() time.Time { return time.Now().Add(podClockOffset) }
