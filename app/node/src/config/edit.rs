//! Changing one setting of a file without touching its comments.

use anyhow::{Result, bail};
use toml::Value;
use toml_edit::{DocumentMut, Item, Table};

use super::nearest;

/// Text as a value of the default's type; what does not read as that type stays text and is refused later.
pub(super) fn typed(text: &str, default: &Value) -> Value {
    let plain = || Value::String(text.to_owned());
    match default {
        Value::String(_) => plain(),
        _ => {
            let wrapped = format!("value = {text}").parse::<toml::Table>();
            wrapped.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(plain)
        }
    }
}

/// Every setting of a document by its dotted name.
#[must_use]
pub fn names(document: &DocumentMut) -> Vec<String> {
    fn walk(table: &Table, prefix: &str, names: &mut Vec<String>) {
        for (key, item) in table {
            let name = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            match item {
                Item::Table(inner) => walk(inner, &name, names),
                Item::Value(_) => names.push(name),
                _ => {}
            }
        }
    }
    let mut names_found = Vec::new();
    walk(document.as_table(), "", &mut names_found);
    names_found
}

/// The setting of that name.
///
/// # Errors
/// When there is none: with the nearest name.
pub fn get<'a>(document: &'a DocumentMut, name: &str) -> Result<&'a Item> {
    let found = name.split('.').try_fold(document.as_item(), |item, key| item.get(key));
    match found {
        Some(item) if item.is_value() => Ok(item),
        _ => {
            let known = names(document);
            let near = nearest(name, known.iter().map(String::as_str));
            bail!("{name}: no such setting; the nearest is {near}")
        }
    }
}

/// Puts `text` into the setting `name`, as the type it has now. Comments stay.
///
/// # Errors
/// When there is no such setting, or the text is of another type.
pub fn set(document: &mut DocumentMut, name: &str, text: &str) -> Result<()> {
    let old = get(document, name)?.clone();
    let Some(old) = old.as_value() else { bail!("{name} is no single value") };
    let mut new = match old {
        toml_edit::Value::String(_) => toml_edit::Value::from(text),
        _ => match text.parse::<toml_edit::Value>() {
            Ok(value) if value.type_name() == old.type_name() => value,
            Ok(value) => bail!("{name} is {}, {text} is {}", old.type_name(), value.type_name()),
            Err(_) => bail!("{name} is {}, {text:?} is not", old.type_name()),
        },
    };
    *new.decor_mut() = old.decor().clone();
    let mut place = document.as_item_mut();
    for key in name.split('.') {
        match place.get_mut(key) {
            Some(next) => place = next,
            None => bail!("{name}: no such setting"),
        }
    }
    *place = Item::Value(new);
    Ok(())
}
