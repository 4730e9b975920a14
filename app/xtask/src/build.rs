use std::path::PathBuf;

use anyhow::Result;

use crate::{
    tools::{cache, cargo, ensure_go, ensure_native_tools, go, target},
    ui::{run, step},
};

/// What a network runs.
pub struct Programs {
    /// `defchain-app`.
    pub app: PathBuf,
    /// The modified CometBFT.
    pub cometbft: PathBuf,
}

/// Builds both programs, in the profile that the tests use too.
pub fn programs() -> Result<Programs> {
    step("tools: C++ compiler, libclang, Go", || {
        ensure_native_tools()?;
        ensure_go()
    })?;
    let cometbft = cometbft("pod")?;
    Ok(Programs { app: app()?, cometbft })
}

/// Builds `defchain-app` alone.
pub fn app() -> Result<PathBuf> {
    ensure_native_tools()?;
    step("build defchain-app (RocksDB takes about 15 minutes the first time)", || {
        run(cargo().args(["build", "--package", "defchain-node", "--bin", "defchain-app"]))
    })?;
    Ok(target().join("debug/defchain-app"))
}

/// Builds a CometBFT with these build tags.
pub fn cometbft(tags: &str) -> Result<PathBuf> {
    let out = cache().join("bin").join(format!("cometbft-{}", tags.replace(',', "-")));
    step(&format!("build the modified CometBFT (tags {tags})"), || {
        run(go().args(["run", "./cmd/build-cometbft", "--tags", tags, "--out"]).arg(&out))
    })?;
    Ok(out)
}

/// CometBFT's example of a remote signer.
pub fn remote_signer() -> Result<PathBuf> {
    let out = cache().join("bin/remote-signer");
    step("build CometBFT's remote signer", || run(go().args(["run", "./cmd/build-cometbft", "--signer"]).arg(&out)))?;
    Ok(out)
}
