//! Every target of `defchain-fuzz`, chosen by the variable DEFCHAIN_FUZZ.
#![no_main]

use std::sync::LazyLock;

use defchain_fuzz::{Target, target, targets};
use libfuzzer_sys::fuzz_target;

static CHOSEN: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("DEFCHAIN_FUZZ").unwrap_or_default();
    target(&name).unwrap_or_else(|| {
        let names: Vec<_> = targets().iter().map(|target| target.name).collect();
        eprintln!("DEFCHAIN_FUZZ={name:?} is no target; there are: {}", names.join(" "));
        std::process::exit(2)
    })
});

fuzz_target!(|data: &[u8]| {
    // A refusal is as good as a value; a panic is a finding.
    let _ = CHOSEN.judge(data);
});
