//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A name beside `path` that no other process on any machine uses, nor this one again.
pub fn beside(path: &Path, kind: &str) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // Machines that share a folder have processes of the same number: a random part tells them apart.
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    let mut name = path.as_os_str().to_owned();
    let (process, count) = (*PROCESS, COUNTER.fetch_add(1, Ordering::Relaxed));
    name.push(format!(".{}-{process:016x}-{count}.{kind}", std::process::id()));
    PathBuf::from(name)
}

/// Writes a file beside its place, flushes it to disk if asked, and renames it: readers see the old one or the new one,
/// whole.
///
/// # Errors
/// If the folder or the file cannot be written; nothing half-written is left.
pub fn replace(path: &Path, content: &[u8], flush: bool) -> io::Result<()> {
    replace_by(&beside(path, "tmp"), path, content, flush)
}

/// As [`replace`], by way of the file `partial` of the same file system, which nobody else uses.
///
/// # Errors
/// As [`replace`].
pub fn replace_by(partial: &Path, path: &Path, content: &[u8], flush: bool) -> io::Result<()> {
    for directory in [path.parent(), partial.parent()].into_iter().flatten() {
        fs::create_dir_all(directory)?;
    }
    let written = File::create_new(partial).and_then(|mut file| {
        file.write_all(content)?;
        if flush {
            file.sync_all()?;
        }
        fs::rename(partial, path)
    });
    if written.is_err() {
        // The partial file is of no use to anyone; if it cannot be removed either, the first error says more.
        let _ = fs::remove_file(partial);
    }
    written
}

/// Bytes that may still be written to the disk of a folder, or of the nearest folder above it that is there; `None` where the
/// system does not tell.
pub fn free_bytes(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let absolute = std::path::absolute(folder).ok()?;
        let there = absolute.ancestors().find(|folder| folder.exists())?;
        let disk = rustix::fs::statvfs(there).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    None
}
