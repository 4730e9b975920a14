//! Two conflicting votes, submitted by anybody (D34: the reporter's 20 %).

use defchain_base::{Address, AgeMillis, Amount, Height, native::Host, system::Pool};
use defchain_validators::{self as validators, JailKind, Status};
use proptest::prelude::*;
use prost::Message;

use super::world::{CHAIN, DAY, DELEGATED, STAKE, World, consensus, operator, pair, public, signed, signed_for, vote};
use crate::{
    Fault, Kind, SlashingError, submit_evidence,
    votes::{BlockId, PartSetHeader, Timestamp, Vote, verify},
};

fn reporter() -> Address {
    Address::repeat_byte(0x99)
}

#[test]
fn d34_a_reporter_gets_20_percent() {
    let mut w = World::new();
    let (supply, staking) = (w.supply(), w.pool(Pool::Staking));
    let (a, b) = pair(1, w.height());
    assert_eq!(w.submit(reporter(), 1, &a, &b).unwrap(), 1);
    let slashed = Amount::from_def((STAKE + DELEGATED) / 20);
    let e = w.newest().unwrap();
    assert_eq!((e.kind, e.split.slashed, e.reporter), (Kind::DoubleSign, slashed, reporter()));
    assert_eq!(w.host.balance(reporter()).unwrap(), Amount::from_def((STAKE + DELEGATED) / 100), "a fifth of 5 %");
    assert_eq!(w.pool(Pool::Treasury), slashed.mul_div_floor(3, 10).unwrap());
    assert_eq!(w.supply(), supply.checked_sub(slashed.mul_div_floor(1, 2).unwrap()).unwrap());
    assert_eq!(w.pool(Pool::Staking), staking.checked_sub(slashed).unwrap());
    assert_eq!(w.status(1), Status::Jailed);
}

#[test]
fn an_operator_that_reports_itself_gets_nothing() {
    let mut w = World::new();
    let (a, b) = pair(1, w.height());
    w.submit(operator(1), 1, &a, &b).unwrap();
    let e = w.newest().unwrap();
    assert_eq!((e.split.reward, w.host.balance(operator(1)).unwrap()), (Amount::ZERO, Amount::ZERO));
    assert_eq!(e.split.burned, e.split.slashed.mul_div_floor(7, 10).unwrap());
}

#[test]
fn d34_one_pair_of_votes_is_punished_once_whoever_reports_it() {
    let mut w = World::new();
    let height = w.height();
    let (a, b) = pair(1, height);
    w.submit(reporter(), 1, &a, &b).unwrap();
    for (a, b) in [(&a, &b), (&b, &a)] {
        let error = w.refused(1, a, b);
        assert!(error.contains("punished for it with evidence 1") && error.contains("up to height"), "{error}");
    }
    w.report(&[Fault { light_client: false, address: consensus(1), height }], &[]);
    assert_eq!(w.count(), 1, "CometBFT comes with the same pair");
    // Another pair of the same time.
    let (c, d) = (signed(1, vote(1, height, 3)), signed(1, vote(1, height, 4)));
    assert!(w.refused(1, &c, &d).contains("are one"));
    assert_eq!(w.count(), 1);
}

#[test]
fn a_vote_for_nil_conflicts_with_one_for_a_block() {
    let mut w = World::new();
    let nil = Vote { block_id: None, ..vote(1, w.height(), 1) };
    let spelled = Vote {
        block_id: Some(BlockId { hash: Vec::new(), parts: Some(PartSetHeader::default()) }),
        ..vote(1, w.height(), 1)
    };
    assert_eq!(nil.sign_bytes(CHAIN), spelled.sign_bytes(CHAIN), "CometBFT signs no block id for nil");
    let error = w.refused(1, &signed(1, nil.clone()), &signed(1, spelled));
    assert!(error.contains("both are for the same block"), "{error}");
    w.submit(reporter(), 1, &signed(1, nil), &signed(1, vote(1, Height(1), 1))).unwrap();
}

