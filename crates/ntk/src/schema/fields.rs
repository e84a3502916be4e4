//! Reading one JSON object field by field, so that every complaint names the layer and the field.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::NtkError;

/// The fields of one object of the schema. [`Fields::finish`] refuses what nobody asked for.
pub(crate) struct Fields<'a> {
    at: &'a str,
    map: Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(at: &'a str, value: Value) -> Result<Self, NtkError> {
        match value {
            Value::Object(map) => Ok(Self { at, map, known: Vec::new() }),
            other => Err(NtkError::Schema {
                at: at.to_owned(),
                reason: format!("expected an object with fields, got {other}"),
            }),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.map.remove(name)
    }

    fn wrong(&self, name: &str, given: &Value, expected: &str) -> NtkError {
        NtkError::Schema {
            at: format!("{}, field `{name}`", self.at),
            reason: format!("expected {expected}, got {given}"),
        }
    }

    pub(crate) fn missing(&self, name: &str) -> NtkError {
        let given: Vec<&str> = self.map.keys().map(String::as_str).collect();
        let given =
            if given.is_empty() { String::new() } else { format!("; given are `{}`", given.join("`, `")) };
        NtkError::Schema { at: self.at.to_owned(), reason: format!("field `{name}` is missing{given}") }
    }

    /// A number for which `accept` holds.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        expected: &str,
        accept: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, NtkError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_f64().filter(|&x| x.is_finite() && accept(x)) {
            Some(x) => Ok(Some(x)),
            None => Err(self.wrong(name, &value, expected)),
        }
    }

    /// A standard deviation.
    pub(crate) fn std(&mut self, name: &'static str) -> Result<Option<f64>, NtkError> {
        self.number(name, "a finite number >= 0", |x| x >= 0.0)
    }

    /// A finite number of either sign.
    pub(crate) fn finite(&mut self, name: &'static str, default: f64) -> Result<f64, NtkError> {
        Ok(self.number(name, "a finite number", |_| true)?.unwrap_or(default))
    }

    /// A positive integer.
    pub(crate) fn count(&mut self, name: &'static str) -> Result<Option<usize>, NtkError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match as_count(&value) {
            Some(n) => Ok(Some(n)),
            None => Err(self.wrong(name, &value, "an integer >= 1")),
        }
    }

    /// An integer within a range; `2.0` is one too.
    pub(crate) fn integer<N: TryFrom<u32>>(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<N>, NtkError> {
        let expected = format!("an integer from {} to {}", range.start(), range.end());
        let accept = |x: f64| x.fract() == 0.0 && range.contains(&(x as u32)) && x >= 0.0;
        Ok(self.number(name, &expected, accept)?.and_then(|x| N::try_from(x as u32).ok()))
    }

    /// Two positive integers.
    pub(crate) fn pair(&mut self, name: &'static str) -> Result<Option<[usize; 2]>, NtkError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let parsed = match value.as_array().map(Vec::as_slice) {
            Some([a, b]) => as_count(a).zip(as_count(b)),
            _ => None,
        };
        match parsed {
            Some((a, b)) => Ok(Some([a, b])),
            None => Err(self.wrong(name, &value, "two integers >= 1")),
        }
    }

    /// A list of finite numbers, not empty.
    pub(crate) fn numbers(&mut self, name: &'static str) -> Result<Option<Vec<f64>>, NtkError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let parsed: Option<Vec<f64>> =
            value.as_array().filter(|a| !a.is_empty()).and_then(|a| a.iter().map(Value::as_f64).collect());
        parsed.map(Some).ok_or_else(|| self.wrong(name, &value, "a list of at least one number"))
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, NtkError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let given = value.as_str().map(str::to_lowercase);
        match words.iter().find(|(word, _)| given.as_deref() == Some(word)) {
            Some((_, x)) => Ok(Some(*x)),
            None => {
                let list: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
                Err(self.wrong(name, &value, &format!("one of {}", list.join(", "))))
            }
        }
    }

    /// A list of anything.
    pub(crate) fn list(&mut self, name: &'static str) -> Result<Option<Vec<Value>>, NtkError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(other) => Err(self.wrong(name, &other, "a list")),
        }
    }

    pub(crate) fn finish(self) -> Result<(), NtkError> {
        let Some(name) = self.map.keys().next() else { return Ok(()) };
        let known = if self.known.is_empty() {
            "this layer has no fields".to_owned()
        } else {
            format!("known fields are `{}`", self.known.join("`, `"))
        };
        Err(NtkError::Schema { at: self.at.to_owned(), reason: format!("unknown field `{name}`; {known}") })
    }
}

fn as_count(value: &Value) -> Option<usize> {
    value.as_u64().filter(|&n| n >= 1).and_then(|n| usize::try_from(n).ok())
}

/// The word that stands for `x` in the schema.
pub(crate) fn word_of<T: PartialEq>(x: &T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, y)| y == x).map_or("", |(word, _)| word)
}
