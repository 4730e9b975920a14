// Package pod draws the proposer of a block by weighted chance (D33).
//
// This one file is compiled twice: here, where it writes and checks the vectors
// shared with the Rust implementation, and byte for byte as internal/pod of the
// modified CometBFT. So it names nothing of CometBFT.
//
// The draw of (height, round) after a block with hash prev:
//
//	seed   = keccak256(be64(height) ‖ be64(round) ‖ prev)
//	target = seed as a big-endian integer, mod total power
//	walk the validators by power descending, then address ascending;
//	the first whose cumulative power exceeds target proposes
//
// Everything in it is known to all nodes before the round begins. Its weakness:
// who proposes a block can try many and keep the one whose hash favours him.
package pod

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"golang.org/x/crypto/sha3"
)

// genesisDomain keeps the stand-in for the hash before the first block apart
// from every other use of keccak256 on a chain id.
const genesisDomain = "defchain/genesis"

// Candidate is one validator of the set: its consensus address and power.
type Candidate struct {
	Address []byte
	Power   int64
}

// GenesisHash stands for the previous block's hash at the initial height, so
// that two chains that begin with the same set do not draw the same proposers.
func GenesisHash(chainID string) [32]byte {
	return keccak([]byte(genesisDomain), []byte(chainID))
}

// Seed is the one function to replace when the chance comes from elsewhere.
func Seed(height int64, round int32, prevHash []byte) ([32]byte, error) {
	if height < 1 {
		return [32]byte{}, fmt.Errorf("no block has height %d", height)
	}
	if round < 0 {
		return [32]byte{}, fmt.Errorf("no round has number %d", round)
	}
	if len(prevHash) != 32 {
		return [32]byte{}, fmt.Errorf("the hash before height %d has %d bytes, not 32", height, len(prevHash))
	}
	var number [16]byte
	binary.BigEndian.PutUint64(number[:8], uint64(height))
	binary.BigEndian.PutUint64(number[8:], uint64(round))
	return keccak(number[:], prevHash), nil
}

// Draw returns the index of the proposer in candidates, whose order does not
// matter.
func Draw(seed [32]byte, candidates []Candidate) (int, error) {
	if len(candidates) == 0 {
		return 0, errors.New("no validator to draw from")
	}
	var total int64
	for _, c := range candidates {
		if c.Power <= 0 {
			return 0, fmt.Errorf("validator %X has power %d", c.Address, c.Power)
		}
		if c.Power > math.MaxInt64-total {
			return 0, fmt.Errorf("the total power exceeds %d", int64(math.MaxInt64))
		}
		total += c.Power
	}

	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := candidates[i], candidates[j]
		if a.Power != b.Power {
			if a.Power > b.Power {
				return -1
			}
			return 1
		}
		return bytes.Compare(a.Address, b.Address)
	})

	target := new(big.Int).SetBytes(seed[:])
	left := target.Mod(target, big.NewInt(total)).Int64()
	for _, i := range order {
		if left < candidates[i].Power {
			return i, nil
		}
		left -= candidates[i].Power
	}
	return 0, fmt.Errorf("the walk over a total power of %d found nobody", total)
}

func keccak(parts ...[]byte) (out [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, part := range parts {
		h.Write(part) // a hash.Hash never fails
	}
	h.Sum(out[:0])
	return out
}
