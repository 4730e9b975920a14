//! Records of state and of the database. Those of the database are spelled out: its encoders are its own.

use alloy_primitives::Log;
use defchain_base::{
    Address, AgeMillis, Amount, B256, Bloom, Bytes, ConsensusAddress, Encode, Height, Timestamp, U256,
};
use defchain_chain::{
    ChainHead,
    params::ChainParams,
    records::{Header, Receipt, Receipts},
    upgrade::UpgradePlan,
};
use defchain_evm::keys::StorageWord;
use defchain_token::{
    AccountRecord, Portion, Portions, TokenParams,
    keys::{AmountRecord, Present, SweptTo},
};
use defchain_validators::{Member, ValidatorSet};

use super::{Made, made};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.replace([' ', '\n'], "")).expect("hex")
}

fn header(logs_bloom: Bloom) -> Header {
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
        logs_bloom,
        prev_randao: B256::repeat_byte(19),
        size: 20,
        tx_count: 21,
        total_power: 22,
        burned: Amount::from_wei(23),
    }
}

fn receipts() -> Receipts {
    let log = |topics| Log::new_unchecked(Address::repeat_byte(1), topics, Bytes::from_static(b"data"));
    let call = Receipt {
        kind: 2,
        success: true,
        gas_used: 3,
        cumulative_gas_used: 4,
        effective_gas_price: 5,
        from: Address::repeat_byte(6),
        to: Some(Address::repeat_byte(7)),
        contract: None,
        tx_hash: B256::repeat_byte(8),
        logs: vec![log(vec![]), log(vec![B256::repeat_byte(2); 4])],
    };
    let creation =
        Receipt { success: false, to: None, contract: Some(Address::repeat_byte(9)), logs: vec![], ..call.clone() };
    Receipts(vec![call, creation])
}

fn account(portions: u8) -> AccountRecord {
    let portion = |n: u8| Portion {
        original: Amount::ONE_DEF,
        received_at: AgeMillis(u64::from(n)),
        settled_day: n % 9,
        table: u16::from(n % 2),
    };
    let portions = Portions::from_list((0..portions).map(portion).collect()).expect("portions in order");
    AccountRecord {
        nonce: 7,
        code_hash: B256::repeat_byte(0xab),
        referrer: Some(Address::repeat_byte(3)),
        sweep_at: AgeMillis(9),
        portions,
        ..AccountRecord::default()
    }
}

/// What the encoders write.
pub(super) fn good() -> Vec<Made> {
    let head = ChainHead {
        height: Height(1),
        time: Timestamp(2),
        age: AgeMillis(3),
        base_fee: 4,
        gas_used: 5,
        gas_limit: 6,
        header: B256::repeat_byte(7),
    };
    let member = Member { operator: Address::repeat_byte(1), key: [3; 32], weight: U256::from(5), power: 2 };
    let set = ValidatorSet(vec![member]);
    let plan = UpgradePlan { height: Height(100), app_version: 2, name: "second".to_owned() };
    let mut all = vec![
        made("account", "empty", AccountRecord::default().to_bytes()),
        made("account", "one-portion", account(1).to_bytes()),
        made("account", "all-portions", account(201).to_bytes()),
        made("amount", "some", AmountRecord(Amount::from_wei(258)).to_bytes()),
        made("token-params", "plain", TokenParams::plain().to_bytes()),
        made("token-params", "economy", TokenParams::economy().to_bytes()),
        made("token-mark", "present", Present.to_bytes()),
        made("swept-to", "some", SweptTo { at: AgeMillis(7), address: Address::repeat_byte(3) }.to_bytes()),
        made("storage-word", "one", StorageWord(U256::from(1)).to_bytes()),
        made("storage-word", "all", StorageWord(U256::MAX).to_bytes()),
        made("chain-head", "some", head.to_bytes()),
        made("validator-set", "some", set.to_bytes()),
        made("chain-params", "defaults", ChainParams::default().to_bytes()),
        made("upgrade-plan", "some", plan.to_bytes()),
        made("rules-version", "some", bytes("01 0000000000000002")),
        made("header", "without-bloom", header(Bloom::ZERO).to_bytes()),
        made("header", "with-bloom", header(Bloom::repeat_byte(1)).to_bytes()),
        made("receipts", "none", Receipts::default().to_bytes()),
        made("receipts", "call-and-creation", receipts().to_bytes()),
        made("edits", "none", bytes("01")),
        made("edits", "set-and-delete", bytes("01 02 00000002 6162 01 00000003 78797a  02 00000001 63 00")),
    ];
    all.extend(of_store());
    all
}

