//! Running other programs.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The repository's folder.
pub fn root() -> PathBuf {
    // cargo sets it when it runs us; else the folder in which we were built.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let root = package.ancestors().nth(2).map(PathBuf::from);
    root.unwrap_or(package)
}

/// Where everything is built.
pub fn target_dir() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("CARGO_TARGET_DIR").filter(|given| !given.is_empty()) {
        return Ok(std::path::absolute(root().join(given))?);
    }
    let home = std::env::home_dir().context("no home folder: set CARGO_TARGET_DIR")?;
    Ok(home.join(".cache/defchain/target"))
}

/// A cargo of its own for the repository's crates: nothing of the cargo that runs us leaks into it, or the dependencies
/// would be compiled for each way of calling.
pub fn cargo() -> Result<Command> {
    let mut command = Command::new("cargo");
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text == "CARGO" || text == "CARGO_MANIFEST_PATH" || text.starts_with("CARGO_PKG_");
        if ours || text.starts_with("CARGO_MANIFEST_") || text == "RUST_RECURSION_COUNT" {
            command.env_remove(&name);
        }
    }
    command.current_dir(root()).env("CARGO_TARGET_DIR", target_dir()?);
    Ok(command)
}

/// Runs a program with its output shown.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// Runs a program and returns what it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {}", describe(command)))?;
    if !out.status.success() {
        bail!("{} failed ({}): {}", describe(command), out.status, String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Whether a program can be run at all.
pub fn exists(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Says what is done, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("==> {what}");
    let started = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "FAILED" };
    eprintln!("    {verdict} in {}: {what}", seconds(started.elapsed()));
    result
}

/// A duration as people read it.
pub fn seconds(duration: Duration) -> String {
    let all = duration.as_secs();
    if all >= 60 { format!("{} min {} s", all / 60, all % 60) } else { format!("{:.1} s", duration.as_secs_f64()) }
}
