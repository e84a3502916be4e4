//! Another value for a field of every cell, or of those of the experiment or of the control alone: how one assumption of a
//! claim is changed without touching its code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A change that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The argument is not `FIELD=VALUE`.
    #[error(
        "--set {given}: expected FIELD=VALUE, for example width=256, or control:width=256 for the control alone"
    )]
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

/// One of the two grids of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where the theory's hypothesis holds.
    Experiment,
    /// Where it is taken away.
    Control,
}

impl Side {
    /// Both, in the order in which a claim's grids are listed everywhere.
    pub const BOTH: [Self; 2] = [Self::Experiment, Self::Control];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Control => "control",
        }
    }
}

/// A field with its new value.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    /// Whose cells it changes; `None` for both.
    side: Option<Side>,
    field: String,
    value: Value,
}

impl Change {
    fn concerns(&self, side: Side) -> bool {
        self.side.is_none_or(|own| own == side)
    }
}

/// Fields with their new values. A field is named by the end of its path: `width`, `setting.rank`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// No changes.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads every `FIELD=VALUE`, `experiment:FIELD=VALUE` or `control:FIELD=VALUE`; a value is JSON, or else a word.
    ///
    /// # Errors
    /// [`ChangeError::Form`] for the first that has no `=`, no field, or another side.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Self, ChangeError> {
        let change = |argument: &S| {
            let given = argument.as_ref();
            let form = || ChangeError::Form { given: given.to_owned() };
            let (place, value) = given.split_once('=').ok_or_else(form)?;
            let (side, field) = match place.split_once(':') {
                None => (None, place),
                Some((side, field)) => {
                    let named = Side::BOTH.into_iter().find(|known| known.name() == side);
                    (Some(named.ok_or_else(form)?), field)
                }
            };
            if field.is_empty() {
                return Err(form());
            }
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok(Change { side, field: field.to_owned(), value })
        };
        arguments.iter().map(change).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the fields that a cell of this side has; others are not added.
    pub(crate) fn apply(&self, side: Side, cell: &mut Value) {
        for change in self.0.iter().filter(|change| change.concerns(side)) {
            set("", cell, &change.field, &change.value);
        }
    }

    /// Refuses a value that a claim's cells cannot have: one of another type, by `accepts(claim, cell)`, a negative number for
    /// a field that is positive in every cell, or zero for one that counts.
    ///
    /// # Errors
    /// [`ChangeError::Value`] with values that the field takes.
    pub fn check_values(
        &self,
        claims: &[Grids<'_>],
        accepts: impl Fn(usize, &Value) -> Result<(), String>,
    ) -> Result<(), ChangeError> {
        for change in &self.0 {
            for (i, grids) in claims.iter().enumerate() {
                let own = fields(grids.of(change));
                let paths = own.iter().filter(|(path, _)| names(path, &change.field));
                let taken: BTreeSet<&String> = paths.flat_map(|(_, values)| values).collect();
                if taken.is_empty() {
                    continue;
                }
                let refuse = |reason: String| {
                    let value = change.value.as_str().map_or_else(|| change.value.to_string(), str::to_owned);
                    Err(ChangeError::Value {
                        field: change.field.clone(),
                        value,
                        claim: grids.claim.to_owned(),
                        known: some_of(&taken),
                        reason,
                    })
                };
                if let Some(expected) = change.value.as_f64().and_then(|new| out_of_range(new, &taken)) {
                    return refuse(format!(": expected {expected}"));
                }
                for cell in grids.of(change) {
                    let mut changed = cell.clone();
                    set("", &mut changed, &change.field, &change.value);
                    if let Err(reason) = accepts(i, &changed) {
                        return refuse(format!(": {}", plain(&reason)));
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
    pub fn check(&self, claims: &[Grids<'_>]) -> Result<Vec<String>, ChangeError> {
        let mut lines = Vec::new();
        for change @ Change { field, .. } in &self.0 {
            let all = fields(claims.iter().flat_map(|grids| grids.of(change)));
            if !has(&all, field) {
                let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(ChangeError::Unknown { field: field.clone(), known });
            }
            let lacks = |grids: &&Grids<'_>| !has(&fields(grids.of(change)), field);
            let unchanged: Vec<&str> = claims.iter().filter(lacks).map(|grids| grids.claim).collect();
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

/// What serde expects, in words of people who do not write Rust.
fn plain(reason: &str) -> String {
    const WORDS: [(&str, &str); 7] = [
        ("usize", "a whole number"),
        ("u64", "a whole number"),
        ("u32", "a whole number"),
        ("i32", "a whole number"),
        ("i64", "a whole number"),
        ("f64", "a number"),
        ("a boolean", "true or false"),
    ];
    let Some(at) = reason.find("expected ") else { return reason.to_owned() };
    let expected = &reason[at + "expected ".len()..];
    let known = WORDS.iter().find(|(word, _)| *word == expected).map_or(expected, |(_, plain)| plain);
    format!("expected {known}")
}

/// What a number must be, if it is out of the range that the values of its field show.
fn out_of_range(new: f64, taken: &BTreeSet<&String>) -> Option<&'static str> {
    let numbers: Option<Vec<f64>> = taken.iter().map(|text| text.parse().ok()).collect();
    let numbers = numbers?;
    let counts = taken.iter().all(|text| text.parse::<u64>().is_ok_and(|n| n > 0));
    match new {
        _ if counts && new < 1.0 => Some("a whole number of 1 or more"),
        _ if new < 0.0 && numbers.iter().all(|&x| x >= 0.0) => Some("a number that is not negative"),
        _ => None,
    }
}

/// The cells of a claim, by the side that they are on.
#[derive(Debug, Clone)]
pub struct Grids<'a> {
    /// The claim's name.
    pub claim: &'a str,
    /// Cells of the experiment and of the control.
    pub cells: [Vec<Value>; 2],
}

impl Grids<'_> {
    /// The cells that a change concerns.
    fn of(&self, change: &Change) -> impl Iterator<Item = &Value> {
        let concerned = Side::BOTH.map(|side| change.concerns(side));
        self.cells.iter().zip(concerned).filter(|(_, concerned)| *concerned).flat_map(|(cells, _)| cells)
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

    use super::{ChangeError, Changes, Grids, Side, fields, plain};

    #[test]
    fn a_field_is_set_wherever_it_is_and_nowhere_else() {
        let changes = Changes::parse(&["width=256", "rule=adam", "setting.rank=[1,2]"]).unwrap();
        let mut cell =
            json!({"width": 64, "net": {"width": 1, "bandwidth": 2}, "rule": "sgd", "setting": {"rank": 3}});
        changes.apply(Side::Control, &mut cell);
        let expected = json!({"width": 256, "net": {"width": 256, "bandwidth": 2}, "rule": "adam", "setting": {"rank": [1, 2]}});
        assert_eq!(cell, expected);
        let mut other = json!({"depth": 1});
        changes.apply(Side::Experiment, &mut other);
        assert_eq!(other, json!({"depth": 1}));
    }

    #[test]
    fn one_side_alone_is_changed_where_it_is_named() {
        let changes = Changes::parse(&["control:width=8", "experiment:rule=adam"]).unwrap();
        let changed = Side::BOTH.map(|side| {
            let mut cell = json!({"width": 4, "rule": "sgd"});
            changes.apply(side, &mut cell);
            cell
        });
        assert_eq!(changed, [json!({"width": 4, "rule": "adam"}), json!({"width": 8, "rule": "sgd"})]);
    }

    #[test]
    fn values_that_no_cell_can_have_are_refused_with_some_that_it_has() {
        let cells: Vec<_> = [256, 32, 1000].map(|width| json!({"width": width, "shift": -width})).to_vec();
        let claims = [Grids { claim: "a/wide", cells: [cells, Vec::new()] }];
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
        for given in ["width=-1", "width=0", "experiment:width=0"] {
            assert!(check(given).unwrap_err().ends_with(": expected a whole number of 1 or more"), "{given}");
        }
        assert_eq!(plain("invalid type: integer `1`, expected a boolean"), "expected true or false");
        assert_eq!(plain("unknown variant `x`, expected `a` or `b`"), "expected `a` or `b`");
        assert_eq!(plain("a duplicate"), "a duplicate");
        assert_eq!(check("control:width=0"), Ok(()), "there is no such cell, which `check` says");
        assert_eq!(check("shift=-1"), Ok(()), "other values are negative too");
    }

    #[test]
    fn misspelt_changes_are_refused_with_what_there_is() {
        let form = |given: &str| Err(ChangeError::Form { given: given.to_owned() });
        assert_eq!(Changes::parse(&["width"]), form("width"));
        for given in ["=1", "control:=1", "both:width=1"] {
            assert_eq!(Changes::parse(&[given]), form(given));
        }
        let cells = vec![json!({"depth": 1, "net": {"width": 2}}), json!({"depth": 2})];
        let claims = [
            Grids { claim: "a/wide", cells: [cells.clone(), Vec::new()] },
            Grids {
                claim: "a/deep",
                cells: [vec![json!({"depth": 3})], vec![json!({"depth": 4, "off": true})]],
            },
        ];
        let check = |given: &str| Changes::parse(&[given]).unwrap().check(&claims);
        let error = check("widht=3").unwrap_err().to_string();
        assert_eq!(error, "--set widht: no cell has such a field; there are depth, net.width, off");
        assert_eq!(check("depth=3").unwrap(), Vec::<String>::new());
        assert_eq!(
            check("experiment:off=true").unwrap_err().to_string(),
            "--set off: no cell has such a field; there are depth, net.width",
            "only the control has it"
        );
        assert_eq!(
            check("control:off=false").unwrap(),
            ["--set off changes nothing in a/wide: no such field"]
        );
        assert_eq!(check("width=3").unwrap(), ["--set width changes nothing in a/deep: no such field"]);
        assert_eq!(fields(cells.iter())["depth"].iter().collect::<Vec<_>>(), ["1", "2"]);
    }
}
