package build

import (
	"fmt"
	"strings"
)

// Tags chooses the variant.
type Tags struct {
	Pod       bool // weighted proposers; without it the splices change nothing
	Byzantine bool // for tests: a proposer that names another in its headers
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
		default:
			return Tags{}, fmt.Errorf("unknown build tag %q: there are pod and pod_byzantine", tag)
		}
	}
	if tags.Byzantine && !tags.Pod {
		return Tags{}, fmt.Errorf("pod_byzantine breaks a rule of pod: use --tags pod,pod_byzantine")
	}
	return tags, nil
}

func (t Tags) String() string {
	switch {
	case t.Byzantine:
		return "pod,pod_byzantine"
	case t.Pod:
		return "pod"
	default:
		return ""
	}
}

// suffix is the build metadata of the version.
func (t Tags) suffix() string {
	switch {
	case t.Byzantine:
		return "pod.byzantine"
	case t.Pod:
		return "pod"
	default:
		return "inert"
	}
}
