//! The 195 jurisdictions (D29), and the codes that are not among them with the reason.

use core::fmt;

use defchain_base::{CodecError, Decode, Encode, Reader};
use serde::{Deserialize, Serialize};

use crate::{
    GeoError,
    table::{REFUSED, Status, TABLE},
};

/// How many jurisdictions there are: the 193 members of the United Nations, the Holy See and the State of Palestine.
pub const JURISDICTIONS: usize = 195;

/// A jurisdiction that can have a validator. Only [`Country::new`] makes one, so every value is in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// The jurisdiction of a two-letter code.
    ///
    /// # Errors
    /// With the reason why this code is refused.
    pub fn new(code: [u8; 2]) -> Result<Self, GeoError> {
        if find(&code).is_some() {
            return Ok(Self(code));
        }
        Err(GeoError::Jurisdiction { code: printable(&code), why: refusal(&code) })
    }

    /// The jurisdiction of a code in text.
    ///
    /// # Errors
    /// With the reason why this code is refused.
    pub fn parse(text: &str) -> Result<Self, GeoError> {
        let Ok(code) = <[u8; 2]>::try_from(text.as_bytes()) else {
            let shown: String = text.chars().take(32).collect();
            let why = format!("a code has two capital letters, this has {} bytes", text.len());
            return Err(GeoError::Jurisdiction { code: shown, why });
        };
        Self::new(code)
    }

    /// The two letters.
    #[must_use]
    pub const fn code(self) -> [u8; 2] {
        self.0
    }

    /// The name, in English.
    #[must_use]
    pub fn name(self) -> &'static str {
        find(&self.0).unwrap_or("")
    }

    /// All of them, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(code, _)| Self(*code))
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.0))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl Encode for Country {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }
}

impl Decode for Country {
    fn decode(input: &mut Reader<'_>) -> Result<Self, CodecError> {
        Self::new(input.array("country")?).map_err(|e| CodecError::Invalid { what: "country", why: e.to_string() })
    }
}

fn find(code: &[u8; 2]) -> Option<&'static str> {
    let at = TABLE.binary_search_by(|(c, _)| c.cmp(code)).ok()?;
    TABLE.get(at).map(|(_, name)| *name)
}

/// Letters as they are, anything else in hex: a refused code comes from outside.
fn printable(code: &[u8; 2]) -> String {
    match core::str::from_utf8(code) {
        Ok(text) if code.iter().all(u8::is_ascii_graphic) => text.to_owned(),
        _ => alloy_primitives::hex::encode_prefixed(code),
    }
}

fn refusal(code: &[u8; 2]) -> String {
    let upper = [code[0].to_ascii_uppercase(), code[1].to_ascii_uppercase()];
    if upper != *code && find(&upper).is_some() {
        return format!("codes are written in capital letters: {}", printable(&upper));
    }
    if code == b"UK" || code == b"EL" {
        let right = if code == b"UK" { "GB" } else { "GR" };
        return format!("no code of ISO 3166-1; {right} is meant");
    }
    let Ok(at) = REFUSED.binary_search_by(|(c, ..)| c.cmp(code)) else {
        return "no code of ISO 3166-1 alpha-2".to_owned();
    };
    let Some((_, name, status)) = REFUSED.get(at) else { return String::new() };
    let of = |state: &[u8; 2]| find(state).unwrap_or_default();
    match status {
        Status::Territory(state) => {
            format!("{name} is a territory of {}; its validators stand for {}", of(state), printable(state))
        }
        Status::Region(state) => {
            format!(
                "{name} is a special administrative region of {}; its validators stand for {}",
                of(state),
                printable(state)
            )
        }
        Status::Associated(state) => {
            format!("{name} is in free association with {} and no member of the United Nations", of(state))
        }
        Status::NotMember => format!("{name} is neither a member nor an observer state of the United Nations"),
        Status::NoState => format!("{name} is no state"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]
    use super::*;

    #[test]
    fn d29_there_are_195_jurisdictions_193_members_and_two_observers() {
        assert_eq!(Country::all().count(), 195);
        assert!(TABLE.windows(2).all(|w| w[0].0 < w[1].0), "sorted by code, each once");
        let observers = [Country::parse("VA").unwrap(), Country::parse("PS").unwrap()];
        assert_eq!(Country::all().filter(|c| !observers.contains(c)).count(), 193);
        assert!(TABLE.iter().all(|(code, name)| code.iter().all(u8::is_ascii_uppercase) && !name.is_empty()));
        let mut names: Vec<_> = TABLE.iter().map(|(_, n)| n).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]), "each name once");
    }

    /// ISO 3166-1 has 249 codes: a code forgotten in one table would be missing in the sum.
    #[test]
    fn d29_both_tables_together_are_iso_3166_and_kosovo() {
        assert!(REFUSED.windows(2).all(|w| w[0].0 < w[1].0));
        assert_eq!(TABLE.len() + REFUSED.len(), 249 + 1);
        assert!(REFUSED.iter().all(|(code, ..)| find(code).is_none()));
    }

    #[test]
    fn d29_territories_and_unrecognised_states_are_refused_with_the_reason() {
        for (code, reason) in [
            ("HK", "special administrative region of China"),
            ("MO", "special administrative region of China"),
            ("TW", "neither a member nor an observer"),
            ("XK", "neither a member nor an observer"),
            ("GI", "territory of United Kingdom"),
            ("PR", "territory of United States of America"),
            ("GL", "territory of Denmark"),
            ("CK", "free association with New Zealand"),
            ("AQ", "no state"),
            ("ZZ", "no code of ISO 3166-1"),
            ("UK", "GB is meant"),
            ("de", "capital letters: DE"),
            ("DEU", "this has 3 bytes"),
            ("", "this has 0 bytes"),
        ] {
            let said = Country::parse(code).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains(code), "{said}");
        }
        let said = Country::new([0, 255]).unwrap_err().to_string();
        assert!(said.contains("0x00ff"), "{said}");
    }

    #[test]
    fn a_country_travels_as_its_code() {
        let country = Country::parse("VA").unwrap();
        assert_eq!((country.name(), country.to_string().as_str()), ("Holy See", "VA"));
        assert_eq!(country.to_bytes(), b"VA");
        assert_eq!(serde_json::to_string(&country).unwrap(), "\"VA\"");
        assert!(serde_json::from_str::<Country>("\"TW\"").unwrap_err().to_string().contains("Taiwan"));
        assert!(defchain_base::read_exact_value::<Country>(b"TW").is_err());
    }
}
