//! The embedded real data set: handwritten digits.
//!
//! The test part of *Optical Recognition of Handwritten Digits* (E. Alpaydin and C. Kaynak, UCI Machine Learning
//! Repository, 1998, <https://doi.org/10.24432/C50P49>), as scikit-learn ships it; licensed under CC BY 4.0
//! (<https://creativecommons.org/licenses/by/4.0/>).

use std::io::Read;

use flate2::read::GzDecoder;
use nalgebra::DMatrix;

static FILE: &[u8] = include_bytes!("../../assets/digits8x8.csv.gz");

/// Pixels of a digit, 8 by 8 row by row.
const PIXELS: usize = 64;

/// 1,797 handwritten digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Digits {
    /// `1797 x 64`, one digit a row, its pixels row by row, whole numbers from 0 (paper) to 16 (ink).
    pub images: DMatrix<f64>,
    /// The digit that each row shows, 0 to 9.
    pub labels: Vec<u8>,
}

/// The embedded handwritten digits, decompressed anew at each call (a few milliseconds).
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
pub fn digits() -> Digits {
    let mut text = String::new();
    GzDecoder::new(FILE).read_to_string(&mut text).expect("the embedded file is gzipped text");
    let numbers: Vec<u8> = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(','))
        .map(|field| field.parse().expect("the embedded file holds whole numbers"))
        .collect();
    let rows: Vec<&[u8]> = numbers.chunks_exact(PIXELS + 1).collect();
    Digits {
        images: DMatrix::from_fn(rows.len(), PIXELS, |i, j| f64::from(rows[i][j])),
        labels: rows.iter().map(|row| row[PIXELS]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts by `numpy` on scikit-learn's `load_digits`.
    #[test]
    fn the_embedded_file_is_the_data_set_it_claims_to_be() {
        let Digits { images, labels } = digits();
        assert_eq!((images.shape(), labels.len()), ((1797, 64), 1797));
        assert_eq!((images.min(), images.max(), images.sum()), (0.0, 16.0, 561718.0));
        let counts: Vec<usize> = (0..10).map(|d| labels.iter().filter(|&&l| l == d).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let first = [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0, 0.0, 0.0, 13.0];
        assert_eq!(images.row(0).columns(0, 11).iter().copied().collect::<Vec<_>>(), first);
    }
}