fn of_store() -> Vec<Made> {
    let word = |byte: &str| byte.repeat(32);
    let inner = bytes(&format!("0101 8001 0001 {} 01 {} ac02 05", word("aa"), word("bb")));
    let leaf = bytes(&format!("0102 {} 6b", word("09")));
    let sized = |record: &[u8]| format!("{:08x}{}", record.len(), hex::encode(record));
    let restore =
        format!("01 0000000000000102 {} 00000003 00000002 01 01 {} {}", word("07"), sized(&inner), sized(&leaf));
    let heights: String = (0..5).map(|n| format!("{}{n:016x}", format!("{:02x}", n + 2).repeat(32))).collect();
    let index = format!("01 {} 00000001 {} 00000002 {} {}", word("01"), word("02"), word("03"), word("04"));
    let chunk =
        format!("01 02 00000001 0001 6b 00000005 76616c7565 02 8008 0008 {} {} 0000 0000", word("aa"), word("bb"));
    vec![
        made("value", "some", bytes("01 6162")),
        made("past-value", "deleted", bytes("01 00")),
        made("past-value", "some", bytes("01 01 6162")),
        made("history-key", "zero-inside", bytes("02 ab 00ff 01 0000 fffffffffffffffa")),
        made("height-key", "some", bytes("0000000000000102")),
        made("tree-node", "inner", inner),
        made("tree-node", "leaf", leaf),
        made("stale-list", "leaf-and-root", bytes("01 00000002 01 ac02 03 aba0  00 01 00")),
        made("block-location", "some", bytes("01 0000000000000102")),
        made("tx-location", "some", bytes("01 0000000000000102 00000003")),
        made("height-record", "some", bytes(&format!("01 {} {heights}", word("01")))),
        made("chain-record", "some", bytes(&format!("01 {} 00000003 646576", word("07")))),
        made("index-record", "some", bytes(&index)),
        made("restore-record", "under-way", bytes(&restore)),
        made("chunk", "one-entry", bytes(&chunk)),
    ]
}

/// What nobody's encoder writes.
pub(super) fn refused() -> Vec<Made> {
    let mut second_bloom_flag = header(Bloom::repeat_byte(1)).to_bytes();
    let flag = header(Bloom::ZERO).to_bytes().iter().zip(&second_bloom_flag).position(|(a, b)| a != b).expect("a flag");
    second_bloom_flag[flag] = 2;
    let mut empty_bloom = header(Bloom::repeat_byte(1)).to_bytes();
    empty_bloom[flag + 1..flag + 257].fill(0);
    let mut many_receipts = vec![1, 0, 1, 0, 0];
    many_receipts.resize(5 + (1 << 16), 0);
    let mut flags = receipts().to_bytes();
    flags[6] |= 8;
    let mut unsorted = account(2).to_bytes();
    let first = unsorted.len() - 2 * 27;
    unsorted[first + 16..first + 24].fill(0xff);
    vec![
        made("account", "portions-out-of-order", unsorted),
        made("account", "unknown-flag", bytes("01 02 0000000000000000 00")),
        made("account", "more-portions-than-bytes", bytes("01 00 0000000000000000 ff")),
        made("token-params", "huge-count", bytes("01 00015180 00000000000000000000000000000001 ffffffff")),
        made("storage-word", "leading-zero", [0, 1]),
        made("upgrade-plan", "huge-name", bytes("01 0000000000000001 0000000000000002 ffffffff 61")),
        made("header", "another-bloom-flag", second_bloom_flag),
        made("header", "bloom-of-nothing", empty_bloom),
        made("receipts", "count-of-65536-in-as-many-bytes", many_receipts),
        made("receipts", "unknown-flag", flags),
        made("edits", "twice", bytes("01 02 00000001 63 00  02 00000001 63 00")),
        made("edits", "descending", bytes("01 02 00000001 63 00  01 00000001 63 00")),
        made("edits", "neither", bytes("01 02 00000001 63 02")),
        made("edits", "huge-key", bytes("01 02 ffffffff 63")),
        made("tree-node", "leaf-bit-without-place", bytes("0101 0000 0001")),
        made("tree-node", "overlong-varint", bytes(&format!("0101 0001 0001 {} 8100", "aa".repeat(32)))),
        made("stale-list", "huge-count", bytes("01 00ffffff 01")),
        made("stale-list", "path-too-long", bytes(&format!("01 00000001 01 01 41 {}", "00".repeat(33)))),
        made("index-record", "huge-count", bytes(&format!("01 {} 00ffffff", "01".repeat(32)))),
        made("history-key", "no-end", bytes("02 ab 00ff 01")),
        made("past-value", "deleted-with-value", bytes("01 00 61")),
        made("chunk", "huge-count", bytes("01 02 ffffffff 0001 6b")),
        made("chunk", "empty-value", bytes("01 02 00000001 0001 6b 00000000 00")),
        made("chunk", "deep-edge", [bytes("01 02 00000000 41"), vec![0; 65 * 4]].concat()),
    ]
}
