//! Faults that are planted in one replica to see that a run notices: a check that never fails checks nothing.
//!
//! Each is injected where the replica meets the world (the request it gets, the answer it gives, the bytes its disk
//! takes), so that the application carries no switches for being wrong.

use core::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use defchain_abci::types::RequestFinalizeBlock;
use defchain_base::{Address, ConsensusAddress};
use defchain_chain::payload;
use defchain_store::ModelDisk;
use tendermint_proto::google::protobuf::Timestamp as ProtoTime;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers FinalizeBlock once with another app hash than it computed.
    WrongAppHash,
    /// It takes the block's time for a millisecond later.
    ClockOff,
    /// It executes two transactions of different senders the other way round, as a map's order might.
    OrderOfIteration,
    /// It loses the last transaction of a block, fee and all.
    DroppedTransaction,
    /// It credits fee share and tips to another validator's operator.
    TipToStranger,
    /// It takes the optimistic result of a proposal that was not decided.
    StaleOptimisticResult,
    /// It forgets the write of one account.
    ForgottenWrite,
    /// It stores a receipt with one gas more.
    ReceiptGasOff,
    /// It acknowledges a commit that is not on disk, and loses power.
    UnsyncedCommit,
    /// It writes a sender's account without counting its nonce on.
    NonceNotBumped,
    /// It loses what a block's fees brought the dividend pool.
    FeeLost,
    /// It is given a block twice after a restart.
    BlockTwice,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::WrongAppHash,
        Self::ClockOff,
        Self::OrderOfIteration,
        Self::DroppedTransaction,
        Self::TipToStranger,
        Self::StaleOptimisticResult,
        Self::ForgottenWrite,
        Self::ReceiptGasOff,
        Self::UnsyncedCommit,
        Self::NonceNotBumped,
        Self::FeeLost,
        Self::BlockTwice,
    ];

    /// The fault of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.to_string() == name)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = format!("{self:?}");
        for (at, letter) in name.chars().enumerate() {
            if letter.is_ascii_uppercase() && at > 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", letter.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

/// A fault in one replica, from a height on, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planted {
    /// Which.
    pub fault: Fault,
    /// In which replica.
    pub replica: usize,
    /// The first height at which it may show.
    pub from: u64,
    /// At which height it did.
    pub done: Option<u64>,
}

/// What a fault may use.
pub struct Around<'a> {
    /// Addresses of the validators.
    pub validators: &'a [ConsensusAddress],
    /// Items of another proposal of the height that this replica accepted.
    pub other: Option<&'a [Bytes]>,
    /// Who signed the block's transactions, in their order.
    pub senders: &'a [Address],
}

/// Changes what the replica is asked to finalize. Whether it did.
pub fn in_request(fault: Fault, request: &mut RequestFinalizeBlock, around: &Around<'_>) -> bool {
    match fault {
        Fault::ClockOff => {
            let Some(time) = &mut request.time else { return false };
            let nanos = time.nanos + 1_000_000;
            *time =
                ProtoTime { seconds: time.seconds + i64::from(nanos / 1_000_000_000), nanos: nanos % 1_000_000_000 };
            true
        }
        Fault::OrderOfIteration => change_txs(request, |txs| {
            let two = around.senders.windows(2).position(|w| matches!(w, [a, b] if a != b));
            match two {
                Some(at) if around.senders.len() == txs.len() => {
                    txs.swap(at, at + 1);
                    true
                }
                _ => false,
            }
        }),
        Fault::DroppedTransaction => change_txs(request, |txs| txs.pop().is_some()),
        Fault::TipToStranger => {
            let other = around.validators.iter().find(|v| v.0[..] != request.proposer_address[..]);
            let Some(other) = other.filter(|_| !around.senders.is_empty()) else { return false };
            request.proposer_address = Bytes::copy_from_slice(&other.0);
            true
        }
        Fault::StaleOptimisticResult => match around.other {
            Some(items) if *items != request.txs => {
                request.txs = items.to_vec();
                true
            }
            _ => false,
        },
        _ => false,
    }
}

fn change_txs(request: &mut RequestFinalizeBlock, change: impl FnOnce(&mut Vec<defchain_base::Bytes>) -> bool) -> bool {
    let Ok(mut txs) = payload::decode_items(&request.txs, &Default::default()) else { return false };
    if !change(&mut txs) {
        return false;
    }
    request.txs = payload::encode_items(txs.iter()).map(|item| item.0).to_vec();
    true
}

/// Arms the disk, so that the next commit's bytes are wrong. Whether the fault is one of the disk's and the block has
/// what it takes.
pub fn on_disk(fault: Fault, disk: &ModelDisk, senders: &[Address]) -> bool {
    let Some(sender) = senders.first().copied() else { return false };
    let once = AtomicBool::new(false);
    let first = move || !once.swap(true, Ordering::Relaxed);
    // A flat key is the substore's number and the key; a record is a version byte and the value.
    let account = [&[2, b'a'][..], sender.as_slice()].concat();
    match fault {
        Fault::UnsyncedCommit => disk.lie(),
        Fault::ForgottenWrite => {
            disk.tamper(move |column, key, value| (column != "flat" || key != account || !first()).then_some(value));
        }
        Fault::NonceNotBumped => disk.tamper(move |column, key, value| {
            // Version of the record, of the account; flags; nonce.
            if column == "flat" && key == account && first() { Some(less_one(&value, 3, 8)) } else { Some(value) }
        }),
        Fault::FeeLost => disk.tamper(move |column, key, value| {
            let pool = key.get(1..) == Some(b"token/pool/\x00".as_slice());
            if column == "flat" && pool && first() { Some(less_one(&value, 2, 16)) } else { Some(value) }
        }),
        Fault::ReceiptGasOff => disk.tamper(move |column, key, value| {
            // Version of the record, of the receipts; count; type, flags; gas used.
            if column == "blocks" && key.first() == Some(&2) && first() {
                Some(less_one(&value, 8, 8))
            } else {
                Some(value)
            }
        }),
        _ => return false,
    }
    true
}

/// Takes one off a big-endian number in a record.
fn less_one(value: &Bytes, at: usize, len: usize) -> Bytes {
    let mut bytes = value.to_vec();
    if let Some(number) = bytes.get_mut(at..at + len) {
        for byte in number.iter_mut().rev() {
            let (less, borrow) = byte.overflowing_sub(1);
            *byte = less;
            if !borrow {
                break;
            }
        }
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for fault in Fault::ALL {
            assert_eq!(Fault::by_name(&fault.to_string()), Some(fault));
        }
        assert_eq!(Fault::TipToStranger.to_string(), "tip-to-stranger");
        assert_eq!(Fault::by_name("no-such-fault"), None);
    }

    #[test]
    fn one_is_taken_off_over_byte_borders() {
        assert_eq!(less_one(&Bytes::from_static(&[9, 1, 0, 0, 9]), 1, 3), [9, 0, 0xff, 0xff, 9].as_slice());
    }
}
