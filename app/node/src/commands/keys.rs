use alloy_signer_local::PrivateKeySigner;
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
        KeysCommand::Bls(command) => return super::validator::bls(home, command, output),
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
        KeysCommand::Derive { count, first, private_keys } => {
            let phrase = read_secret("Phrase: ")?;
            let signers = (*first..first.saturating_add(*count)).map(|index| Ok((index, signer_of(&phrase, index)?)));
            let signers = signers.collect::<Result<Vec<_>>>()?;
            let secret = |signer: &PrivateKeySigner| private_keys.then(|| signer.to_bytes().to_string());
            let human: Vec<String> = signers
                .iter()
                .map(|(i, signer)| {
                    format!("{}  {}  {}", path(*i), signer.address(), secret(signer).unwrap_or_default())
                })
                .collect();
            output.print(human.join("\n"), || {
                let one = |(i, signer): &(u32, PrivateKeySigner)| {
                    json!({ "path": path(*i), "address": signer.address(), "private_key": secret(signer) })
                };
                signers.iter().map(one).collect()
            });
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
