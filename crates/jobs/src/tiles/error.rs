//! What can be wrong with a store of tiles.

use std::io;
use std::path::PathBuf;

use super::spec::{Kind, Precision};

/// Why a store or one of its tiles cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// There is something else where the store is to be.
    #[error("{}: it is no store of kernel tiles: {reason}", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What was found and what was expected.
        reason: String,
    },
    /// The store is of another kernel.
    #[error("{}: this store is of another kernel: {difference}. Use another folder, or remove this one", path.display())]
    Different {
        /// The folder.
        path: PathBuf,
        /// What differs: the store's, and what was asked for.
        difference: String,
    },
    /// The tile is not computed yet.
    #[error("{}: tile ({i}, {j}) of {kind} is not computed yet", path.display())]
    Missing {
        /// The folder of the store.
        path: PathBuf,
        /// Which kernel.
        kind: Kind,
        /// The row of tiles.
        i: usize,
        /// The column of tiles.
        j: usize,
    },
    /// The tile is there, and not to be trusted.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file at fault.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such tile, or not of these numbers.
    #[error("{}: {asked} asked for, and the store has {there}", path.display())]
    NotThere {
        /// The folder of the store.
        path: PathBuf,
        /// What was asked for.
        asked: String,
        /// What there is.
        there: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The threads of the work cannot be started.
    #[error("cannot start the threads that compute tiles: {0}")]
    Threads(io::Error),
}

impl TileError {
    pub(super) fn precision(path: PathBuf, asked: Precision, there: Precision) -> Self {
        let words = |precision: Precision| format!("{} numbers", precision.name());
        Self::NotThere { path, asked: words(asked), there: words(there) }
    }
}
