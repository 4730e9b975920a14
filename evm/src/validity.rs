//! The one judgement of a transaction: the pool, PrepareProposal, ProcessProposal, the block, `eth_call` and
//! `eth_estimateGas` all ask here (D17, D8b), so that none of them accepts what another refuses.
//!
//! Two halves. [`check_static`] looks at the transaction and the chain's limits alone; its answer never changes while
//! the limits stand. [`check_account`] looks at the sender as of a block's time: balances decay without a log to watch,
//! so the same transaction may be valid now and invalid in an hour.
//!
//! Messages begin with the words that Ethereum tools match on ("nonce too low", "insufficient funds", …).

use alloy_consensus::Transaction;
use alloy_eips::eip7825::MAX_TX_GAS_LIMIT_OSAKA;
use alloy_primitives::TxKind;
use defchain_base::{
    Address, CodecError, U256, system,
    tx::{SignedTx, TxBody, TxError},
};
use revm::{
    context_interface::cfg::gas::{InitialAndFloorGas, calculate_initial_tx_gas},
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};

/// The rules of Ethereum that this chain follows (D8).
pub const SPEC: SpecId = SpecId::OSAKA;

/// Why a transaction is not valid. Codes are stable: clients may match on them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTx {
    /// Its form.
    #[error(transparent)]
    Form(#[from] TxError),
    /// Already used.
    #[error("nonce too low: address {address}, tx: {tx} state: {state}")]
    NonceTooLow {
        /// Sender.
        address: Address,
        /// Nonce of the transaction.
        tx: u64,
        /// Next nonce of the account.
        state: u64,
    },
    /// Not yet its turn. The pool holds such a transaction; a block cannot carry it.
    #[error("nonce too high: address {address}, tx: {tx} state: {state}")]
    NonceTooHigh {
        /// Sender.
        address: Address,
        /// Nonce of the transaction.
        tx: u64,
        /// Next nonce of the account.
        state: u64,
    },
    /// EIP-2681: nothing follows the last nonce.
    #[error("nonce has max value: address {0}, nonce: 2^64 - 1")]
    NonceMax(Address),
    /// Cannot pay.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {have} want {want} \
         (spendable wei at the block's time; nominal balance {nominal}; commission on top of the value {commission})"
    )]
    InsufficientFunds {
        /// Sender.
        address: Address,
        /// Spendable (effective) balance, wei.
        have: U256,
        /// gas limit × max fee + value + commission on top of it, wei.
        want: U256,
        /// Of that, commission (D17).
        commission: U256,
        /// Nominal balance, wei (D20: both figures).
        nominal: U256,
    },
    /// Below the base fee of the block it would be in.
    #[error(
        "max fee per gas less than block base fee: address {address}, maxFeePerGas: {max_fee}, baseFee: {base_fee}"
    )]
    FeeTooLow {
        /// Sender.
        address: Address,
        /// Offered, wei per gas.
        max_fee: u128,
        /// Needed, wei per gas.
        base_fee: u64,
    },
    /// A tip above the maximum fee.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {max_fee}"
    )]
    TipAboveFee {
        /// Tip, wei per gas.
        tip: u128,
        /// Maximum, wei per gas.
        max_fee: u128,
    },
    /// Not even the intrinsic gas.
    #[error("intrinsic gas too low: have {have}, want {want}")]
    IntrinsicGas {
        /// Gas limit.
        have: u64,
        /// Gas needed before the first instruction.
        want: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: have {have}, want {want}")]
    FloorGas {
        /// Gas limit.
        have: u64,
        /// Floor.
        want: u64,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high: {have} exceeds the cap of {cap} gas per transaction")]
    GasCap {
        /// Gas limit.
        have: u64,
        /// 2^24.
        cap: u64,
    },
    /// More than a block holds.
    #[error("exceeds block gas limit: transaction {have}, block {limit}")]
    BlockGas {
        /// Gas limit.
        have: u64,
        /// What is left in the block.
        limit: u64,
    },
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {have}, limit {limit}")]
    InitCode {
        /// Bytes of init code.
        have: usize,
        /// The most there may be.
        limit: usize,
    },
    /// EIP-3607: a contract signs nothing.
    #[error("sender not an eoa: address {0} has contract code")]
    SenderIsContract(Address),
    /// The protocol's own addresses sign nothing.
    #[error("sender is a system address: {0}")]
    SenderIsSystem(Address),
    /// EIP-7702 without authorisations.
    #[error("EIP-7702 transaction with empty authorization list")]
    EmptyAuthorizations,
    /// gas × price + value needs more than 256 bits.
    #[error("gas * price + value overflows 256 bits")]
    CostOverflow,
    /// The payload of a native transaction is not what its module reads.
    #[error("payload of a native transaction: {0}")]
    Payload(CodecError),
    /// D32: the chain waits for its validators.
    #[error(
        "the chain is not active yet: until enough validators are, only calls to the system addresses for registration, \
         staking, delegation, claims, settling, governance, bridge and migration are accepted (D32), not to {0}"
    )]
    NotActive(String),
    /// D26a: nothing that it released could pay for it.
    #[error(
        "insufficient funds for gas * price: address {address} has {have} wei with what the call released, \
         the gas it used costs {want} wei"
    )]
    NotSelfPaid {
        /// Sender.
        address: Address,
        /// Balance after the call, wei.
        have: U256,
        /// Gas used × price, wei.
        want: U256,
    },
    /// The EVM refused what these rules let pass. No transaction is known to do that.
    #[error("refused by the EVM: {0}")]
    Refused(String),
}

