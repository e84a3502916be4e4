//! A matrix in a `.npy` file that is written part by part: it is never in memory as a whole, and has its name only once it is complete.
//!
//! Until then it is beside its place, in `k.npy.partial`, and begins with words that no reader of `.npy` takes. A process that is killed
//! leaves that file, and the next one with the same `--out` writes over it. Nothing goes on from it: which parts it has is not known.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{Element, Precision};

use super::output::Output;

/// What an unfinished file begins with; shorter than any header.
const UNFINISHED: &[u8] = b"unfinished overparam matrix\n";

const MAGIC: &[u8] = b"\x93NUMPY";

/// Rows of little-endian numbers, one after the other.
pub(crate) struct NpyMatrix<T> {
    output: Output,
    partial: PathBuf,
    file: File,
    columns: usize,
    header: Vec<u8>,
    number: PhantomData<T>,
}

impl<T: Element> NpyMatrix<T> {
    /// Begins a matrix of this shape, all of whose entries are still to be put.
    pub(crate) fn create(output: Output, [rows, columns]: [usize; 2]) -> Result<Self> {
        let mut partial = output.path().as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let header = header(T::PRECISION, rows, columns);
        let begin = || -> io::Result<File> {
            let mut file = own(&partial)?;
            file.set_len(0)?;
            file.write_all(UNFINISHED)?;
            let entries = rows as u64 * columns as u64;
            file.set_len(header.len() as u64 + entries * size_of::<T>() as u64)?;
            Ok(file)
        };
        let file =
            begin().map_err(|e| anyhow!("{}: cannot write {}: {e}", output.label(), partial.display()))?;
        Ok(Self { output, partial, file, columns, header, number: PhantomData })
    }

    /// Puts `part` with its first entry at this row and column.
    pub(crate) fn put(&mut self, at: [usize; 2], part: &DMatrix<T>) -> Result<()> {
        self.put_transposed(at, &part.transpose())
    }

    /// Puts the transpose of `part` with its first entry at this row and column.
    pub(crate) fn put_transposed(&mut self, [row, column]: [usize; 2], part: &DMatrix<T>) -> Result<()> {
        if part.is_empty() {
            return Ok(());
        }
        let width = size_of::<T>();
        let mut bytes = vec![0; part.nrows() * width];
        // Its columns are the rows of what is put.
        for (r, numbers) in part.as_slice().chunks_exact(part.nrows()).enumerate() {
            bytes.chunks_exact_mut(width).zip(numbers).for_each(|(place, &x)| x.put(place));
            let at = (row + r) as u64 * self.columns as u64 + column as u64;
            let at = self.header.len() as u64 + at * width as u64;
            let written = self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.write_all(&bytes));
            written.map_err(|e| self.output.cannot_write(&e))?;
        }
        Ok(())
    }

    /// Gives the matrix its name; an existing file of that name is replaced.
    pub(crate) fn finish(mut self) -> Result<()> {
        let mut finish = || -> io::Result<()> {
            // What the header promises is on the disk before the header is.
            self.file.sync_all()?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&self.header)?;
            self.file.sync_all()?;
            fs::rename(&self.partial, self.output.path())
        };
        finish().map_err(|e| self.output.cannot_write(&e))
    }
}

impl<T> Drop for NpyMatrix<T> {
    fn drop(&mut self) {
        // An unfinished file is of no use, and a finished one has another name. If it cannot be removed, the next one writes over it.
        if is_at(&self.file, &self.partial).unwrap_or(false) {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// The file of this name, locked: a new one, or what a killed process left.
fn own(partial: &Path) -> io::Result<File> {
    const RACES: usize = 3;
    let busy = || io::Error::new(ErrorKind::ResourceBusy, "another process writes it");
    for _ in 0..RACES {
        if fs::symlink_metadata(partial).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "it is no file"));
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(partial)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy()),
            // A file system without locks: then there is no way to tell.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(e),
        }
        // Whoever had the lock may have given the file its name meanwhile: then it is finished, and not ours to write.
        if !is_at(&file, partial)? {
            continue;
        }
        let mut start = Vec::new();
        Read::by_ref(&mut file).take(UNFINISHED.len() as u64).read_to_end(&mut start)?;
        if !start.is_empty() && start != UNFINISHED && !start.starts_with(MAGIC) {
            let text = "it is there and not what an interrupted command leaves; expected a name that is free";
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        file.rewind()?;
        return Ok(file);
    }
    Err(busy())
}