#[test]
fn votes_that_one_may_cast_both_prove_nothing() {
    let mut w = World::new();
    let height = w.height();
    let base = signed(1, vote(1, height, 1));
    let others = [
        Vote { round: 1, ..vote(1, height, 2) },
        Vote { kind: 1, ..vote(1, height, 2) },
        Vote { height: 2, ..vote(1, height, 2) },
    ];
    for other in others {
        let error = w.refused(1, &base, &signed(1, other));
        assert!(error.contains("must be the same"), "{error}");
    }
    assert!(w.refused(1, &base, &base).contains("same block"));
    // Signed at another time, for the same block: CometBFT's validators may do that.
    let later = Vote { timestamp: Some(Timestamp { seconds: 1, nanos: 0 }), ..vote(1, height, 1) };
    assert!(w.refused(1, &base, &signed(1, later)).contains("same block"));
}

#[test]
fn false_evidence_is_refused() {
    let mut w = World::new();
    let height = w.height();
    let (a, b) = pair(1, height);
    // Forged: nobody signed it.
    let mut forged = Vote::decode(b.as_slice()).unwrap();
    forged.signature[10] ^= 1;
    let error = w.refused(1, &a, &forged.encode_to_vec());
    assert!(error.contains("vote B is not signed by") && error.contains(CHAIN), "{error}");
    // Changed after signing.
    let mut changed = Vote::decode(b.as_slice()).unwrap();
    changed.timestamp = Some(Timestamp { seconds: 5, nanos: 5 });
    assert!(w.refused(1, &a, &changed.encode_to_vec()).contains("not signed"));
    // Signed by another validator in its name.
    let stolen = signed(2, vote(1, height, 2));
    assert!(w.refused(1, &a, &stolen).contains("not signed"));
    // Another validator's vote.
    let error = w.refused(1, &a, &signed(2, vote(2, height, 2)));
    assert!(error.contains(&consensus(2).to_string()) && error.contains(&consensus(1).to_string()), "{error}");
    // Submitted with another key.
    assert!(w.refused(2, &a, &b).contains("the key given is that of"));
    assert_eq!(w.count(), 0);
}

#[test]
fn evidence_of_another_chain_is_refused() {
    let mut w = World::new();
    let height = w.height();
    let other = "deflation-test-1";
    let (a, b) = (signed_for(1, other, vote(1, height, 1)), signed_for(1, other, vote(1, height, 2)));
    assert!(w.refused(1, &a, &b).contains("for chain deflation-local-1"));
    assert!(verify(other, &public(1), &a, &b).is_ok(), "there it proves something");
}

#[test]
fn evidence_against_who_never_validated_is_refused() {
    let mut w = World::new();
    let (a, b) = pair(9, w.height());
    let error = w.refused(9, &a, &b);
    assert_eq!(error, SlashingError::UnknownKey(consensus(9)).to_string());
}

/// D31: an old key stays slashable for what it signed while it had power; what is signed with it afterwards, by whoever found
/// it, is no fault.
#[test]
fn d31_votes_of_a_height_at_which_the_key_had_no_power_are_no_fault() {
    let mut w = World::new();
    let until = AgeMillis(w.age() + DAY);
    validators::jail(&mut w.host, operator(1), until, JailKind::Downtime).unwrap();
    w.pass(1_000);
    let left = w.height().0 + 2;
    for _ in 0..3 {
        w.pass(1_000);
    }
    let (a, b) = pair(1, Height(left));
    let error = w.refused(1, &a, &b);
    let expected = format!("{} had no power at height {left}: it was in the set from 1 to {}", consensus(1), left - 1);
    assert_eq!(error, expected);
    let (a, b) = pair(1, Height(left - 1));
    w.submit(reporter(), 1, &a, &b).unwrap();
    assert_eq!(w.newest().unwrap().fault_height, Height(left - 1));
}

#[test]
fn evidence_of_the_past_and_of_the_future_is_refused_with_heights() {
    let mut w = World::new();
    let (a, b) = pair(1, Height(w.height().0 + 1));
    assert_eq!(w.refused(1, &a, &b), "the fault is at height 2, this is block 1");
    let (a, b) = pair(1, Height(u64::try_from(i64::MAX).unwrap()));
    assert!(w.refused(1, &a, &b).contains("this is block 1"));
    let (a, b) = pair(1, w.height());
    for _ in 0..23 {
        w.pass(DAY);
    }
    let error = w.refused(1, &a, &b);
    assert!(error.contains("at height 1, too long ago") && error.contains("begins at height"), "{error}");
}

