//! What the store keeps of a block beside its state: header, transactions, receipts.
//!
//! The store sees bytes; the shapes are here. Each record begins with a version byte. The layouts are frozen by
//! `tests/formats.rs`.

use alloy_primitives::Log;
use defchain_base::{
    Address, AgeMillis, Amount, B256, Bloom, Bytes, CodecError, ConsensusAddress, Decode, Encode, Height, Reader,
    Timestamp, keccak256,
};

const HEADER_VERSION: u8 = 1;
const RECEIPTS_VERSION: u8 = 1;

/// Most topics of a log.
const MAX_TOPICS: usize = 4;
/// More bytes than any stored list can hold: the block size is far below.
const MAX_STORED: usize = 1 << 30;
/// Fewest bytes of a log and of a receipt: a count that the rest of the record cannot hold is a lie, and allocates nothing.
const MIN_LOG_BYTES: usize = 20 + 1 + 4;
const MIN_RECEIPT_BYTES: usize = 2 + 8 + 8 + 16 + 20 + 32 + 4;

/// A committed block's header as RPC shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Height.
    pub height: Height,
    /// CometBFT's block hash: the only one (D7).
    pub hash: B256,
    /// The hash before it; block 0's for block 1.
    pub parent_hash: B256,
    /// Header time.
    pub time: Timestamp,
    /// The age clock at this block (D3).
    pub age: AgeMillis,
    /// Who proposed, by consensus address.
    pub proposer: ConsensusAddress,
    /// Who proposed, by operator address: COINBASE (D8).
    pub beneficiary: Address,
    /// Gas of the block.
    pub gas_limit: u64,
    /// Gas used by its transactions.
    pub gas_used: u64,
    /// Base fee, wei per gas.
    pub base_fee: u64,
    /// App hash after executing this block (D7).
    pub state_root: B256,
    /// Roots of the substores in the order of names (D6).
    pub substore_roots: [B256; 5],
    /// Ethereum trie of the transactions.
    pub transactions_root: B256,
    /// Ethereum trie of the receipts.
    pub receipts_root: B256,
    /// Union of the receipts' blooms.
    pub logs_bloom: Bloom,
    /// D8.
    pub prev_randao: B256,
    /// Bytes of the block's items.
    pub size: u64,
    /// How many transactions have a receipt.
    pub tx_count: u32,
    /// Total voting power of the set that decides this height.
    pub total_power: u64,
    /// Native money burned in this block, wei.
    pub burned: Amount,
}

/// A receipt as it is stored, with what RPC would otherwise compute again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type.
    pub kind: u8,
    /// Whether it ran to its end.
    pub success: bool,
    /// Gas of this transaction.
    pub gas_used: u64,
    /// Gas of the block up to and with this transaction.
    pub cumulative_gas_used: u64,
    /// Wei per gas that was paid.
    pub effective_gas_price: u128,
    /// Who signed.
    pub from: Address,
    /// To whom; none for a creation.
    pub to: Option<Address>,
    /// Contract that was created.
    pub contract: Option<Address>,
    /// Hash of the transaction.
    pub tx_hash: B256,
    /// Logs, in order.
    pub logs: Vec<Log>,
}

/// The receipts of a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipts(pub Vec<Receipt>);

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn hash(input: &mut Reader<'_>, what: &'static str) -> Result<B256, CodecError> {
    input.array(what).map(B256::new)
}

fn address(input: &mut Reader<'_>, what: &'static str) -> Result<Address, CodecError> {
    input.array(what).map(Address::new)
}

impl Header {
    /// Keccak-256 of the record without the roots of the state, in which the digest itself stands (`head` in `sys`).
    #[must_use]
    pub fn digest(&self) -> B256 {
        let plain = Self { state_root: B256::ZERO, substore_roots: [B256::ZERO; 5], ..self.clone() };
        keccak256(plain.to_bytes())
    }
}

impl Encode for Header {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(HEADER_VERSION);
        put_u64(out, self.height.0);
        out.extend_from_slice(self.hash.as_slice());
        out.extend_from_slice(self.parent_hash.as_slice());
        put_u64(out, self.time.0);
        put_u64(out, self.age.0);
        out.extend_from_slice(&self.proposer.0);
        out.extend_from_slice(self.beneficiary.as_slice());
        put_u64(out, self.gas_limit);
        put_u64(out, self.gas_used);
        put_u64(out, self.base_fee);
        out.extend_from_slice(self.state_root.as_slice());
        for root in &self.substore_roots {
            out.extend_from_slice(root.as_slice());
        }
        out.extend_from_slice(self.transactions_root.as_slice());
        out.extend_from_slice(self.receipts_root.as_slice());
        // Most blocks of a quiet chain have no logs: 256 zero bytes each would be a third of what they add to disk.
        let has_bloom = !self.logs_bloom.is_zero();
        out.push(u8::from(has_bloom));
        if has_bloom {
            out.extend_from_slice(self.logs_bloom.as_slice());
        }
        out.extend_from_slice(self.prev_randao.as_slice());
        put_u64(out, self.size);
        out.extend_from_slice(&self.tx_count.to_be_bytes());
        put_u64(out, self.total_power);
        out.extend_from_slice(&self.burned.wei().to_be_bytes());
    }
}

