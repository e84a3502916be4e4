//! Classes as targets of a regression: one output per class, centred.

use anyhow::{Result, bail};
use nalgebra::DMatrix;

/// More classes than this are numbers.
const MOST: usize = 1_000;

/// The distinct labels of some examples, ascending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Classes(Vec<f64>);

impl Classes {
    /// The classes of training labels: one column of whole numbers.
    pub(crate) fn of(label: &str, labels: &DMatrix<f64>) -> Result<Self> {
        if labels.ncols() != 1 {
            bail!("{label}: --classes expects one label per example, got {} columns", labels.ncols());
        }
        if let Some(row) = labels.iter().position(|x| x.fract() != 0.0) {
            bail!("{label}: --classes expects whole numbers, row {row} is {}", labels[row]);
        }
        let classes = distinct(labels);
        if !(2..=MOST).contains(&classes.len()) {
            bail!("{label}: --classes expects 2 to {MOST} classes, got {}", classes.len());
        }
        Ok(Self(classes))
    }

    /// One row per label: `1 - 1/k` at its class, `-1/k` elsewhere, of `k` classes.
    pub(crate) fn centred(&self, label: &str, labels: &DMatrix<f64>) -> Result<DMatrix<f64>> {
        let k = self.0.len();
        let mut targets = DMatrix::from_element(labels.nrows(), k, -1.0 / k as f64);
        for (row, x) in labels.iter().enumerate() {
            match self.0.iter().position(|class| class == x) {
                Some(class) if labels.ncols() == 1 => targets[(row, class)] += 1.0,
                _ => bail!("{label}: row {row} is {x}, which is no class of the training labels"),
            }
        }
        Ok(targets)
    }

    /// The class of the largest output in each row.
    pub(crate) fn chosen(&self, outputs: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_iterator(
            outputs.nrows(),
            1,
            outputs.row_iter().map(|row| self.0[row.transpose().imax()]),
        )
    }

    /// The labels, in the order of the outputs.
    pub(crate) fn labels(&self) -> &[f64] {
        &self.0
    }
}

/// Whether targets look like numbers of classes: few whole numbers, over and over.
pub(crate) fn look_like_classes(targets: &DMatrix<f64>) -> Option<usize> {
    const FEW: usize = 20;
    let whole = targets.ncols() == 1 && targets.iter().all(|x| x.fract() == 0.0 && *x >= 0.0);
    let count = if whole { distinct(targets).len() } else { 0 };
    // Two of them are as good as targets: their order is no matter.
    ((3..=FEW).contains(&count) && targets.nrows() >= 2 * count).then_some(count)
}

fn distinct(labels: &DMatrix<f64>) -> Vec<f64> {
    let mut classes: Vec<f64> = labels.iter().copied().collect();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    classes
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::{Classes, look_like_classes};

    fn column(values: &[f64]) -> DMatrix<f64> {
        DMatrix::from_column_slice(values.len(), 1, values)
    }

    #[test]
    fn labels_become_centred_columns_and_back() {
        let labels = column(&[7.0, 3.0, 3.0, 9.0]);
        let classes = Classes::of("--train-y y", &labels).unwrap();
        assert_eq!(classes.labels(), [3.0, 7.0, 9.0]);
        let targets = classes.centred("--train-y y", &labels).unwrap();
        assert!((targets[(0, 1)] - 2.0 / 3.0).abs() < 1e-15 && (targets[(0, 0)] + 1.0 / 3.0).abs() < 1e-15);
        assert!(targets.row_iter().all(|row| row.sum().abs() < 1e-15));
        assert_eq!(classes.chosen(&targets), labels);
        assert!(
            classes.centred("--test-y z", &column(&[4.0])).unwrap_err().to_string().contains("row 0 is 4")
        );
        assert!(Classes::of("--train-y y", &column(&[0.5, 1.0])).is_err());
        assert!(Classes::of("--train-y y", &column(&[1.0, 1.0])).is_err());
    }

    #[test]
    fn few_whole_numbers_look_like_classes() {
        assert_eq!(look_like_classes(&column(&[0.0, 1.0, 2.0, 0.0, 1.0, 2.0])), Some(3));
        assert_eq!(look_like_classes(&column(&[0.0, 1.0, 0.0, 1.0])), None);
        assert_eq!(look_like_classes(&column(&[0.5, 1.0, 2.0, 0.0, 1.0, 2.0])), None);
        assert_eq!(look_like_classes(&column(&[1.0, -1.0, 0.0, 1.0, -1.0, 0.0])), None);
    }
}
