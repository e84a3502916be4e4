//! Another value for a field of every cell: how one assumption of a claim is changed without touching its code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A change that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The argument is not `FIELD=VALUE`.
    #[error("--set {given}: expected FIELD=VALUE, for example width=256")]
    Form {
        /// As typed.
        given: String,
    },
    /// No cell of the selected claims has the field.
    #[error("--set {field}: no cell has such a field; there are {known}")]
    Unknown {
        /// As typed.
        field: String,
        /// Those that there are.
        known: String,
    },
    /// The field takes other values.
    #[error("--set {field}={value}: {claim} takes values such as {known}{reason}")]
    Value {
        /// As typed.
        field: String,
        /// As typed.
        value: String,
        /// The claim that cannot use it.
        claim: String,
        /// Some that it has.
        known: String,
        /// What is wrong, after a colon, if the type of the field says it.
        reason: String,
    },
}

/// Fields with their new values. A field is named by the end of its path: `width`, `setting.rank`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes(Vec<(String, Value)>);

impl Changes {
    /// No changes.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads every `FIELD=VALUE`; a value is JSON, or else a word.
    ///
    /// # Errors
    /// [`ChangeError::Form`] for the first that has no `=` or no field.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Self, ChangeError> {
        let change = |argument: &S| {
            let given = argument.as_ref();
            let (field, value) = given
                .split_once('=')
                .filter(|(field, _)| !field.is_empty())
                .ok_or_else(|| ChangeError::Form { given: given.to_owned() })?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((field.to_owned(), value))
        };
        arguments.iter().map(change).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the fields that a cell has; others are not added.
    pub(crate) fn apply(&self, cell: &mut Value) {
        for (field, value) in &self.0 {
            set("", cell, field, value);
        }
    }

    /// Refuses a value that a claim's cells cannot have: one of another type, by `accepts(claim, cell)`, or a negative number
    /// for a field that is positive in every cell.
    ///
    /// # Errors
    /// [`ChangeError::Value`] with values that the field takes.
    pub fn check_values(
        &self,
        claims: &[(&str, Vec<Value>)],
        accepts: impl Fn(usize, &Value) -> Result<(), String>,
    ) -> Result<(), ChangeError> {
        for change @ (field, value) in &self.0 {
            for (i, (claim, cells)) in claims.iter().enumerate() {
                let own = fields(cells.iter());
                let taken: BTreeSet<&String> = own
                    .iter()
                    .filter(|(path, _)| names(path, field))
                    .flat_map(|(_, values)| values)
                    .collect();
                let refuse = |reason: String| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    Err(ChangeError::Value {
                        field: field.clone(),
                        value,
                        claim: (*claim).to_owned(),
                        known: some_of(&taken),
                        reason,
                    })
                };
                if taken.is_empty() {
                    continue;
                }
                let number = |text: &&String| text.parse::<f64>().ok();
                if value.as_f64().is_some_and(|x| x < 0.0) && taken.iter().all(|t| number(t) > Some(0.0)) {
                    return refuse(": expected a positive number".to_owned());
                }
                let alone = Self(vec![change.clone()]);
                for cell in cells {
                    let mut changed = cell.clone();
                    alone.apply(&mut changed);
                    if let Err(reason) = accepts(i, &changed) {
                        return refuse(format!(": {reason}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Refuses a field that none of these claims' cells has: a misspelt name would otherwise change nothing. Returns a
    /// line for each field that only some of them have, which says whom it does not change.
    ///
    /// # Errors
    /// [`ChangeError::Unknown`] with the fields that there are.
    pub fn check(&self, claims: &[(&str, Vec<Value>)]) -> Result<Vec<String>, ChangeError> {
        let all = fields(claims.iter().flat_map(|(_, cells)| cells));
        let mut lines = Vec::new();
        for (field, _) in &self.0 {
            if !has(&all, field) {
                let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(ChangeError::Unknown { field: field.clone(), known });
            }
            let lacks = |cells: &[Value]| !has(&fields(cells.iter()), field);
            let unchanged: Vec<&str> =
                claims.iter().filter(|(_, cells)| lacks(cells)).map(|(id, _)| *id).collect();
            if !unchanged.is_empty() {
                lines.push(format!(
                    "--set {field} changes nothing in {}: no such field",
                    unchanged.join(", ")
                ));
            }
        }
        Ok(lines)
    }
}

/// A few values, numbers in their order.
fn some_of(values: &BTreeSet<&String>) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<&str> =
        in_order(values.iter().map(|value| value.as_str())).into_iter().take(SHOWN).collect();
    shown.join(", ")
}

/// Values as a person lists them: numbers by size, then words.
pub fn in_order<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut values: Vec<&str> = values.collect();
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::INFINITY);
    values.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    values
}

/// Fields by their paths, with the values they take.
pub type Fields = BTreeMap<String, BTreeSet<String>>;

fn has(fields: &Fields, field: &str) -> bool {
    fields.keys().any(|path| names(path, field))
}

/// Every field of these cells by its path, with the values it takes.
pub fn fields<'a>(cells: impl Iterator<Item = &'a Value>) -> Fields {
    let mut fields = BTreeMap::new();
    cells.for_each(|cell| list("", cell, &mut fields));
    fields
}

fn list(path: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| list(&join(path, key), value, fields)),
        leaf => {
            fields.entry(path.to_owned()).or_default().insert(leaf.to_string());
        }
    }
}

