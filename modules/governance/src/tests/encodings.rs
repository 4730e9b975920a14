//! Keys and records are frozen: another byte would fork the chain.

use bytes::Bytes;
use defchain_base::{
    Address, Amount, Decode, Encode, Height, StateKey, Timestamp, U256, params::ModuleParams, read_exact_value,
    system::Pool,
};
use proptest::prelude::*;

use super::world::who;
use crate::{
    Action, Addresses, Choice, GovernanceParams, Progress, Proposal, Status, Tally, Vote,
    keys::{ApprovalKey, DueKey, NextKey, ProgressKey, ProposalKey, SignersKey, VoteKey},
};

pub fn nine() -> [Address; 9] {
    core::array::from_fn(|i| who(0x91 + u8::try_from(i).unwrap()))
}

pub fn table() -> [u8; 9] {
    [100, 99, 98, 95, 90, 80, 60, 30, 0]
}

pub fn one_of_each() -> Vec<Action> {
    vec![
        Action::Text,
        Action::Param {
            module: "governance".to_owned(),
            key: "voting_days".to_owned(),
            value: Bytes::copy_from_slice(&9_u128.to_be_bytes()),
        },
        Action::BurnTable { preserved: [100, 90, 80, 70, 60, 50, 40, 10, 0] },
        Action::LowerBurn { preserved: table() },
        Action::Exempt { account: who(0x77), exempt: true },
        Action::Verifier { verifier: who(0x55), name: "Notary".to_owned(), accredited: true },
        Action::Spend { pool: Pool::Treasury, to: who(0x33), amount: Amount::from_def(5) },
        Action::Spend { pool: Pool::Technical, to: who(0x33), amount: Amount::from_def(5) },
        Action::Slash { validator: who(0x44) },
        Action::Signers { signers: nine() },
        Action::Upgrade { height: Height(1_000), app_version: 2, name: "v2".to_owned() },
        Action::CancelUpgrade,
    ]
}

fn travels<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T) {
    assert_eq!(&read_exact_value::<T>(&value.to_bytes()).unwrap(), value);
    let mut longer = value.to_bytes();
    longer.push(0);
    assert!(read_exact_value::<T>(&longer).is_err(), "trailing bytes");
}

#[test]
fn key_encodings_are_frozen() {
    assert_eq!(NextKey.to_key(), b"gov/next");
    assert_eq!(ProposalKey(1).to_key(), b"gov/prop/\0\0\0\0\0\0\0\x01");
    assert_eq!(ProgressKey(1).to_key(), b"gov/progress/\0\0\0\0\0\0\0\x01");
    assert_eq!(VoteKey(1, who(7)).to_key(), [b"gov/vote/\0\0\0\0\0\0\0\x01".as_slice(), &[7; 20]].concat());
    assert_eq!(DueKey(Timestamp(2), 1).to_key(), b"gov/due/\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01");
    assert_eq!(ApprovalKey(1).to_key(), b"gov/approval/\0\0\0\0\0\0\0\x01");
    assert_eq!(SignersKey.to_key(), b"gov/signers");
    assert_eq!(DueKey::parse(&DueKey(Timestamp(2), 1).to_key()).unwrap(), DueKey(Timestamp(2), 1));
}

#[test]
fn record_encodings_are_frozen() {
    let hash = |bytes: Vec<u8>| alloy_primitives::keccak256(bytes).to_string();
    let actions: Vec<u8> = one_of_each().iter().flat_map(Encode::to_bytes).collect();
    let proposal = Proposal {
        proposer: who(1),
        deposit: Amount::from_def(1_000),
        start: Timestamp(3),
        end: Timestamp(4),
        beta_pod: U256::from(5),
        action: Action::Text,
        description: "d".to_owned(),
    };
    let tally = Tally { yes: U256::from(1), no: U256::from(2), abstain: U256::from(3), veto: U256::from(4) };
    let progress = Progress { status: Status::Failed("why".to_owned()), due: Timestamp(9), tally };
    travels(&proposal);
    travels(&progress);
    travels(&Vote { choice: Choice::Veto, weight: U256::from(7) });
    travels(&Addresses(nine().to_vec()));
    travels(&GovernanceParams::default());
    one_of_each().iter().for_each(travels);
    let frozen = [
        hash(actions),
        hash(proposal.to_bytes()),
        hash(progress.to_bytes()),
        hash(GovernanceParams::default().to_bytes()),
    ];
    assert_eq!(
        frozen,
        [
            "0x05c5a96e75091aa67d9e0e9b14a757c5a33bf729e21c968d6332629e11551da9",
            "0xff27d9672dd43af6125e98e3417cbcb8e003fbe3ec366a1ac43c2657bf2f927a",
            "0xc64ee0b59f8b2ce2aac5ed532184fb0b5d95fb5c7f411b08c8d881ce516a2b9c",
            "0x6c0404a90be14d3cbc86009ab092eedc5e501a737844d14ebf7bd4ec457ca900",
        ]
    );
}

#[test]
fn every_parameter_has_its_default_and_refuses_what_lies_outside_its_bounds() {
    let params = GovernanceParams::default();
    assert_eq!((params.voting_days, params.timelock_hours), (7, 48), "D36a");
    assert_eq!(params.deposit, Amount::from_def(1_000), "D36a");
    for b in params.bounds() {
        assert!(params.with(b.name, b.min).is_ok() && params.with(b.name, b.max).is_ok(), "{}", b.name);
        assert!(params.with(b.name, b.min - 1).unwrap_err().to_string().contains(&b.max.to_string()), "{}", b.name);
        assert!(params.with(b.name, b.max + 1).is_err(), "{}", b.name);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_an_action_panic_or_have_two_encodings(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(action) = read_exact_value::<Action>(&bytes) {
            prop_assert_eq!(action.to_bytes(), bytes);
        }
    }

    #[test]
    fn damaged_actions_are_refused_or_have_one_encoding(which in 0..12_usize, at in 0..200_usize, bit in 0..8_u8) {
        let mut bytes = one_of_each()[which].to_bytes();
        let len = bytes.len();
        bytes[at % len] ^= 1 << bit;
        if let Ok(action) = read_exact_value::<Action>(&bytes) {
            prop_assert_eq!(action.to_bytes(), bytes);
        }
    }
}
