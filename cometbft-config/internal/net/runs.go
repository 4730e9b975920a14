package net

import (
	"context"
	"fmt"
	"time"
)

// tally counts what the blocks of a run say.
type tally struct {
	proposers map[string]int
	rounds    map[int32]int
	// Heights whose first draw was the first node.
	byzantineFirst int
}

// blocks checks every height from 1 to last, on the last node and, that they
// hold the same, on another.
func (n *network) blocks(ctx context.Context, last int64) (tally, []decided, error) {
	out := tally{proposers: make(map[string]int), rounds: make(map[int32]int)}
	var all []decided
	asked, other := n.nodes[len(n.nodes)-1], n.nodes[len(n.nodes)-2]
	for height := int64(1); height <= last; height++ {
		block, err := asked.block(ctx, height)
		if err != nil {
			return out, nil, err
		}
		same, err := other.block(ctx, height)
		if err != nil {
			return out, nil, err
		}
		if same != block {
			return out, nil, fmt.Errorf("two nodes disagree at height %d: %+v and %+v", height, block, same)
		}
		first, err := n.check(block)
		if err != nil {
			return out, nil, err
		}
		if first == n.nodes[0].validator.Address {
			out.byzantineFirst++
		}
		out.proposers[block.proposer]++
		out.rounds[block.round]++
		all = append(all, block)
	}
	return out, all, nil
}

func (n *network) report(t tally, blocks int64) {
	var total int64
	for _, power := range powers {
		total += power
	}
	var chi float64
	for i, node := range n.nodes {
		expected := float64(blocks) * float64(powers[i]) / float64(total)
		got := float64(t.proposers[node.validator.Address])
		chi += (got - expected) * (got - expected) / expected
		fmt.Fprintf(n.log, "  power %d: %.0f blocks, expected %.1f\n", powers[i], got, expected)
	}
	fmt.Fprintf(n.log, "  χ² %.2f over all %d blocks; blocks by commit round: %v\n", chi, blocks, t.rounds)
}

// honest lets all four run for three quarters of the blocks and then stops one,
// so that later rounds are drawn too.
func (n *network) honest(ctx context.Context, blocks int64) error {
	asked := n.nodes[len(n.nodes)-1]
	if err := n.waitFor(ctx, asked, 2); err != nil {
		return err
	}
	started, from := time.Now(), int64(2)
	until := blocks * 3 / 4
	if err := n.waitFor(ctx, asked, until); err != nil {
		return err
	}
	seconds := time.Since(started).Seconds()
	used := n.nodes[0].stop()
	fmt.Fprintf(n.log, "four nodes made %.2f blocks/s, one node used %.0f%% of a core; node 0 is stopped now\n",
		float64(until-from)/seconds, 100*used.Seconds()/seconds)
	if err := n.waitForBoth(ctx, blocks+1); err != nil {
		return err
	}
	counts, _, err := n.blocks(ctx, blocks)
	if err != nil {
		return err
	}
	fmt.Fprintf(n.log, "%d blocks, each proposed by the draw of a round not above its commit's\n", blocks)
	n.report(counts, blocks)
	if counts.rounds[0] == int(blocks) {
		return fmt.Errorf("all %d blocks were committed in round 0: the later rounds were not tested", blocks)
	}
	return nil
}

// byzantine checks that no lie of the first node is in the chain, and that it
// lied.
func (n *network) byzantine(ctx context.Context, blocks int64) error {
	if err := n.waitForBoth(ctx, blocks+1); err != nil {
		return err
	}
	counts, all, err := n.blocks(ctx, blocks)
	if err != nil {
		return err
	}
	liar := n.nodes[0]
	for _, block := range all {
		if block.proposer == liar.validator.Address {
			return fmt.Errorf("block %d names the byzantine node, which always names another", block.height)
		}
		first, err := n.draw(block.prevHash, block.height, 0)
		if err != nil {
			return err
		}
		if first == liar.validator.Address && block.round == 0 {
			return fmt.Errorf("block %d was committed in round 0, drawn for the byzantine node, and names %s",
				block.height, block.proposer)
		}
	}
	lies, err := liar.logged("byzantine: naming another proposer")
	if err != nil {
		return err
	}
	claims, err := liar.logged("byzantine: claiming a polka")
	if err != nil {
		return err
	}
	if lies == 0 || counts.byzantineFirst == 0 {
		return fmt.Errorf("the byzantine node was drawn first at %d heights and lied %d times: nothing was tested",
			counts.byzantineFirst, lies)
	}
	for i, node := range n.nodes[1:] {
		refused, err := node.logged("the header names a proposer who was not drawn; prevoting nil")
		if err != nil {
			return err
		}
		fmt.Fprintf(n.log, "  honest node %d refused %d blocks\n", i+1, refused)
		if refused == 0 {
			return fmt.Errorf("honest node %d refused nothing", i+1)
		}
	}
	fmt.Fprintf(n.log, "%d blocks; the byzantine node lied %d times, %d of them with a false polka; none of it is in the chain\n",
		blocks, lies, claims)
	n.report(counts, blocks)
	return nil
}

// waitForBoth waits for the two nodes that are asked about blocks.
func (n *network) waitForBoth(ctx context.Context, height int64) error {
	for _, node := range n.nodes[len(n.nodes)-2:] {
		if err := n.waitFor(ctx, node, height); err != nil {
			return err
		}
	}
	return nil
}
