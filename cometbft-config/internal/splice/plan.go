package splice

import (
	"errors"
	"fmt"
	"go/ast"
	"strconv"
)

const (
	sigUpdateToState   = "func (cs *State) updateToState(state sm.State)"
	sigEnterNewRound   = "func (cs *State) enterNewRound(height int64, round int32)"
	sigDoPrevote       = "func (cs *State) defaultDoPrevote(height int64, round int32)"
	sigDecideProposal  = "func (cs *State) defaultDecideProposal(height int64, round int32)"
	sigCreateProposal  = "func (cs *State) createProposalBlock(ctx context.Context) (*types.Block, error)"
	versionConstant    = "TMCoreSemVer"
	assignedValidators = "cs.Validators = validators"
)

// prevoteCheck stands behind CometBFT's own check of the block, before the
// application is asked.
const prevoteCheck = `

	if !cs.podMayPrevote(round) {
		logger.Error("prevote step: the header names a proposer who was not drawn; prevoting nil",
			"named", cs.ProposalBlock.ProposerAddress, "drawn", cs.Validators.GetProposer().Address)
		cs.signAddVote(cmtproto.PrevoteType, nil, types.PartSetHeader{}, nil)
		return
	}`

// Variant says how a build for tests differs from the honest one.
type Variant struct {
	Byzantine bool // lies about its proposer, and so leaves the check out
	Skew      bool // takes a wrong clock for the time
}

// Apply returns the changed files of tree and what was done to them.
func Apply(tree Tree, version string, variant Variant) (Tree, []string, error) {
	s, err := parse(tree)
	if err != nil {
		return nil, nil, err
	}
	if err := s.checkShape(); err != nil {
		return nil, nil, err
	}
	steps := []func() (change, error){
		s.spliceUpdateToState,
		s.spliceEnterNewRound,
		func() (change, error) { return s.spliceVersion(version) },
	}
	if variant.Byzantine {
		steps = append(steps, s.spliceHeaderProposer, s.splicePOLRound)
	} else {
		steps = append(steps, s.splicePrevote)
	}
	if variant.Skew {
		clock, err := s.spliceClock()
		if err != nil {
			return nil, nil, err
		}
		for _, c := range clock {
			steps = append(steps, func() (change, error) { return c, nil })
		}
	}
	var changes []change
	for _, step := range steps {
		c, err := step()
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, c)
	}
	report := make([]string, len(changes))
	for i, c := range changes {
		report[i] = c.file + ": " + c.what
	}
	out, err := s.apply(changes)
	return out, report, err
}

// spliceUpdateToState draws round 0 of the next height. `height` must be the
// function's own variable by then.
func (s *source) spliceUpdateToState() (change, error) {
	f, err := s.method(sigUpdateToState)
	if err != nil {
		return change{}, err
	}
	assigned, err := s.statement(f, assignedValidators)
	if err != nil {
		return change{}, err
	}
	declared, err := s.statement(f, "height := state.LastBlockHeight + 1")
	if err != nil {
		return change{}, err
	}
	if declared.Pos() > assigned.Pos() {
		return change{}, fmt.Errorf("%s: height is declared only after the validator set is assigned", s.at(assigned))
	}
	return s.replace(assigned, "cs.Validators = podWithProposer(state, validators, height, 0)",
		"updateToState draws the proposer of round 0"), nil
}

func (s *source) spliceEnterNewRound() (change, error) {
	f, err := s.method(sigEnterNewRound)
	if err != nil {
		return change{}, err
	}
	assigned, err := s.statement(f, assignedValidators)
	if err != nil {
		return change{}, err
	}
	return s.replace(assigned, "cs.Validators = podWithProposer(cs.state, validators, height, round)",
		"enterNewRound draws the proposer of the round"), nil
}

// splicePrevote finds `err := cs.blockExec.ValidateBlock(…)` followed by an if
// that leaves the function, and adds ours behind it.
func (s *source) splicePrevote() (change, error) {
	f, err := s.method(sigDoPrevote)
	if err != nil {
		return change{}, err
	}
	const validate = "err := cs.blockExec.ValidateBlock(cs.state, cs.ProposalBlock)"
	checked, err := s.statement(f, validate)
	if err != nil {
		return change{}, err
	}
	for i, statement := range f.Body.List[:len(f.Body.List)-1] {
		if statement != checked {
			continue
		}
		guard, ok := f.Body.List[i+1].(*ast.IfStmt)
		if !ok || s.text(guard.Cond) != "err != nil" || len(guard.Body.List) == 0 {
			break
		}
		if _, ok := guard.Body.List[len(guard.Body.List)-1].(*ast.ReturnStmt); !ok {
			break
		}
		return s.insertAfter(guard, prevoteCheck, "defaultDoPrevote checks the proposer that the header names"), nil
	}
	return change{}, fmt.Errorf("%s: %q is not followed by an `if err != nil` that returns", s.at(checked), validate)
}

