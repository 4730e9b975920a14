// Package net runs four real nodes of the modified CometBFT with unequal powers
// and checks from outside, block by block, that the proposers are the drawn
// ones. The application is CometBFT's built-in key-value store.
package net

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"defchain/cometbft-config/pod"
	"defchain/cometbft-config/templates"
)

const (
	chainID = "defchain-net-test"
	// The whole run ends after this, whatever the nodes do.
	patience = 10 * time.Minute
	// As a chain's genesis should have it.
	maxBlockBytes = 4 << 20
	// No block for this long is a stopped chain.
	stall = 60 * time.Second
)

// powers are the localnet's: none is above a third.
var powers = []int64{19, 24, 27, 30}

// network is four nodes and how to ask them.
type network struct {
	nodes []*node
	log   io.Writer
}

// Kind of a run.
type Kind int

// The kinds: all honest and one stopped after a while; the first node
// byzantine; all honest under a stream of large transactions.
const (
	Honest Kind = iota
	Byzantine
	Load
)

// Options of a run.
type Options struct {
	Kind      Kind
	Binary    string // of the honest nodes
	Byzantine string // of the first node of a byzantine run
	Blocks    int64
	Log       io.Writer
}

// Run makes a network, lets it make blocks and checks them all.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp("", "cometbft-net")
	if err != nil {
		return err
	}
	n := &network{log: o.Log}
	err = n.run(ctx, dir, o)
	for _, node := range n.nodes {
		node.stop()
	}
	if err != nil {
		return fmt.Errorf("%w (homes and logs: %s)", err, dir)
	}
	return os.RemoveAll(dir)
}

func (n *network) run(ctx context.Context, dir string, o Options) error {
	for i := range powers {
		binary := o.Binary
		if i == 0 && o.Kind == Byzantine {
			binary = o.Byzantine
		}
		node, err := initNode(ctx, binary, filepath.Join(dir, "node"+strconv.Itoa(i)))
		if err != nil {
			return err
		}
		n.nodes = append(n.nodes, node)
	}
	if err := n.configure(); err != nil {
		return err
	}
	for _, node := range n.nodes {
		if err := node.start(); err != nil {
			return err
		}
	}
	switch o.Kind {
	case Byzantine:
		return n.byzantine(ctx, o.Blocks)
	case Load:
		return n.load(ctx, o.Blocks)
	default:
		return n.honest(ctx, o.Blocks)
	}
}

// configure gives all nodes one genesis, and each our template with its own
// addresses and its peers.
func (n *network) configure() error {
	validators := make([]genesisValidator, len(n.nodes))
	peers := make([]string, len(n.nodes))
	for i, node := range n.nodes {
		validators[i] = node.validator
		validators[i].Power = strconv.FormatInt(powers[i], 10)
		peers[i] = node.id + "@" + node.p2p
	}
	raw, err := os.ReadFile(n.nodes[0].genesisFile())
	if err != nil {
		return err
	}
	var genesis map[string]any
	if err := json.Unmarshal(raw, &genesis); err != nil {
		return err
	}
	genesis["chain_id"], genesis["validators"] = chainID, validators
	params, ok := genesis["consensus_params"].(map[string]any)
	if !ok {
		return fmt.Errorf("%s has no consensus_params", n.nodes[0].genesisFile())
	}
	params["block"] = map[string]string{"max_bytes": strconv.Itoa(maxBlockBytes), "max_gas": "-1"}
	if raw, err = json.Marshal(genesis); err != nil {
		return err
	}
	for i, node := range n.nodes {
		if err := os.WriteFile(node.genesisFile(), raw, 0o644); err != nil {
			return err
		}
		file := templates.Config
		for _, setting := range [][2]string{
			{"moniker", "node" + strconv.Itoa(i)},
			{"proxy_app", "kvstore"},
			{"mempool.type", "flood"}, // the key-value store has no pool
			{"rpc.laddr", "tcp://" + node.rpc},
			{"p2p.laddr", "tcp://" + node.p2p},
			{"p2p.persistent_peers", strings.Join(peers, ",")},
		} {
			if file, err = templates.Set(file, setting[0], strconv.Quote(setting[1])); err != nil {
				return err
			}
		}
		for _, setting := range [][2]string{
			{"p2p.addr_book_strict", "false"}, {"p2p.allow_duplicate_ip", "true"}, {"instrumentation.prometheus", "false"},
		} {
			if file, err = templates.Set(file, setting[0], setting[1]); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(node.home, "config", "config.toml"), []byte(file), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// waitFor waits until a node has a height. All nodes we did not stop must live.
func (n *network) waitFor(ctx context.Context, asked *node, height int64) error {
	var last int64
	moved := time.Now()
	for {
		for _, node := range n.nodes {
			if err := node.alive(); err != nil {
				return err
			}
		}
		// An error means that the node does not listen yet; stall ends that.
		if have, err := asked.height(ctx); err == nil {
			if have >= height {
				return nil
			}
			if have > last {
				last, moved = have, time.Now()
			}
		}
		if time.Since(moved) > stall {
			return fmt.Errorf("no block for %s after height %d", stall, last)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("at height %d of %d: %w", last, height, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// draw is the address that may propose in a round.
func (n *network) draw(prevHash string, height int64, round int32) (string, error) {
	prev, err := hex.DecodeString(prevHash)
	if err != nil {
		return "", err
	}
	if height == 1 {
		genesis := pod.GenesisHash(chainID)
		prev = genesis[:]
	}
	seed, err := pod.Seed(height, round, prev)
	if err != nil {
		return "", err
	}
	candidates := make([]pod.Candidate, len(n.nodes))
	for i, node := range n.nodes {
		address, err := hex.DecodeString(node.validator.Address)
		if err != nil {
			return "", err
		}
		candidates[i] = pod.Candidate{Address: address, Power: powers[i]}
	}
	drawn, err := pod.Draw(seed, candidates)
	if err != nil {
		return "", err
	}
	return n.nodes[drawn].validator.Address, nil
}

// check fails unless the block's proposer is the draw of a round not above its
// commit's, and returns the draw of round 0.
func (n *network) check(b decided) (first string, err error) {
	named := false
	for round := range b.round + 1 {
		drawn, err := n.draw(b.prevHash, b.height, round)
		if err != nil {
			return "", err
		}
		if round == 0 {
			first = drawn
		}
		named = named || drawn == b.proposer
	}
	if !named {
		return "", fmt.Errorf("block %d, committed in round %d, names %s, who was drawn in none of its rounds",
			b.height, b.round, b.proposer)
	}
	return first, nil
}
