use alloy_signer_local::{
    MnemonicBuilder, PrivateKeySigner,
    coins_bip39::{English, Mnemonic},
};
use anyhow::{Result, anyhow, bail};
use zeroize::Zeroizing;

/// The phrase of every development chain: its keys are known to everybody.
pub const DEV_MNEMONIC: &str = "test test test test test test test test test test test junk";

/// BIP-44's path of Ethereum's account `index`.
#[must_use]
pub fn path(index: u32) -> String {
    format!("m/44'/60'/0'/0/{index}")
}

/// The key of a phrase at an index.
///
/// # Errors
/// When the phrase is none.
pub fn derive(phrase: &str, index: u32) -> Result<PrivateKeySigner> {
    MnemonicBuilder::try_from_phrase_nth(phrase, index).map_err(|error| {
        let words = phrase.split_whitespace().count();
        anyhow!(
            "not a BIP-39 phrase ({words} words given; 12, 15, 18, 21 or 24 English words with a checksum): {error}"
        )
    })
}

/// A new phrase.
///
/// # Errors
/// When there is no phrase of so many words.
pub fn new_phrase(words: usize) -> Result<Zeroizing<String>> {
    let mnemonic = Mnemonic::<English>::new_with_count(&mut rand_08::rngs::OsRng, words)
        .map_err(|_| anyhow!("a phrase has 12, 15, 18, 21 or 24 words, not {words}"))?;
    Ok(Zeroizing::new(mnemonic.to_phrase()))
}

/// The key that a secret names: a private key in hex, or a phrase.
///
/// # Errors
/// When it is neither.
pub fn signer_of(secret: &str, index: u32) -> Result<PrivateKeySigner> {
    if secret.split_whitespace().count() > 1 {
        let phrase = secret.split_whitespace().collect::<Vec<_>>().join(" ");
        return derive(&phrase, index);
    }
    if index != 0 {
        bail!("--index is for phrases: a private key has one account");
    }
    let digits = secret.strip_prefix("0x").unwrap_or(secret);
    let bytes = Zeroizing::new(hex::decode(digits).unwrap_or_default());
    // The secret itself never goes into a message.
    PrivateKeySigner::from_slice(&bytes).map_err(|_| {
        anyhow!(
            "not a private key: 64 hex digits below the order of secp256k1 are needed ({} characters given)",
            digits.len()
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_first_accounts_of_the_test_phrase_are_those_of_anvil() {
        for (index, address) in [
            (0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            (1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            (9, "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
        ] {
            assert_eq!(derive(DEV_MNEMONIC, index).unwrap().address().to_string(), address);
        }
    }

    #[test]
    fn a_secret_is_a_key_or_a_phrase_and_never_repeated_in_an_error() {
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        assert_eq!(signer_of(key, 0).unwrap(), signer_of(DEV_MNEMONIC, 0).unwrap());
        assert_eq!(signer_of(&format!("0x{key}"), 0).unwrap(), signer_of(DEV_MNEMONIC, 0).unwrap());
        for bad in ["ac09", &"f".repeat(64), &"0".repeat(64), "test test junk", "zz"] {
            let error = signer_of(bad, 0).unwrap_err().to_string();
            assert!(!error.contains(bad), "{error}");
        }
        assert!(signer_of(key, 1).is_err());
    }

    #[test]
    fn a_new_phrase_has_the_words_that_were_asked_for() {
        for words in [12, 24] {
            let phrase = new_phrase(words).unwrap();
            assert_eq!(phrase.split(' ').count(), words);
            assert!(derive(&phrase, 0).is_ok());
        }
        assert!(new_phrase(13).is_err());
    }
}
