package build

import (
	"fmt"
	"strings"

	"defchain/cometbft-config/internal/splice"
)

// Tags chooses the variant.
type Tags struct {
	Pod       bool // weighted proposers; without it the splices change nothing
	Byzantine bool // for tests: a proposer that names another in its headers
	Skew      bool // for tests: a clock that is wrong by DEFCHAIN_CLOCK_OFFSET
}

// ParseTags reads a list as `go build -tags` takes it.
func ParseTags(list string) (Tags, error) {
	var tags Tags
	for tag := range strings.SplitSeq(list, ",") {
		switch tag {
		case "":
		case "pod":
			tags.Pod = true
		case "pod_byzantine":
			tags.Byzantine = true
		case "pod_skew":
			tags.Skew = true
		default:
			return Tags{}, fmt.Errorf("unknown build tag %q: there are pod, pod_byzantine and pod_skew", tag)
		}
	}
	if tags.Byzantine && !tags.Pod {
		return Tags{}, fmt.Errorf("pod_byzantine breaks a rule of pod: use --tags pod,pod_byzantine")
	}
	if tags.Skew && (!tags.Pod || tags.Byzantine) {
		return Tags{}, fmt.Errorf("pod_skew is pod with a wrong clock and nothing else: use --tags pod,pod_skew")
	}
	return tags, nil
}

func (t Tags) String() string {
	switch {
	case t.Byzantine:
		return "pod,pod_byzantine"
	case t.Skew:
		return "pod,pod_skew"
	case t.Pod:
		return "pod"
	default:
		return ""
	}
}

// variant is what the splices differ by.
func (t Tags) variant() splice.Variant {
	return splice.Variant{Byzantine: t.Byzantine, Skew: t.Skew}
}

// suffix is the build metadata of the version.
func (t Tags) suffix() string {
	switch {
	case t.Byzantine:
		return "pod.byzantine"
	case t.Skew:
		return "pod.skew"
	case t.Pod:
		return "pod"
	default:
		return "inert"
	}
}
