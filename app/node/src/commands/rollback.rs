use std::time::Duration;

use anyhow::{Result, bail};
use defchain_base::Height;
use defchain_store::{Store, StoreOptions};
use serde_json::json;

use crate::{cli::RollbackArgs, home::Home, node::store_error, output::Output, process::lock::Lock};

pub(super) fn run(home: &Home, args: &RollbackArgs, output: Output) -> Result<()> {
    home.must_exist()?;
    let _lock = Lock::take(&home.data_dir().join("supervisor.lock"), "this home", Duration::ZERO)?;
    let path = home.store_dir();
    if !path.exists() {
        bail!("{} does not exist: this node has no blocks yet", path.display());
    }
    let store = Store::open(&path, StoreOptions::default()).map_err(store_error)?;
    let Some((oldest, newest)) = store.heights().map_err(store_error)? else {
        bail!("the store in {} is empty: there is nothing to take back", path.display());
    };
    let to = args.to.map_or_else(|| newest.prev(), Height);
    if to >= newest || to < oldest {
        bail!(
            "cannot go back to {to}: this node holds {oldest} to {newest}; choose --to {oldest} to {}",
            newest.prev()
        );
    }
    let info = store.rollback_to(to).map_err(store_error)?;
    output.print(
        format!(
            "The application's newest block is {to} (was {newest}), app hash {}.\nAt the next start CometBFT hands it the \
             blocks from {} on again and they are executed anew. If CometBFT itself must forget its newest block too \
             (its state, not a decided block: that would be signing twice), run `cometbft rollback --home {}` once.",
            info.app_hash,
            to.next(),
            home.path().display()
        ),
        || json!({ "height": to, "was": newest, "app_hash": info.app_hash }),
    );
    Ok(())
}
