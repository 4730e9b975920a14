//! Where validators live.
//!
//! | Substore | Key | Value |
//! |---|---|---|
//! | def | `val/op/ ‖ operator` | [`ValidatorRecord`] |
//! | def | `val/cons/ ‖ consensus address` | [`Operator`]; never removed: old keys stay slashable |
//! | def | `val/bls/ ‖ keccak(BLS key)` | [`Operator`]; never removed |
//! | def | `val/seat/ ‖ country` | [`Operator`] |
//! | def | `val/queue/ ‖ country ‖ be64(registered at) ‖ operator` | [`Operator`] |
//! | def | `val/term/ ‖ consensus address` | [`KeyTerm`] |
//! | def | `val/tally/ ‖ operator` | [`Tally`] |
//! | def | `val/owed/ ‖ operator` | commission not yet claimed |
//! | def | `val/owed` | their sum |
//! | def | `val/down` | [`DownList`]; absent when nobody is |
//! | def | `val/out` | [`Removals`] that wait; absent when none does |
//! | sys | `val/set/ ‖ be64(height)` | [`ValidatorSet`] from that height on |
//! | sys | `val/epoch` | [`Epoch`] |
//! | sys | `val/latch` | [`Latch`] (D32) |

use defchain_base::{Address, B256, ConsensusAddress, Height, StateKey, Substore, Timestamp, keccak256};
use defchain_geo::Country;
use defchain_token::keys::AmountRecord;

use crate::records::{DownList, Epoch, KeyTerm, Latch, Operator, Removals, Tally, ValidatorRecord, ValidatorSet};

pub(crate) const OPERATORS: &[u8] = b"val/op/";
pub(crate) const SEATS: &[u8] = b"val/seat/";
pub(crate) const QUEUES: &[u8] = b"val/queue/";
pub(crate) const OWED: &[u8] = b"val/owed/";
pub(crate) const SETS: &[u8] = b"val/set/";

macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident($($field:ident: $ty:ty),*) -> $value:ty, $store:ident, |$out:ident| $body:block;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name($(pub $ty),*);

        impl StateKey for $name {
            type Value = $value;
            const SUBSTORE: Substore = Substore::$store;

            fn encode_key(&self, $out: &mut Vec<u8>) {
                let Self($($field),*) = self;
                $body
            }
        }
    )*};
}

keys! {
    /// A validator.
    RecordKey(operator: Address) -> ValidatorRecord, Def, |out| {
        out.extend(OPERATORS);
        out.extend(operator);
    };
    /// Whose a consensus address is, or was.
    ConsensusKey(address: ConsensusAddress) -> Operator, Def, |out| {
        out.extend(b"val/cons/");
        out.extend(address.0);
    };
    /// From when to when a consensus key had power.
    KeyTermKey(address: ConsensusAddress) -> KeyTerm, Def, |out| {
        out.extend(b"val/term/");
        out.extend(address.0);
    };
    /// Whose a BLS key is, or was.
    BlsKeyKey(hash: B256) -> Operator, Def, |out| {
        out.extend(b"val/bls/");
        out.extend(hash);
    };
    /// Who holds a country's seat.
    SeatKey(country: Country) -> Operator, Def, |out| {
        out.extend(SEATS);
        out.extend(country.code());
    };
    /// A candidate for an occupied seat.
    QueueKey(country: Country, registered_at: Timestamp, operator: Address) -> Operator, Def, |out| {
        out.extend(QUEUES);
        out.extend(country.code());
        out.extend(registered_at.0.to_be_bytes());
        out.extend(operator);
    };
    /// What a validator did.
    TallyKey(operator: Address) -> Tally, Def, |out| {
        out.extend(b"val/tally/");
        out.extend(operator);
    };
    /// Commission that an operator may claim.
    OwedKey(operator: Address) -> AmountRecord, Def, |out| {
        out.extend(OWED);
        out.extend(operator);
    };
    /// Sum of what operators may claim.
    OwedSumKey() -> AmountRecord, Def, |out| { out.extend(b"val/owed"); };
    /// Who is absent.
    DownKey() -> DownList, Def, |out| { out.extend(b"val/down"); };
    /// Whose removal from the set waits.
    OutKey() -> Removals, Def, |out| { out.extend(b"val/out"); };
    /// CometBFT's set from a height on.
    SetKey(height: Height) -> ValidatorSet, Sys, |out| {
        out.extend(SETS);
        out.extend(height.0.to_be_bytes());
    };
    /// The epoch.
    EpochKey() -> Epoch, Sys, |out| { out.extend(b"val/epoch"); };
    /// Whether the chain is open.
    LatchKey() -> Latch, Sys, |out| { out.extend(b"val/latch"); };
}

