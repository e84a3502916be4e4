//! Arrays of numbers from `.npy`, `.npz` and `.csv` files.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use nalgebra::DMatrix;
use overparam_eval::data::{Columns, plain, read_columns};
use overparam_tensor::Array;
use overparam_tensor::array::{NpyError, read_npy, read_npz};
use overparam_tensor::linalg::Real;

use super::columns::doubtful;
use super::{extension, label, shape_words};

/// An array, and what about it may not be meant.
pub(super) struct Numbers<T: Real> {
    pub(super) array: Array<T>,
    pub(super) warnings: Vec<String>,
}

/// Reads an array: `x.npy`, `x.npz` with one array, `x.npz:name` for one of several, or `x.csv`, a row a line.
pub(super) fn read<T: Real>(option: &str, path: &Path) -> Result<Numbers<T>> {
    let bare = |array| Numbers { array, warnings: Vec::new() };
    let read = || -> Result<Numbers<T>> {
        let (file, member) = split_member(path);
        match extension(&file).as_str() {
            "npy" => read_npy(open(&file)?).map(bare).map_err(|e| anyhow!("{}", words(&e))),
            "npz" => read_member(&file, member.as_deref()).map(bare),
            "csv" => {
                let Columns { heading, numbers } = read_columns(open(&file)?)?;
                Ok(Numbers { warnings: doubtful(heading.as_deref(), &numbers), array: numbers })
            }
            _ => bail!("expected a file ending in .npy, .npz (or .npz:name) or .csv"),
        }
    };
    read().map_err(|e| anyhow!("{}: {e}", label(option, path)))
}

/// Reads targets: `n x c`, or `n` numbers for one output. All must be finite.
pub(crate) fn matrix(option: &str, path: &Path) -> Result<DMatrix<f64>> {
    let label = label(option, path);
    let Numbers { array, .. } = read::<f64>(option, path)?;
    let array = match *array.shape() {
        [n, c] if n > 0 && c > 0 => array,
        [n] if n > 0 => array.reshape(&[n, 1]),
        _ => {
            bail!("{label}: expected n x c or n numbers, n, c >= 1, got shape {}", shape_words(array.shape()))
        }
    };
    refuse_not_finite(&label, &array, "row")?;
    Ok(array.to_matrix())
}

/// Refuses the first number that is not finite, naming its row (counted from 0, as NumPy does) and its place there.
pub(super) fn refuse_not_finite<T: Real>(label: &str, array: &Array<T>, row: &str) -> Result<()> {
    let elements = array.elements();
    if let Some(i) = elements.iter().position(|x| !x.f64().is_finite()) {
        let width = array.len() / array.shape()[0];
        bail!(
            "{label}: {row} {}, entry {} is {}: expected finite numbers",
            i / width,
            i % width,
            elements[i]
        );
    }
    Ok(())
}

/// `("x.npz", Some("name"))` of `x.npz:name`.
pub(super) fn split_member(path: &Path) -> (PathBuf, Option<String>) {
    match path.to_str().and_then(|text| text.rsplit_once(".npz:")) {
        Some((stem, name)) => (format!("{stem}.npz").into(), Some(name.to_owned())),
        None => (path.to_owned(), None),
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let (file, _) = plain::open(path).map_err(|e| anyhow!("cannot read: {e}"))?;
    Ok(BufReader::new(file))
}

fn words(error: &NpyError) -> String {
    let io = match error {
        NpyError::Io(io) => Some(io),
        NpyError::Member { source, .. } => match source.as_ref() {
            NpyError::Io(io) => Some(io),
            _ => None,
        },
        _ => None,
    };
    match io.map(std::io::Error::kind) {
        Some(ErrorKind::UnexpectedEof) => {
            "no .npy file, or one cut short: it ends before its numbers do".to_owned()
        }
        _ => error.to_string(),
    }
}

fn read_member<T: Real>(path: &Path, member: Option<&str>) -> Result<Array<T>> {
    let mut arrays = read_npz::<T>(open(path)?).map_err(|e| anyhow!("{}", words(&e)))?;
    let names = arrays.keys().cloned().collect::<Vec<_>>().join(", ");
    match member {
        Some(name) => {
            arrays.remove(name).ok_or_else(|| anyhow!("there is no array `{name}`; there is: {names}"))
        }
        None => match (arrays.pop_first(), arrays.is_empty()) {
            (Some((_, array)), true) => Ok(array),
            (None, _) => bail!("there is no array in this file"),
            _ => bail!("there are several arrays ({names}): choose one as {}:NAME", path.display()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::split_member;

    #[test]
    fn members_of_archives_have_names() {
        assert_eq!(split_member("a/x.npz:y".as_ref()), ("a/x.npz".into(), Some("y".to_owned())));
        assert_eq!(split_member("a/x.npz".as_ref()), ("a/x.npz".into(), None));
        assert_eq!(split_member("c:/x.npy".as_ref()), ("c:/x.npy".into(), None));
    }
}
