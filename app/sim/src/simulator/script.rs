//! What happens in a run, as a script: one line an event, by height. Written while a run invents it; played back exactly; cut
//! down to what a failure needs.
//!
//! ```text
//! # lines beginning with # say what was meant
//! time 12 86400000
//! send 12 replica=1 user=3 to=0x…0105 value=5000000000000000000 gas=600000 cap=… tip=… kind=2 input=0x… # stake(4)
//! raw 12 replica=0 comet 0x02f8…
//! evidence 13 0x… double ago=1
//! away 13 0x… absent
//! ```

use core::fmt;
use std::{collections::BTreeMap, str::FromStr};

use alloy_primitives::{Address, Bytes, U256, hex};
use anyhow::{Context, Result, anyhow, bail};
use defchain_base::ConsensusAddress;

/// A transaction by one of the people, whose nonce is whatever is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// To which replica.
    pub replica: usize,
    /// By CheckTx; else by RPC.
    pub by_comet: bool,
    /// Who.
    pub user: usize,
    /// To whom; `None` creates.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Input.
    pub input: Bytes,
    /// Gas limit.
    pub gas: u64,
    /// Most for a unit of gas.
    pub cap: u128,
    /// Tip for it.
    pub tip: u128,
    /// Envelope: 0, 1 or 2; 100 for the compact native form.
    pub kind: u8,
    /// What was meant, for people.
    pub note: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Milliseconds since the block before.
    Time(u64),
    /// A transaction of the people.
    Send(Sent),
    /// Any bytes.
    Raw {
        /// To which replica.
        replica: usize,
        /// By CheckTx; else by RPC.
        by_comet: bool,
        /// What.
        bytes: Bytes,
    },
    /// CometBFT proves that this validator lied.
    Evidence {
        /// Who.
        address: ConsensusAddress,
        /// To light clients; else by two votes.
        light_client: bool,
        /// How many heights ago.
        ago: u64,
    },
    /// A validator's precommit is missing, or is for nil.
    Away {
        /// Who.
        address: ConsensusAddress,
        /// For nil.
        nil: bool,
    },
}

/// Events by height.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    events: Vec<(At, Event)>,
}

/// When: height, and the step of gossip in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Height.
    pub height: u64,
    /// Step of gossip; 0 for what is no transaction.
    pub step: u64,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.step == 0 { write!(f, "{}", self.height) } else { write!(f, "{}.{}", self.height, self.step) }
    }
}

impl FromStr for At {
    type Err = core::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (height, step) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self { height: height.parse()?, step: step.parse()? })
    }
}

impl Script {
    /// Notes an event.
    pub fn note(&mut self, height: u64, event: Event) {
        self.note_at(At { height, step: 0 }, event);
    }

    /// Notes an event of a step of gossip.
    pub fn note_at(&mut self, at: At, event: Event) {
        self.events.push((at, event));
    }

    /// The events, each with its time.
    #[must_use]
    pub fn events(&self) -> &[(At, Event)] {
        &self.events
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happens.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events of a height.
    pub fn at(&self, height: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |(at, _)| at.height == height).map(|(_, event)| event)
    }

    /// The events of a height from a step on, to the one before `end`.
    pub fn steps(&self, height: u64, from: u64, end: u64) -> impl Iterator<Item = &Event> {
        let due = move |at: &At| at.height == height && (from..end).contains(&at.step);
        self.events.iter().filter(move |(at, _)| due(at)).map(|(_, event)| event)
    }

    /// The least part that still `fails`: halves, quarters, … are left out while the failure stays, at most `tries` times.
    #[must_use]
    pub fn shrink(self, mut tries: u32, mut fails: impl FnMut(&Self) -> bool) -> Self {
        let mut kept = self.events;
        let mut size = kept.len().div_ceil(2).max(1);
        while tries > 0 && !kept.is_empty() {
            let (mut at, mut cut) = (0, false);
            while at < kept.len() && tries > 0 {
                let end = (at + size).min(kept.len());
                let rest: Vec<_> = kept.iter().take(at).chain(kept.iter().skip(end)).cloned().collect();
                let shorter = Self { events: rest };
                tries -= 1;
                if fails(&shorter) {
                    kept = shorter.events;
                    cut = true;
                } else {
                    at = end;
                }
            }
            match size {
                1 if !cut => break,
                1 => {}
                _ => size = size.div_ceil(2),
            }
        }
        Self { events: kept }
    }
}

