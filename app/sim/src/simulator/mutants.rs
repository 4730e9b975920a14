//! Rules broken on purpose, one at a time, in a copy of the sources: does the simulator notice?
//!
//! The application holds no switches for being wrong. `defchain-sim --mutants` copies the workspace, turns each expression below
//! into `if mutant(name) { wrong } else { right }`, builds the copy once and runs it once for each name. A test holds that each
//! expression stands in its file exactly once, so the list follows the code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// A rule broken in one place.
#[derive(Debug, Clone, Copy)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// The ruling that it breaks.
    pub ruling: &'static str,
    /// Where.
    pub file: &'static str,
    /// The expression, as it stands there once.
    pub right: &'static str,
    /// What stands in its place.
    pub wrong: &'static str,
}

const fn mutant(
    name: &'static str,
    ruling: &'static str,
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
) -> Mutant {
    Mutant { name, ruling, file, right, wrong }
}

/// All of them.
pub const MUTANTS: [Mutant; 24] = [
    mutant(
        "decays-a-day-late",
        "D11",
        "modules/token/src/params.rs",
        "u8::try_from(days).unwrap_or(DAYS).min(DAYS)",
        "u8::try_from(days).unwrap_or(DAYS).min(DAYS).saturating_sub(1)",
    ),
    mutant(
        "loss-burns-whole",
        "D12",
        "modules/token/src/portion.rs",
        "half(lost_now).checked_sub(half(lost_before))?",
        "Amount::ZERO",
    ),
    mutant(
        "commission-of-four",
        "D17",
        "modules/token/src/commission.rs",
        "share(self.total(referred))?",
        "share(self.total(referred).saturating_sub(100))?",
    ),
    mutant(
        "marketing-gets-one",
        "D17",
        "modules/token/src/commission.rs",
        "share(u128::from(self.marketing.0))?",
        "share(u128::from(self.technical.0))?",
    ),
    mutant(
        "referrer-gets-half",
        "D18",
        "modules/token/src/commission.rs",
        "share(u128::from(self.referral_reward.0))?",
        "share(u128::from(self.referral_reward.0) / 2)?",
    ),
    mutant(
        "treasury-gets-ten",
        "D19",
        "modules/token/src/fees.rs",
        "share(TREASURY_PERCENT)?",
        "share(TREASURY_PERCENT / 2)?",
    ),
    mutant(
        "proposer-gets-fifteen",
        "D19",
        "modules/token/src/fees.rs",
        "share(PROPOSER_PERCENT)?",
        "share(PROPOSER_PERCENT / 2)?",
    ),
    mutant(
        "no-attention",
        "D22",
        "modules/staking/src/msg/stake.rs",
        "main_years < MAX_YEARS",
        "main_years > MAX_YEARS",
    ),
    mutant(
        "withdraw-at-once",
        "D23",
        "modules/staking/src/msg/withdraw.rs",
        "calendar.months_between(calendar.month_of(position.start), month) == 0",
        "false",
    ),
    mutant(
        "second-allowance",
        "D23",
        "modules/staking/src/position.rs",
        "allowance.saturating_sub(claimed).min(self.amount)",
        "allowance.min(self.amount)",
    ),
    mutant(
        "unlocks-twice-as-fast",
        "D24",
        "modules/staking/src/position.rs",
        "u128::from(self.until.saturating_sub(today).min(whole))",
        "u128::from(self.until.saturating_sub(today).min(whole)) / 2",
    ),
    mutant("young-dividends", "D26", "modules/dividends/src/claim.rs", "age < least", "false"),
    mutant("dividends-twice", "D26", "modules/dividends/src/claim.rs", "!claimed.is_zero()", "false"),
    mutant("multiplier-forgotten", "D26", "modules/dividends/src/claim.rs", "snapshot.multiplier(at.years)", "1"),
    mutant(
        "delegations-weigh-nothing",
        "D27",
        "modules/validators/src/epoch.rs",
        "weights.own.saturating_add(weights.delegated)",
        "weights.own",
    ),
    mutant(
        "too-many-at-once",
        "D28",
        "modules/validators/src/removals.rs",
        "above_a_third(removed, epoch.total_weight)",
        "false",
    ),
    mutant("attested-for-ever", "D30", "modules/validators/src/epoch.rs", "until <= now", "false"),
    mutant(
        "poor-stay-active",
        "D31",
        "modules/validators/src/epoch.rs",
        "seat.record.status == Status::Active && !topping_up",
        "false",
    ),
    mutant("out-of-jail-early", "D34", "modules/validators/src/msg/unjail.rs", "until > now", "false"),
    mutant(
        "repeats-cost-the-same",
        "D34",
        "modules/slashing/src/punish.rs",
        "past.count > 0 && now.0.saturating_sub(past.last.0) <= window",
        "false",
    ),
    mutant("nothing-for-the-treasury", "D34", "modules/slashing/src/punish.rs", "part(TREASURY)?", "Amount::ZERO"),
    mutant(
        "slashed-stays-in-the-book",
        "D35",
        "modules/staking/src/validator.rs",
        "book.held.checked_sub(slashed)?",
        "book.held",
    ),
    mutant("any-yes-passes", "D36a", "modules/governance/src/tally.rs", "yes > needed", "!yes.is_zero()"),
    mutant(
        "no-quorum-needed",
        "D36a",
        "modules/governance/src/tally.rs",
        "cast.checked_mul(THREE).ok_or(OVERFLOW)? < beta_pod",
        "false",
    ),
];

