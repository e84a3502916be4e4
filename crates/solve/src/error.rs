//! What can go wrong.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::report::Solution;

/// Why a system was not solved.
#[derive(Debug, thiserror::Error)]
pub enum SolveError {
    /// [`Progress::stop`](crate::Progress::stop) was called. What is in a scratch or state file is kept and goes on from there.
    #[error("stopped on request")]
    Stopped,
    /// A matrix has another shape than it must have.
    #[error("{what} is {} x {}, expected {} x {}", given.0, given.1, expected.0, expected.1)]
    Shape {
        /// The matrix.
        what: String,
        /// Rows and columns as given.
        given: (usize, usize),
        /// Rows and columns as they must be.
        expected: (usize, usize),
    },
    /// A block of the kernel holds a NaN or an infinity.
    #[error(
        "the kernel's block of rows {}..{} and columns {}..{} holds {value} at row {row}, column {column}; every entry must be a finite {precision}",
        rows.start, rows.end, columns.start, columns.end
    )]
    NotFinite {
        /// Rows of the block.
        rows: Range<usize>,
        /// Columns of the block.
        columns: Range<usize>,
        /// Row of the entry, in the kernel.
        row: usize,
        /// Column of the entry, in the kernel.
        column: usize,
        /// The entry.
        value: f64,
        /// `f32` or `f64`.
        precision: &'static str,
    },
    /// A right-hand side holds a NaN or an infinity.
    #[error("{what} holds {value} at row {row}, column {column}; every entry must be finite")]
    BadEntry {
        /// The matrix.
        what: &'static str,
        /// Zero-based row.
        row: usize,
        /// Zero-based column.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// An option is out of its range.
    #[error("{name} is {value}, expected {expected}")]
    BadOption {
        /// The option's name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The memory allowed is too small.
    #[error("memory is {given} bytes, but {what} needs at least {needed}{advice}")]
    Memory {
        /// Bytes allowed.
        given: u64,
        /// Bytes without which it cannot work.
        needed: u64,
        /// For what.
        what: &'static str,
        /// What would help; empty, or begins with a separator.
        advice: &'static str,
    },
    /// A file could not be read or written.
    #[error("{operation} {}: {source}", path.display())]
    File {
        /// What was being done.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file belongs to another system.
    #[error("{} belongs to {what}; give another path, or remove the file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        what: String,
    },
    /// A file's bytes are not those that were written.
    #[error("{}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another process works on the same file.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The matrix is not positive definite, nor close to a matrix that is.
    #[error("the matrix is not positive semi-definite: {evidence}")]
    NotPositiveDefinite {
        /// What shows it.
        evidence: String,
    },
    /// The kernel's entries are too large or too small for a factor in f32.
    #[error(
        "the largest entry of the diagonal, ridge included, is {largest:e}; a factor in f32 needs one between 1e-30 and 1e30: scale the kernel and the ridge"
    )]
    Scale {
        /// The largest entry.
        largest: f64,
    },
    /// The residual asked for was not reached. The best solution found is inside.
    #[error("{}", .0.shortfall())]
    NotCertified(Box<Solution>),
    /// Leave-one-out residuals need a factor without a shift.
    #[error(
        "leave-one-out needs the factor of the matrix itself, but its diagonal was raised by up to a factor of 1 + {shift:.1e} from row {row} on; add a ridge"
    )]
    Shifted {
        /// The largest relative shift.
        shift: f64,
        /// The first row shifted.
        row: usize,
    },
    /// The kernel could not be computed or read.
    #[error("the kernel's rows {}..{}, columns {}..{}: {reason}", rows.start, rows.end, columns.start, columns.end)]
    Kernel {
        /// Rows of the block.
        rows: Range<usize>,
        /// Columns of the block.
        columns: Range<usize>,
        /// The implementation's own error.
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SolveError {
    /// A failure of the file system.
    pub(crate) fn file(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { operation, path, source }
    }
}
