//! The chain's own operations as transactions (D10): each function makes what [`crate::Client::transact`] sends.
//!
//! ```no_run
//! # async fn example(client: &defchain_sdk::Client, wallet: &defchain_sdk::Wallet) -> Result<(), defchain_sdk::SdkError> {
//! use defchain_sdk::native;
//! let hash = client.transact(wallet, native::settle(wallet.address())).await?;
//! # Ok(()) }
//! ```

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address};
use alloy_sol_types::SolCall;

use crate::{
    Outgoing,
    contracts::{
        IGovernance as Gov, ISlashing as Slash, IStaking as Stake, IToken as Token,
        IValidators::{self as Val, Registration, SignedAttestation},
    },
};

/// Staking and dividends.
pub const STAKING: Address = address!("0x0000000000000000000000000000000000000105");
/// Validators, delegation and evidence.
pub const VALIDATORS: Address = address!("0x0000000000000000000000000000000000000106");
/// Referrers and settling.
pub const TOKEN: Address = address!("0x0000000000000000000000000000000000000107");
/// Proposals and votes.
pub const GOVERNANCE: Address = address!("0x0000000000000000000000000000000000000109");

/// A call of a system address.
#[must_use]
pub fn call<C: SolCall>(to: Address, value: U256, call: &C) -> Outgoing {
    Outgoing { to: TxKind::Call(to), value, input: call.abi_encode().into(), gas_limit: None }
}

fn acting<C: SolCall>(to: Address, of: &C) -> Outgoing {
    call(to, U256::ZERO, of)
}

/// Stakes `amount` for 1 to 12 years.
#[must_use]
pub fn stake(amount: U256, years: u8) -> Outgoing {
    call(STAKING, amount, &Stake::stakeCall { numYears: U256::from(years) })
}

/// Gives a position of the sender a longer term.
#[must_use]
pub fn extend(position: u32, years: u8) -> Outgoing {
    acting(STAKING, &Stake::extendCall { id: U256::from(position), numYears: U256::from(years) })
}

/// Stakes anew what has unlocked of a position of the sender.
#[must_use]
pub fn restake(position: u32, years: u8) -> Outgoing {
    acting(STAKING, &Stake::restakeCall { id: U256::from(position), numYears: U256::from(years) })
}

/// Pays what the month still allows of a position of the sender.
#[must_use]
pub fn withdraw(position: u32) -> Outgoing {
    acting(STAKING, &Stake::withdrawCall { id: U256::from(position) })
}

/// Pays a part of it.
#[must_use]
pub fn withdraw_part(position: u32, amount: U256) -> Outgoing {
    acting(STAKING, &Stake::withdrawPartCall { id: U256::from(position), amount })
}

/// [`withdraw`] for anybody, paid to the owner.
#[must_use]
pub fn withdraw_for(owner: Address, position: u32) -> Outgoing {
    acting(STAKING, &Stake::withdrawForCall { owner, id: U256::from(position) })
}

/// Pays what has unlocked of a position of the sender.
#[must_use]
pub fn unlock(position: u32) -> Outgoing {
    acting(STAKING, &Stake::unlockCall { id: U256::from(position) })
}

/// [`unlock`] for anybody, paid to the owner.
#[must_use]
pub fn unlock_for(owner: Address, position: u32) -> Outgoing {
    acting(STAKING, &Stake::unlockForCall { owner, id: U256::from(position) })
}

/// Closes a position that holds nothing.
#[must_use]
pub fn close(owner: Address, position: u32) -> Outgoing {
    acting(STAKING, &Stake::closeCall { owner, id: U256::from(position) })
}

/// Pays the month's dividend of a position of the sender.
#[must_use]
pub fn claim_dividends(position: u32) -> Outgoing {
    acting(STAKING, &Stake::claimDividendsCall { id: U256::from(position) })
}

/// [`claim_dividends`] for anybody, paid to the owner.
#[must_use]
pub fn claim_dividends_for(owner: Address, position: u32) -> Outgoing {
    acting(STAKING, &Stake::claimDividendsForCall { owner, id: U256::from(position) })
}

