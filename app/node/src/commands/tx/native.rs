//! `tx stake`, `tx delegate`, `tx register`, …: the chain's own operations as ordinary transactions to system addresses (D10).

use std::path::PathBuf;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use defchain_sdk::{
    BlockNumberOrTag, Client, Outgoing, TransactionRequest,
    contracts::{IGovernance, IValidators},
    native::{self, Proposal},
};
use defchain_validators::pop;

use super::{
    args::{SendArgs, wei},
    said,
};
use crate::{
    comet::keys::CometKey,
    commands::{attest::SignedAttestation, validator::Proofs},
    home::Home,
};

/// The chain's own operations.
#[derive(Debug, Subcommand)]
pub enum NativeCommand {
    /// Stake DEF for 1 to 12 years; below 12, 1 % opens a second position of 12 years
    #[command(after_help = "Example:\n  defchain-app tx stake 100 --years 4 --from me --wait")]
    Stake {
        /// DEF, such as 100 or 1.5; or wei, such as 5wei
        #[arg(value_parser = wei)]
        amount: u128,
        /// Term
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=12))]
        years: u8,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Give a position a longer term, before it ends
    #[command(after_help = "Example:\n  defchain-app tx extend 0 --years 12 --from me --wait")]
    Extend {
        /// Number of the position
        position: u32,
        /// The whole term, from its begin
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=12))]
        years: u8,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Stake anew what has unlocked after a term
    #[command(after_help = "Example:\n  defchain-app tx restake 0 --years 4 --from me --wait")]
    Restake {
        /// Number of the position
        position: u32,
        /// Term
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=12))]
        years: u8,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Take what the month allows out of a running position
    #[command(
        after_help = "Examples:\n  defchain-app tx withdraw 0 --from me --wait\n  defchain-app tx withdraw 0 --amount 10 --from me"
    )]
    Withdraw {
        /// Whose position, and how
        #[command(flatten)]
        of: OfPosition,
        /// A part of it (default: all that the month allows)
        #[arg(long, value_parser = wei, conflicts_with = "owner")]
        amount: Option<u128>,
    },
    /// Take what has unlocked after a term
    #[command(after_help = "Example:\n  defchain-app tx unlock 0 --from me --wait")]
    Unlock {
        /// Whose position, and how
        #[command(flatten)]
        of: OfPosition,
    },
    /// Close a position that holds nothing
    #[command(after_help = "Example:\n  defchain-app tx close 0 --from me --wait")]
    Close {
        /// Whose position, and how
        #[command(flatten)]
        of: OfPosition,
    },
    /// Claim dividends, a position's income from its validator, or an operator's commission
    #[command(
        after_help = "Examples:\n  defchain-app tx claim dividends --from me --wait\n  defchain-app tx claim dividends --position 0 --from me\n  \
                            defchain-app tx claim rewards --from me --wait\n  defchain-app tx claim commission --from operator"
    )]
    Claim {
        /// What
        what: Claimed,
        /// Number of the position (default: all)
        #[arg(long)]
        position: Option<u32>,
        /// Whose, if not the sender's: it is paid to them
        #[arg(long)]
        owner: Option<Address>,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Add the month's dividend to its position
    #[command(after_help = "Example:\n  defchain-app tx compound 0 --from me --wait")]
    Compound {
        /// Whose position, and how
        #[command(flatten)]
        of: OfPosition,
    },
    /// Let the chain compound a position every month, or not
    #[command(after_help = "Example:\n  defchain-app tx auto-compound 0 on --from me --wait")]
    AutoCompound {
        /// Number of the position
        position: u32,
        /// on or off
        switch: Switch,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Stake and bind to a validator, counted from the next epoch
    #[command(
        after_help = "Example:\n  defchain-app tx delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100 --years 4 --from me --wait"
    )]
    Delegate {
        /// The validator's operator
        validator: Address,
        /// DEF, such as 100 or 1.5; or wei, such as 5wei
        #[arg(value_parser = wei)]
        amount: u128,
        /// Term
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=12))]
        years: u8,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Bind a running position to a validator
    #[command(
        after_help = "Example:\n  defchain-app tx bind 0 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --from me --wait"
    )]
    Bind {
        /// Number of the position
        position: u32,
        /// The validator's operator
        validator: Address,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Begin to unbind a position from its validator: 21 days
    #[command(visible_alias = "unbind", after_help = "Example:\n  defchain-app tx undelegate 0 --from me --wait")]
    Undelegate {
        /// Number of the position
        position: u32,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Register as a validator, with the keys of this home
    #[command(
        after_help = "Example:\n  defchain-app tx register --moniker Alpha --commission 10 --attestation attestation.json --from operator --wait"
    )]
    Register {
        /// Name for people, 1 to 64 bytes
        #[arg(long)]
        moniker: String,
        /// What it keeps of its delegators' income, percent: 5 to 20, at most two decimals
        #[arg(long, value_name = "PERCENT", value_parser = percent)]
        commission: u16,
        /// What a verifier signed (`attest sign`)
        #[arg(long, value_name = "FILE")]
        attestation: PathBuf,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Bring a new attestation for the same country
    #[command(after_help = "Example:\n  defchain-app tx attest attestation.json --from operator --wait")]
    Attest {
        /// What a verifier signed (`attest sign`)
        attestation: PathBuf,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Leave jail after the term
    #[command(after_help = "Example:\n  defchain-app tx unjail --from operator --wait")]
    Unjail {
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Leave the validator set at the next epoch boundary
    #[command(after_help = "Example:\n  defchain-app tx exit --from operator --wait")]
    Exit {
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Set a validator's commission: at most one point a day
    #[command(after_help = "Example:\n  defchain-app tx set-commission 11 --from operator --wait")]
    SetCommission {
        /// Percent, at most two decimals
        #[arg(value_parser = percent)]
        commission: u16,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Announce a new consensus key: it replaces the old one at the next epoch boundary
    #[command(
        after_help = "Example:\n  defchain-app tx rotate-key ../new-home/config/priv_validator_key.json --from operator --wait"
    )]
    RotateKey {
        /// The new key as CometBFT keeps it (priv_validator_key.json)
        key: PathBuf,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Vote on a proposal, or change a vote
    #[command(after_help = "Example:\n  defchain-app tx vote 1 yes --from me --wait")]
    Vote {
        /// Its number
        proposal: u64,
        /// yes, no, abstain or veto
        choice: Choice,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Open a proposal; its deposit is sent along
    #[command(
        after_help = "Examples:\n  defchain-app tx propose --description \"Why\" --from me param staking unbinding_days 14\n  defchain-app tx \
                            propose --description \"Why\" --from me verifier 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --name \"Notary\"\n  \
                            defchain-app tx propose --description \"Why\" --from me spend treasury 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 500"
    )]
    Propose {
        /// Why, 1 to 2,048 bytes
        #[arg(long)]
        description: String,
        /// How
        #[command(flatten)]
        send: SendArgs,
        /// What
        #[command(subcommand)]
        what: Proposed,
    },
    /// Approve a spending of the treasury as one of its signers, or take that back
    #[command(after_help = "Example:\n  defchain-app tx approve 3 --from signer --wait")]
    Approve {
        /// Number of the proposal
        proposal: u64,
        /// Take the approval back
        #[arg(long)]
        revoke: bool,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Take an account's losses up to now; anybody may
    #[command(
        after_help = "Example:\n  defchain-app tx settle 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --from me --wait"
    )]
    Settle {
        /// Whose
        account: Address,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Name a referrer, once and for ever: the commission is 4.5 % from then on
    #[command(
        after_help = "Example:\n  defchain-app tx set-referrer 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --from me --wait"
    )]
    SetReferrer {
        /// Whom
        referrer: Address,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
    /// Report two conflicting votes of a validator, for 20 % of what is slashed
    #[command(
        after_help = "Example:\n  defchain-app tx submit-evidence 0x<32 bytes of key> 0x<vote> 0x<other vote> --from me --wait"
    )]
    SubmitEvidence {
        /// The ed25519 key that signed both
        key: B256,
        /// One vote: CometBFT's protobuf
        vote_a: Bytes,
        /// The other
        vote_b: Bytes,
        /// How
        #[command(flatten)]
        send: SendArgs,
    },
}

