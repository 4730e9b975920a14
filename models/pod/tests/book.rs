//! Figures and picture of the book's page on money come from the rules.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{fs, path::PathBuf};

use defchain_pod_model::{
    curve,
    rules::{burn, commission, stake},
};

fn book(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/src").join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn row<T: ToString>(first: &str, cells: impl IntoIterator<Item = T>) -> String {
    cells.into_iter().fold(format!("| {first} |"), |row, cell| {
        let cell = cell.to_string();
        if cell.is_empty() { row + " |" } else { format!("{row} {cell} |") }
    })
}

/// Every line must stand in the page.
fn holds(page: &str, lines: &[String]) {
    let text = book(page);
    for line in lines {
        assert!(text.lines().any(|l| l == line), "docs/src/{page} lacks\n{line}");
    }
}

/// Hundredths, as the book writes them.
fn hundredths(n: u128) -> String {
    if n.is_multiple_of(100) { (n / 100).to_string() } else { format!("{}.{:02}", n / 100, n % 100) }
}

#[test]
fn the_picture_is_the_one_that_the_rule_draws() {
    assert_eq!(
        book("images/decay.svg"),
        curve::svg(),
        "draw it anew: cargo xtask model --picture docs/src/images/decay.svg"
    );
    assert_eq!(curve::svg().matches("font-weight=\"600\" fill=\"#1c2733\">").count(), 1 + burn::PRESERVED.len());
}

#[test]
fn decay_and_portions_of_the_page_are_the_rules() {
    let worth = |original, age: Option<u32>| age.map_or(String::new(), |d| burn::effective(original, d).to_string());
    let mut lines = vec![
        row("percent left", burn::PRESERVED),
        row("1,000 DEF are worth", (0..=8).map(|d| burn::effective(1_000, d))),
    ];
    for day in [0, 2, 3, 5, 8, 11_u32] {
        let second = day.checked_sub(3);
        let sum = burn::effective(1_000, day) + second.map_or(0, |d| burn::effective(500, d));
        lines.push(row(&day.to_string(), [worth(1_000, Some(day)), worth(500, second), sum.to_string()]));
    }
    holds("money.md", &lines);
}

#[test]
fn commissions_of_the_page_are_the_rules() {
    let (standard, referred) = (commission::standard(10_000), commission::referred(10_000));
    let line = |what: &str, of: fn(&commission::Shares) -> u128| row(what, [of(&standard), of(&referred)]);
    holds(
        "money.md",
        &[
            line("recipient gets", |s| 10_000 - s.total),
            line("commission", |s| s.total),
            line("destroyed", |s| s.burned),
            line("dividend pool", |s| s.dividend),
            line("technical pool", |s| s.technical),
            line("marketing pool", |s| s.marketing),
            line("referrer", |s| s.referrer),
        ],
    );
}

#[test]
fn stakes_of_the_page_are_the_rules() {
    let mut lines = vec![row("multiplier", stake::MULTIPLIERS)];
    for (amount, years) in [(12_000, 1), (10_000, 4), (12_000, 12_u8)] {
        let (main, grabbed) = stake::open(&stake::REAL, amount * 100, years);
        let month = stake::monthly(&stake::REAL, main, main, years);
        let days = u128::from(years) * stake::REAL.unlock_days_a_year;
        let grabbed = if grabbed == 0 { String::new() } else { hundredths(grabbed) };
        let cells = [years.to_string(), hundredths(main), grabbed, hundredths(month), format!("{days} days")];
        lines.push(row(&amount.to_string(), cells));
    }
    holds("money.md", &lines);
    let dividend = stake::dividend(10_000 * stake::multiplier(8), 100_000, 5_000_000);
    assert!(book("money.md").contains(&format!("give {dividend}.")));
}
