//! What is wrong with a genesis, all of it.

use core::fmt;

/// More problems than this are counted, not kept: a broken accounts file may have one in each of its million lines.
pub const MAX_PROBLEMS: usize = 1_000;

/// One mistake, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: a path such as `app_state.accounts[3].balance`, or `accounts-….jsonl:12`.
    pub at: String,
    /// What is wrong, with the figures.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// Mistakes as they are found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    more: u64,
}

impl Problems {
    /// Notes a mistake.
    pub fn add(&mut self, at: impl Into<String>, what: impl Into<String>) {
        if self.kept.len() < MAX_PROBLEMS {
            self.kept.push(Problem { at: at.into(), what: what.into() });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Adds what another check found.
    pub fn append(&mut self, other: Self) {
        for problem in other.kept {
            self.add(problem.at, problem.what);
        }
        self.more = self.more.saturating_add(other.more);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Those that were kept, in the order in which they were found.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.kept
    }

    /// How many were found.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.more.saturating_add(self.kept.len() as u64)
    }

    /// `value` if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is.
    pub fn or<T>(self, value: Option<T>) -> Result<T, GenesisErrors> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(GenesisErrors(self)),
        }
    }
}

/// A genesis that is refused, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct GenesisErrors(pub Problems);

impl GenesisErrors {
    /// A single mistake.
    #[must_use]
    pub fn one(at: impl Into<String>, what: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(at, what);
        Self(problems)
    }
}

impl fmt::Display for GenesisErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.count();
        write!(f, "the genesis has {count} mistake{}:", if count == 1 { "" } else { "s" })?;
        for problem in self.0.list() {
            write!(f, "\n  {problem}")?;
        }
        if self.0.more > 0 {
            write!(f, "\n  … and {} more", self.0.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_counted_but_only_so_many_are_kept() {
        let mut problems = Problems::default();
        for i in 0..MAX_PROBLEMS + 7 {
            problems.add(format!("line {i}"), "wrong");
        }
        assert_eq!(problems.list().len(), MAX_PROBLEMS);
        assert_eq!(problems.count(), MAX_PROBLEMS as u64 + 7);
        let text = GenesisErrors(problems).to_string();
        assert!(text.starts_with("the genesis has 1007 mistakes:\n  line 0: wrong\n"), "{text}");
        assert!(text.ends_with("… and 7 more"), "{text}");
    }
}