/// A position, and who sends.
#[derive(Debug, Args)]
pub struct OfPosition {
    /// Number of the position
    pub position: u32,
    /// Whose, if not the sender's: it is paid to them
    #[arg(long)]
    pub owner: Option<Address>,
    /// How
    #[command(flatten)]
    pub send: SendArgs,
}

/// What is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Claimed {
    /// The month's dividends.
    Dividends,
    /// Income from validators.
    Rewards,
    /// An operator's commission.
    Commission,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// For it.
    Yes = 1,
    /// Against it.
    No = 2,
    /// Counts for the quorum only.
    Abstain = 3,
    /// Against its being asked; a third of them burns the deposit.
    Veto = 4,
}

/// A pool that is spent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Spent {
    /// Technical work.
    Technical = 1,
    /// Marketing.
    Marketing = 2,
    /// The treasury: two thirds, and 5 of 9 signers.
    Treasury = 3,
}

/// What is proposed.
#[derive(Debug, Subcommand)]
pub enum Proposed {
    /// Nothing on chain: the description is what is decided
    Text,
    /// A parameter's value (`query params` lists them with their bounds)
    Param {
        /// Whose, such as staking
        module: String,
        /// Which, such as unbinding_days
        name: String,
        /// In its unit
        value: U256,
    },
    /// A burn table: nine percentages from 100 to 0
    BurnTable {
        /// Preserved after 0 to 8 days, such as 100,99,97,93,85,71,48,17,0
        #[arg(value_parser = table)]
        preserved: [u8; 9],
    },
    /// A milder burn table in an emergency: 24 hours of voting, two thirds
    LowerBurn {
        /// Preserved after 0 to 8 days
        #[arg(value_parser = table)]
        preserved: [u8; 9],
    },
    /// An address that does not decay
    Exempt {
        /// Which
        account: Address,
        /// Take it off the list
        #[arg(long)]
        remove: bool,
    },
    /// A verifier of attestations
    Verifier {
        /// Its key's address
        verifier: Address,
        /// For people
        #[arg(long, default_value = "", required_unless_present = "remove")]
        name: String,
        /// Remove it
        #[arg(long)]
        remove: bool,
    },
    /// A payment out of a pool
    Spend {
        /// Which pool
        pool: Spent,
        /// To whom
        to: Address,
        /// DEF, or wei such as 5wei
        #[arg(value_parser = wei)]
        amount: u128,
    },
    /// A validator's punishment for proven censorship
    Slash {
        /// Its operator
        validator: Address,
    },
    /// The nine signers of the treasury
    Signers {
        /// All nine
        #[arg(num_args = 9)]
        signers: Vec<Address>,
    },
    /// A change of rules at a height
    Upgrade {
        /// The first block under the new rules
        height: u64,
        /// Their version
        app_version: u64,
        /// The release that carries them
        name: String,
    },
    /// No change of rules
    CancelUpgrade,
}