#[test]
fn what_is_no_vote_says_why() {
    let mut w = World::new();
    let height = w.height();
    let good = signed(1, vote(1, height, 1));
    let with = |change: fn(&mut Vote)| {
        let mut v = Vote::decode(signed(1, vote(1, height, 2)).as_slice()).unwrap();
        change(&mut v);
        v.encode_to_vec()
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "type 0: 1 prevote, 2 precommit"),
        (vec![0xff; 40], "do not decode"),
        (with(|v| v.kind = 32), "type 32"),
        (with(|v| v.height = 0), "height 0 and round 0"),
        (with(|v| v.round = -1), "round -1"),
        (with(|v| v.timestamp = None), "no timestamp"),
        (with(|v| v.signature = vec![1; 63]), "signature of 63 bytes"),
        (with(|v| v.block_id.as_mut().unwrap().hash = vec![1; 31]), "neither nil nor complete"),
        (with(|v| v.block_id.as_mut().unwrap().parts = None), "neither nil nor complete"),
        (with(|v| v.extension = vec![7; 1_100]), "leave the extension out"),
        ([good.as_slice(), &[0x78, 1]].concat(), "not the one encoding"),
        // Defaults spelled out: the same vote in other bytes.
        ([good.as_slice(), &[0x38, 0]].concat(), "not the one encoding"),
    ];
    for (bytes, says) in cases {
        let error = w.refused(1, &good, &bytes);
        assert!(error.starts_with("vote B is no vote of CometBFT") && error.contains(says), "{says}: {error}");
    }
    assert!(w.refused(1, &[1, 2, 3], &good).starts_with("vote A"));
}

#[test]
fn a_vote_with_its_extension_proves_the_same() {
    let w = World::new();
    let (a, b) = pair(1, w.height());
    let mut long = Vote::decode(b.as_slice()).unwrap();
    long.extension = vec![1, 2, 3];
    long.extension_signature = vec![4; 64];
    let (short, long) = (verify(CHAIN, &public(1), &a, &b), verify(CHAIN, &public(1), &long.encode_to_vec(), &a));
    assert_eq!(short.unwrap(), long.unwrap());
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    let mut w = World::new();
    // Not the encoding of a point.
    let bad = [0x02; 32];
    let address = defchain_base::ConsensusAddress::of_ed25519(&bad);
    let mut votes = [1, 2].map(|b| Vote { validator_address: address.0.to_vec(), ..vote(1, Height(1), b) });
    for v in &mut votes {
        v.signature = vec![3; 64];
    }
    let [a, b] = votes.map(|v| v.encode_to_vec());
    let error = submit_evidence(&mut w.host, reporter(), &bad, &a, &b).unwrap_err();
    assert!(matches!(error, SlashingError::UnknownKey(_) | SlashingError::Signature { .. }), "{error}");
}

