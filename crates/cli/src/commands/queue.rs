//! Which arrays of jobs compute a stored kernel: a list beside the store, and what the scheduler still has of it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

fn list(folder: &Path) -> PathBuf {
    folder.join("arrays.txt")
}

/// Adds an array to the list in the folder of its scripts.
pub(super) fn remember(folder: &Path, job: &str) -> Result<()> {
    let path = list(folder);
    let append =
        || File::options().append(true).create(true).open(&path)?.write_all(format!("{job}\n").as_bytes());
    append().with_context(|| path.display().to_string())
}

/// Every array that was submitted.
pub(super) fn remembered(folder: &Path) -> Result<Vec<String>> {
    let path = list(folder);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().map(str::trim).filter(|job| is_number(job)).map(str::to_owned).collect()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}

/// Those of these jobs that are waiting or running. A scheduler may refuse to let a job wait for one that it has forgotten.
pub(super) fn unfinished(jobs: Vec<String>) -> Result<Vec<String>> {
    if jobs.is_empty() {
        return Ok(jobs);
    }
    let output = Command::new("squeue").args(["--noheader", "--format=%F"]).output().context("squeue")?;
    if !output.status.success() {
        bail!("squeue: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let there = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(jobs.into_iter().filter(|job| there.lines().any(|line| line.trim() == job)).collect())
}

fn is_number(job: &str) -> bool {
    !job.is_empty() && job.bytes().all(|byte| byte.is_ascii_digit())
}
