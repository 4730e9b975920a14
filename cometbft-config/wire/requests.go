package wire

import (
	"bytes"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cryptoproto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// blockTime has nanoseconds that are not a whole number of microseconds, so
// that a decoder that rounds is seen.
var blockTime = time.Date(2026, time.November, 21, 4, 5, 6, 123456789, time.UTC)

// fill returns n bytes first, first+1, first+2, …
func fill(n int, first byte) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = first + byte(i)
	}
	return out
}

func validator(i byte) abci.Validator {
	return abci.Validator{Address: fill(20, i<<4), Power: int64(i) * 1_000_000_000_000_000}
}

// updates has one validator of either key type, and one that is removed.
func updates() []abci.ValidatorUpdate {
	ed := func(first byte) cryptoproto.PublicKey {
		return cryptoproto.PublicKey{Sum: &cryptoproto.PublicKey_Ed25519{Ed25519: fill(32, first)}}
	}
	secp := cryptoproto.PublicKey{Sum: &cryptoproto.PublicKey_Secp256K1{
		Secp256K1: append([]byte{2}, fill(32, 0x40)...),
	}}
	return []abci.ValidatorUpdate{
		{PubKey: ed(0x10), Power: 1_000_000_000_000_000_000},
		{PubKey: secp, Power: 24},
		{PubKey: ed(0x80), Power: 0},
	}
}

func consensusParams() *cmtproto.ConsensusParams {
	return &cmtproto.ConsensusParams{
		Block: &cmtproto.BlockParams{MaxBytes: 4 << 20, MaxGas: -1},
		Evidence: &cmtproto.EvidenceParams{
			MaxAgeNumBlocks: 20_000_000,
			MaxAgeDuration:  30*24*time.Hour + 5*time.Nanosecond,
			MaxBytes:        1 << 20,
		},
		Validator: &cmtproto.ValidatorParams{PubKeyTypes: []string{"ed25519", "secp256k1"}},
		Version:   &cmtproto.VersionParams{App: 7},
		Abci:      &cmtproto.ABCIParams{VoteExtensionsEnableHeight: 1},
	}
}

// commitInfo has a vote of each BlockIDFlag.
func commitInfo() abci.CommitInfo {
	return abci.CommitInfo{Round: 3, Votes: []abci.VoteInfo{
		{Validator: validator(1), BlockIdFlag: cmtproto.BlockIDFlagCommit},
		{Validator: validator(2), BlockIdFlag: cmtproto.BlockIDFlagNil},
		{Validator: validator(3), BlockIdFlag: cmtproto.BlockIDFlagAbsent},
		{Validator: validator(4), BlockIdFlag: cmtproto.BlockIDFlagUnknown},
	}}
}

func extendedCommitInfo() abci.ExtendedCommitInfo {
	return abci.ExtendedCommitInfo{Round: 3, Votes: []abci.ExtendedVoteInfo{
		{
			Validator: validator(1), BlockIdFlag: cmtproto.BlockIDFlagCommit,
			VoteExtension: fill(300, 7), ExtensionSignature: fill(64, 9),
		},
		{ // an extension may be empty; its signature is there all the same
			Validator: validator(2), BlockIdFlag: cmtproto.BlockIDFlagCommit,
			ExtensionSignature: fill(64, 11),
		},
		{Validator: validator(3), BlockIdFlag: cmtproto.BlockIDFlagNil},
		{Validator: validator(4), BlockIdFlag: cmtproto.BlockIDFlagAbsent},
	}}
}

func misbehavior() []abci.Misbehavior {
	return []abci.Misbehavior{
		{
			Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: validator(3), Height: 1_234_560,
			Time: blockTime.Add(-time.Hour), TotalVotingPower: 1_000_000_000_000_000_000,
		},
		{
			Type: abci.MisbehaviorType_LIGHT_CLIENT_ATTACK, Validator: validator(4), Height: 1,
			Time: time.Unix(0, 1).UTC(), TotalVotingPower: 1,
		},
	}
}

// items is the shape of our blocks: an envelope, a payload, and an empty item
// that a decoder must not drop.
func items() [][]byte {
	return [][]byte{{1}, bytes.Repeat([]byte{0xab, 0xcd}, 150), {}}
}

func snapshot() *abci.Snapshot {
	return &abci.Snapshot{Height: 1<<63 + 5, Format: 2, Chunks: 4_000_000_000, Hash: fill(32, 0x21), Metadata: fill(200, 1)}
}