func (s *source) spliceHeaderProposer() (change, error) {
	f, err := s.method(sigCreateProposal)
	if err != nil {
		return change{}, err
	}
	own, err := s.statement(f, "proposerAddr := cs.privValidatorPubKey.Address()")
	if err != nil {
		return change{}, err
	}
	return s.replace(own, "proposerAddr := cs.podHeaderProposer(cs.privValidatorPubKey.Address())",
		"createProposalBlock names another proposer (byzantine)"), nil
}

func (s *source) splicePOLRound() (change, error) {
	f, err := s.method(sigDecideProposal)
	if err != nil {
		return change{}, err
	}
	made, err := s.statement(f, "proposal := types.NewProposal(height, round, cs.ValidRound, propBlockID)")
	if err != nil {
		return change{}, err
	}
	return s.replace(made, "proposal := types.NewProposal(height, round, cs.podClaimedPOLRound(round), propBlockID)",
		"defaultDecideProposal claims a polka (byzantine)"), nil
}

// spliceClock makes wrong what consensus, votes and proposals take for the time,
// and the check of a block's time, which asks the machine itself and says so in
// its error.
func (s *source) spliceClock() ([]change, error) {
	now, err := s.expressions(clockFile, "time.Now()", 1)
	if err != nil {
		return nil, err
	}
	asked, err := s.expressions(validationFile, "time.Now()", 2)
	if err != nil {
		return nil, err
	}
	imported, err := s.expressions(validationFile, `"github.com/cometbft/cometbft/types"`, 1)
	if err != nil {
		return nil, err
	}
	changes := []change{
		s.replace(now[0], "podClock()", "the clock is wrong (skew)"),
		s.insertAfter(imported[0], "\n\tcmttime \"github.com/cometbft/cometbft/types/time\"", "imports that clock (skew)"),
	}
	for _, e := range asked {
		changes = append(changes, s.replace(e, "cmttime.Now()", "block times are held against that clock (skew)"))
	}
	return changes, nil
}

// expressions finds the n expressions of a file that read exactly so.
func (s *source) expressions(name, text string, n int) ([]ast.Expr, error) {
	file, ok := s.files[name]
	if !ok {
		return nil, errors.New(name + " is missing")
	}
	var found []ast.Expr
	ast.Inspect(file, func(node ast.Node) bool {
		if e, ok := node.(ast.Expr); ok && s.text(e) == text {
			found = append(found, e)
		}
		return true
	})
	if len(found) != n {
		return nil, fmt.Errorf("%s: %q stands there %d times, expected %d", name, text, len(found), n)
	}
	return found, nil
}

// spliceVersion makes the binary say what it is, to its user and to its peers:
// tags of CometBFT do not always carry their own number here.
func (s *source) spliceVersion(version string) (change, error) {
	file, ok := s.files[versionFile]
	if !ok {
		return change{}, errors.New(versionFile + " is missing")
	}
	var found []*ast.BasicLit
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && len(spec.Names) == 1 && spec.Names[0].Name == versionConstant && len(spec.Values) == 1 {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				found = append(found, literal)
			}
		}
		return true
	})
	if len(found) != 1 {
		return change{}, fmt.Errorf("%s: %d literals are named %s, expected 1", versionFile, len(found), versionConstant)
	}
	return s.replace(found[0], strconv.Quote(version), "the version is "+version), nil
}

// statement finds the one statement of a function's own block, not of a nested
// one, that reads exactly so.
func (s *source) statement(f *ast.FuncDecl, text string) (ast.Stmt, error) {
	var found []ast.Stmt
	for _, statement := range f.Body.List {
		if s.text(statement) == text {
			found = append(found, statement)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: %s has %d statements %q in its outer block, expected 1",
			s.at(f), f.Name.Name, len(found), text)
	}
	return found[0], nil
}
