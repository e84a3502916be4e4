//! The largest memory of one case alone: a process of its own runs it once.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::case::Case;
use super::worker::Children;

/// The option of the process that runs a case alone.
pub(crate) const ALONE: &str = "--alone";

/// In MiB; `None` where the system does not say.
pub(super) fn peak_of(case: &Case, children: &Children) -> Option<f64> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args(["bench", ALONE, &case.name]).stdin(Stdio::null()).stderr(Stdio::null());
    let text = children.output(command)?;
    text.trim().parse().ok()
}

/// Runs a case once and prints this process's largest memory.
pub(crate) fn print_own_peak(case: &Case) -> Result<()> {
    (case.prepare)()?.run()?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    if let Some(kibibytes) = kibibytes {
        say!("{}", kibibytes / 1024.0);
    }
    Ok(())
}
