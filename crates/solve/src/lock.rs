//! One process at a time on a file: locked by the system while it is open, and free again when its process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::SolveError;

/// Opens or makes the file `path` and locks it, on behalf of the work that is kept in `what`.
///
/// # Errors
/// [`SolveError::InUse`] with `what` if another process has it; [`SolveError::File`].
pub(crate) fn open_locked(path: &Path, what: &Path) -> Result<File, SolveError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(SolveError::file("opening", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SolveError::InUse { path: what.to_owned() }),
        Err(TryLockError::Error(source)) => Err(SolveError::file("locking", path)(source)),
    }
}
