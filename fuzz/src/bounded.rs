//! A run of so many inputs, the same on every machine.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    Form, Target,
    corpus::Entry,
    memory,
    mutate::{Dice, mutate},
};

/// An input that does what no input may.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Of which target.
    pub target: &'static str,
    /// The input.
    pub input: Vec<u8>,
    /// What it did.
    pub why: String,
}

/// What a run met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs that were taken.
    pub taken: u32,
    /// Inputs that were refused.
    pub refused: u32,
}

impl Failure {
    /// Writes the input below `folder` and says what to do with it.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn report(&self, folder: &Path) -> String {
        let place = folder.join(self.target);
        let file = place.join(hex::encode(&Sha256::digest(&self.input)[..8]));
        fs::create_dir_all(&place).and_then(|()| fs::write(&file, &self.input)).expect("the failing input is kept");
        format!(
            "{}: an input of {} bytes: {}\n  it is kept in {}\n  again: cargo run -p defchain-fuzz -- judge {} {}",
            self.target,
            self.input.len(),
            self.why,
            file.display(),
            self.target,
            file.display()
        )
    }
}

/// Judges one input and sees to its memory.
///
/// # Errors
/// When it does what no input may.
pub fn judge(target: &Target, input: &[u8]) -> Result<crate::Verdict, Failure> {
    let failure = |why| Failure { target: target.name, input: input.to_vec(), why };
    let (outcome, peak) = memory::peak(|| catch_unwind(AssertUnwindSafe(|| target.judge(input))));
    let verdict = outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        failure(text.unwrap_or_else(|| "it panics".to_owned()))
    })?;
    let most = target.memory.base + target.memory.per_byte * input.len();
    if peak > most {
        return Err(failure(format!("it holds {peak} bytes of memory, the limit for its length is {most}")));
    }
    Ok(verdict)
}

/// Judges `rounds` mutations of the corpus.
///
/// # Errors
/// The first input that does what no input may.
pub fn run(target: &Target, corpus: &[Entry], seed: u64, rounds: u32) -> Result<Counts, Failure> {
    let name = Sha256::digest(target.name);
    let mut dice = Dice::new(name.iter().fold(seed, |sum, byte| sum.rotate_left(8) ^ u64::from(*byte)));
    let mut counts = Counts::default();
    // What was taken is worth mutating further: it got through.
    let mut pool: Vec<Vec<u8>> = corpus.iter().map(|entry| entry.bytes.clone()).collect();
    let kept = pool.len() + 64;
    for _ in 0..rounds {
        let (one, other) = (dice.below(pool.len()), dice.below(pool.len()));
        let input = mutate(&mut dice, &pool[one], &pool[other], target.form == Form::Text);
        if judge(target, &input)?.is_ok() {
            counts.taken += 1;
            if pool.len() < kept && !pool.contains(&input) {
                pool.push(input);
            }
        } else {
            counts.refused += 1;
        }
    }
    Ok(counts)
}

/// Where a run keeps what it finds, when nobody says another place.
#[must_use]
pub fn findings() -> PathBuf {
    std::env::temp_dir().join("defchain-fuzz")
}