/// Percent with at most two decimals, as hundredths of a percent.
pub(in crate::commands) fn percent(text: &str) -> Result<u16, String> {
    let refused = || format!("{text:?} is no percentage: write 10 or 7.25, at most 100 and two decimals");
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 2 {
        return Err(refused());
    }
    let bps = format!("{whole}{decimals:0<2}").parse::<u16>().map_err(|_| refused())?;
    if bps > 10_000 { Err(refused()) } else { Ok(bps) }
}

fn table(text: &str) -> Result<[u8; 9], String> {
    let list = text.split(',').map(|part| part.trim().parse::<u8>()).collect::<Result<Vec<_>, _>>();
    let list = list.map_err(|e| format!("{text:?} is no burn table: {e}; write nine percentages with commas"))?;
    <[u8; 9]>::try_from(list).map_err(|list| format!("{} percentages, nine are needed", list.len()))
}

impl NativeCommand {
    /// How it is sent.
    pub(super) const fn send(&self) -> &SendArgs {
        match self {
            Self::Withdraw { of, .. } | Self::Unlock { of } | Self::Close { of } | Self::Compound { of } => &of.send,
            Self::Stake { send, .. }
            | Self::Extend { send, .. }
            | Self::Restake { send, .. }
            | Self::Claim { send, .. }
            | Self::AutoCompound { send, .. }
            | Self::Delegate { send, .. }
            | Self::Bind { send, .. }
            | Self::Undelegate { send, .. }
            | Self::Register { send, .. }
            | Self::Attest { send, .. }
            | Self::Unjail { send }
            | Self::Exit { send }
            | Self::SetCommission { send, .. }
            | Self::RotateKey { send, .. }
            | Self::Vote { send, .. }
            | Self::Propose { send, .. }
            | Self::Approve { send, .. }
            | Self::Settle { send, .. }
            | Self::SetReferrer { send, .. }
            | Self::SubmitEvidence { send, .. } => send,
        }
    }