impl BlsKeyKey {
    /// Of a key.
    #[must_use]
    pub fn of(key: &[u8; 96]) -> Self {
        Self(keccak256(key))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use defchain_base::{AgeMillis, Amount, Bps, Encode, U256, read_exact_value};

    use super::*;
    use crate::records::{Attested, Down, Jail, JailKind, Member, Removal, Status};

    fn de() -> Country {
        Country::parse("DE").unwrap()
    }

    #[test]
    fn key_encodings_are_frozen() {
        let who = Address::repeat_byte(0x11);
        let with = |prefix: &str, rest: &[&[u8]]| [prefix.as_bytes(), &rest.concat()].concat();
        assert_eq!(RecordKey(who).to_key(), with("val/op/", &[&[0x11; 20]]));
        assert_eq!(ConsensusKey(ConsensusAddress([2; 20])).to_key(), with("val/cons/", &[&[2; 20]]));
        assert_eq!(KeyTermKey(ConsensusAddress([2; 20])).to_key(), with("val/term/", &[&[2; 20]]));
        assert_eq!(BlsKeyKey::of(&[3; 96]).to_key(), with("val/bls/", &[keccak256([3; 96]).as_slice()]));
        assert_eq!(SeatKey(de()).to_key(), b"val/seat/DE");
        assert_eq!(
            QueueKey(de(), Timestamp(258), who).to_key(),
            with("val/queue/DE", &[&[0, 0, 0, 0, 0, 0, 1, 2], &[0x11; 20]])
        );
        assert_eq!(TallyKey(who).to_key(), with("val/tally/", &[&[0x11; 20]]));
        assert_eq!(OwedKey(who).to_key(), with("val/owed/", &[&[0x11; 20]]));
        assert_eq!(
            (OwedSumKey().to_key(), DownKey().to_key(), OutKey().to_key()),
            (b"val/owed".to_vec(), b"val/down".to_vec(), b"val/out".to_vec())
        );
        assert_eq!(SetKey(Height(258)).to_key(), with("val/set/", &[&[0, 0, 0, 0, 0, 0, 1, 2]]));
        assert_eq!((EpochKey().to_key(), LatchKey().to_key()), (b"val/epoch".to_vec(), b"val/latch".to_vec()));
        let sys = [SetKey::SUBSTORE, EpochKey::SUBSTORE, LatchKey::SUBSTORE];
        assert_eq!(sys, [Substore::Sys; 3], "D6: validator-set records in sys");
    }

    fn record() -> ValidatorRecord {
        ValidatorRecord {
            moniker: "Ab".to_owned(),
            country: de(),
            status: Status::Jailed,
            leaving: true,
            released: false,
            registered_at: Timestamp(1),
            consensus_key: [2; 32],
            next_key: Some([3; 32]),
            bls_key: [4; 96],
            commission: Bps(500),
            commission_at: Timestamp(5),
            attested: Attested {
                hash: B256::repeat_byte(6),
                verifier: Address::repeat_byte(7),
                expires_at: 8,
                warned: true,
            },
            jail: Some(Jail { kind: JailKind::Censorship, since: AgeMillis(9), until: AgeMillis(10) }),
            inactive_since: AgeMillis(11),
            slashed_at: Some(AgeMillis(12)),
        }
    }

    #[test]
    fn the_validators_record_is_frozen() {
        let be = |n: u64| n.to_be_bytes();
        let expected = [
            &[1][..],
            b"DE",
            &[3, 1, 0],
            &be(1),
            &[2; 32],
            &[1],
            &[3; 32],
            &[4; 96],
            &[0x01, 0xf4],
            &be(5),
            &[6; 32],
            &[7; 20],
            &be(8),
            &[1],
            &[3],
            &be(9),
            &be(10),
            &be(11),
            &[1],
            &be(12),
            &[0, 0, 0, 2],
            b"Ab",
        ]
        .concat();
        assert_eq!(record().to_bytes(), expected);
        assert_eq!(read_exact_value::<ValidatorRecord>(&expected).unwrap(), record());
        let bare = ValidatorRecord { next_key: None, jail: None, slashed_at: None, ..record() };
        assert_eq!(read_exact_value::<ValidatorRecord>(&bare.to_bytes()).unwrap(), bare);
        for end in 0..expected.len() {
            assert!(read_exact_value::<ValidatorRecord>(&expected[..end]).is_err());
        }
        for (at, byte) in [(0, 2), (1, b'x'), (3, 6), (4, 2)] {
            let mut damaged = expected.clone();
            damaged[at] = byte;
            assert!(read_exact_value::<ValidatorRecord>(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_other_records_are_frozen() {
        let who = Address::repeat_byte(0x11);
        let be = |n: u64| n.to_be_bytes();
        let word = |n: u64| U256::from(n).to_be_bytes::<32>();
        let member = Member { operator: who, key: [2; 32], weight: U256::from(3), power: 4 };
        let set = ValidatorSet(vec![member]);
        let bytes = [&[1, 0, 0, 0, 1][..], &[0x11; 20], &[2; 32], &word(3), &be(4)].concat();
        assert_eq!((set.to_bytes(), read_exact_value::<ValidatorSet>(&bytes).unwrap()), (bytes.clone(), set));
        let twice = [&[1, 0, 0, 0, 2][..], &bytes[5..], &bytes[5..]].concat();
        assert!(read_exact_value::<ValidatorSet>(&twice).is_err(), "each member once");
        assert!(read_exact_value::<ValidatorSet>(&[1, 0, 0, 0, 196]).unwrap_err().to_string().contains("195"));

        let term = KeyTerm { from: Height(2), until: Some(Height(3)) };
        let bytes = [&[1][..], &be(2), &[1], &be(3)].concat();
        assert_eq!((term.to_bytes(), read_exact_value::<KeyTerm>(&bytes).unwrap()), (bytes, term));
        let open = KeyTerm { until: None, ..term };
        assert_eq!(read_exact_value::<KeyTerm>(&open.to_bytes()).unwrap(), open);

        let epoch = Epoch {
            number: 1,
            start: Height(2),
            blocks: 3,
            total_weight: U256::from(4),
            removed_weight: U256::from(5),
            min_stake: Amount::from_wei(6),
        };
        let bytes = [&[1][..], &be(1), &be(2), &be(3), &word(4), &word(5), &6_u128.to_be_bytes()].concat();
        assert_eq!((epoch.to_bytes(), read_exact_value::<Epoch>(&bytes).unwrap()), (bytes, epoch));

        let latch = Latch { height: Height(1), time: Timestamp(2) };
        let bytes = [&[1][..], &be(1), &be(2)].concat();
        assert_eq!((latch.to_bytes(), read_exact_value::<Latch>(&bytes).unwrap()), (bytes, latch));

        let down = DownList(vec![Down { operator: who, from: Height(1), since: AgeMillis(2) }]);
        let bytes = [&[1, 0, 0, 0, 1][..], &[0x11; 20], &be(1), &be(2)].concat();
        assert_eq!((down.to_bytes(), read_exact_value::<DownList>(&bytes).unwrap()), (bytes, down));

        let out = Removals(vec![Removal { operator: who, deferred: true }]);
        let bytes = [&[1, 0, 0, 0, 1][..], &[0x11; 20], &[1]].concat();
        assert_eq!((out.to_bytes(), read_exact_value::<Removals>(&bytes).unwrap()), (bytes, out));

        let tally = Tally { proposed: 1, earlier: 2, missed: 3, member_from: Some(Height(4)), last_end: Height(5) };
        let bytes = [&[1][..], &be(1), &be(2), &be(3), &[1], &be(4), &be(5)].concat();
        assert_eq!((tally.to_bytes(), read_exact_value::<Tally>(&bytes).unwrap()), (bytes, tally));
        let gone = Tally { member_from: None, ..tally };
        assert_eq!(read_exact_value::<Tally>(&gone.to_bytes()).unwrap(), gone);

        assert_eq!(Operator(who).to_bytes(), [&[1][..], &[0x11; 20]].concat());
    }
}