func filledRequests() []named {
	return []named{
		{"echo", abci.ToRequestEcho("hello, wörld")},
		{"flush", abci.ToRequestFlush()},
		{"info", abci.ToRequestInfo(&abci.RequestInfo{
			Version: "0.40.0", BlockVersion: 11, P2PVersion: 8, AbciVersion: "2.0.0",
		})},
		{"init_chain", abci.ToRequestInitChain(&abci.RequestInitChain{
			Time: blockTime, ChainId: "defchain-local-1", ConsensusParams: consensusParams(), Validators: updates(),
			AppStateBytes: []byte(`{"accounts":{"hash":"00"}}`), InitialHeight: 1_000,
		})},
		{"query", abci.ToRequestQuery(&abci.RequestQuery{
			Data: fill(33, 3), Path: "/store/token", Height: 1<<62 + 1, Prove: true,
		})},
		{"check_tx", abci.ToRequestCheckTx(&abci.RequestCheckTx{Tx: fill(180, 0), Type: abci.CheckTxType_Recheck})},
		{"commit", abci.ToRequestCommit()},
		{"list_snapshots", &abci.Request{Value: &abci.Request_ListSnapshots{ListSnapshots: &abci.RequestListSnapshots{}}}},
		{"offer_snapshot", abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{
			Snapshot: snapshot(), AppHash: fill(32, 0x55),
		})},
		{"load_snapshot_chunk", abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{
			Height: 1<<63 + 5, Format: 2, Chunk: 3_999_999_999,
		})},
		{"apply_snapshot_chunk", abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{
			Index: 9, Chunk: fill(17_000, 1), Sender: "0123456789abcdef0123456789abcdef01234567",
		})},
		{"prepare_proposal", abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{
			MaxTxBytes: 3_800_000, Txs: items(), LocalLastCommit: extendedCommitInfo(), Misbehavior: misbehavior(),
			Height: 1_234_567, Time: blockTime, NextValidatorsHash: fill(32, 0x61), ProposerAddress: fill(20, 0x20),
		})},
		{"process_proposal", abci.ToRequestProcessProposal(&abci.RequestProcessProposal{
			Txs: items(), ProposedLastCommit: commitInfo(), Misbehavior: misbehavior(), Hash: fill(32, 0x71),
			Height: 1_234_567, Time: blockTime, NextValidatorsHash: fill(32, 0x61), ProposerAddress: fill(20, 0x20),
		})},
		{"extend_vote", abci.ToRequestExtendVote(&abci.RequestExtendVote{
			Hash: fill(32, 0x71), Height: 1_234_567, Time: blockTime, Txs: items(), ProposedLastCommit: commitInfo(),
			Misbehavior: misbehavior(), NextValidatorsHash: fill(32, 0x61), ProposerAddress: fill(20, 0x20),
		})},
		{"verify_vote_extension", abci.ToRequestVerifyVoteExtension(&abci.RequestVerifyVoteExtension{
			Hash: fill(32, 0x71), ValidatorAddress: fill(20, 0x30), Height: 1_234_567, VoteExtension: fill(300, 7),
		})},
		{"finalize_block", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{
			Txs: items(), DecidedLastCommit: commitInfo(), Misbehavior: misbehavior(), Hash: fill(32, 0x71),
			Height: 1_234_567, Time: blockTime, NextValidatorsHash: fill(32, 0x61), ProposerAddress: fill(20, 0x20),
		})},
		{"insert_tx", abci.ToRequestInsertTx(&abci.RequestInsertTx{Tx: fill(1000, 0)})},
		{"reap_txs", abci.ToRequestReapTxs(&abci.RequestReapTxs{MaxBytes: 1<<64 - 1, MaxGas: 30_000_000})},
	}
}

// emptyRequests are Go's zero values. What is not nullable is still written: a
// zero time.Time goes out as the year 1, and CommitInfo as an empty message.
func emptyRequests() []named {
	return []named{
		{"echo", abci.ToRequestEcho("")},
		{"flush", abci.ToRequestFlush()},
		{"info", abci.ToRequestInfo(&abci.RequestInfo{})},
		{"init_chain", abci.ToRequestInitChain(&abci.RequestInitChain{})},
		{"query", abci.ToRequestQuery(&abci.RequestQuery{})},
		{"check_tx", abci.ToRequestCheckTx(&abci.RequestCheckTx{})},
		{"commit", abci.ToRequestCommit()},
		{"list_snapshots", abci.ToRequestListSnapshots(&abci.RequestListSnapshots{})},
		{"offer_snapshot", abci.ToRequestOfferSnapshot(&abci.RequestOfferSnapshot{})},
		{"load_snapshot_chunk", abci.ToRequestLoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{})},
		{"apply_snapshot_chunk", abci.ToRequestApplySnapshotChunk(&abci.RequestApplySnapshotChunk{})},
		{"prepare_proposal", abci.ToRequestPrepareProposal(&abci.RequestPrepareProposal{})},
		{"process_proposal", abci.ToRequestProcessProposal(&abci.RequestProcessProposal{})},
		{"extend_vote", abci.ToRequestExtendVote(&abci.RequestExtendVote{})},
		{"verify_vote_extension", abci.ToRequestVerifyVoteExtension(&abci.RequestVerifyVoteExtension{})},
		{"finalize_block", abci.ToRequestFinalizeBlock(&abci.RequestFinalizeBlock{})},
		{"insert_tx", abci.ToRequestInsertTx(&abci.RequestInsertTx{})},
		{"reap_txs", abci.ToRequestReapTxs(&abci.RequestReapTxs{})},
	}
}
