//! Tests and measurements.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::{
    build::{self, Programs},
    docs,
    tools::{cargo, ensure_chaos_tools, ensure_go, ensure_native_tools, ensure_node, go, root, target},
    ui::{run, run_tests, step},
};

/// Cargo with what end-to-end tests look for.
fn cargo_with(programs: &Programs) -> Command {
    let mut command = cargo();
    command.env("DEFCHAIN_APP", &programs.app).env("DEFCHAIN_COMETBFT", &programs.cometbft);
    command
}

pub fn test() -> Result<()> {
    step("tools: C++ compiler, libclang, Go, Node.js", || {
        ensure_native_tools()?;
        ensure_go()?;
        ensure_node()
    })?;
    step("formatting", || run(cargo().args(["fmt", "--all", "--check"])))?;
    step("the book: every page listed, every link leads somewhere", docs::check)?;
    step("CometBFT: go vet and tests", || {
        run(go().args(["vet", "./..."]))?;
        run(go().args(["test", "./..."]))
    })?;
    let programs = build::programs()?;
    step("build the tests", || run(cargo_with(&programs).args(["test", "--workspace", "--no-run"])))?;
    step("clippy", || run(cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])))?;
    let mut counts =
        step("tests", || run_tests(cargo_with(&programs).args(["test", "--workspace", "--no-fail-fast"])))?;
    match missing_projects()? {
        Some(missing) => {
            println!("SKIPPED: Hardhat and Foundry projects: {missing}; `cargo xtask test-clients` installs them")
        }
        None => {
            let projects = step("Hardhat and Foundry projects against dev", || {
                run_tests(cargo_with(&programs).args(CLIENTS).args([
                    "projects_work_against_dev",
                    "--",
                    "--include-ignored",
                ]))
            })?;
            counts.passed += projects.passed;
            counts.failed += projects.failed;
            // It was counted as skipped before.
            counts.ignored = counts.ignored.saturating_sub(projects.passed + projects.failed);
        }
    }
    // The last line, as every runner's readers know it.
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.ignored);
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    ensure!(counts.passed > 0, "no test ran");
    Ok(())
}

pub fn comet() -> Result<()> {
    ensure_go()?;
    for suite in ["upstream", "pod", "net", "byzantine"] {
        step(&format!("CometBFT: {suite}"), || run(go().args(["run", "./cmd/build-cometbft", "--test", suite])))?;
    }
    Ok(())
}

/// The tests of `tests/clients` and `tests/projects`.
const CLIENTS: [&str; 5] = ["test", "--package", "defchain-node", "--test", "clients"];

/// What `run.js --ready` ends with if packages would have to be installed.
const NOT_READY: i32 = 3;

/// Which packages of the Hardhat and Foundry projects are not on this machine.
fn missing_projects() -> Result<Option<String>> {
    let output = Command::new("node").current_dir(root()).args(["tests/projects/run.js", "--ready"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(None),
        Some(NOT_READY) => Ok(Some(said)),
        _ => bail!("run.js --ready ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
    }
}

pub fn clients() -> Result<()> {
    ensure_node()?;
    let programs = build::programs()?;
    for (folder, what) in [("clients", "packages of cast, ethers, viem"), ("projects", "packages of the projects")] {
        step(what, || {
            let script = format!("tests/{folder}/run.js");
            run(Command::new("node").current_dir(root()).args([&script, "--prepare"]))
        })?;
    }
    step("clients and projects against dev and a localnet", || {
        run(cargo_with(&programs).args(CLIENTS).args(["--", "--include-ignored"]))
    })
}

pub fn long() -> Result<()> {
    let programs = build::programs()?;
    let liar = build::cometbft("pod,pod_byzantine")?;
    step("long end-to-end tests", || {
        let mut command = cargo_with(&programs);
        command.env("DEFCHAIN_COMETBFT_BYZANTINE", &liar);
        command.args([
            "test",
            "--package",
            "defchain-node",
            "--test",
            "network",
            "--test",
            "joining",
            "--test",
            "hostile",
            "--",
            "--include-ignored",
            "--nocapture",
        ]);
        run(command.args(["--test-threads", "1"]))
    })?;
    step("three million transactions against one pool", || {
        let flood = ["test", "--package", "defchain-mempool", "--test", "flood", "--", "--ignored", "--nocapture"];
        run(cargo_with(&programs).args(flood))
    })?;
    let signer = build::remote_signer()?;
    step("an upgrade of a running network, a remote signer", || {
        let mut command = cargo_with(&programs);
        command.env("DEFCHAIN_REMOTE_SIGNER", &signer).args(["test", "--package", "defchain-node"]);
        command.args(["--test", "upgrade", "--test", "operators", "--", "--ignored", "--nocapture"]);
        run(command.args(["--test-threads", "1"]))
    })
}

pub fn chaos(args: &[String]) -> Result<()> {
    let programs = build::programs()?;
    let skewed = build::cometbft("pod,pod_skew")?;
    ensure_chaos_tools()?;
    step("build the chaos", || run(cargo().args(["build", "--package", "defchain-sim", "--bin", "defchain-chaos"])))?;
    let mut command = Command::new(target().join("debug/defchain-chaos"));
    command.current_dir(root()).arg("--app").arg(&programs.app).arg("--cometbft").arg(&programs.cometbft);
    run(command.arg("--cometbft-skew").arg(&skewed).args(args))
}

pub fn sim(args: &[String]) -> Result<()> {
    step("build the simulator", || run(cargo().args(["build", "--package", "defchain-sim", "--bin", "defchain-sim"])))?;
    run(Command::new(target().join("debug/defchain-sim")).current_dir(root()).args(args))
}

pub fn model(args: &[String]) -> Result<()> {
    step("build the model", || run(cargo().args(["build", "--package", "defchain-pod-model"])))?;
    run(Command::new(target().join("debug/defchain-pod-model")).current_dir(root()).args(args))
}

pub fn bench(args: &[String]) -> Result<()> {
    let programs = build::programs()?;
    step("build the bench", || run(cargo().args(["build", "--package", "defchain-sim", "--bin", "defchain-bench"])))?;
    let mut command = Command::new(target().join("debug/defchain-bench"));
    command.current_dir(root()).arg("--app").arg(&programs.app).arg("--cometbft").arg(&programs.cometbft).args(args);
    run(&mut command)
}