fn set(path: &str, value: &mut Value, field: &str, new: &Value) {
    match value {
        Value::Object(map) => {
            map.iter_mut().for_each(|(key, value)| set(&join(path, key), value, field, new));
        }
        leaf if names(path, field) => *leaf = new.clone(),
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn names(path: &str, field: &str) -> bool {
    path.strip_suffix(field).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ChangeError, Changes, fields};

    #[test]
    fn a_field_is_set_wherever_it_is_and_nowhere_else() {
        let changes = Changes::parse(&["width=256", "rule=adam", "setting.rank=[1,2]"]).unwrap();
        let mut cell =
            json!({"width": 64, "net": {"width": 1, "bandwidth": 2}, "rule": "sgd", "setting": {"rank": 3}});
        changes.apply(&mut cell);
        let expected = json!({"width": 256, "net": {"width": 256, "bandwidth": 2}, "rule": "adam", "setting": {"rank": [1, 2]}});
        assert_eq!(cell, expected);
        let mut other = json!({"depth": 1});
        changes.apply(&mut other);
        assert_eq!(other, json!({"depth": 1}));
    }

    #[test]
    fn values_that_no_cell_can_have_are_refused_with_some_that_it_has() {
        let cells: Vec<_> = [256, 32, 1000].map(|width| json!({"width": width, "shift": -width})).to_vec();
        let claims = [("a/wide", cells)];
        let whole = |_: usize, cell: &serde_json::Value| match cell["width"].as_i64() {
            Some(_) => Ok(()),
            None => Err("expected a whole number".to_owned()),
        };
        let check = |given: &str| {
            let checked = Changes::parse(&[given]).unwrap().check_values(&claims, whole);
            checked.map_err(|e| e.to_string())
        };
        assert_eq!(check("width=64"), Ok(()));
        assert_eq!(
            check("width=wide").unwrap_err(),
            "--set width=wide: a/wide takes values such as 32, 256, 1000: expected a whole number"
        );
        assert!(check("width=-1").unwrap_err().contains("expected a positive number"));
        assert_eq!(check("shift=-1"), Ok(()), "other values are negative too");
    }

    #[test]
    fn misspelt_changes_are_refused_with_what_there_is() {
        let form = |given: &str| Err(ChangeError::Form { given: given.to_owned() });
        assert_eq!(Changes::parse(&["width"]), form("width"));
        assert_eq!(Changes::parse(&["=1"]), form("=1"));
        let cells = vec![json!({"depth": 1, "net": {"width": 2}}), json!({"depth": 2})];
        let claims = [("a/wide", cells.clone()), ("a/deep", vec![json!({"depth": 3})])];
        let check = |given: &str| Changes::parse(&[given]).unwrap().check(&claims);
        let error = check("widht=3").unwrap_err().to_string();
        assert_eq!(error, "--set widht: no cell has such a field; there are depth, net.width");
        assert_eq!(check("depth=3").unwrap(), Vec::<String>::new());
        assert_eq!(check("width=3").unwrap(), ["--set width changes nothing in a/deep: no such field"]);
        assert_eq!(fields(cells.iter())["depth"].iter().collect::<Vec<_>>(), ["1", "2"]);
    }
}
