//! What commands print, and with which code the process ends.

use std::{
    fmt,
    io::{self, Write},
};

use serde_json::Value;

/// Something else went wrong.
pub const EXIT_FAILURE: u8 = 1;
/// The command line is wrong (clap's own code).
pub const EXIT_USAGE: u8 = 2;
/// Configuration or genesis is refused; starting again changes nothing.
pub const EXIT_REFUSED: u8 = 3;
/// Nobody answers at the address.
pub const EXIT_UNREACHABLE: u8 = 4;
/// The data folder is refused: foreign, damaged or in use; starting again changes nothing.
pub const EXIT_DATA: u8 = 5;
/// CometBFT's connection was lost: both halves start anew.
pub const EXIT_COMETBFT: u8 = 6;
/// The next block needs another release of this program; starting this one again changes nothing.
pub const EXIT_UPGRADE: u8 = 7;
/// The node met what it must not go on with: a block that cannot be executed, another app hash than the network's.
pub const EXIT_HALTED: u8 = 8;
/// The disk is full: the node goes on when there is room.
pub const EXIT_DISK: u8 = 9;

/// An error that ends the process with a code of its own.
#[derive(Debug)]
pub struct Coded {
    /// The exit code.
    pub code: u8,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// An error with an exit code.
pub fn coded(code: u8, message: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Coded { code, message: message.to_string() })
}

/// The exit code of an error.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(|cause| cause.downcast_ref::<Coded>()).map_or(EXIT_FAILURE, |c| c.code)
}

/// Where a command's result goes: for people, or as one JSON value.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Whether to print JSON.
    pub json: bool,
}

impl Output {
    /// Prints a result. A reader that has gone away (`| head`) is no error.
    pub fn print(self, human: impl fmt::Display, json: impl FnOnce() -> Value) {
        let mut out = io::stdout().lock();
        let _ = if self.json {
            serde_json::to_writer_pretty(&mut out, &json()).map_err(io::Error::from).and_then(|()| writeln!(out))
        } else {
            writeln!(out, "{human}")
        };
    }

    /// Prints an error to stderr.
    pub fn error(self, error: &anyhow::Error) {
        let mut err = io::stderr().lock();
        let _ = if self.json {
            let value = serde_json::json!({ "error": format!("{error:#}"), "code": exit_code(error) });
            writeln!(err, "{value}")
        } else {
            writeln!(err, "error: {error:#}")
        };
    }
}