/// Pays the month's dividends of all positions of the sender.
#[must_use]
pub fn claim_all_dividends() -> Outgoing {
    acting(STAKING, &Stake::claimAllDividendsCall {})
}

/// [`claim_all_dividends`] for anybody, paid to the owner.
#[must_use]
pub fn claim_all_dividends_for(owner: Address) -> Outgoing {
    acting(STAKING, &Stake::claimAllDividendsForCall { owner })
}

/// Adds the month's dividend to a position of the sender.
#[must_use]
pub fn compound(position: u32) -> Outgoing {
    acting(STAKING, &Stake::compoundCall { id: U256::from(position) })
}

/// [`compound`] for anybody's position.
#[must_use]
pub fn compound_for(owner: Address, position: u32) -> Outgoing {
    acting(STAKING, &Stake::compoundForCall { owner, id: U256::from(position) })
}

/// Switches whether the chain compounds a position of the sender every month.
#[must_use]
pub fn set_auto_compound(position: u32, on: bool) -> Outgoing {
    acting(STAKING, &Stake::setAutoCompoundCall { id: U256::from(position), on })
}

/// Takes an account's losses up to now.
#[must_use]
pub fn settle(account: Address) -> Outgoing {
    acting(TOKEN, &Token::settleCall { account })
}

/// Names the sender's referrer, once and for ever.
#[must_use]
pub fn set_referrer(referrer: Address) -> Outgoing {
    acting(TOKEN, &Token::setReferrerCall { referrer })
}

/// Registers the sender as a validator.
#[must_use]
pub fn register(registration: Registration) -> Outgoing {
    acting(VALIDATORS, &Val::registerCall { registration })
}

/// Brings a new attestation for the sender's country.
#[must_use]
pub fn attest(attestation: SignedAttestation) -> Outgoing {
    acting(VALIDATORS, &Val::attestCall { attestation })
}

/// Announces a new consensus key.
#[must_use]
pub fn rotate_key(new_key: B256, proof: Bytes) -> Outgoing {
    acting(VALIDATORS, &Val::rotateKeyCall { newKey: new_key, proof })
}

/// Sets the sender's commission, hundredths of a percent.
#[must_use]
pub fn set_commission(bps: u16) -> Outgoing {
    acting(VALIDATORS, &Val::setCommissionCall { bps })
}

/// Leaves jail.
#[must_use]
pub fn unjail() -> Outgoing {
    acting(VALIDATORS, &Val::unjailCall {})
}

/// Leaves the validator set.
#[must_use]
pub fn exit() -> Outgoing {
    acting(VALIDATORS, &Val::exitCall {})
}

/// Stakes `amount` for `years` and binds it to a validator.
#[must_use]
pub fn delegate(operator: Address, amount: U256, years: u8) -> Outgoing {
    call(VALIDATORS, amount, &Val::delegateCall { operator, term: U256::from(years) })
}

/// Binds a position of the sender to a validator.
#[must_use]
pub fn bind(position: u32, operator: Address) -> Outgoing {
    acting(VALIDATORS, &Val::bindCall { position: U256::from(position), operator })
}

/// Begins to unbind a position of the sender.
#[must_use]
pub fn unbind(position: u32) -> Outgoing {
    acting(VALIDATORS, &Val::unbindCall { position: U256::from(position) })
}

/// Pays the income of a position to its owner.
#[must_use]
pub fn claim_rewards(owner: Address, position: u32) -> Outgoing {
    acting(VALIDATORS, &Val::claimRewardsCall { owner, position: U256::from(position) })
}

/// Pays the income of all positions of the sender.
#[must_use]
pub fn claim_all_rewards() -> Outgoing {
    acting(VALIDATORS, &Val::claimAllRewardsCall {})
}

/// Pays the commission owed to an operator.
#[must_use]
pub fn claim_commission(operator: Address) -> Outgoing {
    acting(VALIDATORS, &Val::claimCommissionCall { operator })
}

