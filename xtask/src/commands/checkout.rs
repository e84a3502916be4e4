//! The checkout that this program was built in: its files and facts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use overparam_cli::terminal::utc;

/// A file or folder of the checkout, which must be there.
pub(super) fn place(name: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    path.canonicalize().with_context(|| format!("{}: expected a checkout of overparam", path.display()))
}

/// Writes a file whole or not at all, and the folders above it.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let partial = path.with_extension("tmp");
    fs::create_dir_all(path.parent().unwrap_or(path))
        .and_then(|()| fs::write(&partial, text))
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| path.display().to_string())
}

/// The commit, in twelve digits; empty without git.
pub(super) fn head() -> String {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    output.map_or_else(|_| String::new(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

/// The day, as `2026-11-30`.
pub(super) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    utc(seconds).chars().take(10).collect()
}
