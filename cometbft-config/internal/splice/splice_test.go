package splice

import (
	"bytes"
	"go/format"
	"maps"
	"os/exec"
	"strings"
	"testing"

	cometbftconfig "defchain/cometbft-config"
)

// upstream loads the sources of the pinned version.
func upstream(t *testing.T) Tree {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", cometbftconfig.Upstream).Output()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Load(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// addedLines are the lines of after that before does not have.
func addedLines(before, after []byte) []string {
	old := make(map[string]bool)
	for line := range strings.Lines(string(before)) {
		old[strings.TrimSpace(line)] = true
	}
	var out []string
	for line := range strings.Lines(string(after)) {
		if line = strings.TrimSpace(line); !old[line] {
			out = append(out, line)
		}
	}
	return out
}

func TestTheHonestBuildChangesThreePlacesAndTheVersion(t *testing.T) {
	tree := upstream(t)
	out, report, err := Apply(tree, "0.40.0+pod", Variant{})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 2 || len(report) != 4 {
		t.Fatalf("changed %d files in %d places: %q", len(out), len(report), report)
	}
	want := []string{
		"cs.Validators = podWithProposer(state, validators, height, 0)",
		"cs.Validators = podWithProposer(cs.state, validators, height, round)",
		"if !cs.podMayPrevote(round) {",
		`logger.Error("prevote step: the header names a proposer who was not drawn; prevoting nil",`,
		`"named", cs.ProposalBlock.ProposerAddress, "drawn", cs.Validators.GetProposer().Address)`,
	}
	if got := addedLines(tree[stateFile], out[stateFile]); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s gained:\n%s", stateFile, strings.Join(got, "\n"))
	}
	if got := addedLines(tree[versionFile], out[versionFile]); strings.Join(got, "\n") != `TMCoreSemVer = "0.40.0+pod"` {
		t.Errorf("%s gained %q", versionFile, got)
	}
	for name, src := range out {
		if formatted, err := format.Source(src); err != nil || !bytes.Equal(formatted, src) {
			t.Errorf("%s is not formatted as gofmt does: %v", name, err)
		}
	}
}

func TestTheByzantineBuildLiesAndDoesNotCheck(t *testing.T) {
	tree := upstream(t)
	out, _, err := Apply(tree, "0.40.0+pod.byzantine", Variant{Byzantine: true})
	if err != nil {
		t.Fatal(err)
	}
	state := string(out[stateFile])
	for _, text := range []string{"cs.podHeaderProposer(", "cs.podClaimedPOLRound(round)"} {
		if strings.Count(state, text) != 1 {
			t.Errorf("%q stands %d times", text, strings.Count(state, text))
		}
	}
	if strings.Contains(state, "podMayPrevote") {
		t.Error("it checks what it breaks")
	}
}

func TestTheSkewedBuildAsksTheWrongClockForVotesAndForBlockTimes(t *testing.T) {
	tree := upstream(t)
	honest, _, err := Apply(tree, "0.40.0+pod", Variant{})
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := Apply(tree, "0.40.0+pod", Variant{Skew: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		clockFile: {"return Canonical(podClock())"},
		validationFile: {
			`cmttime "github.com/cometbft/cometbft/types/time"`,
			"if tol := vopts.blockTimeTolerance; tol > 0 && !block.Time.Before(cmttime.Now().Add(tol)) {",
			"block.Time, cmttime.Now(), tol,",
		},
	} {
		if _, changed := honest[name]; changed {
			t.Errorf("the honest build changes %s", name)
		}
		if got := addedLines(tree[name], out[name]); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s gained:\n%s", name, strings.Join(got, "\n"))
		}
	}
	if !bytes.Equal(honest[stateFile], out[stateFile]) {
		t.Error("it differs from the honest build in consensus/state.go")
	}
}

