use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, bail};
use serde_json::json;
use toml_edit::DocumentMut;

use crate::{
    cli::{ConfigArgs, ConfigCommand},
    comet,
    config::{self, edit, nearest},
    home::{Home, replace},
    output::{EXIT_REFUSED, Output, coded},
};

pub(super) fn run(home: &Home, args: &ConfigArgs, output: Output) -> Result<()> {
    home.must_exist()?;
    let file = if args.comet { home.comet_toml() } else { home.app_toml() };
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed: Result<DocumentMut, _> = text.parse();
    let mut document = parsed.map_err(|error: toml_edit::TomlError| {
        coded(EXIT_REFUSED, format!("{} is not TOML: {}", file.display(), error.to_string().trim_end()))
    })?;
    match &args.command {
        ConfigCommand::Show if args.comet => {
            let all: BTreeMap<String, String> = edit::names(&document)
                .into_iter()
                .map(|name| Ok((name.clone(), plain(edit::get(&document, &name)?))))
                .collect::<Result<_>>()?;
            output.print(text.trim_end(), || json!(all));
        }
        ConfigCommand::Show => {
            let config = config::load(&file)?;
            let human = toml::to_string(&config)?;
            let json = config.to_json()?;
            output.print(human.trim_end(), || json);
        }
        ConfigCommand::Get { key } if args.comet => {
            let value = plain(edit::get(&document, key)?);
            output.print(&value, || json!(value));
        }
        ConfigCommand::Get { key } => {
            let value = config::load(&file)?.to_json()?;
            let (section, name) = key.split_once('.').unwrap_or((key, ""));
            let Some(value) = value.get(section).and_then(|s| s.get(name)) else {
                bail!("{key}: {}", config::unknown(key))
            };
            let human = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            output.print(human, || value.clone());
        }
        ConfigCommand::Set { pairs } => {
            for pair in pairs.chunks(2) {
                let [key, value] = pair else { bail!("{} has no value: give KEY VALUE pairs", pair.join(" ")) };
                if args.comet {
                    edit::set(&mut document, key, value)?;
                } else {
                    set_app(&mut document, key, value)?;
                }
            }
            let changed = document.to_string();
            if !args.comet {
                // The environment is left out: the file must be good by itself.
                config::parse(&changed, std::iter::empty())
                    .map_err(|errors| coded(EXIT_REFUSED, format!("nothing was changed: {errors}")))?;
            }
            replace(&file, changed.as_bytes())?;
            let count = pairs.len() / 2;
            output.print(
                format!("{count} changed in {}; a running node takes it at its next start", file.display()),
                || json!({ "changed": count, "file": file }),
            );
        }
        ConfigCommand::Validate if args.comet => {
            comet_problems(&document).map_err(|text| coded(EXIT_REFUSED, format!("{}: {text}", file.display())))?;
            output.print(
                format!("{} has only settings that CometBFT knows", file.display()),
                || json!({ "valid": true }),
            );
        }
        ConfigCommand::Validate => {
            config::load(&file)?;
            output.print(format!("{} is good", file.display()), || json!({ "valid": true }));
        }
    }
    Ok(())
}

fn plain(item: &toml_edit::Item) -> String {
    item.as_str().map_or_else(|| item.to_string().trim().to_owned(), str::to_owned)
}

/// A setting that the file leaves out is added with its section.
pub(super) fn set_app(document: &mut DocumentMut, key: &str, value: &str) -> Result<()> {
    let settings = config::settings();
    let known = settings.iter().find(|(section, name, _)| format!("{section}.{name}") == key);
    let Some((section, name, default)) = known else { bail!("{key}: {}", config::unknown(key)) };
    let table = document.entry(section).or_insert_with(toml_edit::table);
    if let Some(table) = table.as_table_mut()
        && !table.contains_key(name)
    {
        let default: toml_edit::Value = default.to_string().parse().context("a default is no TOML")?;
        table.insert(name, toml_edit::Item::Value(default));
    }
    edit::set(document, key, value)
}

/// CometBFT ignores what it does not know: a misspelt setting has no effect, and nobody says so.
fn comet_problems(document: &DocumentMut) -> Result<(), String> {
    let template: DocumentMut = comet::config::TEMPLATE.parse().map_err(|e: toml_edit::TomlError| e.to_string())?;
    let known = edit::names(&template);
    let unknown: Vec<String> = edit::names(document)
        .into_iter()
        .filter(|name| !known.contains(name))
        .map(|name| {
            let near = nearest(&name, known.iter().map(String::as_str));
            format!("\n  {name}: CometBFT has no such setting; the nearest is {near}")
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(format!("{} mistakes:{}", unknown.len(), unknown.concat())) }
}
