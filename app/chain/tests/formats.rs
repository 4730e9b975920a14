//! Frozen records: a fixture fails when their bytes change (D8b).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use alloy_primitives::{Log, hex};
use defchain_base::{
    Address, AgeMillis, Amount, B256, Bloom, Bytes, CodecError, ConsensusAddress, Decode, Encode, Height, Timestamp,
    keccak256, read_exact_value,
};
use defchain_chain::{
    params::ChainParams,
    records::{Header, Receipt, Receipts},
};

fn header(bloom: Bloom) -> Header {
    Header {
        height: Height(1),
        hash: B256::repeat_byte(2),
        parent_hash: B256::repeat_byte(3),
        time: Timestamp(4),
        age: AgeMillis(5),
        proposer: ConsensusAddress([6; 20]),
        beneficiary: Address::repeat_byte(7),
        gas_limit: 8,
        gas_used: 9,
        base_fee: 10,
        state_root: B256::repeat_byte(11),
        substore_roots: [12, 13, 14, 15, 16].map(B256::repeat_byte),
        transactions_root: B256::repeat_byte(17),
        receipts_root: B256::repeat_byte(18),
        logs_bloom: bloom,
        prev_randao: B256::repeat_byte(19),
        size: 20,
        tx_count: 21,
        total_power: 22,
        burned: Amount::from_wei(23),
    }
}

fn receipts() -> Receipts {
    let log = Log::new_unchecked(Address::repeat_byte(1), vec![B256::repeat_byte(2)], Bytes::from_static(b"data"));
    let receipt = Receipt {
        kind: 2,
        success: true,
        gas_used: 3,
        cumulative_gas_used: 4,
        effective_gas_price: 5,
        from: Address::repeat_byte(6),
        to: Some(Address::repeat_byte(7)),
        contract: None,
        tx_hash: B256::repeat_byte(8),
        logs: vec![log],
    };
    let creation = Receipt { success: false, to: None, contract: Some(Address::repeat_byte(9)), ..receipt.clone() };
    Receipts(vec![receipt, creation])
}

#[test]
fn headers_and_receipts_travel_round() {
    for bloom in [Bloom::ZERO, Bloom::repeat_byte(1)] {
        let header = header(bloom);
        assert_eq!(read_exact_value::<Header>(&header.to_bytes()).unwrap(), header);
    }
    assert_eq!(read_exact_value::<Receipts>(&receipts().to_bytes()).unwrap(), receipts());
    let params = ChainParams::default();
    assert_eq!(read_exact_value::<ChainParams>(&params.to_bytes()).unwrap(), params);
}

#[test]
fn the_records_are_frozen() {
    insta::assert_snapshot!(
        "records",
        format!(
            "header {}\nheader with bloom {}\nreceipts {}\nparams {}",
            hex::encode(header(Bloom::ZERO).to_bytes()),
            keccak256(header(Bloom::repeat_byte(1)).to_bytes()),
            hex::encode(receipts().to_bytes()),
            hex::encode(ChainParams::default().to_bytes()),
        )
    );
}

fn refuses_damage<T: Decode>(bytes: &[u8]) {
    for cut in 0..bytes.len() {
        assert!(read_exact_value::<T>(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut long = bytes.to_vec();
    long.push(0);
    assert!(read_exact_value::<T>(&long).is_err(), "a byte follows");
    let mut version = bytes.to_vec();
    version[0] = 9;
    assert!(read_exact_value::<T>(&version).is_err(), "another version");
}

#[test]
fn flags_have_one_form_and_a_count_that_the_bytes_cannot_hold_is_refused_before_anything_is_allocated() {
    let plain = header(Bloom::ZERO).to_bytes();
    let with_bloom = header(Bloom::repeat_byte(1)).to_bytes();
    let flag = plain.iter().zip(&with_bloom).position(|(a, b)| a != b).unwrap();
    let mut another_flag = with_bloom.clone();
    another_flag[flag] = 2;
    let mut empty_bloom = with_bloom;
    empty_bloom[flag + 1..flag + 257].fill(0);
    for twisted in [another_flag, empty_bloom] {
        assert!(matches!(read_exact_value::<Header>(&twisted), Err(CodecError::NotCanonical(_))));
    }
    let mut flags = receipts().to_bytes();
    flags[6] |= 8;
    assert_eq!(read_exact_value::<Receipts>(&flags), Err(CodecError::NotCanonical("receipt flags")));
    let lie = [&[1, 0, 0, 0, 100][..], &[0; 200]].concat();
    let expected = CodecError::Limit { what: "receipts", found: 100, limit: 2 };
    assert_eq!(read_exact_value::<Receipts>(&lie), Err(expected));
}

#[test]
fn a_damaged_record_is_an_error_never_a_value() {
    refuses_damage::<Header>(&header(Bloom::ZERO).to_bytes());
    refuses_damage::<Header>(&header(Bloom::repeat_byte(1)).to_bytes());
    refuses_damage::<Receipts>(&receipts().to_bytes());
    refuses_damage::<ChainParams>(&ChainParams::default().to_bytes());
}