/// The vectors of CometBFT's own `TestVoteSignBytesTestVectors`.
#[test]
fn sign_bytes_are_cometbfts() {
    let hex = |s: &str| alloy_primitives::hex::decode(s.replace(' ', "")).unwrap();
    // Go's zero time.
    let timestamp = Some(Timestamp { seconds: -62_135_596_800, nanos: 0 });
    let empty = Vote { timestamp, ..Vote::default() };
    let first = Vote { height: 1, round: 1, ..empty.clone() };
    let time = "2a 0b 08 80 92 b8 c3 98 fe ff ff ff 01";
    let place = "11 01 00 00 00 00 00 00 00 19 01 00 00 00 00 00 00 00";
    assert_eq!(empty.sign_bytes(""), hex(&format!("0d {time}")));
    assert_eq!(Vote { kind: 2, ..first.clone() }.sign_bytes(""), hex(&format!("21 08 02 {place} {time}")));
    assert_eq!(Vote { kind: 1, ..first.clone() }.sign_bytes(""), hex(&format!("21 08 01 {place} {time}")));
    assert_eq!(first.sign_bytes(""), hex(&format!("1f {place} {time}")));
    let chain = "32 0d 74 65 73 74 5f 63 68 61 69 6e 5f 69 64";
    assert_eq!(first.sign_bytes("test_chain_id"), hex(&format!("2e {place} {time} {chain}")));
    let extended = Vote { extension: b"extension".to_vec(), ..first };
    assert_eq!(extended.sign_bytes("test_chain_id"), hex(&format!("2e {place} {time} {chain}")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_a_vote_panic(a in prop::collection::vec(any::<u8>(), 0..200), b in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(CHAIN, &public(1), &a, &b).is_err());
    }

    /// A vote that any single bit was changed in proves nothing, or the same: what is not signed may differ.
    #[test]
    fn a_damaged_vote_proves_nothing_else(at in 0..400_usize, bit in 0..8_u8) {
        let (a, b) = pair(1, Height(1));
        let proof = verify(CHAIN, &public(1), &a, &b).unwrap();
        let mut damaged = b.clone();
        let len = damaged.len();
        damaged[at % len] ^= 1 << bit;
        if let Ok(other) = verify(CHAIN, &public(1), &a, &damaged) {
            prop_assert_eq!(other, proof);
        }
    }
}

/// Votes that CometBFT v0.40 encoded and signed: height 7, round 2, index 3, on this test's chain.
mod cometbft {
    pub const KEY: [u8; 32] =
        alloy_primitives::hex!("a4aeebad9e8527d8bcbc826fd232b030029a55acfe911b87f30151198b999551");
    pub const FOR_A: &str = "08021007180222480a20a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1122408051220a2a2\
         a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a22a0b0880a4a7da0610959aef3a3214f36e2e3c2b\
         286290d7b4299f3976d86eef238151380342407c20172d2962803c645862be5ebb69cfdc8ee57c5b11fedb1c16a07c2c47a4\
         3f607998186683ec40e19bbcdd9ff24c6206d0e589f49b5561bea0082b52941a02";
    pub const FOR_B: &str = "08021007180222480a20b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1122408051220b2b2\
         b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b22a0b0880a4a7da0610959aef3a3214f36e2e3c2b\
         286290d7b4299f3976d86eef23815138034240cb0598486a093d0231b1428392e0ea306975ee2347ed215b1cbf5100a5de85\
         148043d946707862202640711bc474a77969f14a163d9b4eeaa0f0c9354076900e";
    pub const FOR_NIL: &str = "080210071802220212002a0b0880a4a7da0610959aef3a3214f36e2e3c2b286290d7b4299f3976d86eef238151380342404a\
         766649c0222eee5adccc65295ac44d505003c139e6ecc738cccf46c47125ce4e307d0d4e9ed7b3c6bbe45844ec14ac09f236\
         aabbbc39a4ad7333eeb7419e0e";
    pub const SIGNED_OF_A: &str = "7e080211070000000000000019020000000000000022480a20a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\
         a1a1a1a1a1a1a1122408051220a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a22a0b0880a4\
         a7da0610959aef3a32116465666c6174696f6e2d6c6f63616c2d31";
}

#[test]
fn votes_that_cometbft_signed_prove_double_signing() {
    let bytes = |hex: &str| alloy_primitives::hex::decode(hex).unwrap();
    let [a, b, nil] = [cometbft::FOR_A, cometbft::FOR_B, cometbft::FOR_NIL].map(bytes);
    assert_eq!(Vote::decode(a.as_slice()).unwrap().sign_bytes(CHAIN), bytes(cometbft::SIGNED_OF_A));
    for (first, second) in [(&a, &b), (&a, &nil), (&nil, &b)] {
        let proof = verify(CHAIN, &cometbft::KEY, first, second).unwrap();
        assert_eq!(proof.address.to_string(), "F36E2E3C2B286290D7B4299F3976D86EEF238151");
        assert_eq!(proof.height, Height(7));
        assert_eq!(proof, verify(CHAIN, &cometbft::KEY, second, first).unwrap());
    }
    let error = verify("deflation-1", &cometbft::KEY, &a, &b).unwrap_err().to_string();
    assert!(error.contains("is not signed by F36E") && error.contains("for chain deflation-1"), "{error}");
}
