//! Evidence, and what is remembered of a validator's faults.

use defchain_base::{
    Address, AgeMillis, Amount, B256, Bps, CodecError, ConsensusAddress, Decode, Encode, Height, Reader,
};
use serde::{Deserialize, Serialize};

use crate::Kind;

const VERSION: u8 = 1;

/// A punished fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What was done.
    pub kind: Kind,
    /// By whose validator.
    pub operator: Address,
    /// With which key; zero for downtime and censorship, which are the operator's.
    pub consensus: ConsensusAddress,
    /// Where.
    pub fault_height: Height,
    /// The block that punished it.
    pub height: Height,
    /// Its age.
    pub age: AgeMillis,
    /// Share of the stake that was taken.
    pub share: Bps,
    /// How often the base was doubled.
    pub repeats: u8,
    /// What was done with the money.
    pub split: Split,
    /// Who reported it; zero when nobody did.
    pub reporter: Address,
    /// End of the jail; the greatest age when it has none.
    pub jailed_until: AgeMillis,
    /// Hash of the proof; zero when it is CometBFT's, or the chain's own commits.
    pub proof: B256,
}

/// What happens to what is slashed. The parts add up to `slashed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// All of it.
    pub slashed: Amount,
    /// Destroyed.
    pub burned: Amount,
    /// To the treasury.
    pub treasury: Amount,
    /// To the reporter.
    pub reward: Amount,
}

/// What is remembered of a validator's faults of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Past {
    /// How many were punished.
    pub count: u32,
    /// How often the last one's penalty was doubled.
    pub repeats: u8,
    /// When the last one was punished.
    pub last: AgeMillis,
    /// End of its jail.
    pub jailed_until: AgeMillis,
    /// Faults at heights up to here were the same fault.
    pub covered: Height,
    /// Its evidence.
    pub evidence: u64,
}

/// What is remembered of a validator, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing(pub [Past; 5]);

impl Standing {
    /// Of one kind.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> &Past {
        let [double_sign, downtime, invalid, censorship, equivocation] = &self.0;
        match kind {
            Kind::DoubleSign => double_sign,
            Kind::Downtime => downtime,
            Kind::InvalidProposal => invalid,
            Kind::Censorship => censorship,
            Kind::Equivocation => equivocation,
        }
    }

    pub(crate) const fn of_mut(&mut self, kind: Kind) -> &mut Past {
        let [double_sign, downtime, invalid, censorship, equivocation] = &mut self.0;
        match kind {
            Kind::DoubleSign => double_sign,
            Kind::Downtime => downtime,
            Kind::InvalidProposal => invalid,
            Kind::Censorship => censorship,
            Kind::Equivocation => equivocation,
        }
    }

    /// The punished fault that one at `height`, found at `now`, is part of, if it is (D34): of a kind that counts as the same, at
    /// a height up to the jailing, or found while its jail lasts.
    ///
    /// The jail counts because a validator may stay in CometBFT's set for a while after it was jailed: two heights, or until
    /// the epoch's end (D28). What a doubled node signs meanwhile is still the one mistake.
    #[must_use]
    pub fn covers(&self, kind: Kind, height: Height, now: AgeMillis) -> Option<&Past> {
        Kind::ALL
            .into_iter()
            .filter(|other| kind.same_fault(*other))
            .map(|other| self.of(other))
            .find(|past| past.count > 0 && (height <= past.covered || now < past.jailed_until))
    }
}

impl Encode for Evidence {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(self.kind as u8);
        out.extend(self.operator);
        out.extend(self.consensus.0);
        for word in [self.fault_height.0, self.height.0, self.age.0] {
            out.extend(word.to_be_bytes());
        }
        out.extend(self.share.0.to_be_bytes());
        out.push(self.repeats);
        for amount in [self.split.slashed, self.split.burned, self.split.treasury, self.split.reward] {
            out.extend(amount.wei().to_be_bytes());
        }
        out.extend(self.reporter);
        out.extend(self.jailed_until.0.to_be_bytes());
        out.extend(self.proof);
    }
}

impl Decode for Evidence {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "evidence";
        input.version(VERSION, WHAT)?;
        let number = input.u8(WHAT)?;
        let kind = Kind::from_number(number)
            .ok_or_else(|| CodecError::Invalid { what: WHAT, why: format!("no kind {number}: 0 to 4") })?;
        Ok(Self {
            kind,
            operator: Address::new(input.array(WHAT)?),
            consensus: ConsensusAddress(input.array(WHAT)?),
            fault_height: Height(input.u64(WHAT)?),
            height: Height(input.u64(WHAT)?),
            age: AgeMillis(input.u64(WHAT)?),
            share: Bps(input.u16(WHAT)?),
            repeats: input.u8(WHAT)?,
            split: Split {
                slashed: input.amount(WHAT)?,
                burned: input.amount(WHAT)?,
                treasury: input.amount(WHAT)?,
                reward: input.amount(WHAT)?,
            },
            reporter: Address::new(input.array(WHAT)?),
            jailed_until: AgeMillis(input.u64(WHAT)?),
            proof: B256::new(input.array(WHAT)?),
        })
    }
}

impl Encode for Standing {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        for past in &self.0 {
            out.extend(past.count.to_be_bytes());
            out.push(past.repeats);
            for word in [past.last.0, past.jailed_until.0, past.covered.0, past.evidence] {
                out.extend(word.to_be_bytes());
            }
        }
    }
}

impl Decode for Standing {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        const WHAT: &str = "standing of a validator";
        input.version(VERSION, WHAT)?;
        let mut standing = Self::default();
        for past in &mut standing.0 {
            *past = Past {
                count: input.u32(WHAT)?,
                repeats: input.u8(WHAT)?,
                last: AgeMillis(input.u64(WHAT)?),
                jailed_until: AgeMillis(input.u64(WHAT)?),
                covered: Height(input.u64(WHAT)?),
                evidence: input.u64(WHAT)?,
            };
        }
        Ok(standing)
    }
}