impl Decode for Header {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(HEADER_VERSION, "header")?;
        Ok(Self {
            height: Height(input.u64("height")?),
            hash: hash(input, "hash")?,
            parent_hash: hash(input, "parent hash")?,
            time: Timestamp(input.u64("time")?),
            age: AgeMillis(input.u64("age")?),
            proposer: ConsensusAddress(input.array("proposer")?),
            beneficiary: address(input, "beneficiary")?,
            gas_limit: input.u64("gas limit")?,
            gas_used: input.u64("gas used")?,
            base_fee: input.u64("base fee")?,
            state_root: hash(input, "state root")?,
            substore_roots: {
                let mut roots = [B256::ZERO; 5];
                for root in &mut roots {
                    *root = hash(input, "substore root")?;
                }
                roots
            },
            transactions_root: hash(input, "transactions root")?,
            receipts_root: hash(input, "receipts root")?,
            logs_bloom: match input.u8("bloom flag")? {
                0 => Bloom::ZERO,
                1 => match Bloom::new(input.array("bloom")?) {
                    bloom if bloom.is_zero() => return Err(CodecError::NotCanonical("bloom")),
                    bloom => bloom,
                },
                _ => return Err(CodecError::NotCanonical("bloom flag")),
            },
            prev_randao: hash(input, "prevRandao")?,
            size: input.u64("size")?,
            tx_count: input.u32("transaction count")?,
            total_power: input.u64("total power")?,
            burned: input.amount("burned")?,
        })
    }
}

impl Encode for Receipt {
    fn encode(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.success) | u8::from(self.to.is_some()) << 1 | u8::from(self.contract.is_some()) << 2;
        out.extend_from_slice(&[self.kind, flags]);
        put_u64(out, self.gas_used);
        put_u64(out, self.cumulative_gas_used);
        out.extend_from_slice(&self.effective_gas_price.to_be_bytes());
        out.extend_from_slice(self.from.as_slice());
        for optional in [self.to, self.contract].into_iter().flatten() {
            out.extend_from_slice(optional.as_slice());
        }
        out.extend_from_slice(self.tx_hash.as_slice());
        put_count(out, self.logs.len());
        for log in &self.logs {
            encode_log(log, out);
        }
    }
}

pub(crate) fn encode_log(log: &Log, out: &mut Vec<u8>) {
    out.extend_from_slice(log.address.as_slice());
    out.push(u8::try_from(log.data.topics().len()).unwrap_or(u8::MAX));
    for topic in log.data.topics() {
        out.extend_from_slice(topic.as_slice());
    }
    put_count(out, log.data.data.len());
    out.extend_from_slice(&log.data.data);
}

impl Decode for Receipt {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        let [kind, flags] = input.array("receipt head")?;
        if flags > 0b111 {
            return Err(CodecError::NotCanonical("receipt flags"));
        }
        Ok(Self {
            kind,
            success: flags & 1 != 0,
            gas_used: input.u64("gas used")?,
            cumulative_gas_used: input.u64("cumulative gas")?,
            effective_gas_price: input.amount("gas price")?.wei(),
            from: address(input, "from")?,
            to: if flags & 2 == 0 { None } else { Some(address(input, "to")?) },
            contract: if flags & 4 == 0 { None } else { Some(address(input, "contract")?) },
            tx_hash: hash(input, "transaction hash")?,
            logs: {
                let count = input.count(input.left() / MIN_LOG_BYTES, "logs")?;
                let mut logs = Vec::with_capacity(count);
                for _ in 0..count {
                    logs.push(decode_log(input)?);
                }
                logs
            },
        })
    }
}

pub(crate) fn decode_log(input: &mut Reader<'_>) -> Result<Log, CodecError> {
    let address = address(input, "log address")?;
    let count = usize::from(input.u8("topic count")?);
    if count > MAX_TOPICS {
        return Err(CodecError::Limit { what: "topics", found: count as u64, limit: MAX_TOPICS as u64 });
    }
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        topics.push(hash(input, "topic")?);
    }
    let data = Bytes::copy_from_slice(input.bytes(MAX_STORED, "log data")?);
    Ok(Log::new_unchecked(address, topics, data))
}

impl Encode for Receipts {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(RECEIPTS_VERSION);
        put_count(out, self.0.len());
        for receipt in &self.0 {
            receipt.encode(out);
        }
    }
}

impl Decode for Receipts {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        input.version(RECEIPTS_VERSION, "receipts")?;
        let count = input.count(input.left() / MIN_RECEIPT_BYTES, "receipts")?;
        let mut receipts = Vec::with_capacity(count);
        for _ in 0..count {
            receipts.push(Receipt::decode(input)?);
        }
        Ok(Self(receipts))
    }
}