impl InvalidTx {
    /// The stable numeric code (101–110 are those of [`TxError`]).
    #[must_use]
    pub const fn code(&self) -> u32 {
        match self {
            Self::Form(e) => e.code(),
            Self::NonceTooLow { .. } => 201,
            Self::NonceTooHigh { .. } => 202,
            Self::NonceMax(_) => 203,
            Self::InsufficientFunds { .. } => 204,
            Self::FeeTooLow { .. } => 205,
            Self::TipAboveFee { .. } => 206,
            Self::IntrinsicGas { .. } => 207,
            Self::FloorGas { .. } => 208,
            Self::GasCap { .. } => 209,
            Self::BlockGas { .. } => 210,
            Self::InitCode { .. } => 211,
            Self::SenderIsContract(_) => 212,
            Self::SenderIsSystem(_) => 213,
            Self::EmptyAuthorizations => 214,
            Self::CostOverflow => 215,
            Self::Refused(_) => 216,
            Self::Payload(_) => 217,
            Self::NotActive(_) => 218,
            Self::NotSelfPaid { .. } => 219,
        }
    }
}

/// What the chain allows a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// EVM chain id (D5).
    pub chain_id: u64,
    /// Gas of a block.
    pub block_gas: u64,
    /// Whether the chain still waits for its validators (D32).
    pub latched: bool,
}

/// What may be called before enough validators are active (D32).
const BEFORE_ACTIVATION: [Address; 6] =
    [system::STAKING, system::VALIDATORS, system::TOKEN, system::GOVERNANCE, system::BRIDGE, system::MIGRATION];

/// Most gas of a call that is paid for out of what it releases (D26a): it is executed before anybody knows whether it
/// pays, so it must stay cheap to try.
pub const MAX_SELF_PAID_GAS: u64 = 2_000_000;

/// What a transaction asks of its sender beside gas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Native money it carries, wei.
    pub value: U256,
    /// Commission that the sender pays on top of it, wei (D17).
    pub on_top: U256,
    /// Whether its gas may come out of what it releases to the sender (D26a).
    pub releases: bool,
}

