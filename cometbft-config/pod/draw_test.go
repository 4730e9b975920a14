package pod

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"
	"testing"
)

// stream is a reproducible source of numbers that no release of Go can change.
type stream struct {
	name  string
	count uint64
}

func (s *stream) hash() [32]byte {
	s.count++
	return keccak([]byte(s.name), binary.BigEndian.AppendUint64(nil, s.count))
}

// below returns a number from 0 to n-1.
func (s *stream) below(n uint64) uint64 {
	h := s.hash()
	return binary.BigEndian.Uint64(h[:8]) % n
}

// validators makes candidates with these powers and addresses from the stream.
func (s *stream) validators(powers ...int64) []Candidate {
	out := make([]Candidate, len(powers))
	for i, power := range powers {
		h := s.hash()
		out[i] = Candidate{Address: h[:20], Power: power}
	}
	return out
}

func seedOf(n uint64) (seed [32]byte) {
	binary.BigEndian.PutUint64(seed[24:], n)
	return seed
}

func TestTheWalkGoesByPowerDescendingThenAddressAscending(t *testing.T) {
	set := []Candidate{
		{Address: []byte{9}, Power: 2},
		{Address: []byte{7}, Power: 3},
		{Address: []byte{1}, Power: 2},
		{Address: []byte{5}, Power: 1},
	}
	// 3 of address 7, 2 of address 1, 2 of address 9, 1 of address 5.
	want := []byte{7, 7, 7, 1, 1, 9, 9, 5}
	for target := range uint64(24) {
		for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
			shuffled := make([]Candidate, len(order))
			for i, j := range order {
				shuffled[i] = set[j]
			}
			i, err := Draw(seedOf(target), shuffled)
			if err != nil {
				t.Fatal(err)
			}
			if got := shuffled[i].Address[0]; got != want[target%8] {
				t.Fatalf("target %d draws address %d, not %d", target, got, want[target%8])
			}
		}
	}
}

func TestTheTargetIsTheWholeSeedModTheTotalPower(t *testing.T) {
	set := []Candidate{{Address: []byte{1}, Power: 1}, {Address: []byte{2}, Power: 1}, {Address: []byte{3}, Power: 13}}
	slices.Reverse(set) // the walk: 13, then addresses 1 and 2
	var seed [32]byte
	seed[23] = 13 // 13 · 2^64 = 13 mod 15
	if i, err := Draw(seed, set); err != nil || set[i].Address[0] != 1 {
		t.Fatalf("drew %v, %v", set[i], err)
	}
	seed[23] = 14
	if i, err := Draw(seed, set); err != nil || set[i].Address[0] != 2 {
		t.Fatalf("drew %v, %v", set[i], err)
	}
}

func TestTheSeedIsTheHashOfHeightRoundAndPreviousHash(t *testing.T) {
	prev := keccak([]byte("a block"))
	seed, err := Seed(258, 3, prev[:])
	if err != nil {
		t.Fatal(err)
	}
	message := append([]byte{0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 3}, prev[:]...)
	if seed != keccak(message) {
		t.Fatal("the seed is another")
	}
	if GenesisHash("a") != keccak([]byte("defchain/genesisa")) || GenesisHash("a") == GenesisHash("b") {
		t.Fatal("the genesis hash is another")
	}
}

// The known hash of the empty string tells Ethereum's keccak from SHA3-256.
func TestTheHashIsEthereumsKeccak(t *testing.T) {
	h := keccak()
	if got := hex.EncodeToString(h[:]); got != "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" {
		t.Fatal(got)
	}
}

