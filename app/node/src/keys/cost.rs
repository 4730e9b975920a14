//! What a keystore file may ask of this machine before its password is tried.
//!
//! The file says how many rounds and how much memory its password costs, and the library that decrypts believes it: a
//! short key or nonce makes it panic, a large `n` takes all memory. Files come from elsewhere, so they are judged first.

use serde_json::Value;

/// Longest file that is read; one has below one thousand bytes.
pub(super) const MAX_FILE_BYTES: u64 = 64 * 1024;
/// Most memory of scrypt: 128 × n × r bytes. geth's standard asks for 256 MiB.
const MAX_SCRYPT_BYTES: u64 = 512 << 20;
/// Most passes of scrypt over that memory.
const MAX_SCRYPT_PASSES: u64 = 16;
/// Most rounds of PBKDF2: a few seconds.
const MAX_ROUNDS: u64 = 10_000_000;
/// What every writer of the format uses, and what AES-128 and the checksum need.
const KEY_BYTES: u64 = 32;
const IV_BYTES: usize = 16;

/// Judges the text of a keystore. Returns the memory in bytes, or the rounds, that its password costs.
///
/// # Errors
/// What is wrong with it, with the figures.
pub fn check(text: &str) -> Result<u64, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is no keystore: {error}"))?;
    if value.get("version").and_then(Value::as_u64) != Some(3) {
        return Err(format!("is no keystore of version 3: its version is {}", shown(value.get("version"))));
    }
    let crypto = value.get("crypto").ok_or("is no keystore: it has no crypto section")?;
    text_is(crypto, "cipher", "aes-128-ctr")?;
    bytes_of(crypto.pointer("/cipherparams/iv"), "cipherparams.iv", IV_BYTES)?;
    bytes_of(crypto.get("ciphertext"), "ciphertext", 32)?;
    bytes_of(crypto.get("mac"), "mac", 32)?;
    let params = crypto.get("kdfparams").ok_or("says nothing of how its password is stretched (kdfparams)")?;
    if number(params, "dklen")? != KEY_BYTES {
        return Err(format!("derives a key of {} bytes (dklen), must be {KEY_BYTES}", number(params, "dklen")?));
    }
    match crypto.get("kdf").and_then(Value::as_str) {
        Some("scrypt") => scrypt(params),
        Some("pbkdf2") => {
            text_is(params, "prf", "hmac-sha256")?;
            within("c", number(params, "c")?, MAX_ROUNDS)
        }
        _ => Err(format!("stretches its password by {}, known are scrypt and pbkdf2", shown(crypto.get("kdf")))),
    }
}

fn scrypt(params: &Value) -> Result<u64, String> {
    let (n, r, p) = (number(params, "n")?, number(params, "r")?, number(params, "p")?);
    if n < 2 || !n.is_power_of_two() {
        return Err(format!("has scrypt's n = {n}, must be a power of two from 2"));
    }
    within("p", p, MAX_SCRYPT_PASSES)?;
    within("r", r, MAX_SCRYPT_BYTES)?;
    let memory = 128_u64.saturating_mul(n).saturating_mul(r);
    if memory > MAX_SCRYPT_BYTES {
        return Err(format!(
            "asks for {memory} bytes of memory to try a password (scrypt with n = {n}, r = {r}), the limit is \
             {MAX_SCRYPT_BYTES}"
        ));
    }
    Ok(memory.saturating_mul(p))
}

fn within(name: &str, found: u64, most: u64) -> Result<u64, String> {
    if (1..=most).contains(&found) { Ok(found) } else { Err(format!("has {name} = {found}, must be 1 to {most}")) }
}

fn number(value: &Value, name: &str) -> Result<u64, String> {
    value
        .get(name)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("has {name} = {}, must be a number", shown(value.get(name))))
}

fn text_is(value: &Value, name: &str, expected: &str) -> Result<(), String> {
    if value.get(name).and_then(Value::as_str) == Some(expected) {
        return Ok(());
    }
    Err(format!("has {name} = {}, must be {expected:?}", shown(value.get(name))))
}

fn bytes_of(value: Option<&Value>, name: &str, expected: usize) -> Result<(), String> {
    let found = value.and_then(Value::as_str).and_then(|text| hex::decode(text).ok());
    match found {
        Some(bytes) if bytes.len() == expected => Ok(()),
        Some(bytes) => Err(format!("has {} bytes of {name}, must be {expected}", bytes.len())),
        None => Err(format!("has {name} = {}, must be {expected} bytes in hex", shown(value))),
    }
}

/// A value for a message, not longer than one.
fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().chars().take(80).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn keystore() -> Value {
        serde_json::json!({
            "version": 3,
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": "00".repeat(16) },
                "ciphertext": "11".repeat(32),
                "kdf": "scrypt",
                "kdfparams": { "dklen": 32, "n": 262_144, "p": 1, "r": 8, "salt": "22".repeat(32) },
                "mac": "33".repeat(32),
            },
        })
    }

    #[test]
    fn what_geth_and_metamask_write_is_taken() {
        assert_eq!(check(&keystore().to_string()), Ok(256 << 20));
        let mut pbkdf2 = keystore();
        *pbkdf2.pointer_mut("/crypto/kdf").unwrap() = "pbkdf2".into();
        let params = serde_json::json!({ "dklen": 32, "c": 262_144, "prf": "hmac-sha256", "salt": "" });
        *pbkdf2.pointer_mut("/crypto/kdfparams").unwrap() = params;
        assert_eq!(check(&pbkdf2.to_string()), Ok(262_144));
    }

    #[test]
    fn what_would_break_the_library_or_take_all_memory_is_refused_with_its_figures() {
        for (place, value, why) in [
            ("/version", 4.into(), "version is 4"),
            ("/crypto/cipher", "aes-256-gcm".into(), "aes-256-gcm"),
            ("/crypto/cipherparams/iv", "0011".into(), "2 bytes of cipherparams.iv, must be 16"),
            ("/crypto/ciphertext", "zz".into(), "must be 32 bytes in hex"),
            ("/crypto/kdf", "argon2".into(), "argon2"),
            ("/crypto/kdfparams/dklen", 16.into(), "a key of 16 bytes (dklen), must be 32"),
            ("/crypto/kdfparams/dklen", (-1).into(), "dklen = -1"),
            ("/crypto/kdfparams/n", 0.into(), "n = 0"),
            ("/crypto/kdfparams/n", 262_145.into(), "n = 262145"),
            ("/crypto/kdfparams/n", (1_u64 << 31).into(), "2199023255552 bytes of memory"),
            ("/crypto/kdfparams/r", 0.into(), "r = 0"),
            ("/crypto/kdfparams/r", u64::MAX.into(), "r = 18446744073709551615"),
            ("/crypto/kdfparams/p", 17.into(), "p = 17, must be 1 to 16"),
        ] {
            let mut twisted = keystore();
            *twisted.pointer_mut(place).unwrap() = value;
            let error = check(&twisted.to_string()).unwrap_err();
            assert!(error.contains(why), "{place}: {error}");
        }
    }
}