func TestUpstreamOfAnotherShapeIsRefused(t *testing.T) {
	const state = stateFile
	for _, c := range []struct {
		name, file, old, new string
		all                  bool // replace every occurrence; an empty old appends
		byzantine, skew      bool
		want                 string
	}{
		{
			name: "the first assignment is gone", file: state,
			old: "\tcs.Validators = validators\n\tcs.Proposal = nil", new: "\tcs.Proposal = nil",
			want: "assignments to a field Validators in package consensus changed",
		},
		{
			name: "an assignment more in the same function", file: state,
			old: "\tcs.Validators = validators\n\tcs.Proposal = nil", new: "\tcs.Validators = validators\n\tcs.Validators = validators",
			want: `2 × "updateToState: cs.Validators"`,
		},
		{
			name: "an assignment in a function of its own", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { cs.Validators = nil }\n",
			want: `"other: cs.Validators"`,
		},
		{
			name: "another value is assigned", file: state,
			old: "cs.Validators = validators\n", new: "cs.Validators = validators.Copy()\n", all: true,
			want: "expected 1",
		},
		{
			name: "the assignment moved into a branch", file: state,
			old: "\tcs.Validators = validators\n\tcs.Proposal = nil", new: "\tif true {\n\t\tcs.Validators = validators\n\t}\n\tcs.Proposal = nil",
			want: "in its outer block, expected 1",
		},
		{
			name: "a function is renamed", file: state,
			old: "updateToState(", new: "moveToState(", all: true,
			want: "assignments to a field Validators",
		},
		{
			name: "a parameter is renamed", file: state,
			old: "updateToState(state sm.State) {", new: "updateToState(next sm.State) {\n\tstate := next",
			want: sigUpdateToState,
		},
		{
			name: "the round of enterNewRound is renamed", file: state,
			old: "enterNewRound(height int64, round int32) {", new: "enterNewRound(height int64, r int32) {\n\tround := r",
			want: sigEnterNewRound,
		},
		{
			name: "the height is computed otherwise", file: state,
			old: "height := state.LastBlockHeight + 1", new: "height := state.LastBlockHeight + 2",
			want: "height := state.LastBlockHeight + 1",
		},
		{
			name: "a new reader of the proposer", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { cs.Validators.GetProposer() }\n",
			want: "readers of the proposer in package consensus changed",
		},
		{
			name: "a new rotation", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { cs.Validators.IncrementProposerPriority(1) }\n",
			want: "rotations of the round-robin in package consensus changed",
		},
		{
			name: "the address of the set is taken", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { p := &cs.Validators; _ = p }\n",
			want: "the address of cs.Validators is taken",
		},
		{
			name: "the round state is assigned whole", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { cs.RoundState = x }\n",
			want: "cs.RoundState is assigned",
		},
		{
			name: "the round state is a literal", file: "consensus/replay.go",
			old: "", new: "\nfunc other() { use(cstypes.RoundState{Validators: v}) }\n",
			want: "a RoundState is written as a literal",
		},
		{
			name: "the proposer is assigned", file: "consensus/replay.go",
			old: "", new: "\nfunc (cs *State) other() { cs.Validators.Proposer = nil }\n",
			want: "cs.Validators.Proposer is assigned",
		},
		{
			name: "another prevote function", file: state,
			old: "cs.doPrevote = cs.defaultDoPrevote", new: "cs.doPrevote = cs.fastDoPrevote",
			want: "assignments to doPrevote in package consensus changed",
		},
		{
			name: "the block is validated otherwise", file: state,
			old:  "err := cs.blockExec.ValidateBlock(cs.state, cs.ProposalBlock)\n\tif err != nil {\n\t\t// ProposalBlock is invalid",
			new:  "err := cs.blockExec.ValidateBlockFast(cs.state, cs.ProposalBlock)\n\tif err != nil {\n\t\t// ProposalBlock is invalid",
			want: "err := cs.blockExec.ValidateBlock(cs.state, cs.ProposalBlock)",
		},
		{
			name: "the validation's outcome is not looked at", file: state,
			old: "\tif err != nil {\n\t\t// ProposalBlock is invalid, prevote nil.", new: "\tif err == nil {\n\t\t// ProposalBlock is invalid, prevote nil.",
			want: "is not followed by an `if err != nil` that returns",
		},
		{
			name: "the version is not a constant of its own", file: versionFile,
			old: "TMCoreSemVer", new: "OtherSemVer", all: true,
			want: "0 literals are named TMCoreSemVer",
		},
		{
			name: "the proposer's address comes from elsewhere", file: state, byzantine: true,
			old: "proposerAddr := cs.privValidatorPubKey.Address()", new: "proposerAddr := cs.address()",
			want: "createProposalBlock has 0 statements",
		},
		{
			name: "the proposal is made otherwise", file: state, byzantine: true,
			old: "proposal := types.NewProposal(height, round, cs.ValidRound, propBlockID)", new: "proposal := types.NewProposal(height, round, -1, propBlockID)",
			want: "defaultDecideProposal has 0 statements",
		},
		{
			name: "the time comes from elsewhere", file: clockFile, skew: true,
			old: "Canonical(time.Now())", new: "Canonical(clock())",
			want: `"time.Now()" stands there 0 times`,
		},
		{
			name: "a block's time is held against something else", file: validationFile, skew: true,
			old: "time.Now().Add(tol)", new: "clock().Add(tol)",
			want: `"time.Now()" stands there 1 times`,
		},
		{
			name: "a file does not parse", file: state, old: "package consensus", new: "pakage consensus",
			want: "parse upstream",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := maps.Clone(upstream(t))
			times := 1
			if c.all {
				times = -1
			}
			altered := strings.Replace(string(tree[c.file]), c.old, c.new, times)
			if c.old == "" {
				altered = string(tree[c.file]) + c.new
			}
			if altered == string(tree[c.file]) {
				t.Fatalf("%q does not stand in %s: this case tests nothing", c.old, c.file)
			}
			tree[c.file] = []byte(altered)
			_, _, err := Apply(tree, "0.40.0+pod", Variant{Byzantine: c.byzantine, Skew: c.skew})
			if err == nil {
				t.Fatal("it was spliced all the same")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %q, expected it to say %q", err, c.want)
			}
		})
	}
}

func TestATreeWithoutItsVersionIsRefused(t *testing.T) {
	tree := maps.Clone(upstream(t))
	delete(tree, versionFile)
	if _, _, err := Apply(tree, "0.40.0+pod", Variant{}); err == nil || !strings.Contains(err.Error(), "is missing") {
		t.Fatalf("got %v", err)
	}
}

func TestOverlappingChangesAreRefused(t *testing.T) {
	s, err := parse(Tree{"a.go": []byte("package a\n\nvar x = 1\n")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.apply([]change{{file: "a.go", start: 11, end: 16, text: "var y"}, {file: "a.go", start: 13, end: 20, text: ""}})
	if err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Fatalf("got %v", err)
	}
}

func TestABrokenResultIsRefused(t *testing.T) {
	s, err := parse(Tree{"a.go": []byte("package a\n\nvar x = 1\n")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.apply([]change{{file: "a.go", start: 11, end: 16, text: "{{"}}); err == nil {
		t.Fatal("a file that does not parse was accepted")
	}
}
