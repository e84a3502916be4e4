//! The result store: one file a finished cell, written beside and renamed into place, checksummed.
//!
//! A cell's key is the BLAKE3 hash of (format, claim, master seed, cell, fingerprint of the code). The file
//! `<store>/<talk>/<claim>/<key>.json` has two lines: a header that repeats the key's parts and the checksum of the
//! second line, and the outcome. A file that is truncated, altered, or belongs to something else is [`Lookup::Rejected`]
//! with the reason; the caller recomputes. Two processes that write the same cell write the same outcome, and a rename
//! replaces a file in one step, so a reader never sees half of one.
//!
//! Beside it may stand `<key>.lease`, while a process computes the cell, and `<key>.failed`, in the same two lines, with
//! the error of the last attempt if there is no outcome.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use overparam_jobs::files::replace;
use overparam_jobs::lease::{self, Lease, Leases};
use overparam_jobs::{leftovers, plain};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use overparam_jobs::lease::{Patience, Sign};

const FORMAT: &str = "overparam-cell 1";

/// Bytes of a stored result: curves of thousands of points take a hundredth of it.
const LARGEST: u64 = 128 << 20;

/// What identifies a result: change any part and it is another result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// `talk/claim`.
    pub claim: String,
    /// The master seed.
    pub seed: u64,
    /// Hash of the code that computes the cell.
    pub fingerprint: String,
    /// The cell.
    pub cell: Value,
}

impl Key {
    /// The hash that names the file.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [FORMAT, &self.claim, &self.seed.to_string(), &self.fingerprint, &self.cell.to_string()] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    #[serde(flatten)]
    key: Key,
    seconds: f64,
    checksum: String,
}

/// A stored outcome and how long it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What the cell measured.
    pub outcome: Value,
    /// Wall-clock seconds of the computation, wherever it ran.
    pub seconds: f64,
}

impl Record {
    /// The content of the file that holds this record under `key`.
    pub fn to_text(&self, key: &Key) -> String {
        let outcome = self.outcome.to_string();
        let header = Header {
            format: FORMAT.to_owned(),
            key: key.clone(),
            seconds: self.seconds,
            checksum: checksum(&key.hash(), self.seconds, &outcome),
        };
        let header = serde_json::to_value(&header).unwrap_or(Value::Null);
        format!("{header}\n{outcome}\n")
    }

    /// The record in the content of a file that is to belong to `key`.
    ///
    /// # Errors
    /// Why it must not be trusted: truncated, altered, of another format, or of another key.
    pub fn from_text(text: &str, key: &Key) -> Result<Self, String> {
        let (header, rest) = text.split_once('\n').ok_or("truncated: no header line")?;
        let header: Header = serde_json::from_str(header).map_err(|e| format!("header: {e}"))?;
        if header.format != FORMAT {
            return Err(format!("format is {:?}, expected {FORMAT:?}", header.format));
        }
        if header.key != *key {
            return Err("it is the result of another cell, seed or version of the code".to_owned());
        }
        let outcome = rest.strip_suffix('\n').ok_or("truncated: the outcome has no end of line")?;
        if header.checksum != checksum(&key.hash(), header.seconds, outcome) {
            return Err("checksum mismatch: truncated or altered".to_owned());
        }
        let outcome = serde_json::from_str(outcome).map_err(|e| format!("outcome: {e}"))?;
        Ok(Self { outcome, seconds: header.seconds })
    }
}

/// What the store has for a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// Nothing.
    Missing,
    /// A result that passed every check.
    Found(Record),
    /// A file that must not be trusted, and why.
    Rejected {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A result that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the result store at {path}: {source}", path = .path.display())]
pub struct StoreError {
    path: PathBuf,
    source: io::Error,
}

/// A directory of finished cells.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    patience: Patience,
}

impl Store {
    /// The store in this directory, which need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), patience: Patience::default() }
    }

    /// With other times for leases. All processes that share a store need the same.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a key.
    pub fn path(&self, key: &Key) -> PathBuf {
        self.root.join(&key.claim).join(format!("{}.json", key.hash()))
    }

    /// The leases of one run on this store.
    ///
    /// # Errors
    /// If the thread that keeps them alive cannot be started.
    pub(crate) fn leases(&self) -> io::Result<Leases> {
        Leases::new(self.patience)
    }

    /// Takes the lease of a cell; `None` if another process holds it.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub(crate) fn take<'a>(&self, leases: &'a Leases, key: &Key) -> Result<Option<Lease<'a>>, StoreError> {
        let path = self.lease_path(key);
        leases.take(&path, &key.cell).map_err(|source| StoreError { path, source })
    }

    /// Clears a claim's folder of what no process can miss: see [`leftovers::sweep`].
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub(crate) fn sweep(&self, claim: &str) -> io::Result<usize> {
        leftovers::sweep(&self.root.join(claim), self.patience)
    }

    fn lease_path(&self, key: &Key) -> PathBuf {
        self.path(key).with_extension("lease")
    }

    fn failure_path(&self, key: &Key) -> PathBuf {
        self.path(key).with_extension("failed")
    }

    /// Looks a result up and checks everything that can be checked.
    pub fn get(&self, key: &Key) -> Lookup {
        lookup(self.path(key), key)
    }

    /// Why the last attempt at a cell had no outcome, if that is known and there is none since.
    pub fn failure(&self, key: &Key) -> Option<String> {
        match lookup(self.failure_path(key), key) {
            Lookup::Found(Record { outcome: Value::String(error), .. }) => Some(error),
            _ => None,
        }
    }

    /// Who is at work on a cell, if anyone.
    pub fn held(&self, key: &Key) -> Option<Sign> {
        lease::sign(&self.lease_path(key), self.patience)
    }

    /// When a result was written, if it is there.
    pub fn written(&self, key: &Key) -> Option<SystemTime> {
        fs::metadata(self.path(key)).ok()?.modified().ok()
    }

    /// Writes a result: beside its place, flushed to disk, then renamed.
    ///
    /// # Errors
    /// If the directory or the file cannot be written; nothing half-written is left in the result's place.
    pub fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        write(self.path(key), &record.to_text(key))?;
        // Out of date; where it stays, the result counts.
        let _ = fs::remove_file(self.failure_path(key));
        Ok(())
    }

    /// Writes down that a cell has no outcome, and why. The next run tries again.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn put_failure(&self, key: &Key, error: &str) -> Result<(), StoreError> {
        let record = Record { outcome: Value::String(error.to_owned()), seconds: 0.0 };
        write(self.failure_path(key), &record.to_text(key))
    }
}

