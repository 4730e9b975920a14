//! The book: every page is in the summary, every link leads somewhere.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    tools::{have, root},
    ui::run,
};

/// Checks the book, and builds it where mdbook is installed.
pub fn check() -> Result<()> {
    let source = root().join("docs/src");
    let mut problems = Vec::new();
    let pages = pages(&source)?;
    let summary = source.join("SUMMARY.md");
    let listed: BTreeSet<PathBuf> = links(&read(&summary)?).into_iter().map(|link| source.join(link)).collect();
    for page in &pages {
        if *page != summary && !listed.contains(page) {
            problems.push(format!("{} is not in SUMMARY.md", page.display()));
        }
        let folder = page.parent().unwrap_or(&source);
        for link in links(&read(page)?) {
            if !folder.join(&link).exists() {
                problems.push(format!("{}: {link} leads nowhere", page.display()));
            }
        }
    }
    if !problems.is_empty() {
        bail!("{} mistakes in the book:\n  {}", problems.len(), problems.join("\n  "));
    }
    if have("mdbook") {
        run(Command::new("mdbook").arg("build").arg(root().join("docs")))?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn pages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            pages.extend(self::pages(&path)?);
        } else if path.extension().is_some_and(|e| e == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// Links to files, without their anchors. Addresses and code are left out.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for part in line.split("](").skip(1) {
            let link = part.split([')', ' ', '#']).next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:") {
                links.push(link.to_owned());
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_are_not() {
        let text =
            "a [x](a.md) and [y](b/c.md#part)\n[web](https://example.org) [here](#part)\n```\n[code](no.md)\n```\n";
        assert_eq!(links(text), ["a.md", "b/c.md"]);
    }
}
