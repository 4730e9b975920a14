//! Encodings of state. A change here is a change of the app hash: it needs an upgrade.
#![allow(clippy::unwrap_used, reason = "tests")]

use alloy_primitives::hex;
use defchain_base::{Address, AgeMillis, Amount, Decode, Encode, Month, Timestamp, U256, read_exact_value};
use defchain_staking::{
    Accumulators, AtSnapshot, Bond, Book, BookId, Position, StakingParams, Unlocking,
    records::{Clock, DayEnd, Ended, Global, Joined, Mark, Number, Owner, Slashed},
};

fn frozen<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: &T, bytes: &str) {
    assert_eq!(hex::encode(value.to_bytes()), bytes);
    assert_eq!(read_exact_value::<T>(&hex::decode(bytes).unwrap()).unwrap(), *value);
    let longer = format!("{bytes}00");
    assert!(read_exact_value::<T>(&hex::decode(longer).unwrap()).is_err());
}

const ONE: &str = "0c033b2e3c9fd0803ce8000000";

#[test]
fn records_are_frozen() {
    let accumulators = Accumulators { own: U256::from(256), delegated: U256::from(3) };
    frozen(&Clock { day: 1, month: Month(202_611), month_day: 2 }, "01000000010003177300000002");
    frozen(&Number(7), "0100000007");
    frozen(&Mark, "01");
    frozen(&Slashed { day: 5, index: 258 }, "0100000005020102");
    frozen(&Joined { count: 2, accumulators }, "0101020201000103");
    frozen(&Owner { next: 3, open: 2, operator: None }, "01000000030000000200");
    frozen(&Owner { next: 3, open: 2, operator: Some(Amount::from_wei(9)) }, "010000000300000002010109");
    let ended = Ended { count: 1, index: 2, slashes: 3, join_seq: 4, accumulators, unlock_days_per_year: 30 };
    frozen(&ended, "010101010200000003010402010001030000001e");
    frozen(&Global::default(), "01000000000000000000");
    frozen(&DayEnd::default(), "010000000000000000000000000000000000");
    let book = format!("01{ONE}00000000");
    assert!(hex::encode(Book::default().to_bytes()).starts_with(&book));
    assert_eq!(read_exact_value::<Book>(&Book::default().to_bytes()).unwrap(), Book::default());
}

#[test]
fn positions_are_frozen() {
    let position = Position {
        initial: Amount::from_wei(0x0100),
        amount: Amount::from_wei(0xff),
        finished: Amount::from_wei(0xff),
        start: Timestamp(1),
        years: 12,
        end_day: 2,
        period: Month(3),
        claimed_staking: Amount::from_wei(4),
        claimed_dividends: Amount::from_wei(5),
        compound_at: Some(Timestamp(6)),
        book: BookId { operator: Address::repeat_byte(0x22), generation: 1 },
        index: 7,
        slashes: 8,
        bond: Bond::Unbinding(AgeMillis(9)),
        cursor: U256::from(10),
        rewards: Amount::from_wei(11),
        snapshot: AtSnapshot { month: Month(12), amount: Amount::from_wei(13), years: 14 },
        unlocking: Some(Unlocking {
            days: 15,
            until: 16,
            units: U256::from(17),
            rounded: true,
            base: Amount::from_wei(18),
            base_day: 19,
        }),
    };
    let parts = [
        "01",
        "020100",
        "01ff",
        "01ff",
        "0000000000000001",
        "0c",
        "00000002",
        "00000003",
        "0104",
        "0105",
        "0107",
        "2222222222222222222222222222222222222222",
        "00000001",
        "0107",
        "00000008",
        "030000000000000009",
        "010a",
        "010b",
        "0000000c",
        "010d",
        "0e",
        "02",
        "0000000f",
        "00000010",
        "0111",
        "0112",
        "00000013",
    ];
    frozen(&position, &parts.concat());
    for bond in [Bond::Idle, Bond::Joining(5), Bond::Counted] {
        let other = Position { bond, unlocking: None, compound_at: None, ..position.clone() };
        assert_eq!(read_exact_value::<Position>(&other.to_bytes()).unwrap(), other);
    }
}

#[test]
fn parameters_are_frozen() {
    let bytes = StakingParams::default().to_bytes();
    // A version byte and 16 bytes each.
    assert_eq!(bytes.len(), 1 + 16 * 23);
    assert_eq!(read_exact_value::<StakingParams>(&bytes).unwrap(), StakingParams::default());
}
