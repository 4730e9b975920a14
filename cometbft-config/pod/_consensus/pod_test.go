//go:build pod && !pod_byzantine

package consensus

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/internal/pod"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/types"
)

// These tests run inside the spliced tree, on upstream's own test helpers.

// podDrawn is the draw written down once more, from the state's parts.
func podDrawn(t *testing.T, prevHash []byte, set *types.ValidatorSet, height int64, round int32) crypto.Address {
	t.Helper()
	seed, err := pod.Seed(height, round, prevHash)
	require.NoError(t, err)
	var candidates []pod.Candidate
	for _, v := range set.Validators {
		candidates = append(candidates, pod.Candidate{Address: v.Address, Power: v.VotingPower})
	}
	drawn, err := pod.Draw(seed, candidates)
	require.NoError(t, err)
	return set.Validators[drawn].Address
}

func podGenesisHash(chainID string) []byte {
	h := pod.GenesisHash(chainID)
	return h[:]
}

func TestPodTheProposerOfEveryRoundIsTheDrawAndTheSetStaysAsItWas(t *testing.T) {
	state, _ := randGenesisState(7, true, 1, nil)
	before := state.Validators.Copy()
	seen := make(map[string]bool)
	for round := range int32(100) {
		got := podWithProposer(state, state.Validators, 1, round)
		want := podDrawn(t, podGenesisHash(state.ChainID), state.Validators, 1, round)
		require.Equal(t, want, got.GetProposer().Address)
		require.Equal(t, state.Validators.Hash(), got.Hash())
		seen[want.String()] = true
	}
	require.Greater(t, len(seen), 1, "every round drew the same validator")
	require.Equal(t, before, state.Validators)

	state.LastBlockHeight = 41
	state.LastBlockID = types.BlockID{Hash: tmhash.Sum([]byte("block 41"))}
	for round := range int32(100) {
		got := podWithProposer(state, state.Validators, 42, round)
		require.Equal(t, podDrawn(t, state.LastBlockID.Hash, state.Validators, 42, round), got.GetProposer().Address)
	}
}

func TestPodAChainThatBeginsHigherDrawsFromItsGenesisThere(t *testing.T) {
	state, _ := randGenesisState(7, true, 1, nil)
	state.InitialHeight = 1000
	got := podWithProposer(state, state.Validators, 1000, 2)
	require.Equal(t, podDrawn(t, podGenesisHash(state.ChainID), state.Validators, 1000, 2), got.GetProposer().Address)
}

func TestPodAnEmptySetIsLeftAlone(t *testing.T) {
	require.Nil(t, podWithProposer(sm.State{}, nil, 1, 0))
	empty := &types.ValidatorSet{}
	require.Same(t, empty, podWithProposer(sm.State{}, empty, 1, 0))
}

func TestPodAStateWithoutTheLastHashIsNotDrawnFrom(t *testing.T) {
	state, _ := randGenesisState(3, false, 10, nil)
	require.PanicsWithValue(t, "cannot draw the proposer of 5/1: the hash before height 5 has 0 bytes, not 32", func() {
		podWithProposer(state, state.Validators, 5, 1)
	})
}

func TestPodConsensusTakesTheDrawForEachRoundItEnters(t *testing.T) {
	cs, _ := randState(4)
	genesis := podGenesisHash(cs.state.ChainID)
	require.Equal(t, podDrawn(t, genesis, cs.state.Validators, 1, 0), cs.Validators.GetProposer().Address)
	for _, round := range []int32{1, 2, 5, 30} { // rounds are skipped too
		cs.enterNewRound(1, round)
		want := podDrawn(t, genesis, cs.state.Validators, 1, round)
		require.Equal(t, want, cs.Validators.GetProposer().Address)
		require.True(t, cs.isProposer(want))
	}
}

// podCase is a round in which another validator than ours is drawn and has
// made a proposal.
type podCase struct {
	cs       *State
	stubs    []*validatorStub
	round    int32
	block    *types.Block
	parts    *types.PartSet
	blockID  types.BlockID
	proposer *validatorStub
}

