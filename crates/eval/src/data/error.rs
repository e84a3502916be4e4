//! What can be wrong with data, said so that the user can mend it.

use std::io;
use std::path::PathBuf;

/// Why data cannot be used: the file, the place, what was found, what was expected.
///
/// Causes from the operating system are part of the message and not repeated by [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder does not exist.
    #[error("no such folder: {}; expected a folder that holds {expected}", path.display())]
    MissingFolder {
        /// The folder asked for.
        path: PathBuf,
        /// The files it should hold.
        expected: String,
    },
    /// The path is a file where a folder is wanted.
    #[error("{} is not a folder; expected a folder that holds {expected}", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
        /// The files the folder should hold.
        expected: String,
    },
    /// The folder lacks a file.
    #[error("{} holds neither {name} nor {name}.gz", folder.display())]
    MissingFile {
        /// The folder.
        folder: PathBuf,
        /// The file name, uncompressed.
        name: String,
    },
    /// The operating system refused.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A gzip stream that ends early, has a wrong checksum or is none.
    #[error("{}: truncated or damaged gzip after {read}: {cause}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// How much of the content was good.
        read: String,
        /// What the decoder said.
        cause: io::Error,
    },
    /// A file without content.
    #[error("{} is empty, expected {expected}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A line that cannot be taken apart into fields.
    #[error("{}, line {line}: {found}, expected {expected}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What the line is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A field with an impossible value.
    #[error("{}, line {line}, field {field} ({name}): found {value}, expected {expected}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// Field number, from 1.
        field: usize,
        /// What the field is.
        name: &'static str,
        /// The value in the file, quoted, shortened and with control characters escaped.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// The same user rated the same item twice.
    #[error(
        "{}, line {line}: user {user} rates item {item} again (first in line {first}), expected one rating a pair",
        path.display()
    )]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Line number of the second rating, from 1.
        line: usize,
        /// Line number of the first.
        first: usize,
        /// User as in the file, from 1.
        user: u32,
        /// Item as in the file, from 1.
        item: u32,
    },
    /// More ratings, or a larger rating matrix, than the reader takes.
    #[error("{}: {found}, expected at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is too large.
        found: String,
        /// The limit.
        limit: u64,
    },
    /// A binary file whose header, length or content is wrong.
    #[error("{}: {found}, expected {expected}", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// What the file says or has.
        found: String,
        /// What it should.
        expected: String,
    },
    /// Two files of one data set that do not belong together.
    #[error("{} has {found} but {} has {other_found}: they do not belong together", path.display(), other.display())]
    Mismatch {
        /// One file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// The other file.
        other: PathBuf,
        /// What the other has.
        other_found: String,
    },
    /// More validation and test examples asked for than leaves any to train on.
    #[error(
        "cannot take {validation} validation and {test} test examples out of {available}: none would be left to train on"
    )]
    Split {
        /// Examples there are.
        available: usize,
        /// Validation examples asked for.
        validation: usize,
        /// Test examples asked for.
        test: usize,
    },
    /// More observed entries asked for than the matrix has.
    #[error("cannot observe {count} entries of a {rows} x {columns} matrix")]
    Observed {
        /// Entries asked for.
        count: usize,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
}
