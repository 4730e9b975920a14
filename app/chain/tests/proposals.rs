//! What a Byzantine proposer may try: each is refused with its reason, state stays, the chain goes on (D8b).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use alloy_primitives::TxKind;
use common::{CHAIN_ID, GWEI, Key, Node, call, genesis};
use defchain_base::{Address, B256, Bytes, ConsensusAddress, Height, Timestamp, U256, payload};

/// A block of hand-made items, as a stranger would propose it.
struct Attack<'n> {
    node: &'n Node,
    height: Height,
    time: Timestamp,
    proposer: ConsensusAddress,
}

impl<'n> Attack<'n> {
    fn on(node: &'n Node) -> Self {
        let parent = node.chain().reader().latest().unwrap();
        let proposer = node.driver.proposer(&parent).unwrap();
        Self { node, height: parent.height.next(), time: Timestamp(parent.time.0 + 500), proposer }
    }

    fn accepts(&self, items: &[Vec<u8>]) -> bool {
        let items: Vec<bytes::Bytes> = items.iter().cloned().map(Into::into).collect();
        self.node.driver.process(self.height, self.time, &self.proposer, &items, B256::repeat_byte(7))
    }

    fn accepts_txs(&self, txs: &[Bytes]) -> bool {
        self.accepts(&[vec![1], payload::encode(txs.iter())])
    }
}

fn with(change: impl FnOnce(&mut alloy_consensus::TxEip1559)) -> Bytes {
    let mut tx = call(0, TxKind::Call(Address::repeat_byte(9)), 5, Bytes::new(), 21_000);
    change(&mut tx);
    Key::new(0).send(tx)
}

#[test]
fn a_block_with_an_invalid_transaction_is_refused() {
    let node = Node::start(&genesis(2));
    let attack = Attack::on(&node);
    let good = with(|_| {});
    assert!(attack.accepts_txs(std::slice::from_ref(&good)), "the same block without a fault is accepted");
    let malleable = {
        let mut raw = good.to_vec();
        let at = raw.len() - 32;
        let order = U256::from_be_bytes(alloy_primitives::hex!(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
        ));
        let s = U256::from_be_slice(&raw[at..]);
        raw[at..].copy_from_slice(&(order - s).to_be_bytes::<32>());
        Bytes::from(raw)
    };
    let bad: Vec<(&str, Vec<Bytes>)> = vec![
        ("undecodable", vec![Bytes::from_static(&[2, 0xff, 0xff])]),
        ("empty", vec![Bytes::new()]),
        ("blob type", vec![Bytes::from_static(&[3, 0xc0])]),
        ("unknown type", vec![Bytes::from_static(&[9, 0xc0])]),
        ("wrong chain", vec![with(|tx| tx.chain_id = CHAIN_ID + 1)]),
        ("nonce gap", vec![with(|tx| tx.nonce = 1)]),
        ("replayed", vec![good.clone(), good.clone()]),
        (
            "underpriced",
            vec![with(|tx| {
                tx.max_fee_per_gas = 1;
                tx.max_priority_fee_per_gas = 1;
            })],
        ),
        ("tip above fee", vec![with(|tx| tx.max_priority_fee_per_gas = 101 * GWEI)]),
        ("overdrawn", vec![with(|tx| tx.value = U256::from(1_001) * U256::from(10).pow(U256::from(18)))]),
        ("intrinsic gas", vec![with(|tx| tx.gas_limit = 20_999)]),
        ("gas above the cap", vec![with(|tx| tx.gas_limit = (1 << 24) + 1)]),
        ("unfunded", vec![Key::new(77).transfer(0, Address::ZERO, 1)]),
        ("malleable", vec![malleable]),
        ("valid then invalid", vec![good.clone(), with(|tx| tx.nonce = 2)]),
    ];
    let before = node.chain().reader().latest().unwrap();
    for (name, txs) in bad {
        assert!(!attack.accepts_txs(&txs), "{name} was accepted");
    }
    assert_eq!(node.chain().reader().latest().unwrap(), before, "refusing changed nothing");
    node.submit([good]);
    assert_eq!(node.block().tx_count, 1, "the chain goes on");
}

#[test]
fn a_block_of_other_items_is_refused() {
    let node = Node::start(&genesis(1));
    let attack = Attack::on(&node);
    let empty = payload::encode([].into_iter());
    let mut tail = empty.clone();
    tail.push(0);
    let huge = vec![0; 5 * 1024 * 1024];
    let cases: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("no items", vec![]),
        ("envelope alone", vec![vec![1]]),
        ("three items", vec![vec![1], empty.clone(), empty.clone()]),
        ("envelope of another version", vec![vec![2], empty.clone()]),
        ("envelope with an unknown section", vec![vec![1, 0x0a, 0], empty.clone()]),
        ("empty envelope bytes", vec![vec![], empty.clone()]),
        ("payload with a tail", vec![vec![1], tail]),
        ("payload cut short", vec![vec![1], empty[..4].to_vec()]),
        ("bundle instead of payload", vec![vec![1], payload::encode_bundle([].into_iter())]),
        ("oversized payload", vec![vec![1], huge]),
    ];
    for (name, items) in cases {
        assert!(!attack.accepts(&items), "{name} was accepted");
    }
    assert!(attack.accepts(&[vec![1], empty]));
}

#[test]
fn a_block_of_a_stranger_or_of_another_height_is_refused() {
    let node = Node::start(&genesis(1));
    let empty = [vec![1], payload::encode([].into_iter())];
    let attack = Attack::on(&node);
    assert!(!Attack { proposer: ConsensusAddress([9; 20]), ..Attack::on(&node) }.accepts(&empty));
    assert!(!Attack { height: Height(2), ..Attack::on(&node) }.accepts(&empty));
    assert!(!Attack { height: Height(0), ..Attack::on(&node) }.accepts(&empty));
    assert!(attack.accepts(&empty));
}

#[test]
fn finalize_skips_what_cannot_be_paid_for() {
    let node = Node::start(&genesis(2));
    let attack = Attack::on(&node);
    let (good, late) = (with(|_| {}), with(|tx| tx.nonce = 5));
    let other = Key::new(1).transfer(0, Address::repeat_byte(8), 3);
    let payload = payload::encode([&good, &late, &Bytes::from_static(b"?"), &other].into_iter());
    let items = vec![bytes::Bytes::from_static(&[1]), payload.into()];
    node.driver.decide(attack.height, attack.time, &attack.proposer, items, B256::repeat_byte(7));
    let block = node.chain().reader().block(attack.height).unwrap().unwrap();
    let hashes: Vec<B256> = block.txs.iter().map(|tx| tx.tx.hash()).collect();
    assert_eq!(hashes, [alloy_primitives::keccak256(&good), alloy_primitives::keccak256(&other)]);
    assert_eq!(block.receipts.len(), 2, "no receipt for what was skipped");
    let skipped = alloy_primitives::keccak256(&late);
    assert_eq!(node.chain().reader().tx_location(&skipped).unwrap(), None, "no index entry either");
}
