package pod

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"defchain/cometbft-config/internal/golden"
)

// The vectors that the Rust implementation reads too. At the initial height
// there is no previous block and prev_hash is empty.
const vectorFile = "../testdata/proposer_vectors.json"

type vector struct {
	ChainID       string            `json:"chain_id"`
	InitialHeight int64             `json:"initial_height"`
	Height        int64             `json:"height"`
	Round         int32             `json:"round"`
	PrevHash      string            `json:"prev_hash"`
	Validators    []vectorValidator `json:"validators"`
	Seed          string            `json:"seed"`
	Proposer      string            `json:"proposer"`
}

type vectorValidator struct {
	Address string `json:"address"`
	Power   int64  `json:"power"`
}

// Powers of CometBFT: the most a set may have together, and what ours has.
const (
	cometPowerCap = 1_152_921_504_606_846_975
	ourPower      = 1_000_000_000_000_000_000
)

// powerSets returns sets of every kind of size n that exists.
func powerSets(s *stream, n int) [][]int64 {
	fill := func(power func(i int) int64) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = power(i)
		}
		return out
	}
	sets := [][]int64{
		fill(func(int) int64 { return 1 }),
		fill(func(int) int64 { return ourPower / int64(n) }),
		fill(func(i int) int64 { return int64(i) + 1 }),
		fill(func(i int) int64 { return int64(i)/2 + 1 }), // pairs of equals
		fill(func(int) int64 { return int64(s.below(1_000)) + 1 }),
		fill(func(int) int64 { return int64(s.below(uint64(cometPowerCap/n))) + 1 }),
		fill(func(i int) int64 { // one has all but 1 each of the others
			if i == n/2 {
				return ourPower - int64(n-1)
			}
			return 1
		}),
	}
	if n == 4 {
		sets = append(sets, []int64{19, 24, 27, 30}, []int64{
			ourPower / 100 * 19, ourPower / 100 * 24, ourPower / 100 * 27, ourPower / 100 * 30,
		})
	}
	if n == 2 {
		sets = append(sets, []int64{cometPowerCap - 1, 1}, []int64{1 << 40, 1 << 40})
	}
	return sets
}

// drawsOf returns how many draws each set of size n has: small sets are cheap
// to write down and hit every boundary of the walk.
func drawsOf(n int) int {
	switch {
	case n <= 5:
		return 25
	case n <= 21:
		return 10
	default:
		return 2
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	s := &stream{name: "defchain proposer vectors"}
	heights := []int64{2, 3, 255, 256, 1_000_000, 1<<32 - 1, 1 << 32, 1<<63 - 1}
	chains := []string{"defchain-local-1", "defchain-1", "d", "chain with ünicode"}
	var out []vector
	for _, n := range []int{1, 2, 3, 4, 5, 7, 10, 21, 64, 195} {
		for _, powers := range powerSets(s, n) {
			set := s.validators(powers...)
			for k := range drawsOf(n) {
				v := vector{
					ChainID:       chains[s.below(uint64(len(chains)))],
					InitialHeight: 1,
					Height:        heights[s.below(uint64(len(heights)))],
					Round:         int32(k % 7),
				}
				prev := s.hash()
				switch k % 5 {
				case 0: // the first block of a chain
					v.Height = 1
				case 1: // the first block of a chain that goes on from another
					v.InitialHeight = 1_000 + int64(s.below(1_000))
					v.Height = v.InitialHeight
				case 2:
					v.Height = int64(s.below(1<<40)) + 2
					v.Round = int32(s.below(1 << 31))
				}
				if v.Height == v.InitialHeight {
					prev = GenesisHash(v.ChainID)
				} else {
					v.PrevHash = hex.EncodeToString(prev[:])
				}
				seed, err := Seed(v.Height, v.Round, prev[:])
				if err != nil {
					t.Fatal(err)
				}
				drawn, err := Draw(seed, set)
				if err != nil {
					t.Fatal(err)
				}
				v.Seed = hex.EncodeToString(seed[:])
				v.Proposer = hex.EncodeToString(set[drawn].Address)
				for _, c := range set {
					v.Validators = append(v.Validators, vectorValidator{hex.EncodeToString(c.Address), c.Power})
				}
				out = append(out, v)
			}
		}
	}
	return out
}

func TestTheVectorFileIsWhatTheDrawYields(t *testing.T) {
	all := vectors(t)
	if len(all) < 1_000 {
		t.Fatalf("only %d vectors", len(all))
	}
	// One vector a line keeps a change of one to one line of a diff.
	var file bytes.Buffer
	file.WriteString("[\n")
	for i, v := range all {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		file.Write(line)
		if i+1 < len(all) {
			file.WriteByte(',')
		}
		file.WriteByte('\n')
	}
	file.WriteString("]\n")
	golden.Check(t, vectorFile, file.Bytes())
}

// Vectors that all draw the first of the walk would show nothing.
func TestTheVectorsDrawFromEveryPlaceOfTheWalk(t *testing.T) {
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	places := make(map[int]map[int]int)
	initial, later := 0, 0
	for _, v := range all {
		n := len(v.Validators)
		walk := slices.Clone(v.Validators)
		slices.SortFunc(walk, func(a, b vectorValidator) int {
			if a.Power != b.Power {
				return int(max(-1, min(1, b.Power-a.Power)))
			}
			return bytes.Compare([]byte(a.Address), []byte(b.Address))
		})
		place := slices.IndexFunc(walk, func(c vectorValidator) bool { return c.Address == v.Proposer })
		if place < 0 {
			t.Fatalf("proposer %s is not in the set", v.Proposer)
		}
		if places[n] == nil {
			places[n] = make(map[int]int)
		}
		places[n][place]++
		if v.Height == v.InitialHeight {
			initial++
		} else {
			later++
		}
	}
	for _, n := range []int{1, 2, 3, 4, 5, 7, 10} {
		if len(places[n]) != n {
			t.Errorf("of %d places in the walk %d are drawn", n, len(places[n]))
		}
	}
	if initial < 200 || later < 200 {
		t.Errorf("%d draws are at the initial height, %d later", initial, later)
	}
}