/// The sender as of a block's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sender {
    /// Next nonce.
    pub nonce: u64,
    /// What can be spent at that time, wei.
    pub spendable: U256,
    /// Nominal balance, wei.
    pub nominal: U256,
    /// Whether there is code other than an EIP-7702 delegation.
    pub is_contract: bool,
}

/// Judges what does not depend on state: form, chain, gas limits.
///
/// # Errors
/// The first rule that is broken.
pub fn check_static(tx: &SignedTx, limits: &Limits) -> Result<(), InvalidTx> {
    tx.check_chain(limits.chain_id)?;
    tx.check_served()?;
    let (tip, max_fee) = (tx.max_priority_fee_per_gas(), tx.max_fee_per_gas());
    if tip > max_fee {
        return Err(InvalidTx::TipAboveFee { tip, max_fee });
    }
    let have = tx.gas_limit();
    if have > MAX_TX_GAS_LIMIT_OSAKA {
        return Err(InvalidTx::GasCap { have, cap: MAX_TX_GAS_LIMIT_OSAKA });
    }
    if have > limits.block_gas {
        return Err(InvalidTx::BlockGas { have, limit: limits.block_gas });
    }
    if let TxBody::Ethereum(envelope) = tx.body() {
        if envelope.is_create() && envelope.input().len() > MAX_INITCODE_SIZE {
            return Err(InvalidTx::InitCode { have: envelope.input().len(), limit: MAX_INITCODE_SIZE });
        }
        if envelope.authorization_list().is_some_and(<[_]>::is_empty) {
            return Err(InvalidTx::EmptyAuthorizations);
        }
    }
    let authorizations = match tx.body() {
        TxBody::Ethereum(envelope) => envelope.authorization_list().map_or(0, <[_]>::len),
        TxBody::Native(_) => 0,
    };
    check_latch(limits.latched, &tx.to(), authorizations)?;
    let gas = intrinsic_gas(tx);
    if gas.initial_regular_gas > have {
        return Err(InvalidTx::IntrinsicGas { have, want: gas.initial_regular_gas });
    }
    if gas.floor_gas > have {
        return Err(InvalidTx::FloorGas { have, want: gas.floor_gas });
    }
    Ok(())
}

/// Refuses what has to wait until the chain is active.
pub(crate) fn check_latch(latched: bool, to: &TxKind, authorizations: usize) -> Result<(), InvalidTx> {
    match to {
        _ if !latched => Ok(()),
        // D32: direct calls only. An authorization puts code on accounts, whatever is called.
        _ if authorizations > 0 => Err(InvalidTx::NotActive(format!("code for {authorizations} accounts"))),
        TxKind::Call(to) if BEFORE_ACTIVATION.contains(to) => Ok(()),
        TxKind::Call(to) => Err(InvalidTx::NotActive(to.to_string())),
        TxKind::Create => Err(InvalidTx::NotActive("a new contract".to_owned())),
    }
}

/// Gas that is due before the first instruction, and the EIP-7623 floor.
#[must_use]
pub fn intrinsic_gas(tx: &SignedTx) -> InitialAndFloorGas {
    let envelope = match tx.body() {
        TxBody::Ethereum(envelope) => envelope,
        // A native transaction pays for the bytes it has, not for those of the call it stands for.
        TxBody::Native(native) => {
            return calculate_initial_tx_gas(SPEC, &native.tx.payload, false, 0, 0, 0, None);
        }
    };
    let (accounts, slots) = envelope.access_list().map_or((0, 0), |list| {
        let slots = list.iter().map(|item| item.storage_keys.len()).fold(0, usize::saturating_add);
        (list.len(), slots)
    });
    let authorizations = envelope.authorization_list().map_or(0, <[_]>::len);
    // Lengths are bounded by the transaction's bytes, far below 2^64.
    let as_u64 = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    calculate_initial_tx_gas(
        SPEC,
        envelope.input(),
        envelope.is_create(),
        as_u64(accounts),
        as_u64(slots),
        as_u64(authorizations),
        None,
    )
}