    /// The transaction that does it for `from`.
    pub(super) async fn outgoing(&self, home: &Home, client: &Client, from: Address) -> Result<Outgoing> {
        Ok(match self {
            Self::Stake { amount, years, .. } => native::stake(U256::from(*amount), *years),
            Self::Extend { position, years, .. } => native::extend(*position, *years),
            Self::Restake { position, years, .. } => native::restake(*position, *years),
            Self::Withdraw { of, amount } => match (amount, of.owner) {
                (Some(amount), _) => native::withdraw_part(of.position, U256::from(*amount)),
                (None, Some(owner)) => native::withdraw_for(owner, of.position),
                (None, None) => native::withdraw(of.position),
            },
            Self::Unlock { of } => match of.owner {
                Some(owner) => native::unlock_for(owner, of.position),
                None => native::unlock(of.position),
            },
            Self::Close { of } => native::close(of.owner.unwrap_or(from), of.position),
            Self::Claim { what, position, owner, .. } => claim(*what, *position, *owner, from)?,
            Self::Compound { of } => match of.owner {
                Some(owner) => native::compound_for(owner, of.position),
                None => native::compound(of.position),
            },
            Self::AutoCompound { position, switch, .. } => native::set_auto_compound(*position, *switch == Switch::On),
            Self::Delegate { validator, amount, years, .. } => {
                native::delegate(*validator, U256::from(*amount), *years)
            }
            Self::Bind { position, validator, .. } => native::bind(*position, *validator),
            Self::Undelegate { position, .. } => native::unbind(*position),
            Self::Register { moniker, commission, attestation, .. } => {
                let signed = attested(attestation, client, from).await?;
                let proofs = Proofs::of(home, signed.chain_id, from)?;
                native::register(proofs.registration(moniker.clone(), *commission, for_chain(&signed)))
            }
            Self::Attest { attestation, .. } => native::attest(for_chain(&attested(attestation, client, from).await?)),
            Self::Unjail { .. } => native::unjail(),
            Self::Exit { .. } => native::exit(),
            Self::SetCommission { commission, .. } => native::set_commission(*commission),
            Self::RotateKey { key, .. } => {
                let key = CometKey::read(key)?;
                let chain_id = client.chain_id().await.map_err(said)?;
                let proof = key.sign(&pop::consensus_message(chain_id, from, &key.public()));
                native::rotate_key(key.public().into(), proof.to_vec().into())
            }
            Self::Vote { proposal, choice, .. } => native::vote(*proposal, *choice as u8),
            Self::Propose { description, what, .. } => {
                native::propose(what.proposal()?, description.clone(), deposit(client).await?)
            }
            Self::Approve { proposal, revoke, .. } => native::approve_spending(*proposal, !revoke),
            Self::Settle { account, .. } => native::settle(*account),
            Self::SetReferrer { referrer, .. } => native::set_referrer(*referrer),
            Self::SubmitEvidence { key, vote_a, vote_b, .. } => {
                native::submit_evidence(*key, vote_a.clone(), vote_b.clone())
            }
        })
    }
}

