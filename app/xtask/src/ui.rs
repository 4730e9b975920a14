use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};

/// Does one step, with its name before and its duration after.
pub fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("▸ {name}");
    let started = Instant::now();
    let result = work().with_context(|| format!("step failed: {name}"))?;
    eprintln!("  done in {:.1} s", started.elapsed().as_secs_f64());
    Ok(result)
}

/// Runs a program; what it prints is seen as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if status.success() {
        return Ok(());
    }
    let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    bail!("{} {} ended with {status}", command.get_program().to_string_lossy(), args.join(" "))
}

/// Runs a program and returns what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    bail!(
        "{:?} ended with {}: {}",
        command.get_program(),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )
}

/// What cargo's test binaries counted, all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl Counts {
    /// Adds one line of a test binary's output, if it is a result.
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let figures = result.split_once(". ").map_or(result, |(_, figures)| figures);
        for figure in figures.split(';') {
            let mut words = figure.split_whitespace();
            let (Some(Ok(n)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
            match what {
                "passed" => self.passed += n,
                "failed" => self.failed += n,
                "ignored" => self.ignored += n,
                _ => {}
            }
        }
    }
}

/// Runs tests: what they print is seen as it comes, and counted.
pub fn run_tests(command: &mut Command) -> Result<Counts> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).lines() {
        let line = line.context("cannot read cargo's output")?;
        counts.add(&line);
        println!("{line}");
    }
    let status = child.wait().context("cargo was lost")?;
    if !status.success() && counts.failed == 0 {
        bail!("the tests ended with {status}");
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_test_binaries_are_added() {
        let mut counts = Counts::default();
        counts.add("running 3 tests");
        counts.add("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        counts.add("test result: FAILED. 5 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s");
        assert_eq!(counts, Counts { passed: 7, failed: 4, ignored: 1 });
    }
}
