use anyhow::Result;
use serde_json::json;

use crate::{
    cli::KeysCommand,
    home::Home,
    keys::{Entry, Keystore, derive, new_phrase, path, read_secret, signer_of},
    output::Output,
};

pub(super) fn run(home: &Home, command: &KeysCommand, output: Output) -> Result<()> {
    let keystore = Keystore::new(home.keys_dir());
    match command {
        KeysCommand::New { name, words, password } => {
            let phrase = new_phrase(*words)?;
            let signer = derive(&phrase, 0)?;
            let password = password.new_password(name)?;
            let entry = keystore.add(name, &signer, &password)?;
            output.print(
                format!(
                    "{}\n\nThe phrase, shown this once ({}). Whoever has it has the money:\n\n  {}\n",
                    line(&entry),
                    path(0),
                    *phrase
                ),
                || json!({ "name": entry.name, "address": entry.address, "mnemonic": *phrase, "path": path(0) }),
            );
        }
        KeysCommand::List => {
            let entries = keystore.list()?;
            let human = match entries.is_empty() {
                true => "no accounts yet: defchain-app keys new NAME".to_owned(),
                false => entries.iter().map(line).collect::<Vec<_>>().join("\n"),
            };
            output.print(human, || entries.iter().map(json).collect());
        }
        KeysCommand::Import { name, index, password } => {
            let secret = read_secret("Private key or phrase: ")?;
            let signer = signer_of(&secret, *index)?;
            let password = password.new_password(name)?;
            let entry = keystore.add(name, &signer, &password)?;
            output.print(line(&entry), || json(&entry));
        }
        KeysCommand::Export { name, password } => {
            let entry = keystore.find(name)?;
            let signer = keystore.unlock(name, &password.existing(name)?)?;
            let key = signer.to_bytes();
            output.print(key, || json!({ "name": entry.name, "address": entry.address, "private_key": key }));
        }
        KeysCommand::Show { name } => {
            let entry = keystore.find(name)?;
            output.print(format!("{}\n{}", line(&entry), entry.path.display()), || json(&entry));
        }
    }
    Ok(())
}

fn line(entry: &Entry) -> String {
    format!("{}  {}", entry.address, entry.name)
}

fn json(entry: &Entry) -> serde_json::Value {
    json!({ "name": entry.name, "address": entry.address, "file": entry.path })
}
