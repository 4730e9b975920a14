//go:build pod

package consensus

import (
	"bytes"
	"fmt"

	"github.com/cometbft/cometbft/internal/pod"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// podWithProposer returns a copy of validators whose proposer is the draw of
// (height, round) after the last block of state (D33). The set that was passed
// in belongs to the state, which is stored: it stays as upstream made it.
//
// It panics when there is nothing to draw from, as CometBFT does for a state
// that cannot be: a validator that cannot tell the proposer must not vote.
func podWithProposer(state sm.State, validators *types.ValidatorSet, height int64, round int32) *types.ValidatorSet {
	if validators.IsNilOrEmpty() {
		return validators // a node that awaits its first state from state sync
	}
	prevHash := []byte(state.LastBlockID.Hash)
	if height == state.InitialHeight {
		genesis := pod.GenesisHash(state.ChainID)
		prevHash = genesis[:]
	}
	seed, err := pod.Seed(height, round, prevHash)
	if err != nil {
		panic(fmt.Sprintf("cannot draw the proposer of %d/%d: %v", height, round, err))
	}
	candidates := make([]pod.Candidate, validators.Size())
	for i, v := range validators.Validators {
		candidates[i] = pod.Candidate{Address: v.Address, Power: v.VotingPower}
	}
	drawn, err := pod.Draw(seed, candidates)
	if err != nil {
		panic(fmt.Sprintf("cannot draw the proposer of %d/%d: %v", height, round, err))
	}
	set := validators.Copy()
	set.Proposer = set.Validators[drawn]
	return set
}

// podMayPrevote says whether the header of the proposal block names a proposer
// it may name. Rewards and slashes go by that name, and CometBFT itself only
// asks for some validator's.
//
// A block that is new in this round must name this round's draw. One that is
// proposed again keeps the name of its first proposer; it has earned that by
// prevotes of more than 2/3 in the round the proposal points to. The proposal's
// word for it is not enough: after a round that ended in prevotes for nil, a
// proposer could point there with a new block and a victim's name.
func (cs *State) podMayPrevote(round int32) bool {
	block := cs.ProposalBlock
	if bytes.Equal(block.ProposerAddress, cs.Validators.GetProposer().Address) {
		return true
	}
	// Without a proposal the block came by the prevotes of this very round.
	polRound := round
	if cs.Proposal != nil {
		polRound = cs.Proposal.POLRound
	}
	if polRound < 0 {
		return false
	}
	polka, ok := cs.Votes.Prevotes(polRound).TwoThirdsMajority()
	return ok && block.HashesTo(polka.Hash)
}