fn claim(what: Claimed, position: Option<u32>, owner: Option<Address>, from: Address) -> Result<Outgoing> {
    Ok(match (what, position, owner) {
        (Claimed::Dividends, None, None) => native::claim_all_dividends(),
        (Claimed::Dividends, None, Some(owner)) => native::claim_all_dividends_for(owner),
        (Claimed::Dividends, Some(id), None) => native::claim_dividends(id),
        (Claimed::Dividends, Some(id), Some(owner)) => native::claim_dividends_for(owner, id),
        (Claimed::Rewards, None, None) => native::claim_all_rewards(),
        (Claimed::Rewards, None, Some(_)) => {
            bail!("--owner needs --position: the income of all positions is claimed by their owner")
        }
        (Claimed::Rewards, Some(id), owner) => native::claim_rewards(owner.unwrap_or(from), id),
        (Claimed::Commission, None, owner) => native::claim_commission(owner.unwrap_or(from)),
        (Claimed::Commission, Some(_), _) => bail!("a commission belongs to no position: leave --position out"),
    })
}

/// The attestation in a file, if it is for this sender on this chain.
async fn attested(path: &std::path::Path, client: &Client, from: Address) -> Result<SignedAttestation> {
    let signed = SignedAttestation::read(path)?;
    let chain_id = client.chain_id().await.map_err(said)?;
    if signed.chain_id != chain_id {
        bail!("{} is for chain {}, the node's is {chain_id}", path.display(), signed.chain_id);
    }
    if signed.attestation.validator != from {
        bail!("{} is for {}, the sender is {from}", path.display(), signed.attestation.validator);
    }
    Ok(signed)
}

/// As the interface takes it: the validator is the sender.
fn for_chain(signed: &SignedAttestation) -> IValidators::SignedAttestation {
    IValidators::SignedAttestation {
        country: signed.attestation.country.code().into(),
        verificationDate: signed.attestation.verification_date,
        expirationDate: signed.attestation.expiration_date,
        nonce: signed.attestation.nonce,
        signature: signed.signature.clone(),
    }
}

/// What a proposal must send along.
async fn deposit(client: &Client) -> Result<U256> {
    let call = IGovernance::depositAmountCall {};
    let mut request = TransactionRequest::default().to(native::GOVERNANCE);
    request.input = Bytes::from(call.abi_encode()).into();
    let answer = client.call(&request, BlockNumberOrTag::Latest.into()).await.map_err(said)?;
    IGovernance::depositAmountCall::abi_decode_returns(&answer).context("the deposit of a proposal")
}

impl Proposed {
    fn proposal(&self) -> Result<Proposal> {
        Ok(match self {
            Self::Text => Proposal::Text,
            Self::Param { module, name, value } => {
                Proposal::Parameter { module: module.clone(), key: name.clone(), value: *value }
            }
            Self::BurnTable { preserved } => Proposal::BurnTable(*preserved),
            Self::LowerBurn { preserved } => Proposal::LowerBurn(*preserved),
            Self::Exempt { account, remove } => Proposal::Exempt { account: *account, exempt: !remove },
            Self::Verifier { verifier, name, remove } => {
                Proposal::Verifier { verifier: *verifier, name: name.clone(), accredited: !remove }
            }
            Self::Spend { pool, to, amount } => {
                Proposal::Spending { pool: *pool as u8, to: *to, amount: U256::from(*amount) }
            }
            Self::Slash { validator } => Proposal::Slash(*validator),
            Self::Signers { signers } => {
                let nine = <[Address; 9]>::try_from(signers.as_slice());
                Proposal::Signers(nine.with_context(|| format!("{} signers, nine are needed", signers.len()))?)
            }
            Self::Upgrade { height, app_version, name } => {
                Proposal::Upgrade { height: *height, app_version: *app_version, name: name.clone() }
            }
            Self::CancelUpgrade => Proposal::CancelUpgrade,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_to_the_hundredth() {
        for (text, bps) in [("5", 500), ("10%", 1_000), ("7.25", 725), ("0.5", 50), ("100", 10_000)] {
            assert_eq!(percent(text), Ok(bps), "{text}");
        }
        for text in ["", "%", "1.", ".5", "1.234", "-1", "101", "99999"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_burn_table_has_nine_percentages() {
        assert_eq!(table("100,99, 97,93,85,71,48,17,0"), Ok([100, 99, 97, 93, 85, 71, 48, 17, 0]));
        assert!(table("100,0").is_err_and(|e| e.contains("2 percentages")));
        assert!(table("100,x").is_err_and(|e| e.contains("no burn table")));
    }
}
