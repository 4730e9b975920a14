package net

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// bundleBytes is a transaction of the load: nearly the largest that
	// mempool.max_tx_bytes lets pass, as a bundle of our application is.
	bundleBytes = 250_000
	// bundlePause is each node's pause between two, so that four nodes are
	// offered 6 MB a second, about 40,000 transfers.
	bundlePause = time.Second / 6
)

// load measures blocks filled by large transactions, for the values in
// config/overrides.toml. It fails when no block is large.
func (n *network) load(ctx context.Context, blocks int64) error {
	asked := n.nodes[len(n.nodes)-1]
	if err := n.waitForBoth(ctx, 2); err != nil {
		return err
	}
	sending, stop := context.WithCancel(ctx)
	var senders sync.WaitGroup
	for i, node := range n.nodes {
		senders.Go(func() { node.send(sending, i) })
	}
	err := n.waitFor(ctx, asked, blocks+1)
	stop()
	senders.Wait()
	if err != nil {
		return err
	}
	sizes, intervals, err := asked.measure(ctx, 3, blocks)
	if err != nil {
		return err
	}
	slices.Sort(sizes)
	slices.Sort(intervals)
	at := func(share float64) int { return int(share * float64(len(sizes)-1)) }
	var rounds int
	for height := int64(3); height <= blocks; height++ {
		block, err := asked.block(ctx, height)
		if err != nil {
			return err
		}
		if block.round > 0 {
			rounds++
		}
	}
	fmt.Fprintf(n.log, "blocks of (median, 90 %%, largest) %d, %d, %d KiB\n",
		sizes[at(0.5)]>>10, sizes[at(0.9)]>>10, sizes[len(sizes)-1]>>10)
	fmt.Fprintf(n.log, "intervals (median, 90 %%, longest) %s, %s, %s; %d of %d blocks needed more than one round\n",
		intervals[at(0.5)], intervals[at(0.9)], intervals[len(intervals)-1], rounds, len(sizes))
	if sizes[len(sizes)-1] < 1<<20 {
		return fmt.Errorf("the largest block has %d bytes: nothing was measured", sizes[len(sizes)-1])
	}
	return nil
}

// send hands a node a transaction at each tick. One that it refuses is gone.
func (n *node) send(ctx context.Context, sender int) {
	ticker := time.NewTicker(bundlePause)
	defer ticker.Stop()
	for count := 0; ; count++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		tx := fmt.Appendf(nil, "k%d-%d=", sender, count)
		tx = append(tx, bytes.Repeat([]byte{'v'}, bundleBytes-len(tx))...)
		body, err := json.Marshal(map[string]any{
			"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync",
			"params": map[string]string{"tx": base64.StdEncoding.EncodeToString(tx)},
		})
		if err != nil {
			return
		}
		n.post(ctx, body)
	}
}

func (n *node) post(ctx context.Context, body []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.rpc, bytes.NewReader(body))
	if err != nil {
		return
	}
	if response, err := client.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// measure returns the size of each block and its distance to the one before.
func (n *node) measure(ctx context.Context, from, to int64) (sizes []int, intervals []time.Duration, err error) {
	var before time.Time
	for height := from; height <= to; height++ {
		var chain struct {
			Metas []struct {
				Size   int `json:"block_size,string"`
				Header struct{ Time time.Time }
			} `json:"block_metas"`
		}
		if err := n.call(ctx, fmt.Sprintf("/blockchain?minHeight=%d&maxHeight=%d", height, height), &chain); err != nil {
			return nil, nil, err
		}
		if len(chain.Metas) != 1 {
			return nil, nil, fmt.Errorf("%d blocks at height %d", len(chain.Metas), height)
		}
		meta := chain.Metas[0]
		if !before.IsZero() {
			sizes = append(sizes, meta.Size)
			intervals = append(intervals, meta.Header.Time.Sub(before).Round(time.Millisecond))
		}
		before = meta.Header.Time
	}
	return sizes, intervals, nil
}
