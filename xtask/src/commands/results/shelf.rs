//! What is kept in `docs/results`: a folder for each column, in it a file for each claim.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use overparam_eval::claim::Scale;
use overparam_eval::report::Record;

use super::acceptance::Acceptance;
use super::doubling::Doublings;

/// The folder of acceptance tests.
pub(super) const ACCEPTANCE: &str = "acceptance";
/// The folder of runs at twice the size or horizon.
pub(super) const DOUBLING: &str = "doubling";

/// Records by column and claim, acceptance tests by scale, and runs at twice the size or horizon.
#[derive(Default)]
pub(super) struct Shelf {
    columns: BTreeMap<String, BTreeMap<String, Record>>,
    pub(super) acceptances: Vec<Acceptance>,
    pub(super) doublings: Vec<Doublings>,
}

/// A name that a folder of exploratory runs may have.
pub(super) fn is_column(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let taken = [ACCEPTANCE, DOUBLING].contains(&name) || Scale::ALL.iter().any(|scale| scale.name() == name);
    !name.is_empty() && name.chars().all(plain) && !taken
}

impl Shelf {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut shelf = Self::default();
        for place in entries(folder)?.into_iter().filter(|place| place.is_dir()) {
            let column =
                place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            for file in entries(&place)? {
                if column == ACCEPTANCE {
                    shelf.acceptances.push(Acceptance::read(&file)?);
                    continue;
                }
                if column == DOUBLING {
                    shelf.doublings.push(Doublings::read(&file)?);
                    continue;
                }
                let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
                let record: Record =
                    serde_json::from_str(&text).with_context(|| file.display().to_string())?;
                shelf.columns.entry(column.clone()).or_default().insert(record.claim.clone(), record);
            }
        }
        Ok(shelf)
    }

    /// The records of a column, by claim.
    pub(super) fn column(&self, name: &str) -> Option<&BTreeMap<String, Record>> {
        self.columns.get(name)
    }

    /// The columns that are no scale: runs with data or fields of their own.
    pub(super) fn others(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, Record>)> {
        self.columns
            .iter()
            .map(|(name, records)| (name.as_str(), records))
            .filter(|(name, _)| is_column(name))
    }

    /// How many decisions there are.
    pub(super) fn count(&self) -> usize {
        self.columns.values().map(BTreeMap::len).sum()
    }

    /// Where draws say otherwise than what is written beside them.
    pub(super) fn contradictions(&self) -> Vec<String> {
        let records = self.columns.iter().flat_map(|(column, records)| {
            records.values().filter_map(move |record| {
                let why = record.results.contradiction()?;
                Some(format!("{column}, {}: {why}", record.claim))
            })
        });
        let acceptances = self.acceptances.iter().filter_map(Acceptance::contradiction);
        records.chain(acceptances).chain(self.doublings.iter().filter_map(Doublings::contradiction)).collect()
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = all.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::is_column;

    #[test]
    fn a_scale_is_no_column_of_somebodys_own() {
        assert!(
            is_column("fashion-mnist")
                && !is_column("smoke")
                && !is_column("doubling")
                && !is_column("../x")
                && !is_column("")
        );
    }
}