fn way(by_comet: bool) -> &'static str {
    if by_comet { "comet" } else { "rpc" }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(_) => f.write_str("time"),
            Self::Send(_) => f.write_str("send"),
            Self::Raw { .. } => f.write_str("raw"),
            Self::Evidence { .. } => f.write_str("evidence"),
            Self::Away { .. } => f.write_str("away"),
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, event) in &self.events {
            write!(f, "{event} {at} ")?;
            match event {
                Event::Time(millis) => write!(f, "{millis}")?,
                Event::Send(sent) => {
                    let Sent { replica, by_comet, user, to, value, input, gas, cap, tip, kind, note } = sent;
                    let to = to.map_or_else(|| "create".to_owned(), |to| to.to_string());
                    let way = way(*by_comet);
                    write!(
                        f,
                        "replica={replica} way={way} user={user} to={to} value={value} gas={gas} cap={cap} tip={tip} \
                         kind={kind} input={input} # {note}"
                    )?;
                }
                Event::Raw { replica, by_comet, bytes } => {
                    write!(f, "replica={replica} way={} input={bytes}", way(*by_comet))?
                }
                Event::Evidence { address, light_client, ago } => {
                    let kind = if *light_client { "light" } else { "double" };
                    write!(f, "who={} kind={kind} ago={ago}", hex::encode(address.0))?;
                }
                Event::Away { address, nil } => {
                    write!(f, "who={} how={}", hex::encode(address.0), if *nil { "nil" } else { "absent" })?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// `name=value` words of a line.
struct Words<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        Self(text.split_whitespace().filter_map(|word| word.split_once('=')).collect())
    }

    fn text(&self, name: &str) -> Result<&'a str> {
        self.0.get(name).copied().ok_or_else(|| anyhow!("{name}=… is missing"))
    }

    fn get<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        text.parse().map_err(|e| anyhow!("{name}={text}: {e}"))
    }

    fn by_comet(&self) -> Result<bool> {
        Ok(self.text("way")? == "comet")
    }

    fn who(&self) -> Result<ConsensusAddress> {
        let bytes = hex::decode(self.text("who")?)?;
        ConsensusAddress::try_from(bytes.as_slice()).map_err(|_| anyhow!("who= needs 20 bytes, not {}", bytes.len()))
    }
}

impl FromStr for Script {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut script = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (at, event) = read(line).with_context(|| format!("line {number}: {line:.60}"))?;
            script.note_at(at, event);
        }
        Ok(script)
    }
}

fn read(line: &str) -> Result<(At, Event)> {
    let (line, note) = line.split_once(" # ").unwrap_or((line, ""));
    let mut start = line.splitn(3, ' ');
    let (kind, height, rest) = (start.next(), start.next(), start.next().unwrap_or_default());
    let at: At = height.context("no height")?.parse()?;
    let words = Words::of(rest);
    let event = match kind {
        Some("time") => Event::Time(rest.trim().parse()?),
        Some("send") => Event::Send(Sent {
            replica: words.get("replica")?,
            by_comet: words.by_comet()?,
            user: words.get("user")?,
            to: if words.text("to")? == "create" { None } else { Some(words.get("to")?) },
            value: words.get("value")?,
            input: words.get("input")?,
            gas: words.get("gas")?,
            cap: words.get("cap")?,
            tip: words.get("tip")?,
            kind: words.get("kind")?,
            note: note.to_owned(),
        }),
        Some("raw") => {
            Event::Raw { replica: words.get("replica")?, by_comet: words.by_comet()?, bytes: words.get("input")? }
        }
        Some("evidence") => Event::Evidence {
            address: words.who()?,
            light_client: words.text("kind")? == "light",
            ago: words.get("ago")?,
        },
        Some("away") => Event::Away { address: words.who()?, nil: words.text("how")? == "nil" },
        other => bail!("no event is called {other:?}: time, send, raw, evidence, away"),
    };
    Ok((at, event))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn sample() -> Script {
        let mut script = Script::default();
        let address = ConsensusAddress([7; 20]);
        script.note(3, Event::Time(86_400_000));
        let sent = Sent {
            replica: 1,
            by_comet: true,
            user: 4,
            to: Some(Address::repeat_byte(5)),
            value: U256::from(7),
            input: Bytes::from_static(&[1, 2]),
            gas: 50_000,
            cap: 9,
            tip: 1,
            kind: 2,
            note: "stake(4) with words".to_owned(),
        };
        script.note(3, Event::Send(sent.clone()));
        script.note_at(
            At { height: 4, step: 2 },
            Event::Send(Sent { to: None, by_comet: false, input: Bytes::new(), ..sent }),
        );
        script.note(4, Event::Raw { replica: 0, by_comet: false, bytes: Bytes::from_static(&[0xff]) });
        script.note(5, Event::Evidence { address, light_client: true, ago: 2 });
        script.note(6, Event::Away { address, nil: false });
        script
    }

    #[test]
    fn a_script_is_read_as_it_was_written() {
        let text = sample().to_string();
        assert_eq!(text.parse::<Script>().unwrap(), sample(), "{text}");
        for bad in ["", "x", "time", "time 3 soon", "send 3 user=1", "evidence 3 who=00 kind=light ago=1", "fly 3"] {
            let read = bad.parse::<Script>();
            assert!(bad.is_empty() || read.is_err(), "{bad:?}");
        }
    }

    #[test]
    fn shrinking_keeps_just_what_the_failure_needs() {
        let mut script = Script::default();
        (0..100).for_each(|height| script.note(height, Event::Time(height)));
        // Two events that must be together, far apart.
        let needs = |s: &Script| [13, 77].iter().all(|n| s.events().iter().any(|(_, e)| *e == Event::Time(*n)));
        let small = script.shrink(1_000, needs);
        assert_eq!(small.len(), 2);
        assert!(needs(&small));
    }
}
