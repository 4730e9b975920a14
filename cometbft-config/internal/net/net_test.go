package net

import (
	"encoding/hex"
	"strings"
	"testing"
)

func fourNodes() *network {
	n := &network{}
	for i := range powers {
		address := hex.EncodeToString([]byte(strings.Repeat(string(rune('a'+i)), 20)))
		n.nodes = append(n.nodes, &node{validator: genesisValidator{Address: strings.ToUpper(address)}})
	}
	return n
}

// A check that lets everything pass would make the runs of real nodes worthless.
func TestTheCheckFindsAProposerWhoWasNotDrawn(t *testing.T) {
	n := fourNodes()
	accepted, refused := 0, 0
	for height := int64(1); height <= 200; height++ {
		prev := strings.Repeat("5A", 32)
		drawn := make(map[string]int32) // the first round that draws whom
		for round := int32(4); round >= 0; round-- {
			address, err := n.draw(prev, height, round)
			if err != nil {
				t.Fatal(err)
			}
			drawn[address] = round
		}
		for _, node := range n.nodes {
			for round := range int32(5) {
				address := node.validator.Address
				first, ok := drawn[address]
				want := ok && first <= round
				round0, err := n.check(decided{height: height, round: round, proposer: address, prevHash: prev})
				if (err == nil) != want {
					t.Fatalf("height %d, round %d, %s: %v", height, round, address, err)
				}
				if err == nil {
					accepted++
					if drawn[round0] != 0 {
						t.Fatalf("%s is not the draw of round 0", round0)
					}
				} else {
					refused++
				}
			}
		}
	}
	if accepted < 1_000 || refused < 1_000 {
		t.Fatalf("%d accepted, %d refused", accepted, refused)
	}
}

func TestABlockWithAPreviousHashThatIsNoneIsAnError(t *testing.T) {
	for _, prev := range []string{"", "zz", strings.Repeat("5A", 31)} {
		if _, err := fourNodes().check(decided{height: 2, prevHash: prev}); err == nil {
			t.Errorf("%q was accepted", prev)
		}
	}
}