// podNewCase makes a block whose header names the drawn proposer or, when
// honest is false, one that is neither the drawn one nor ours.
func podNewCase(t *testing.T, honest bool) *podCase {
	t.Helper()
	cs, stubs := randState(4)
	slow := *cs.config // a timeout must not prevote before the test is ready
	slow.TimeoutPropose = time.Minute
	cs.config = &slow

	byAddress := make(map[string]*validatorStub)
	for _, stub := range stubs {
		key, err := stub.GetPubKey()
		require.NoError(t, err)
		byAddress[key.Address().String()] = stub
	}
	c := &podCase{cs: cs, stubs: stubs, round: 1}
	genesis := podGenesisHash(cs.state.ChainID)
	drawn := podDrawn(t, genesis, cs.state.Validators, 1, c.round)
	for byAddress[drawn.String()] == stubs[0] {
		c.round++
		drawn = podDrawn(t, genesis, cs.state.Validators, 1, c.round)
	}
	c.proposer = byAddress[drawn.String()]

	named := drawn
	if !honest {
		for _, stub := range stubs[1:] {
			if key, err := stub.GetPubKey(); err == nil && !bytes.Equal(key.Address(), drawn) {
				named = key.Address()
			}
		}
	}
	var err error
	c.block, err = cs.blockExec.CreateProposalBlock(t.Context(), 1, cs.state, &types.ExtendedCommit{}, named)
	require.NoError(t, err)
	c.parts, err = c.block.MakePartSet(types.BlockPartSizeBytes)
	require.NoError(t, err)
	c.blockID = types.BlockID{Hash: c.block.Hash(), PartSetHeader: c.parts.Header()}
	return c
}

// prevotesInRound0 lets the three others prevote in the first round.
func (c *podCase) prevotesInRound0(t *testing.T, id types.BlockID) {
	t.Helper()
	for _, stub := range c.stubs[1:] {
		vote := signVote(stub, cmtproto.PrevoteType, id.Hash, id.PartSetHeader, false)
		added, err := c.cs.Votes.AddVote(vote, "a peer", true) // extensions are on
		require.NoError(t, err)
		require.True(t, added)
	}
	_, ok := c.cs.Votes.Prevotes(0).TwoThirdsMajority()
	require.True(t, ok)
}

// receiveBlock is the state in which the block is there without a proposal.
func (c *podCase) receiveBlock() {
	c.cs.Validators = podWithProposer(c.cs.state, c.cs.Validators, 1, c.round)
	c.cs.ProposalBlock, c.cs.ProposalBlockParts = c.block, c.parts
}

// prevoted hands our validator the proposal and waits for its prevote.
func (c *podCase) prevoted(t *testing.T, polRound int32, want []byte) {
	t.Helper()
	votes := subscribe(c.cs.eventBus, types.EventQueryVote)
	proposal := types.NewProposal(1, c.round, polRound, c.blockID)
	p := proposal.ToProto()
	require.NoError(t, c.proposer.SignProposal(c.cs.state.ChainID, p))
	proposal.Signature = p.Signature
	require.NoError(t, c.cs.SetProposalAndBlock(proposal, c.block, c.parts, "a peer"))
	startTestRound(c.cs, 1, c.round)
	ensurePrevoteMatch(t, votes, 1, c.round, want)
	validatePrevote(t, c.cs, c.round, c.stubs[0], want)
}

func TestPodABlockThatNamesItsProposerIsPrevoted(t *testing.T) {
	c := podNewCase(t, true)
	c.prevoted(t, -1, c.block.Hash())
}

func TestPodABlockThatNamesAnotherIsPrevotedNil(t *testing.T) {
	c := podNewCase(t, false)
	require.NoError(t, c.cs.blockExec.ValidateBlock(c.cs.state, c.block), "upstream itself must see nothing wrong")
	c.prevoted(t, -1, nil)
}

func TestPodABlockProposedAgainKeepsTheNameOfItsFirstProposer(t *testing.T) {
	c := podNewCase(t, false)
	c.prevotesInRound0(t, c.blockID)
	c.prevoted(t, 0, c.block.Hash())
}

// Upstream takes any majority of prevotes in the round that is pointed to for
// this block's.
func TestPodPrevotesForNilDoNotVouchForANewBlock(t *testing.T) {
	c := podNewCase(t, false)
	c.prevotesInRound0(t, types.BlockID{})
	c.prevoted(t, 0, nil)
}

func TestPodPrevotesForAnotherBlockDoNotVouchForThisOne(t *testing.T) {
	c := podNewCase(t, false)
	c.prevotesInRound0(t, types.BlockID{
		Hash:          tmhash.Sum([]byte("another block")),
		PartSetHeader: types.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte("another part"))},
	})
	c.prevoted(t, 0, nil)
}

func TestPodABlockWithoutProposalNeedsThePrevotesOfItsOwnRound(t *testing.T) {
	c := podNewCase(t, false)
	c.receiveBlock()
	require.False(t, c.cs.podMayPrevote(0))
	c.prevotesInRound0(t, c.blockID)
	require.True(t, c.cs.podMayPrevote(0))
	require.False(t, c.cs.podMayPrevote(1))
}

func TestPodAPolkaOfARoundThatNobodyKnowsVouchesForNothing(t *testing.T) {
	c := podNewCase(t, false)
	c.receiveBlock()
	c.cs.Proposal = types.NewProposal(1, 9000, 8999, c.blockID)
	require.False(t, c.cs.podMayPrevote(9000))
}
