//! `bench.json`: every round of every case, with the machine and the moment.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::case::Case;
use super::machine::Circumstances;
use super::outcome::Outcome;

/// The file and what is in it so far.
pub(crate) struct Document {
    path: PathBuf,
    order: Vec<String>,
    cases: Vec<Value>,
}

impl Document {
    /// An empty one in `folder`, or the one that is there if it is to be kept. Cases stay in the order of the table.
    pub(crate) fn open(folder: &Path, keep: bool, all: &[Case]) -> Result<Self> {
        let path = folder.join("bench.json");
        fs::create_dir_all(folder).with_context(|| format!("--out {}: cannot be made", folder.display()))?;
        let order = all.iter().map(|c| c.name.clone()).collect();
        let mut document = Self { path, order, cases: Vec::new() };
        if keep && document.path.exists() {
            let text = fs::read_to_string(&document.path);
            let text = text.with_context(|| format!("{}: cannot be read", document.path.display()))?;
            let value: Value = serde_json::from_str(&text).unwrap_or_default();
            let Some(cases) = value["cases"].as_array() else {
                bail!(
                    "{}: not written by `cargo xtask bench`; --keep has nothing to keep",
                    document.path.display()
                );
            };
            document.cases.clone_from(cases);
        }
        Ok(document)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All entries.
    pub(crate) fn cases(&self) -> &[Value] {
        &self.cases
    }

    /// Puts a case in, in place of an older entry of the same name, and writes the file: what is measured is not lost.
    pub(crate) fn add(&mut self, outcome: &Outcome, run: &Circumstances) -> Result<()> {
        self.insert(outcome.json(run));
        fs::write(&self.path, self.text())
            .with_context(|| format!("{}: cannot be written", self.path.display()))
    }

    fn insert(&mut self, case: Value) {
        let place = |case: &Value| self.order.iter().position(|name| case["name"] == **name);
        let new = place(&case);
        self.cases.retain(|old| place(old).is_some_and(|at| Some(at) != new));
        let at = self.cases.partition_point(|old| place(old) < new);
        self.cases.insert(at, case);
    }

    fn text(&self) -> String {
        format!("{:#}\n", json!({"cases": self.cases}))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::Document;
    use crate::bench::machine::Circumstances;
    use crate::bench::outcome::tests::example;

    fn document(names: &[&str]) -> Document {
        let order = names.iter().map(|n| (*n).to_owned()).collect();
        Document { path: PathBuf::new(), order, cases: Vec::new() }
    }

    #[test]
    fn the_document_has_every_round() {
        let run = Circumstances::now("cargo xtask bench".to_owned(), Value::Null);
        let mut document = document(&["example"]);
        document.insert(example().json(&run));
        let value: Value = serde_json::from_str(&document.text()).unwrap();
        let case = &value["cases"][0];
        assert_eq!(case["peer"][1]["seconds"], json!([3.0, 4.0]));
        assert_eq!((&case["verdict"], &case["ratio"]["median"]), (&json!("met"), &json!(3.5)));
        for key in ["command", "machine", "date", "commit"] {
            assert!(case["run"][key].is_string(), "{key}");
        }
    }

    #[test]
    fn cases_stay_in_order_and_new_ones_replace_old_ones() {
        let mut document = document(&["a", "b", "c"]);
        for (name, value) in [("c", 1), ("a", 2), ("c", 3), ("b", 4)] {
            document.insert(json!({"name": name, "value": value}));
        }
        let found: Vec<i64> = document.cases().iter().filter_map(|c| c["value"].as_i64()).collect();
        assert_eq!(found, [2, 4, 3]);
    }
}
