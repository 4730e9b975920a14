//go:build pod_byzantine

package consensus

import (
	"bytes"

	"github.com/cometbft/cometbft/crypto"
)

// A proposer for tests only: every block it makes names another validator in
// its header, it prevotes such blocks itself, and after a round that ended in
// prevotes for nil it says that its new block is an old one from there. An
// honest network must vote all of them down and go on.

// podHeaderProposer returns the validator that follows us in the set.
func (cs *State) podHeaderProposer(own crypto.Address) crypto.Address {
	validators := cs.Validators.Validators
	for i, v := range validators {
		if bytes.Equal(v.Address, own) {
			victim := validators[(i+1)%len(validators)].Address
			cs.Logger.Error("byzantine: naming another proposer", "height", cs.Height, "round", cs.Round, "victim", victim)
			return victim
		}
	}
	return own
}

// podClaimedPOLRound returns the last round of this height with prevotes of
// more than 2/3 for anything, nil too, when the true one is -1.
func (cs *State) podClaimedPOLRound(round int32) int32 {
	if cs.ValidRound >= 0 {
		return cs.ValidRound
	}
	for earlier := round - 1; earlier >= 0; earlier-- {
		if cs.Votes.Prevotes(earlier).HasTwoThirdsMajority() {
			cs.Logger.Error("byzantine: claiming a polka", "height", cs.Height, "round", round, "pol_round", earlier)
			return earlier
		}
	}
	return -1
}
