// Package splice changes a few expressions in CometBFT's sources.
//
// It works on the syntax tree and keeps the text around each change as it is.
// Before it changes anything it checks that upstream still has the shape that
// the changes were designed for: who assigns the validator set of a round, who
// reads its proposer, what stands around the prevote. Anything else, more or
// less, ends the build with a message that names the place. A new release of
// CometBFT is so either known to be alike in these places or not built.
package splice

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Tree holds source files by their slash-separated path in the module.
type Tree map[string][]byte

const (
	consensusDir = "consensus"
	stateFile    = "consensus/state.go"
	versionFile  = "version/version.go"
	// Changed only where the clock is to be wrong.
	clockFile      = "types/time/time.go"
	validationFile = "state/validation.go"
)

// Load reads the files that are checked or changed: package consensus without
// its tests, the version, and those of the clock.
func Load(root string) (Tree, error) {
	tree := make(Tree)
	names, err := filepath.Glob(filepath.Join(root, consensusDir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range []string{versionFile, clockFile, validationFile} {
		names = append(names, filepath.Join(root, filepath.FromSlash(name)))
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		tree[filepath.ToSlash(relative)] = src
	}
	return tree, nil
}

// change is one replacement in one file: the bytes from start to end.
type change struct {
	file       string
	start, end int
	text       string
	what       string
}

// source is a parsed Tree.
type source struct {
	tree  Tree
	fset  *token.FileSet
	files map[string]*ast.File
}

func parse(tree Tree) (*source, error) {
	s := &source{tree: tree, fset: token.NewFileSet(), files: make(map[string]*ast.File)}
	for name, src := range tree {
		file, err := parser.ParseFile(s.fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse upstream: %w", err)
		}
		s.files[name] = file
	}
	return s, nil
}

func (s *source) offset(pos token.Pos) int { return s.fset.Position(pos).Offset }

// text is the source of a node.
func (s *source) text(n ast.Node) string {
	start := s.fset.Position(n.Pos())
	return string(s.tree[start.Filename][start.Offset:s.offset(n.End())])
}

// replace makes a change of a node's text.
func (s *source) replace(n ast.Node, text, what string) change {
	return change{s.fset.Position(n.Pos()).Filename, s.offset(n.Pos()), s.offset(n.End()), text, what}
}

// insertAfter makes a change that adds text behind a node.
func (s *source) insertAfter(n ast.Node, text, what string) change {
	at := s.offset(n.End())
	return change{s.fset.Position(n.Pos()).Filename, at, at, text, what}
}

// consensusFiles are the files of package consensus in the order of their names.
func (s *source) consensusFiles() []*ast.File {
	var names []string
	for name := range s.files {
		if path.Dir(name) == consensusDir {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]*ast.File, len(names))
	for i, name := range names {
		out[i] = s.files[name]
	}
	return out
}

// eachFunc calls visit with every function of package consensus.
func (s *source) eachFunc(visit func(*ast.FuncDecl)) {
	for _, file := range s.consensusFiles() {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
				visit(f)
			}
		}
	}
}

// method finds the one method of *State by its whole signature, since inserted
// text uses the names of its receiver and parameters.
func (s *source) method(signature string) (*ast.FuncDecl, error) {
	var found []*ast.FuncDecl
	s.eachFunc(func(f *ast.FuncDecl) {
		start := s.fset.Position(f.Pos())
		have := string(s.tree[start.Filename][start.Offset:s.offset(f.Body.Pos())])
		if strings.TrimSpace(have) == signature {
			found = append(found, f)
		}
	})
	if len(found) != 1 {
		return nil, fmt.Errorf("%d functions are declared %q, expected 1", len(found), signature)
	}
	return found[0], nil
}

// apply returns the changed files. Changes must not overlap.
func (s *source) apply(changes []change) (Tree, error) {
	slices.SortFunc(changes, func(a, b change) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return b.start - a.start // from the end of a file to its beginning
	})
	out := make(Tree)
	limit := make(map[string]int)
	for _, c := range changes {
		src, ok := out[c.file]
		if !ok {
			src, limit[c.file] = s.tree[c.file], len(s.tree[c.file])
		}
		if c.end > limit[c.file] {
			return nil, fmt.Errorf("%s: two changes overlap at byte %d", c.file, c.end)
		}
		limit[c.file] = c.start
		out[c.file] = bytes.Join([][]byte{src[:c.start], []byte(c.text), src[c.end:]}, nil)
	}
	if _, err := parse(out); err != nil {
		return nil, fmt.Errorf("the spliced source is broken: %w", err)
	}
	return out, nil
}
