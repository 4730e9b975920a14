//! JSON that says everything that is wrong with it, where serde would stop at the first mistake.

use core::cell::RefCell;
use core::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::problems::Problems;

/// Reads JSON. A field that stands twice is a problem: Go takes one of the two, another reader the other.
pub fn read(bytes: &[u8], at: &str, problems: &mut Problems) -> Option<Value> {
    let found = RefCell::new(Problems::default());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Node { at: at.to_owned(), problems: &found }.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    problems.append(found.into_inner());
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            problems.add(at, format!("is not JSON: {error}"));
            None
        }
    }
}

struct Node<'p> {
    at: String,
    problems: &'p RefCell<Problems>,
}

impl Node<'_> {
    fn child(&self, at: String) -> Node<'_> {
        Node { at, problems: self.problems }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child(format!("{}[{}]", self.at, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let at = join(&self.at, &key);
            let value = map.next_value_seed(self.child(at.clone()))?;
            if object.insert(key, value).is_some() {
                self.problems.borrow_mut().add(at, "stands twice: keep one");
            }
        }
        Ok(Value::Object(object))
    }
}

/// The path of a field.
pub fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// An object whose fields are taken out one by one; what is left at the end is unknown.
pub struct Fields<'p> {
    at: String,
    map: Map<String, Value>,
    known: Vec<&'static str>,
    problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    /// The fields of `value`, which stands at `at`.
    pub fn of(value: Value, at: &str, problems: &'p mut Problems) -> Option<Self> {
        match value {
            Value::Object(map) => Some(Self { at: at.to_owned(), map, known: Vec::new(), problems }),
            other => {
                problems.add(at, format!("is {}, must be an object", kind(&other)));
                None
            }
        }
    }

    /// Takes a field as it is.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.remove(key)
    }

    /// Takes a field that may be missing.
    pub fn optional<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let value = self.take(key)?;
        serde_json::from_value(value).map_err(|e| self.problem(key, e.to_string())).ok()
    }

    /// Takes a field that must be there.
    pub fn required<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        if !self.map.contains_key(key) {
            self.known.push(key);
            self.problem(key, "is missing");
            return None;
        }
        self.optional(key)
    }

    /// Takes a list with its path; a missing one is empty.
    pub fn list(&mut self, key: &'static str) -> Vec<(String, Value)> {
        let at = join(&self.at, key);
        match self.take(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                items.into_iter().enumerate().map(|(i, item)| (format!("{at}[{i}]"), item)).collect()
            }
            Some(other) => {
                self.problem(key, format!("is {}, must be a list", kind(&other)));
                Vec::new()
            }
        }
    }

    /// Notes a mistake in a field.
    pub fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.add(join(&self.at, key), what);
    }

    /// The fields' own list of problems, for what stands inside them.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// Everything that nobody took is a mistake.
    pub fn end(self) {
        for key in self.map.keys() {
            let what = format!("is not a field here; there are {}", self.known.join(", "));
            self.problems.add(join(&self.at, key), what);
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_field_that_stands_twice_is_found_at_any_depth() {
        let mut problems = Problems::default();
        let value = read(br#"{"a": [{"b": 1, "b": 2}], "a": null}"#, "x", &mut problems);
        assert!(value.is_some());
        let found: Vec<_> = problems.list().iter().map(|p| p.at.as_str()).collect();
        assert_eq!(found, ["x.a[0].b", "x.a"]);
    }

    #[test]
    fn broken_json_is_one_problem_with_its_place() {
        for (text, place) in [("{\"a\":", "column 5"), ("[1] x", "trailing"), ("", "EOF")] {
            let mut problems = Problems::default();
            assert_eq!(read(text.as_bytes(), "x", &mut problems), None);
            assert_eq!(problems.count(), 1);
            assert!(problems.list().first().unwrap().what.contains(place), "{problems:?}");
        }
        let deep = "[".repeat(100_000);
        let mut problems = Problems::default();
        assert_eq!(read(deep.as_bytes(), "x", &mut problems), None);
    }
}
