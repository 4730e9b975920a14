package splice

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// The shape of package consensus that the splices rely on.
var (
	// Who assigns a field named Validators: the round's set in the first two,
	// the state of a handshake before consensus runs in the third.
	wantAssignments = map[string]int{
		"updateToState: cs.Validators":              1,
		"enterNewRound: cs.Validators":              1,
		"ReplayBlocksWithContext: state.Validators": 1,
	}
	// Who asks for the proposer. What decides is isProposer (shall I propose?)
	// and defaultSetProposal (who must have signed?); the rest are logs and
	// metrics.
	wantReaders = map[string]int{
		"enterNewRound":                         1,
		"enterPropose":                          1,
		"isProposer":                            1,
		"defaultSetProposal":                    1,
		"calculatePrecommitMessageDelayMetrics": 1,
		"calculatePrevoteMessageDelayMetrics":   2,
	}
	// Who moves the round-robin: the copy in enterNewRound, whose outcome the
	// draw replaces, and the handshake.
	wantRotations = map[string]int{
		"enterNewRound: validators.IncrementProposerPriority":                                1,
		"ReplayBlocksWithContext: types.NewValidatorSet(vals).CopyIncrementProposerPriority": 1,
	}
	// Who sets the prevote step.
	wantPrevote = map[string]int{"NewState: cs.doPrevote = cs.defaultDoPrevote": 1}
)

// checkShape counts what wantAssignments and its like name, and refuses ways
// round them: the address of a Validators field, the whole RoundState assigned
// or written as a literal, the field Proposer touched.
func (s *source) checkShape() error {
	assignments, readers := make(map[string]int), make(map[string]int)
	rotations, prevote := make(map[string]int), make(map[string]int)
	var odd []string
	s.eachFunc(func(f *ast.FuncDecl) {
		name := f.Name.Name
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					sel, ok := left.(*ast.SelectorExpr)
					if !ok {
						continue
					}
					switch sel.Sel.Name {
					case "Validators":
						assignments[name+": "+s.text(sel)]++
					case "doPrevote":
						prevote[name+": "+s.text(sel)+" = "+s.text(n.Rhs[min(i, len(n.Rhs)-1)])]++
					case "RoundState", "Proposer":
						odd = append(odd, s.at(n)+": "+s.text(sel)+" is assigned")
					}
				}
			case *ast.UnaryExpr:
				if sel, ok := n.X.(*ast.SelectorExpr); ok && n.Op == token.AND && sel.Sel.Name == "Validators" {
					odd = append(odd, s.at(n)+": the address of "+s.text(sel)+" is taken")
				}
			case *ast.CompositeLit:
				if n.Type != nil && s.text(n.Type) == "cstypes.RoundState" {
					odd = append(odd, s.at(n)+": a RoundState is written as a literal")
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok {
					break
				}
				switch sel.Sel.Name {
				case "GetProposer":
					readers[name]++
				case "IncrementProposerPriority", "CopyIncrementProposerPriority", "UpdateWithChangeSet":
					rotations[name+": "+s.text(sel)]++
				}
			}
			return true
		})
	})
	if len(odd) > 0 {
		return fmt.Errorf("the validator set of a round is reached in a way that the splices do not cover: %s", strings.Join(odd, "; "))
	}
	for _, check := range []struct {
		what       string
		have, want map[string]int
	}{
		{"assignments to a field Validators", assignments, wantAssignments},
		{"readers of the proposer", readers, wantReaders},
		{"rotations of the round-robin", rotations, wantRotations},
		{"assignments to doPrevote", prevote, wantPrevote},
	} {
		if !maps.Equal(check.have, check.want) {
			return fmt.Errorf("%s in package consensus changed: found %s, expected %s",
				check.what, list(check.have), list(check.want))
		}
	}
	return nil
}

func (s *source) at(n ast.Node) string {
	position := s.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", position.Filename, position.Line)
}

// list writes counts in a fixed order.
func list(counts map[string]int) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d × %q", counts[key], key))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}
