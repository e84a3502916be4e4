//! Arrays of numbers from `.npy`, `.npz` and `.csv` files.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use nalgebra::DMatrix;
use overparam_tensor::Array;
use overparam_tensor::array::{NpyError, read_npy, read_npz};
use overparam_tensor::linalg::Real;

use super::{extension, label, shape_words};

/// Reads an array: `x.npy`, `x.npz` with one array, `x.npz:name` for one of several, or `x.csv`, a row a line.
pub(super) fn read<T: Real>(option: &str, path: &Path) -> Result<Array<T>> {
    let read = || -> Result<Array<T>> {
        let (file, member) = split_member(path);
        match extension(&file).as_str() {
            "npy" => read_npy(open(&file)?).map_err(|e| anyhow!("{}", words(&e))),
            "npz" => read_member(&file, member.as_deref()),
            "csv" => read_csv(open(&file)?),
            _ => bail!("expected a file ending in .npy, .npz (or .npz:name) or .csv"),
        }
    };
    read().map_err(|e| anyhow!("{}: {e}", label(option, path)))
}

/// Reads targets: `n x c`, or `n` numbers for one output. All must be finite.
pub(crate) fn matrix(option: &str, path: &Path) -> Result<DMatrix<f64>> {
    let label = label(option, path);
    let array = read::<f64>(option, path)?;
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
fn split_member(path: &Path) -> (PathBuf, Option<String>) {
    match path.to_str().and_then(|text| text.rsplit_once(".npz:")) {
        Some((stem, name)) => (format!("{stem}.npz").into(), Some(name.to_owned())),
        None => (path.to_owned(), None),
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|e| anyhow!("cannot read: {e}"))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        bail!("cannot read: it is a folder");
    }
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

/// Rows of numbers with equally many columns; a first line without any number is a heading.
fn read_csv<T: Real>(reader: impl Read) -> Result<Array<T>> {
    let mut lines = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(reader);
    let (mut numbers, mut rows, mut columns) = (Vec::new(), 0, 0);
    for (i, record) in lines.records().enumerate() {
        let record = record?;
        let parsed: Vec<Option<f64>> = record.iter().map(|field| field.parse().ok()).collect();
        if i == 0 && parsed.iter().all(Option::is_none) {
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        for (j, (number, field)) in parsed.iter().zip(&record).enumerate() {
            match number {
                Some(x) => numbers.push(T::of(*x)),
                None => bail!("line {line}, column {}: expected a number, got {field:?}", j + 1),
            }
        }
        (rows, columns) = (rows + 1, record.len());
    }
    Ok(Array::from_vec(&[rows, columns], numbers))
}

#[cfg(test)]
mod tests {
    use super::{read_csv, split_member};

    #[test]
    fn a_heading_is_skipped_and_a_misspelt_number_is_not() {
        let array = read_csv::<f64>("a, b\n1, 2\n\n3, -4e-1\n".as_bytes()).unwrap();
        assert_eq!((array.shape(), array.to_vec()), (&[2, 2][..], vec![1.0, 2.0, 3.0, -0.4]));
        let error = |text: &str| read_csv::<f64>(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error("1,2\n3,x\n"), "line 2, column 2: expected a number, got \"x\"");
        assert_eq!(error("1,2x\n3,4\n"), "line 1, column 2: expected a number, got \"2x\"");
        assert!(error("1,2\n3\n").contains("line: 2"), "{}", error("1,2\n3\n"));
    }

    #[test]
    fn members_of_archives_have_names() {
        assert_eq!(split_member("a/x.npz:y".as_ref()), ("a/x.npz".into(), Some("y".to_owned())));
        assert_eq!(split_member("a/x.npz".as_ref()), ("a/x.npz".into(), None));
        assert_eq!(split_member("c:/x.npy".as_ref()), ("c:/x.npy".into(), None));
    }
}
