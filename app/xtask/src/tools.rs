//! What this machine has, and what can be installed on it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::ui::{output, run};

/// The oldest Go that CometBFT's module takes.
const GO: (u32, u32) = (1, 25);
/// The oldest Node that the clients' tests take.
const NODE: u32 = 20;

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The user's cache folder of this project: build output lives outside the clone, so that a new clone is warm.
pub fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    base.unwrap_or_else(|| env::home_dir().unwrap_or_else(|| root().join(".defchain")).join(".cache")).join("defchain")
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache().join("target"), PathBuf::from)
}

/// Cargo, in this repository, building outside the clone.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).env("CARGO_TARGET_DIR", target());
    command
}

/// Go, in `cometbft-config`.
pub fn go() -> Command {
    let mut command = Command::new("go");
    command.current_dir(root().join("cometbft-config")).env("GOTOOLCHAIN", "local");
    command
}

/// What RocksDB's build needs.
pub fn ensure_native_tools() -> Result<()> {
    let mut packages = Vec::new();
    for (program, package) in [("clang", "clang"), ("c++", "g++"), ("make", "make")] {
        if !have(program) {
            packages.push(package);
        }
    }
    if !have_libclang() {
        packages.push("libclang-dev");
    }
    install(&packages)
}

/// What the modified CometBFT's build needs.
pub fn ensure_go() -> Result<()> {
    let advice = format!("install Go {}.{} or newer from go.dev and put it into PATH", GO.0, GO.1);
    let Ok(version) = output(Command::new("go").arg("env").arg("GOVERSION").env("GOTOOLCHAIN", "local")) else {
        bail!("Go is missing: {advice}");
    };
    let mut numbers = version.trim_start_matches("go").split('.').map_while(|n| n.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < GO { bail!("{version} is too old: {advice}") } else { Ok(()) }
}

/// What the clients' tests need.
pub fn ensure_node() -> Result<()> {
    let advice = format!("install Node.js {NODE} or newer with npm (Debian: apt-get install nodejs npm)");
    let Ok(version) = output(Command::new("node").arg("--version")) else { bail!("Node.js is missing: {advice}") };
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    if major < NODE {
        bail!("Node.js {version} is too old: {advice}");
    }
    if have("npm") { Ok(()) } else { bail!("npm is missing: {advice}") }
}

/// What faults are made with.
pub fn ensure_chaos_tools() -> Result<()> {
    let mut packages = Vec::new();
    for (program, package) in [("strace", "strace"), ("ip", "iproute2"), ("mount", "mount")] {
        // `ip` and `mount` may lie where only root looks.
        if !have(program) && !Path::new("/usr/sbin").join(program).is_file() {
            packages.push(package);
        }
    }
    install(&packages)
}

pub fn have(program: &str) -> bool {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn have_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let folders =
        ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    let llvm = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.file_name().is_some_and(|name| name.to_string_lossy().starts_with("llvm")));
    folders.iter().map(PathBuf::from).chain(llvm.map(|p| p.join("lib"))).any(|folder| {
        std::fs::read_dir(folder).into_iter().flatten().flatten().any(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.starts_with("libclang") && name.contains(".so") && !name.starts_with("libclang-cpp")
        })
    })
}

fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y {}", packages.join(" "));
    if !nix::unistd::Uid::effective().is_root() || !have("apt-get") {
        bail!("missing: {}. On Debian or Ubuntu: sudo {line}", packages.join(", "));
    }
    eprintln!("  installing {}", packages.join(", "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    run(apt().arg("update")).context("apt-get update")?;
    run(apt().arg("install").arg("-y").args(packages)).with_context(|| line.clone())
}
