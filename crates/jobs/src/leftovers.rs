//! What killed processes left in the store: leases, and files that were never renamed into place.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::files::beside;
use crate::lease::{self, Patience};

/// Clears a folder of what no process can miss, and says how many files that were: leases that are stale, and partial files
/// of which as much time has passed. Nothing at all if any lease there may be alive, since its holder is at work in the
/// folder.
///
/// # Errors
/// If the folder cannot be read or written.
pub fn sweep(folder: &Path, patience: Patience) -> io::Result<usize> {
    let (mut leases, mut partial) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        match path.extension().and_then(OsStr::to_str) {
            Some("lease") => leases.push(path),
            Some("tmp" | "stale") => partial.push(path),
            _ => {}
        }
    }
    if leases.is_empty() && partial.is_empty() {
        return Ok(0);
    }
    let now = time_in(folder)?;
    let mut judged = Vec::new();
    for path in leases {
        match lease::stale_at(&path, now, patience)? {
            Some(text) => judged.push((path, text)),
            None if path.exists() => return Ok(0),
            None => {}
        }
    }
    for (path, text) in &judged {
        lease::remove_stale(path, text)?;
    }
    let old: Vec<PathBuf> = partial.into_iter().filter(|path| is_old(path, now, patience)).collect();
    old.iter().try_for_each(fs::remove_file)?;
    Ok(judged.len() + old.len())
}

fn is_old(path: &Path, now: SystemTime, patience: Patience) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|then| now.duration_since(then).is_ok_and(|age| age > patience.stale))
}

/// The time by the clock that the files of this folder go by: that of one made just now.
fn time_in(folder: &Path) -> io::Result<SystemTime> {
    let probe = beside(&folder.join("now"), "tmp");
    let time = File::create_new(&probe)?.metadata()?.modified();
    fs::remove_file(&probe)?;
    time
}

#[cfg(test)]
mod tests;