/// What the copy knows beside the sources: which mutant it is.
const SWITCH: &str = r#"
/// Whether this process is that mutant.
#[doc(hidden)]
pub fn mutant(name: &str) -> bool {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("DEFCHAIN_MUTANT").ok()).as_deref() == Some(name)
}
"#;

/// What became of a mutant.
#[derive(Debug, Clone)]
pub struct Hunted {
    /// Which.
    pub mutant: Mutant,
    /// What the simulator said; `None` when it noticed nothing.
    pub found: Option<String>,
}

/// A source with its mutants in it.
///
/// # Errors
/// When an expression does not stand there exactly once.
pub fn plant(file: &str, source: &str) -> Result<String> {
    let mut planted = source.to_owned();
    for mutant in MUTANTS.iter().filter(|m| m.file == file) {
        let count = source.matches(mutant.right).count();
        ensure!(count == 1, "{file} has {:?} {count} times: change the mutant {}", mutant.right, mutant.name);
        let Mutant { name, right, wrong, .. } = mutant;
        let both = format!("(if defchain_base::mutant({name:?}) {{ {wrong} }} else {{ {right} }})");
        planted = planted.replace(right, &both);
    }
    Ok(planted)
}

/// Copies the workspace at `root` into `copy` with all mutants in it, and builds its simulator into `target`, which must not be
/// the workspace's own: cargo tells crates apart by their place in the workspace, and would take one's for the other's.
///
/// # Errors
/// When git, a file or cargo fails.
pub fn build(root: &Path, copy: &Path, target: &Path) -> Result<PathBuf> {
    let listed = Command::new("git").current_dir(root).args(["ls-files", "-z"]).output().context("git ls-files")?;
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), copy.join(name));
        let Ok(source) = fs::read(&from) else { continue };
        let planted = match name {
            "modules/base/src/lib.rs" => [&source[..], SWITCH.as_bytes()].concat(),
            _ if MUTANTS.iter().any(|m| m.file == name) => plant(name, &String::from_utf8_lossy(&source))?.into_bytes(),
            _ => source,
        };
        // What has not changed keeps its time, so that cargo does not build it again.
        if fs::read(&to).is_ok_and(|before| before == planted) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, planted).with_context(|| format!("cannot write {}", to.display()))?;
    }
    let status = Command::new("cargo")
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        .args(["build", "--quiet", "--package", "defchain-sim", "--bin", "defchain-sim"])
        .status()
        .context("cargo")?;
    if !status.success() {
        bail!("the copy with mutants in {} does not build", copy.display());
    }
    // Beside the sources: the next build of the true ones writes its own where this one lies.
    let program = copy.with_extension("sim");
    fs::copy(target.join("debug/defchain-sim"), &program).context("cannot copy the program")?;
    Ok(program)
}

/// Runs each mutant over some seeds. `arguments` are the simulator's.
///
/// # Errors
/// When the program cannot be started.
pub fn hunt(program: &Path, arguments: &[String], tell: impl Fn(&Hunted)) -> Result<Vec<Hunted>> {
    let mut all = Vec::new();
    for mutant in MUTANTS {
        let output = Command::new(program)
            .args(arguments)
            .arg("--no-shrink")
            .env("DEFCHAIN_MUTANT", mutant.name)
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let found = said.lines().find(|line| line.starts_with("Seed ")).map(str::to_owned);
        let hunted = Hunted { mutant, found };
        tell(&hunted);
        all.push(hunted);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn every_mutant_s_expression_stands_in_its_file_exactly_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut names: Vec<&str> = MUTANTS.iter().map(|m| m.name).collect();
        for mutant in MUTANTS {
            let source = fs::read_to_string(root.join(mutant.file)).unwrap();
            let planted = plant(mutant.file, &source).unwrap();
            assert!(planted.contains(&format!("mutant({:?})", mutant.name)), "{}", mutant.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MUTANTS.len(), "names are their own");
    }
}