func TestWhatCannotBeDrawnIsAnErrorWithTheReason(t *testing.T) {
	a, b := []byte{1}, []byte{2}
	for _, c := range []struct {
		set  []Candidate
		want string
	}{
		{nil, "no validator"},
		{[]Candidate{{a, 0}}, "has power 0"},
		{[]Candidate{{a, 5}, {b, -1}}, "has power -1"},
		{[]Candidate{{a, math.MaxInt64}, {b, 1}}, "total power exceeds"},
	} {
		if _, err := Draw([32]byte{}, c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, expected it to say %q", c.set, err, c.want)
		}
	}
	hash := make([]byte, 32)
	for _, c := range []struct {
		height int64
		round  int32
		prev   []byte
		want   string
	}{
		{0, 0, hash, "height 0"},
		{-5, 0, hash, "height -5"},
		{1, -1, hash, "number -1"},
		{7, 0, nil, "before height 7 has 0 bytes"},
		{7, 0, hash[:31], "has 31 bytes"},
	} {
		if _, err := Seed(c.height, c.round, c.prev); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d/%d: got %v, expected it to say %q", c.height, c.round, err, c.want)
		}
	}
}

func TestTheLargestTotalPowerCanBeDrawn(t *testing.T) {
	set := []Candidate{{Address: []byte{1}, Power: math.MaxInt64 - 1}, {Address: []byte{2}, Power: 1}}
	if i, err := Draw(seedOf(math.MaxInt64-2), set); err != nil || i != 0 {
		t.Fatal(i, err)
	}
	if i, err := Draw(seedOf(math.MaxInt64-1), set); err != nil || i != 1 {
		t.Fatal(i, err)
	}
}

// chiSquare compares counts with what shares of power let expect.
func chiSquare(counts []int, set []Candidate) float64 {
	var draws, power float64
	for i := range counts {
		draws += float64(counts[i])
		power += float64(set[i].Power)
	}
	var sum float64
	for i := range counts {
		expected := draws * float64(set[i].Power) / power
		sum += (float64(counts[i]) - expected) * (float64(counts[i]) - expected) / expected
	}
	return sum
}

// critical is the χ² that chance exceeds once in a hundred times, by Wilson and
// Hilferty's approximation.
func critical(freedom int) float64 {
	const z = 2.3263478740408408
	k := float64(freedom)
	return k * math.Pow(1-2/(9*k)+z*math.Sqrt(2/(9*k)), 3)
}

func TestTheCriticalValuesAreThoseOfTheTables(t *testing.T) {
	for freedom, want := range map[int]float64{3: 11.345, 9: 21.666, 100: 135.807} {
		if got := critical(freedom); math.Abs(got-want) > 0.1 {
			t.Errorf("%d: %f, the table says %f", freedom, got, want)
		}
	}
}

func TestProposersAreDistributedAsTheWeights(t *testing.T) {
	s := &stream{name: "distribution"}
	many := make([]int64, 195)
	for i := range many {
		many[i] = int64(1_000 + 50*i)
	}
	for name, powers := range map[string][]int64{
		"localnet":             {19, 24, 27, 30},
		"equal":                {1, 1, 1, 1, 1, 1, 1},
		"one to ten":           {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"195 validators":       many,
		"a total of 10^18":     {700_000_000_000_000_000, 200_000_000_000_000_000, 99_999_999_999_999_999, 1},
		"two thirds and a bit": {667, 333},
	} {
		t.Run(name, func(t *testing.T) {
			set := s.validators(powers...)
			const draws = 100_000
			weighted, alike := make([]int, len(set)), make([]int, len(set))
			prev := GenesisHash(name)
			for height := int64(1); height <= draws; height++ {
				seed, err := Seed(height, int32(height%3), prev[:])
				if err != nil {
					t.Fatal(err)
				}
				i, err := Draw(seed, set)
				if err != nil {
					t.Fatal(err)
				}
				weighted[i]++
				alike[binary.BigEndian.Uint64(seed[:8])%uint64(len(set))]++
				prev = seed // as good as a block's hash
			}
			limit := critical(len(set) - 1)
			// Power 1 of 10^18 is expected once in 10^13 runs of this test.
			if got := chiSquare(weighted, set); got > limit {
				t.Errorf("χ² is %.1f, above %.1f: %v", got, limit, weighted)
			}
			if name != "equal" {
				if got := chiSquare(alike, set); got < limit {
					t.Errorf("the test cannot tell: a draw without weights has χ² %.1f, below %.1f", got, limit)
				}
			}
		})
	}
}