/// The most the sender can be charged: gas limit × max fee + value + commission on top, in wei.
///
/// # Errors
/// When it needs more than 256 bits.
pub fn max_cost(tx: &SignedTx, demand: &Demand) -> Result<U256, InvalidTx> {
    cost(tx.gas_limit(), tx.max_fee_per_gas(), demand)
}

/// The same for a call that is no transaction.
pub(crate) fn cost(gas: u64, price: u128, demand: &Demand) -> Result<U256, InvalidTx> {
    U256::from(gas)
        .checked_mul(U256::from(price))
        .and_then(|gas| gas.checked_add(demand.value))
        .and_then(|sum| sum.checked_add(demand.on_top))
        .ok_or(InvalidTx::CostOverflow)
}

/// The one comparison of what a sender can spend with what is asked of it (D17): pool, proposal, block, `eth_call`.
///
/// # Errors
/// [`InvalidTx::InsufficientFunds`] with both figures.
pub fn check_funds(address: Address, sender: &Sender, want: U256, demand: &Demand) -> Result<(), InvalidTx> {
    if want <= sender.spendable {
        return Ok(());
    }
    let Sender { spendable: have, nominal, .. } = *sender;
    Err(InvalidTx::InsufficientFunds { address, have, want, commission: demand.on_top, nominal })
}

/// Judges the sender's side at a block's time and base fee, all but the nonce's place.
///
/// # Errors
/// The first rule that is broken.
pub fn check_payer(
    tx: &SignedTx,
    address: Address,
    sender: &Sender,
    demand: &Demand,
    base_fee: u64,
) -> Result<(), InvalidTx> {
    if system::is_reserved(&address) {
        return Err(InvalidTx::SenderIsSystem(address));
    }
    // EIP-3607, which concerns signatures: whoever lets an unsigned transaction in stands for its sender.
    if sender.is_contract && !tx.is_unsigned() {
        return Err(InvalidTx::SenderIsContract(address));
    }
    let max_fee = tx.max_fee_per_gas();
    if max_fee < u128::from(base_fee) {
        return Err(InvalidTx::FeeTooLow { address, max_fee, base_fee });
    }
    check_funds(address, sender, max_cost(tx, demand)?, demand)
}

/// Whether a refusal may be overcome by executing: the sender lacks the money for its gas, and the call may release it
/// (D26a).
#[must_use]
pub const fn may_pay_itself(refused: &InvalidTx, demand: &Demand, gas_limit: u64) -> bool {
    matches!(refused, InvalidTx::InsufficientFunds { .. }) && demand.releases && gas_limit <= MAX_SELF_PAID_GAS
}

/// Judges a transaction at its place in a block: its nonce must be the sender's next.
///
/// # Errors
/// The first rule that is broken.
pub fn check_account(
    tx: &SignedTx,
    address: Address,
    sender: &Sender,
    demand: &Demand,
    base_fee: u64,
) -> Result<(), InvalidTx> {
    check_nonce_not_used(tx, address, sender)?;
    if tx.nonce() > sender.nonce {
        return Err(InvalidTx::NonceTooHigh { address, tx: tx.nonce(), state: sender.nonce });
    }
    check_payer(tx, address, sender, demand, base_fee)
}

/// Refuses a nonce that was used. The pool asks this alone, because it holds transactions with later nonces.
///
/// # Errors
/// [`InvalidTx::NonceTooLow`] or [`InvalidTx::NonceMax`].
pub fn check_nonce_not_used(tx: &SignedTx, address: Address, sender: &Sender) -> Result<(), InvalidTx> {
    if tx.nonce() == u64::MAX {
        return Err(InvalidTx::NonceMax(address));
    }
    if tx.nonce() < sender.nonce {
        return Err(InvalidTx::NonceTooLow { address, tx: tx.nonce(), state: sender.nonce });
    }
    Ok(())
}
