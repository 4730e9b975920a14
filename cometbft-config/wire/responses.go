package wire

import (
	abci "github.com/cometbft/cometbft/abci/types"
	cryptoproto "github.com/cometbft/cometbft/proto/tendermint/crypto"
)

func events() []abci.Event {
	return []abci.Event{
		{Type: "transfer", Attributes: []abci.EventAttribute{
			{Key: "from", Value: "0xabc", Index: true},
			{Key: "amount", Value: "", Index: false},
		}},
		{Type: "empty"},
	}
}

func filledResponses() []named {
	return []named{
		{"exception", abci.ToResponseException("height 7 is not above 9: restore the database")},
		{"echo", abci.ToResponseEcho("hello, wörld")},
		{"flush", abci.ToResponseFlush()},
		{"info", abci.ToResponseInfo(&abci.ResponseInfo{
			Data: "defchain", Version: "1.2.3", AppVersion: 7, LastBlockHeight: 1_234_567, LastBlockAppHash: fill(32, 0x55),
		})},
		{"init_chain", abci.ToResponseInitChain(&abci.ResponseInitChain{
			ConsensusParams: consensusParams(), Validators: updates(), AppHash: fill(32, 0x56),
		})},
		{"query", abci.ToResponseQuery(&abci.ResponseQuery{
			Code: 5, Log: "no such key", Info: "info", Index: -1, Key: fill(10, 1), Value: fill(200, 2), Height: 99,
			ProofOps: &cryptoproto.ProofOps{Ops: []cryptoproto.ProofOp{
				{Type: "ics23:iavl", Key: fill(4, 1), Data: fill(130, 5)},
				{Type: "ics23:simple", Key: fill(5, 1), Data: fill(140, 6)},
			}},
			Codespace: "store",
		})},
		{"check_tx", abci.ToResponseCheckTx(&abci.ResponseCheckTx{
			Code: 4_294_967_295, Data: fill(3, 1), Log: "nonce 3 is below 5", Info: "info", GasWanted: 21_000,
			GasUsed: -1, Events: events(), Codespace: "tx",
		})},
		{"commit", abci.ToResponseCommit(&abci.ResponseCommit{RetainHeight: 1_000_000})},
		{"list_snapshots", abci.ToResponseListSnapshots(&abci.ResponseListSnapshots{
			Snapshots: []*abci.Snapshot{snapshot(), {Height: 1}},
		})},
		{"offer_snapshot", abci.ToResponseOfferSnapshot(&abci.ResponseOfferSnapshot{
			Result: abci.ResponseOfferSnapshot_REJECT_SENDER,
		})},
		{"load_snapshot_chunk", abci.ToResponseLoadSnapshotChunk(&abci.ResponseLoadSnapshotChunk{Chunk: fill(17_000, 1)})},
		{"apply_snapshot_chunk", abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{
			Result: abci.ResponseApplySnapshotChunk_RETRY_SNAPSHOT, RefetchChunks: []uint32{0, 1, 300, 4_294_967_295},
			RejectSenders: []string{"a", "b"},
		})},
		{"prepare_proposal", abci.ToResponsePrepareProposal(&abci.ResponsePrepareProposal{Txs: items()})},
		{"process_proposal", abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{
			Status: abci.ResponseProcessProposal_REJECT,
		})},
		{"extend_vote", abci.ToResponseExtendVote(&abci.ResponseExtendVote{VoteExtension: fill(300, 7)})},
		{"verify_vote_extension", abci.ToResponseVerifyVoteExtension(&abci.ResponseVerifyVoteExtension{
			Status: abci.ResponseVerifyVoteExtension_ACCEPT,
		})},
		{"finalize_block", abci.ToResponseFinalizeBlock(&abci.ResponseFinalizeBlock{
			Events: events(),
			TxResults: []*abci.ExecTxResult{
				{},
				{
					Code: 3, Data: fill(40, 4), Log: "reverted", Info: "info", GasWanted: 400_000_000,
					GasUsed: 21_000, Events: events(), Codespace: "evm",
				},
			},
			ValidatorUpdates: updates(), ConsensusParamUpdates: consensusParams(), AppHash: fill(32, 0x57),
		})},
		{"insert_tx", abci.ToResponseInsertTx(&abci.ResponseInsertTx{Code: 32_000})},
		{"reap_txs", abci.ToResponseReapTxs(&abci.ResponseReapTxs{Txs: items()})},
	}
}

func emptyResponses() []named {
	return []named{
		{"exception", abci.ToResponseException("")},
		{"echo", abci.ToResponseEcho("")},
		{"flush", abci.ToResponseFlush()},
		{"info", abci.ToResponseInfo(&abci.ResponseInfo{})},
		{"init_chain", abci.ToResponseInitChain(&abci.ResponseInitChain{})},
		{"query", abci.ToResponseQuery(&abci.ResponseQuery{})},
		{"check_tx", abci.ToResponseCheckTx(&abci.ResponseCheckTx{})},
		{"commit", abci.ToResponseCommit(&abci.ResponseCommit{})},
		{"list_snapshots", abci.ToResponseListSnapshots(&abci.ResponseListSnapshots{})},
		{"offer_snapshot", abci.ToResponseOfferSnapshot(&abci.ResponseOfferSnapshot{})},
		{"load_snapshot_chunk", abci.ToResponseLoadSnapshotChunk(&abci.ResponseLoadSnapshotChunk{})},
		{"apply_snapshot_chunk", abci.ToResponseApplySnapshotChunk(&abci.ResponseApplySnapshotChunk{})},
		{"prepare_proposal", abci.ToResponsePrepareProposal(&abci.ResponsePrepareProposal{})},
		{"process_proposal", abci.ToResponseProcessProposal(&abci.ResponseProcessProposal{})},
		{"extend_vote", abci.ToResponseExtendVote(&abci.ResponseExtendVote{})},
		{"verify_vote_extension", abci.ToResponseVerifyVoteExtension(&abci.ResponseVerifyVoteExtension{})},
		{"finalize_block", abci.ToResponseFinalizeBlock(&abci.ResponseFinalizeBlock{})},
		{"insert_tx", abci.ToResponseInsertTx(&abci.ResponseInsertTx{})},
		{"reap_txs", abci.ToResponseReapTxs(&abci.ResponseReapTxs{})},
	}
}
