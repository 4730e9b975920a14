//! Positional parameters, read one by one, with errors that name the place and the thing.

use serde::{
    Deserialize,
    de::{DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::error::RpcError;

/// No method takes as many.
const MAX_PARAMS: usize = 8;

/// Items of a JSON array, borrowed, with a bound on how many are kept.
pub(crate) struct Listed<'a> {
    /// The first items, at most the bound.
    pub items: Vec<&'a RawValue>,
    /// How many the array has.
    pub total: usize,
}

/// Reads a [`Listed`] of at most that many items.
pub(crate) struct AtMost(pub usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Listed<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.0 {
            match seq.next_element::<&RawValue>()? {
                Some(item) => items.push(item),
                None => return Ok(Listed { total: items.len(), items }),
            }
        }
        // The rest is counted, so that the refusal can say how many there were, but not kept.
        let mut total = items.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            total = total.saturating_add(1);
        }
        Ok(Listed { items, total })
    }
}

/// Parameters of one call.
pub(crate) struct Params<'a> {
    args: std::vec::IntoIter<&'a RawValue>,
    total: usize,
    next: usize,
}

impl<'a> Params<'a> {
    /// Reads the `params` member; empty text is no parameters.
    pub fn parse(raw: &'a [u8]) -> Result<Self, RpcError> {
        if raw.is_empty() || raw == b"null" {
            return Ok(Self { args: Vec::new().into_iter(), total: 0, next: 0 });
        }
        if raw.first() == Some(&b'{') {
            return Err(RpcError::InvalidParams("non-array args: give the parameters by position".to_owned()));
        }
        let mut input = serde_json::Deserializer::from_slice(raw);
        let listed = AtMost(MAX_PARAMS)
            .deserialize(&mut input)
            .map_err(|_| RpcError::InvalidParams("params must be an array".to_owned()))?;
        Ok(Self { args: listed.items.into_iter(), total: listed.total, next: 0 })
    }

    fn take(&mut self) -> (usize, Option<&'a RawValue>) {
        let index = self.next;
        self.next = index.saturating_add(1);
        (index, self.args.next())
    }

    /// The next parameter, which must be there.
    pub fn required<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<T, RpcError> {
        match self.take() {
            (index, None) => {
                Err(RpcError::InvalidParams(format!("missing value for required argument {index} ({name})")))
            }
            (index, Some(raw)) => parse(index, name, raw),
        }
    }

    /// The next parameter; absent or null is none.
    pub fn optional<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<Option<T>, RpcError> {
        match self.take() {
            (index, Some(raw)) if raw.get() != "null" => parse(index, name, raw).map(Some),
            _ => Ok(None),
        }
    }

    /// Refuses what is left.
    pub fn end(self) -> Result<(), RpcError> {
        if self.total > self.next {
            return Err(RpcError::InvalidParams(format!(
                "too many arguments, want at most {}, have {}",
                self.next, self.total
            )));
        }
        Ok(())
    }
}

fn parse<'a, T: Deserialize<'a>>(index: usize, name: &str, raw: &'a RawValue) -> Result<T, RpcError> {
    serde_json::from_str(raw.get()).map_err(|e| {
        // Positions inside the parameter help nobody who sees the whole request.
        let text = e.to_string();
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        RpcError::argument(index, name, why)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use alloy_primitives::Address;

    use super::*;

    #[test]
    fn a_missing_parameter_is_named_with_its_place() {
        let mut params = Params::parse(b"[true]").unwrap();
        assert!(params.required::<bool>("full").unwrap());
        let error = params.required::<Address>("address").unwrap_err();
        assert_eq!(error.to_string(), "missing value for required argument 1 (address)");
        assert_eq!(error.code(), -32602);
    }

    #[test]
    fn a_wrong_parameter_says_what_is_wrong() {
        let mut params = Params::parse(br#"["0x12"]"#).unwrap();
        let error = params.required::<Address>("address").unwrap_err().to_string();
        assert!(error.starts_with("invalid argument 0: address: "), "{error}");
        assert!(!error.contains("line"), "{error}");
    }

    #[test]
    fn too_many_parameters_are_counted() {
        let params = Params::parse(b"[1,2,3,4,5,6,7,8,9,10]").unwrap();
        assert_eq!(params.end().unwrap_err().to_string(), "too many arguments, want at most 0, have 10");
    }

    #[test]
    fn null_and_absence_are_the_same_for_an_optional_parameter() {
        let mut params = Params::parse(b"[null]").unwrap();
        assert_eq!(params.optional::<u8>("a").unwrap(), None);
        assert_eq!(params.optional::<u8>("b").unwrap(), None);
        params.end().unwrap();
        Params::parse(b"").unwrap().end().unwrap();
        assert!(Params::parse(br#"{"a":1}"#).is_err());
    }

    #[test]
    fn a_parameter_nested_deeper_than_the_parser_goes_is_an_error_not_a_crash() {
        let deep = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        let mut params = Params::parse(deep.as_bytes()).unwrap();
        let error = params.required::<serde_json::Value>("filter").unwrap_err().to_string();
        assert!(error.contains("recursion limit"), "{error}");
    }
}
