//! Opening what the user points to: a folder, a file in it, plain or gzip, or what a file would hold.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::error::DataError;
use super::plain;

/// A file that is being read, and how to name it in an error.
pub(super) struct Input<'a> {
    pub(super) path: PathBuf,
    pub(super) reader: Box<dyn BufRead + 'a>,
    /// Bytes in the file, if it is plain: known before anything is read.
    pub(super) length: Option<u64>,
    gzip: bool,
}

impl<'a> Input<'a> {
    /// Opens a file; one whose name ends in `.gz` is decompressed as it is read.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let read_error = |cause| DataError::Read { path: path.to_owned(), cause };
        let (file, metadata) = plain::open(path).map_err(read_error)?;
        Self::of(path, BufReader::new(file), metadata.len()).map_err(read_error)
    }

    /// The content of a file of this name, already in memory.
    pub(super) fn within(name: &Path, content: &'a [u8]) -> Result<Self, DataError> {
        let read_error = |cause| DataError::Read { path: name.to_owned(), cause };
        Self::of(name, content, content.len() as u64).map_err(read_error)
    }

    fn of(path: &Path, mut plain: impl BufRead + 'a, length: u64) -> io::Result<Self> {
        let compressed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        // A file of no bytes is empty whatever its name, rather than a truncated gzip stream.
        let gzip = compressed && !plain.fill_buf()?.is_empty();
        let reader: Box<dyn BufRead + 'a> =
            if gzip { Box::new(BufReader::new(MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        Ok(Self { path: path.to_owned(), reader, length: (!gzip).then_some(length), gzip })
    }

    /// At most `limit` bytes, after `already` others; memory grows with what there is, not with what is asked for.
    pub(super) fn read_up_to(&mut self, limit: u64, already: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        match (&mut self.reader).take(limit).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(cause) => Err(self.failed(cause, || format!("{} bytes", already + bytes.len()))),
        }
    }

    /// The error for a failed read of this file after `read` (so many lines, so many bytes).
    pub(super) fn failed(&self, cause: io::Error, read: impl FnOnce() -> String) -> DataError {
        let path = self.path.clone();
        // The decoder reports damage as one of these kinds; anything else comes from the disk beneath it.
        let damaged = matches!(
            cause.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        );
        if self.gzip && damaged {
            DataError::Gzip { path, read: read(), cause }
        } else {
            DataError::Read { path, cause }
        }
    }
}

/// `name` or `name.gz` in a folder, the plain file first.
///
/// `expected` names what the folder should hold, for the message when there is no folder.
pub(super) fn find(folder: &Path, name: &str, expected: &str) -> Result<PathBuf, DataError> {
    if !folder.is_dir() {
        let (path, expected) = (folder.to_owned(), expected.to_owned());
        return Err(if folder.exists() {
            DataError::NotAFolder { path, expected }
        } else {
            DataError::MissingFolder { path, expected }
        });
    }
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| DataError::MissingFile { folder: folder.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
pub(super) mod testing {
    //! What the readers' tests share.

    use std::io::Write;
    use std::path::Path;

    use flate2::{Compression, write::GzEncoder};

    /// `content` as a gzip stream.
    pub(in crate::data) fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    }

    /// The message of an error, with the temporary folder as `DIR` and `/` between components.
    pub(in crate::data) fn message<T>(folder: &Path, result: Result<T, super::DataError>) -> String {
        let Err(error) = result else { panic!("wrong data was accepted") };
        error.to_string().replace(&folder.display().to_string(), "DIR").replace("DIR\\", "DIR/")
    }
}
