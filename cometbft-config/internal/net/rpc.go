package net

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// client has a limit, so that a node that hangs fails a test and not the clock.
var client = &http.Client{Timeout: 10 * time.Second}

// call asks a node's RPC and decodes the result.
func (n *node) call(ctx context.Context, path string, result any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.rpc+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var body struct {
		Result json.RawMessage
		Error  *struct{ Message, Data string }
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if body.Error != nil {
		return fmt.Errorf("%s: %s %s", path, body.Error.Message, body.Error.Data)
	}
	return json.Unmarshal(body.Result, result)
}

func (n *node) height(ctx context.Context) (int64, error) {
	var status struct {
		SyncInfo struct {
			Height string `json:"latest_block_height"`
		} `json:"sync_info"`
	}
	if err := n.call(ctx, "/status", &status); err != nil {
		return 0, err
	}
	return strconv.ParseInt(status.SyncInfo.Height, 10, 64)
}

// decided is what a block and its commit say about the proposer.
type decided struct {
	height   int64
	round    int32
	proposer string
	prevHash string
	hash     string
}

func (n *node) block(ctx context.Context, height int64) (decided, error) {
	var commit struct {
		Canonical    bool
		SignedHeader struct {
			Header struct {
				Proposer    string `json:"proposer_address"`
				LastBlockID struct {
					Hash string
				} `json:"last_block_id"`
			}
			Commit struct {
				Round   int32
				BlockID struct{ Hash string } `json:"block_id"`
			}
		} `json:"signed_header"`
	}
	if err := n.call(ctx, fmt.Sprintf("/commit?height=%d", height), &commit); err != nil {
		return decided{}, err
	}
	if !commit.Canonical {
		return decided{}, fmt.Errorf("the commit of height %d is not canonical yet", height)
	}
	return decided{
		height:   height,
		round:    commit.SignedHeader.Commit.Round,
		proposer: commit.SignedHeader.Header.Proposer,
		prevHash: commit.SignedHeader.Header.LastBlockID.Hash,
		hash:     commit.SignedHeader.Commit.BlockID.Hash,
	}, nil
}