/// Submits two conflicting votes.
#[must_use]
pub fn submit_evidence(public_key: B256, vote_a: Bytes, vote_b: Bytes) -> Outgoing {
    acting(VALIDATORS, &Slash::submitEvidenceCall { publicKey: public_key, voteA: vote_a, voteB: vote_b })
}

/// Votes on a proposal: 1 yes, 2 no, 3 abstain, 4 veto.
#[must_use]
pub fn vote(id: u64, choice: u8) -> Outgoing {
    acting(GOVERNANCE, &Gov::voteCall { id: U256::from(id), choice })
}

/// A signer of the treasury approves a spending, or takes the approval back.
#[must_use]
pub fn approve_spending(id: u64, approved: bool) -> Outgoing {
    acting(GOVERNANCE, &Gov::approveSpendingCall { id: U256::from(id), approved })
}

/// What a proposal asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Nothing on chain.
    Text,
    /// A parameter's value.
    Parameter {
        /// Whose: `staking`, `validators`, …
        module: String,
        /// Which.
        key: String,
        /// In its unit.
        value: U256,
    },
    /// A burn table.
    BurnTable([u8; 9]),
    /// A milder burn table, in an emergency.
    LowerBurn([u8; 9]),
    /// An address that does not decay, or does again.
    Exempt {
        /// Which.
        account: Address,
        /// On the list or off it.
        exempt: bool,
    },
    /// A verifier.
    Verifier {
        /// Which.
        verifier: Address,
        /// For people.
        name: String,
        /// Accredited or removed.
        accredited: bool,
    },
    /// A payment out of a pool: 1 technical, 2 marketing, 3 treasury.
    Spending {
        /// Which pool.
        pool: u8,
        /// To whom.
        to: Address,
        /// Wei.
        amount: U256,
    },
    /// A validator's punishment for censorship.
    Slash(Address),
    /// The nine signers of the treasury.
    Signers([Address; 9]),
    /// A change of rules.
    Upgrade {
        /// From which block on.
        height: u64,
        /// Their version.
        app_version: u64,
        /// The release that carries them.
        name: String,
    },
    /// No change of rules.
    CancelUpgrade,
}

/// Opens a proposal. `deposit` is exactly what the chain asks for ([`crate::Client`] reads it with `depositAmount()`).
#[must_use]
pub fn propose(what: Proposal, description: String, deposit: U256) -> Outgoing {
    match what {
        Proposal::Text => call(GOVERNANCE, deposit, &Gov::proposeTextCall { description }),
        Proposal::Parameter { module, key, value } => {
            call(GOVERNANCE, deposit, &Gov::proposeParameterCall { module, key, value, description })
        }
        Proposal::BurnTable(preserved) => {
            call(GOVERNANCE, deposit, &Gov::proposeBurnTableCall { preserved, description })
        }
        Proposal::LowerBurn(preserved) => {
            call(GOVERNANCE, deposit, &Gov::proposeLowerBurnCall { preserved, description })
        }
        Proposal::Exempt { account, exempt } => {
            call(GOVERNANCE, deposit, &Gov::proposeExemptCall { account, exempt, description })
        }
        Proposal::Verifier { verifier, name, accredited } => {
            call(GOVERNANCE, deposit, &Gov::proposeVerifierCall { verifier, name, accredited, description })
        }
        Proposal::Spending { pool, to, amount } => {
            call(GOVERNANCE, deposit, &Gov::proposeSpendingCall { pool, to, amount, description })
        }
        Proposal::Slash(validator) => call(GOVERNANCE, deposit, &Gov::proposeSlashCall { validator, description }),
        Proposal::Signers(signers) => call(GOVERNANCE, deposit, &Gov::proposeSignersCall { signers, description }),
        Proposal::Upgrade { height, app_version, name } => {
            call(GOVERNANCE, deposit, &Gov::proposeUpgradeCall { height, appVersion: app_version, name, description })
        }
        Proposal::CancelUpgrade => call(GOVERNANCE, deposit, &Gov::proposeCancelUpgradeCall { description }),
    }
}
