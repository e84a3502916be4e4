//! The sizes that ran, from the cells themselves: what a sentence about the source's sizes must be read with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ClaimReport;
use crate::table::number;

/// More values than this are told by their number and range, and more fields are left to the table of cells.
const VALUES: usize = 6;
const FIELDS: usize = 12;

/// For example `depth 2, 3; width 64, 128; 8 seeds`.
pub(super) fn ran(claim: &ClaimReport) -> String {
    let mut fields: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for run in &claim.runs {
        collect("", &run.cell, &mut fields);
    }
    let seeds = fields.remove("seed").map_or(0, |mut seeds| {
        seeds.sort_by(f64::total_cmp);
        seeds.dedup();
        seeds.len()
    });
    let names = names(fields.keys());
    let mut told: Vec<(bool, String)> = fields
        .into_iter()
        .zip(names)
        .map(|((_, mut values), name)| {
            values.sort_by(f64::total_cmp);
            values.dedup();
            (values.len() == 1, format!("{name} {}", listed(&values)))
        })
        .collect();
    // What varies comes first.
    told.sort_by_key(|(constant, _)| *constant);
    let left = told.len().saturating_sub(FIELDS);
    let mut parts: Vec<String> = told.into_iter().take(FIELDS).map(|(_, text)| text).collect();
    match left {
        0 => {}
        1 => parts.push("1 more field below".to_owned()),
        n => parts.push(format!("{n} more fields below")),
    }
    parts.push(if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") });
    parts.join("; ")
}

fn listed(values: &[f64]) -> String {
    match values {
        [first, .., last] if values.len() > VALUES => {
            format!("{} to {} ({} values)", number(*first), number(*last), values.len())
        }
        _ => values.iter().map(|v| number(*v)).collect::<Vec<_>>().join(", "),
    }
}

/// The last word of a field's path, or all of it where two fields end alike.
fn names<'a>(paths: impl Iterator<Item = &'a String> + Clone) -> Vec<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<String> =
        paths.clone().map(|p| last(p)).filter(|name| !seen.insert(name.clone())).collect();
    let name = |path: &String| if twice.contains(&last(path)) { path.replace('.', " ") } else { last(path) };
    paths.map(|path| name(path).replace('_', " ")).collect()
}

/// Numbers, and lists of numbers as their entries.
fn collect(path: &str, value: &Value, fields: &mut BTreeMap<String, Vec<f64>>) {
    match value {
        Value::Number(x) => fields.entry(path.to_owned()).or_default().extend(x.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| collect(path, value, fields)),
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(&path, value, fields);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ran;
    use crate::report::Cell;
    use crate::report::tests::claim_report;

    fn told(cells: &[Value]) -> String {
        let mut claim = claim_report();
        claim.runs = cells.iter().map(|cell| Cell { cell: cell.clone(), outcome: json!(0) }).collect();
        ran(&claim)
    }

    #[test]
    fn what_varies_comes_first_and_seeds_are_counted() {
        let cells = [
            json!({"seed": 0, "a_size": 48, "width": 128, "on": true, "data": "digits"}),
            json!({"seed": 1, "a_size": 48, "width": 64, "on": true, "data": "digits"}),
        ];
        assert_eq!(told(&cells), "width 64, 128; a size 48; 2 seeds");
        assert_eq!(told(&[json!({"seed": 7})]), "1 seed");
        assert_eq!(told(&[]), "0 seeds");
    }

    #[test]
    fn lists_are_taken_apart_many_values_are_a_range_and_like_names_are_told_apart() {
        let many: Vec<Value> =
            (1..=9).map(|n| json!({"seed": 0, "n": [n, 1], "x": {"d": 1}, "y": {"d": 2}})).collect();
        assert_eq!(told(&many), "n 1 to 9 (9 values); x d 1; y d 2; 1 seed");
        let wide: serde_json::Map<String, Value> = (0..14).map(|i| (format!("f{i:02}"), json!(i))).collect();
        assert!(told(&[Value::Object(wide)]).contains("f11 11; 2 more fields below"));
    }
}