fn lookup(path: PathBuf, key: &Key) -> Lookup {
    let text = plain::read(&path, LARGEST).and_then(|(content, _)| {
        String::from_utf8(content).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
    });
    let text = match text {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Lookup::Missing,
        Err(e) => return Lookup::Rejected { path, reason: e.to_string() },
    };
    match Record::from_text(&text, key) {
        Ok(record) => Lookup::Found(record),
        Err(reason) => Lookup::Rejected { path, reason },
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), StoreError> {
    replace(&path, text.as_bytes(), true).map_err(|source| StoreError { path, source })
}

fn checksum(key: &str, seconds: f64, outcome: &str) -> String {
    let text = format!("{key}\n{seconds:?}\n{outcome}");
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod properties {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::json;

    use super::{Key, Lookup, Record, Store};

    fn key() -> Key {
        Key {
            claim: "talk/claim".into(),
            seed: 1,
            fingerprint: "abc".into(),
            cell: json!({"depth": 3, "scale": 1e-3}),
        }
    }

    fn record() -> Record {
        Record {
            outcome: json!({"loss": 0.1 + 0.2, "steps": 31_234, "curve": [1.0, 1e-300, -0.0]}),
            seconds: 1.25,
        }
    }

    proptest! {
        /// Any single altered byte, and any truncation, is noticed: never trusted, never a panic.
        #[test]
        fn an_altered_file_is_rejected(position in any::<prop::sample::Index>(), flip in 1u8..=255, cut in any::<bool>()) {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::at(directory.path());
            store.put(&key(), &record()).unwrap();
            let path = store.path(&key());
            let mut bytes = fs::read(&path).unwrap();
            let i = position.index(bytes.len());
            if cut { bytes.truncate(i) } else { bytes[i] ^= flip }
            fs::write(&path, &bytes).unwrap();
            let rejected = matches!(store.get(&key()), Lookup::Rejected { .. });
            prop_assert!(rejected);
        }

        #[test]
        fn finite_numbers_survive_bit_for_bit(x in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::at(directory.path());
            store.put(&key(), &Record { outcome: json!(x), seconds: 0.0 }).unwrap();
            let Lookup::Found(found) = store.get(&key()) else { panic!("not found") };
            prop_assert_eq!(found.outcome.as_f64().unwrap().to_bits(), x.to_bits());
        }
    }

    #[test]
    fn what_was_put_is_found_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(directory.path());
        assert_eq!(store.get(&key()), Lookup::Missing);
        store.put(&key(), &record()).unwrap();
        assert_eq!(store.get(&key()), Lookup::Found(record()));
        let others = [
            Key { seed: 2, ..key() },
            Key { fingerprint: "abd".into(), ..key() },
            Key { claim: "talk/other".into(), ..key() },
            Key { cell: json!({"depth": 2, "scale": 1e-3}), ..key() },
        ];
        for other in others {
            assert_eq!(store.get(&other), Lookup::Missing);
        }
        let leftovers = fs::read_dir(store.path(&key()).parent().unwrap()).unwrap().count();
        assert_eq!(leftovers, 1);
    }

    #[test]
    fn a_foreign_file_in_a_cells_place_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(directory.path());
        let other = Key { seed: 2, ..key() };
        store.put(&other, &record()).unwrap();
        fs::rename(store.path(&other), store.path(&key())).unwrap();
        let Lookup::Rejected { reason, .. } = store.get(&key()) else { panic!("trusted") };
        assert!(reason.contains("another cell"), "{reason}");
        fs::remove_file(store.path(&key())).unwrap();
        fs::create_dir(store.path(&key())).unwrap();
        assert!(matches!(store.get(&key()), Lookup::Rejected { .. }), "a folder");
    }

    #[test]
    fn the_last_error_is_kept_beside_until_there_is_an_outcome() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(directory.path());
        assert_eq!(store.failure(&key()), None);
        for error in ["singular", "still singular"] {
            store.put_failure(&key(), error).unwrap();
            assert_eq!(store.failure(&key()).as_deref(), Some(error));
        }
        assert_eq!(store.get(&key()), Lookup::Missing, "an error is no outcome");
        assert_eq!(store.failure(&Key { seed: 2, ..key() }), None, "another cell's");
        store.put(&key(), &record()).unwrap();
        assert_eq!(store.failure(&key()), None, "out of date");
        assert_eq!(fs::read_dir(store.path(&key()).parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_unwritable_place_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Store::at(&file).put(&key(), &record()).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
