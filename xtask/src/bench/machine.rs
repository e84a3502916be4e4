//! Where and when a run took place.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use overparam_cli::machine;
use overparam_cli::terminal::utc;

/// The circumstances of a run.
pub(crate) struct Circumstances {
    pub(super) command: String,
    pub(super) machine: String,
    pub(super) date: String,
    pub(super) commit: String,
    /// Of Python and its packages.
    pub(super) versions: Value,
}

impl Circumstances {
    /// Of this moment.
    pub(crate) fn now(command: String, versions: Value) -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let date = format!("{} UTC", utc(seconds));
        Self { command, machine: machine::description(), date, commit: commit(), versions }
    }

    /// For `bench.json`.
    pub(super) fn json(&self) -> Value {
        json!({
            "command": self.command, "machine": self.machine, "date": self.date, "commit": self.commit,
            "overparam": env!("CARGO_PKG_VERSION"), "peers": self.versions
        })
    }
}

/// What Git calls the working tree; `unknown` without Git.
fn commit() -> String {
    let run = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text =
        run.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    text.filter(|t| !t.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}