/// Whether this open file still has this name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let own = file.metadata()?;
        Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
    }
    #[cfg(not(unix))]
    Ok(there.len() == file.metadata()?.len())
}

/// Of NumPy's format 1.0: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
fn header(precision: Precision, rows: usize, columns: usize) -> Vec<u8> {
    let width = precision.bytes();
    let mut text =
        format!("{{'descr': '<f{width}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    const PREFIX: usize = 10;
    // Spaces up to a multiple of 64, so that the numbers are aligned, and an end of line.
    let length = (PREFIX + text.len() + 1).next_multiple_of(64) - PREFIX;
    text += &" ".repeat(length - 1 - text.len());
    text.push('\n');
    let mut header = [MAGIC, b"\x01\x00"].concat();
    // Two whole numbers take at most forty digits: far below what two bytes hold.
    header.extend((length as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use nalgebra::DMatrix;
    use overparam_tensor::Array;
    use overparam_tensor::array::read_npy;

    use super::{NpyMatrix, Output};

    fn begin(path: &Path, shape: [usize; 2]) -> anyhow::Result<NpyMatrix<f32>> {
        NpyMatrix::create(Output::new("out", path, "npy", &[])?, shape)
    }

    #[test]
    fn parts_in_any_order_make_the_matrix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.npy");
        let whole = DMatrix::from_fn(5, 7, |i, j| (10 * i + j) as f32);
        let mut file = begin(&path, [5, 7]).unwrap();
        file.put([3, 0], &whole.view((3, 0), (2, 7)).into_owned()).unwrap();
        file.put_transposed([0, 4], &whole.view((0, 4), (3, 3)).transpose()).unwrap();
        file.put([0, 0], &whole.view((0, 0), (3, 4)).into_owned()).unwrap();
        // Until it is finished there is no file of that name, and what is beside it is nothing that anyone reads as numbers.
        assert!(!path.exists());
        let partial = folder.path().join("k.npy.partial");
        assert!(read_npy::<f32>(fs::File::open(&partial).unwrap()).is_err());
        file.finish().unwrap();
        let found: Array<f32> = read_npy(fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(found.to_matrix(), whole);
        assert!(!partial.exists());
    }

    #[test]
    fn an_unfinished_file_is_written_by_one_and_left_by_none() {
        let folder = tempfile::tempdir().unwrap();
        let (path, partial) = (folder.path().join("k.npy"), folder.path().join("k.npy.partial"));
        fs::write(&path, "what was there").unwrap();
        let file = begin(&path, [2, 2]).unwrap();
        let error = begin(&path, [2, 2]).err().unwrap().to_string();
        assert!(error.contains("another process writes it") && error.contains("k.npy.partial"), "{error}");
        drop(file);
        assert!(!partial.exists() && fs::read(&path).unwrap() == b"what was there");
        // What a killed process left is written over, larger or smaller; what is someone's own is not.
        fs::write(&partial, [super::UNFINISHED, &[1; 500]].concat()).unwrap();
        begin(&path, [1, 1]).unwrap().finish().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len() % 64, 4);
        fs::write(&partial, "a chapter of a thesis, unfinished").unwrap();
        let error = begin(&path, [1, 1]).err().unwrap().to_string();
        assert!(error.contains("not what an interrupted command leaves"), "{error}");
        assert_eq!(fs::read(&partial).unwrap(), b"a chapter of a thesis, unfinished");
    }
}
