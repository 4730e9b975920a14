//! What the encoders write today: the beginning of every corpus, and the fixture of every form.
//!
//! `cargo run -p defchain-fuzz -- seeds` writes them into the corpora. Do that when a form was changed on purpose, with a
//! new version of the form and a line in CHANGELOG.md; a test holds the kept files against these.

pub mod chain;
mod records;
pub mod snapshots;
pub mod text;
mod wire;

/// An input that must be taken.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Of which target.
    pub target: &'static str,
    /// Its file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Makes every seed, the same at every time.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut all = Vec::new();
    let mut add = |target: &'static str, what: &str, fate: &str, bytes: Vec<u8>| {
        all.push(Seed { target, name: format!("{fate}-{what}"), bytes });
    };
    for (target, what, bytes) in wire::good().into_iter().chain(records::good()).chain(snapshots::good()) {
        add(target, &what, "good", bytes);
    }
    for (target, what, bytes) in wire::refused().into_iter().chain(records::refused()).chain(snapshots::refused()) {
        add(target, &what, "refused", bytes);
    }
    for (target, what, text) in text::good() {
        add(target, &what, "good", text.into_bytes());
    }
    for (target, what, text) in text::refused() {
        add(target, &what, "refused", text.into_bytes());
    }
    for (target, what, text) in text::found() {
        add(target, &what, "found", text.into_bytes());
    }
    add("dev-state", "two-files", "good", text::dev_state());
    all
}

/// Target, name, bytes.
type Made = (&'static str, String, Vec<u8>);

fn made(target: &'static str, name: &str, bytes: impl Into<Vec<u8>>) -> Made {
    (target, name.to_owned(), bytes.into())
}
