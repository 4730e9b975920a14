//! Keys and records are frozen: another byte would fork the chain.

use defchain_base::{
    AgeMillis, Amount, B256, Bps, ConsensusAddress, Decode, Encode, Height, StateKey, keccak256, read_exact_value,
};

use super::world::operator;
use crate::{
    Evidence, Kind, Past, SlashingParams, Split, Standing,
    keys::{
        ByOperatorKey, ChainId, ChainKey, EvidenceKey, HourKey, Mark, MinuteKey, NextKey, Number, PastKey, SpentKey,
        WarnedKey,
    },
};

fn travels<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T) {
    let mut bytes = value.to_bytes();
    assert_eq!(&read_exact_value::<T>(&bytes).unwrap(), value);
    bytes.push(0);
    assert!(read_exact_value::<T>(&bytes).is_err(), "trailing bytes");
    assert!(read_exact_value::<T>(&bytes[..bytes.len() - 2]).is_err(), "short");
}

fn evidence() -> Evidence {
    Evidence {
        kind: Kind::Equivocation,
        operator: operator(1),
        consensus: ConsensusAddress([2; 20]),
        fault_height: Height(3),
        height: Height(4),
        age: AgeMillis(5),
        share: Bps(6),
        repeats: 7,
        split: Split {
            slashed: Amount::from_wei(8),
            burned: Amount::from_wei(9),
            treasury: Amount::from_wei(10),
            reward: Amount::from_wei(11),
        },
        reporter: operator(12),
        jailed_until: AgeMillis(13),
        proof: B256::repeat_byte(14),
    }
}

fn standing() -> Standing {
    let past = |n: u64| Past {
        count: u32::try_from(n).unwrap(),
        repeats: u8::try_from(n).unwrap(),
        last: AgeMillis(n),
        jailed_until: AgeMillis(n + 1),
        covered: Height(n + 2),
        evidence: n + 3,
    };
    Standing([past(1), past(2), past(3), past(4), past(5)])
}

#[test]
fn key_encodings_are_frozen() {
    let one = 1_u64.to_be_bytes();
    assert_eq!(NextKey.to_key(), b"slash/next");
    assert_eq!(EvidenceKey(1).to_key(), [b"slash/ev/".as_slice(), &one].concat());
    assert_eq!(ByOperatorKey(operator(7), 1).to_key(), [b"slash/by/".as_slice(), &[7; 20], &one].concat());
    assert_eq!(PastKey(operator(7)).to_key(), [b"slash/past/".as_slice(), &[7; 20]].concat());
    assert_eq!(SpentKey(ConsensusAddress([7; 20])).to_key(), [b"slash/key/".as_slice(), &[7; 20]].concat());
    assert_eq!(WarnedKey(operator(7)).to_key(), [b"slash/warned/".as_slice(), &[7; 20]].concat());
    assert_eq!(HourKey(1).to_key(), [b"slash/hour/".as_slice(), &one].concat());
    assert_eq!(MinuteKey.to_key(), b"slash/minute");
    assert_eq!(ChainKey.to_key(), b"slash/chain");
}

#[test]
fn record_encodings_are_frozen() {
    travels(&evidence());
    travels(&standing());
    travels(&Number(9));
    travels(&Mark);
    travels(&ChainId("deflation-1".to_owned()));
    travels(&SlashingParams::default());
    assert_eq!(
        [evidence().to_bytes(), standing().to_bytes(), SlashingParams::default().to_bytes()]
            .map(|bytes| keccak256(bytes).to_string()),
        [
            "0xcb970349b3620b7807511b5d274346f91c05b29a1aa6fd70afd2a835705b9832",
            "0x7ee8af0df1b088c7ad74bb4de38cde0779b79bd9d149f3b3432aa3787ed4fabd",
            "0x67430e9a27be2f61a1ed8c1921bd8ebf41d43e3d07fd58da481d56132883149b",
        ]
    );
    let mut unknown = evidence().to_bytes();
    unknown[1] = 5;
    assert!(read_exact_value::<Evidence>(&unknown).unwrap_err().to_string().contains("no kind 5"));
}
