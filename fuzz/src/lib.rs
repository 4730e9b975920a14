//! Every decoder that takes bytes from outside, as a target for mutated input.
//!
//! ```text
//!   corpus/<target>/ ──▶ mutate ──▶ judge ──▶ taken, or refused with a text       (anything else is a finding)
//!        ▲                                        │
//!        └── seeds (what the encoders write) ◀────┘ a finding is kept here once it is repaired
//! ```
//!
//! [`targets`] is the one list. A target judges bytes and says `Ok` when they were taken, or the text of the refusal. What
//! must never happen makes it panic: bytes that were taken and encode otherwise (D8b), an answer that is none, a decoder
//! that panics itself. [`bounded`] runs a target on mutations that depend on a seed only; cargo-fuzz runs the same targets
//! for as long as one likes (docs/src/fuzzing.md).
//!
//! The corpus is kept in git, one folder a target. A file's name says what must become of it: `good-…` is taken,
//! `refused-…` is not, `found-…` is what fuzzing found once. The `good-` files of binary forms are what the encoders write
//! today ([`seeds`]); a test compares them, so each is a fixture of its format.
//!
//! Invariants
//! - Targets keep nothing between inputs that changes a later verdict: the same bytes fail again.
//! - Memory grows with the input, never with what the input claims ([`memory`]).
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a tool of tests: its panics are the findings"
)]

pub mod bounded;
pub mod corpus;
pub mod memory;
pub mod mutate;
pub mod seeds;
mod targets;

use defchain_base::CodecError;

pub use targets::targets;

/// What a target says of bytes: taken, or why not.
pub type Verdict = Result<(), String>;

/// How a target judges.
#[derive(Clone, Copy)]
pub enum Judge {
    /// In a way of its own.
    Own(fn(&[u8]) -> Verdict),
    /// By decoding and encoding again; both must be the same bytes (D8b).
    Again(fn(&[u8]) -> Result<Vec<u8>, CodecError>),
}

/// What kind of bytes a target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Its own end is known: no beginning of it, and nothing longer, is taken.
    Whole,
    /// Bytes whose last part is as long as there are bytes.
    Open,
    /// Text.
    Text,
}

/// Most bytes that judging an input may hold at a time.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Whatever the input.
    pub base: usize,
    /// For each byte of input.
    pub per_byte: usize,
}

/// Of decoders that only cut the input up.
pub const SMALL: Memory = Memory { base: 64 << 10, per_byte: 24 };
/// Of JSON and TOML, which are read into trees, and of what looks at state.
pub const LARGE: Memory = Memory { base: 4 << 20, per_byte: 512 };

/// A decoder under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Judges bytes.
    pub judge: Judge,
    /// What it takes.
    pub form: Form,
    /// Most memory.
    pub memory: Memory,
    /// Inputs of the bounded run.
    pub rounds: u32,
}

impl Target {
    /// A form with one encoding.
    pub(crate) const fn again(name: &'static str, judge: fn(&[u8]) -> Result<Vec<u8>, CodecError>) -> Self {
        Self { name, judge: Judge::Again(judge), form: Form::Whole, memory: SMALL, rounds: 20_000 }
    }

    /// A decoder with rules of its own.
    pub(crate) const fn own(name: &'static str, form: Form, judge: fn(&[u8]) -> Verdict) -> Self {
        let memory = if matches!(form, Form::Text) { LARGE } else { SMALL };
        Self { name, judge: Judge::Own(judge), form, memory, rounds: 8_000 }
    }

    pub(crate) const fn rounds(self, rounds: u32) -> Self {
        Self { rounds, ..self }
    }

    pub(crate) const fn memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }

    pub(crate) const fn open(self) -> Self {
        Self { form: Form::Open, ..self }
    }

    /// Judges bytes.
    ///
    /// # Panics
    /// When they do what no bytes may: the finding of a fuzzer.
    ///
    /// # Errors
    /// The text of the refusal.
    pub fn judge(&self, data: &[u8]) -> Verdict {
        let verdict = match self.judge {
            Judge::Own(judge) => judge(data),
            Judge::Again(again) => again(data).map(|encoded| same(&encoded, data)).map_err(|error| error.to_string()),
        };
        if let Err(text) = &verdict {
            // A refusal goes into logs and answers: it says something, and not the input back.
            let most = 16 * 1024 + 2 * data.len().min(64 * 1024);
            assert!(!text.is_empty() && text.len() <= most, "a refusal of {} bytes for {}", text.len(), data.len());
        }
        verdict
    }
}

/// The target of that name.
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}

/// What was decoded from `data` encodes to it (D8b).
///
/// # Panics
/// When it does not.
pub(crate) fn same(encoded: &[u8], data: &[u8]) {
    assert!(
        encoded == data,
        "decoded, but the encoding of what was understood is another (D8b)\n  given   {}\n  encoded {}",
        hex::encode(data),
        hex::encode(encoded)
    );
}
