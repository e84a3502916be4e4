//! Rows of numbers from CSV.

use std::io::Read;

use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

/// What can be wrong with rows of numbers.
#[derive(Debug, thiserror::Error)]
pub enum NumbersError {
    /// It cannot be read, is not UTF-8, or a row has more or fewer fields than the one before.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// A field is no number.
    #[error("line {line}, column {column}: expected a number, got {found:?}")]
    Field {
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// What is there.
        found: String,
    },
}

/// A table of numbers with what its columns are called.
#[derive(Debug, Clone)]
pub struct Columns<T: Real> {
    /// The first line, if it was a heading.
    pub heading: Option<Vec<String>>,
    /// `rows x columns`.
    pub numbers: Array<T>,
}

/// Reads rows of equally many numbers, separated by commas, as a `rows x columns` array. Space around numbers and blank
/// lines do not matter; a first line without any number is a heading. Without a row the shape is `0 x 0`.
///
/// # Errors
/// [`NumbersError`], with line and column.
pub fn read_numbers<T: Real>(reader: impl Read) -> Result<Array<T>, NumbersError> {
    read_columns(reader).map(|columns| columns.numbers)
}

/// As [`read_numbers`], with the heading.
///
/// # Errors
/// [`NumbersError`], with line and column.
pub fn read_columns<T: Real>(reader: impl Read) -> Result<Columns<T>, NumbersError> {
    let mut heading = None;
    let mut lines = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(reader);
    let (mut numbers, mut rows, mut columns) = (Vec::new(), 0, 0);
    for (i, record) in lines.records().enumerate() {
        let record = record?;
        let parsed: Vec<Option<f64>> = record.iter().map(|field| field.parse().ok()).collect();
        if i == 0 && parsed.iter().all(Option::is_none) {
            heading = Some(record.iter().map(str::to_owned).collect());
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        for (j, (number, field)) in parsed.iter().zip(&record).enumerate() {
            let found = || NumbersError::Field { line, column: j + 1, found: field.to_owned() };
            numbers.push(T::of(number.ok_or_else(found)?));
        }
        (rows, columns) = (rows + 1, record.len());
    }
    Ok(Columns { heading, numbers: Array::from_vec(&[rows, columns], numbers) })
}

#[cfg(test)]
mod tests {
    use super::{read_columns, read_numbers};

    #[test]
    fn a_heading_is_skipped_and_a_misspelt_number_is_not() {
        let array = read_numbers::<f64>("a, b\n1, 2\n\n3, -4e-1\n".as_bytes()).unwrap();
        assert_eq!((array.shape(), array.to_vec()), (&[2, 2][..], vec![1.0, 2.0, 3.0, -0.4]));
        let heading = |text: &str| read_columns::<f64>(text.as_bytes()).unwrap().heading;
        assert_eq!(heading(",b\n1,2\n"), Some(vec![String::new(), "b".to_owned()]));
        assert_eq!(heading("1,2\n"), None);
        let error = |text: &str| read_numbers::<f64>(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error("1,2\n3,x\n"), "line 2, column 2: expected a number, got \"x\"");
        assert_eq!(error("1,2x\n3,4\n"), "line 1, column 2: expected a number, got \"2x\"");
        assert!(error("1,2\n3\n").contains("line: 2"), "{}", error("1,2\n3\n"));
        assert_eq!(read_numbers::<f64>("a,b\n".as_bytes()).unwrap().shape(), [0, 0]);
    }
}
