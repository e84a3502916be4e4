//! Result files: written beside and renamed, so that there is a whole file or none.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use overparam_tensor::Array;
use overparam_tensor::array::write_npz;
use overparam_tensor::linalg::Real;

use super::array::split_member;
use super::{extension, label};

/// An option without its dashes, and the file that it names.
pub(crate) type ReadFile<'a> = (&'static str, &'a Path);

/// The file without the name of an array within it.
fn array_file(path: &Path) -> PathBuf {
    split_member(path).0
}

/// Whether two paths lead to one file, by whatever names, links and letters.
fn same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
        if identity(one).is_some_and(|one| identity(other) == Some(one)) {
            return true;
        }
    }
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// A place for a result that can be written to: found out before the work, not after it.
pub(crate) struct Output {
    label: String,
    path: PathBuf,
    beside: PathBuf,
}

impl Output {
    /// Checks that `path` ends in `.extension`, is none of the files that are read, and that a file can be made there.
    pub(crate) fn new(option: &str, path: &Path, expected: &str, inputs: &[ReadFile<'_>]) -> Result<Self> {
        let label = label(option, path);
        if extension(path) != expected {
            bail!("{label}: expected a file ending in .{expected}");
        }
        if path.is_dir() {
            bail!("{label}: cannot write: there is a folder of that name");
        }
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            bail!("{label}: cannot write: it is no file");
        }
        if let Some((input, file)) = inputs.iter().find(|(_, file)| same_file(path, &array_file(file))) {
            bail!("{label}: this is the file of --{input} {}, which is not overwritten", file.display());
        }
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.tmp", std::process::id()));
        let output = Self { label, path: path.to_owned(), beside: beside.into() };
        File::create(&output.beside).map_err(|e| output.cannot_write(&e))?;
        fs::remove_file(&output.beside).map_err(|e| output.cannot_write(&e))?;
        Ok(output)
    }

    /// Where the result will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// `"--out k.npy"`.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// Writes named arrays.
    pub(crate) fn write_arrays<T: Real>(&self, arrays: &[(&str, Array<T>)]) -> Result<()> {
        self.write(|file| Ok(write_npz(file, arrays.iter().map(|(name, array)| (*name, array)))?))
    }

    /// Writes whatever `fill` writes; an existing file is replaced once the new one is complete.
    pub(crate) fn write(&self, fill: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
        let write = || -> Result<()> {
            let mut file = BufWriter::new(File::create(&self.beside)?);
            fill(&mut file)?;
            file.flush()?;
            file.get_ref().sync_all()?;
            Ok(fs::rename(&self.beside, &self.path)?)
        };
        write().map_err(|e| {
            // The partial file is of no use; if it cannot be removed either, the first error says more.
            let _ = fs::remove_file(&self.beside);
            self.cannot_write(&e)
        })
    }

    pub(super) fn cannot_write(&self, error: &impl std::fmt::Display) -> anyhow::Error {
        anyhow!("{}: cannot write: {error}", self.label)
    }
}
