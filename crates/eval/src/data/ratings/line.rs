//! One line of `u.data`.

use std::path::Path;

use super::super::error::DataError;
use super::{MAX_ID, MAX_LINE_BYTES, Rating};

/// What every line holds.
pub(super) const EXPECTED: &str = "four numbers separated by tabs: user, item, rating, timestamp";

/// Where a line stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) line: usize,
}

impl Place<'_> {
    fn error(self, found: impl Into<String>, expected: impl Into<String>) -> DataError {
        let path = self.path.to_owned();
        DataError::Line { path, line: self.line, found: found.into(), expected: expected.into() }
    }

    /// The error for a blank line between ratings.
    pub(super) fn blank(self) -> DataError {
        self.error("a blank line", EXPECTED)
    }

    fn field(self, field: usize, name: &'static str, value: &str, expected: String) -> DataError {
        let path = self.path.to_owned();
        DataError::Field { path, line: self.line, field, name, value: quoted(value), expected }
    }
}

/// The rating in a line, or `None` if the line is blank.
pub(super) fn parse(place: Place<'_>, line: &[u8]) -> Result<Option<Rating>, DataError> {
    if line.len() > MAX_LINE_BYTES {
        return Err(place.error(
            format!(
                "a line of more than {MAX_LINE_BYTES} bytes, starting {}",
                quoted(&String::from_utf8_lossy(line))
            ),
            EXPECTED,
        ));
    }
    let text = std::str::from_utf8(line).map_err(|error| {
        let byte = error.valid_up_to();
        place.error(format!("byte {} (0x{:02x}) is not UTF-8", byte + 1, line[byte]), EXPECTED)
    })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    let fields: Vec<&str> = text.split('\t').collect();
    let [user, item, rating, timestamp] = fields[..] else {
        let plural = if fields.len() == 1 { "field" } else { "fields" };
        return Err(place.error(format!("{} {plural} in {}", fields.len(), quoted(text)), EXPECTED));
    };
    let id = |field, name, value: &str| match whole(value) {
        // Stored from 0.
        Some(id @ 1..) if id <= u64::from(MAX_ID) => Ok(id as u32 - 1),
        _ => Err(place.field(field, name, value, format!("a whole number from 1 to {MAX_ID}"))),
    };
    let (user, item) = (id(1, "user", user)?, id(2, "item", item)?);
    let value = match whole(rating) {
        Some(value @ 1..=5) => value as f64,
        _ => return Err(place.field(3, "rating", rating, "a whole number from 1 to 5".to_owned())),
    };
    if whole(timestamp).is_none() {
        return Err(place.field(4, "timestamp", timestamp, "seconds since 1970, a whole number".to_owned()));
    }
    Ok(Some(Rating { user, item, value }))
}

/// Digits alone, unlike `str::parse`, which also takes a plus sign.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A value to show: quoted, control characters escaped, at most 40 characters.
fn quoted(value: &str) -> String {
    let short: String = value.chars().take(40).collect();
    let more = if short.len() < value.len() { "..." } else { "" };
    format!("{short:?}{more}")
}
