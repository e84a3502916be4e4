//! What the store keeps: records of cells, and leases.

use std::fs;

use overparam_eval::store::{Key, Record, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::refused;

/// The key that every record of the corpus belongs to, or claims to.
fn key() -> Key {
    Key { claim: "a/b".into(), seed: 1, fingerprint: "f".into(), cell: json!({"n": 3, "x": 0.1}) }
}

/// An accepted record, written, is read as the same. So is the file with a checksum that fits, which no fuzzer would
/// guess, and any outcome that is JSON.
pub fn record(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let mended = mend(text).is_some_and(|mended| comes_back(&mended));
    if let Some(outcome) = text.split_once('\n').and_then(|(_, rest)| serde_json::from_str(rest).ok()) {
        let record = Record { outcome, seconds: 0.5 };
        assert_eq!(Record::from_text(&record.to_text(&key()), &key()).as_ref(), Ok(&record));
    }
    comes_back(text) || mended
}

fn comes_back(text: &str) -> bool {
    match Record::from_text(text, &key()) {
        Ok(record) => {
            assert_eq!(Record::from_text(&record.to_text(&key()), &key()).as_ref(), Ok(&record));
            let other = Key { seed: 2, ..key() };
            assert!(Record::from_text(text, &other).is_err(), "it belongs to one key");
            true
        }
        Err(e) => refused(&e, &["truncated", "header", "format", "another", "checksum", "outcome"]),
    }
}

/// The checksum by its definition: of the key, the seconds and the outcome, a line each.
fn mend(text: &str) -> Option<String> {
    let (header, rest) = text.split_once('\n')?;
    let mut header: Value = serde_json::from_str(header).ok()?;
    let outcome = rest.strip_suffix('\n')?;
    let sum = format!("{}\n{:?}\n{outcome}", key().hash(), header.get("seconds")?.as_f64()?);
    *header.get_mut("checksum")? = blake3::hash(sum.as_bytes()).to_hex().as_str().into();
    Some(format!("{header}\n{rest}"))
}

/// A lease that can be read says of its holder what the file says.
pub fn lease(content: &[u8]) -> bool {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    FOLDER.with(|folder| {
        let store = Store::at(folder.path());
        let path = store.path(&key()).with_extension("lease");
        if fs::write(&path, content).is_err() {
            fs::create_dir_all(path.parent().expect("in a folder")).expect("a temporary folder");
            fs::write(&path, content).expect("a temporary file");
        }
        let Some(sign) = store.held(&key()) else { return false };
        let text: Value = serde_json::from_slice(content).expect("a lease is JSON");
        assert_eq!(text["holder"]["host"], sign.host);
        assert_eq!(text["holder"]["pid"], sign.pid);
        true
    })
}
