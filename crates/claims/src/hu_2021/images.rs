//! Images with labels for the claims about real data: the embedded digits, and what the user brought.

use std::borrow::Cow;

use nalgebra::{DMatrix, DVector};
use overparam_eval::claim::{CellError, Context};
use overparam_eval::data::{self, LabelledImages};
use overparam_eval::inputs::Inputs;
use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wide;

/// The names under which `--data` brings images.
const BROUGHT: [&str; 3] = ["mnist", "fashion-mnist", "cifar10"];

/// Which images.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// The embedded handwritten digits, 8 x 8: rows 0 to 1199 to train on, the rest to test on.
    Digits,
    /// A data set of the user's.
    Brought {
        /// Its name to `--data`.
        name: String,
        /// Hash of the files, so that other data is another cell.
        digest: String,
    },
}

/// Training and test images.
pub(super) struct Parts<'a> {
    pub(super) train: Cow<'a, LabelledImages>,
    pub(super) test: Cow<'a, LabelledImages>,
}

impl Data {
    /// The digits, and everything the user brought.
    pub(super) fn all(inputs: &Inputs) -> Vec<Self> {
        let brought = |name: &str| {
            let digest = inputs.images(name)?.digest.clone();
            Some(Self::Brought { name: name.to_owned(), digest })
        };
        [Self::Digits].into_iter().chain(BROUGHT.into_iter().filter_map(brought)).collect()
    }

    /// As a person reads it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Digits => "digits",
            Self::Brought { name, .. } => name,
        }
    }

    /// The images themselves.
    pub(super) fn parts<'a>(&self, context: &Context<'a>) -> Result<Parts<'a>, CellError> {
        match self {
            Self::Digits => {
                let (train, test) = split_digits();
                Ok(Parts { train: Cow::Owned(train), test: Cow::Owned(test) })
            }
            Self::Brought { name, .. } => {
                let images = context.inputs().images(name);
                let images = images.ok_or_else(|| CellError(format!("needs --data {name}=DIR")))?;
                Ok(Parts { train: Cow::Borrowed(&images.train), test: Cow::Borrowed(&images.test) })
            }
        }
    }
}

/// Digits in the first part.
pub(super) const TRAIN_DIGITS: usize = 1200;

fn split_digits() -> (LabelledImages, LabelledImages) {
    let digits = data::digits();
    let part = |rows: std::ops::Range<usize>| LabelledImages {
        rows: 8,
        columns: 8,
        channels: 1,
        // Whole numbers from 0 to 16.
        pixels: rows
            .clone()
            .flat_map(|i| digits.images.row(i).iter().map(|&p| p as u8).collect::<Vec<_>>())
            .collect(),
        labels: digits.labels[rows].to_vec(),
    };
    (part(0..TRAIN_DIGITS), part(TRAIN_DIGITS..digits.labels.len()))
}

/// A task of two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Labels below 5 against the rest.
    BelowFive,
    /// Label 0 against label 1; other images are left out.
    ZeroOrOne,
}

impl Task {
    /// 1 or -1; `None` for a label that is not part of the task.
    fn sign(self, label: u8) -> Option<f64> {
        match self {
            Self::BelowFive => Some(if label < 5 { 1.0 } else { -1.0 }),
            Self::ZeroOrOne => (label < 2).then_some(if label == 0 { 1.0 } else { -1.0 }),
        }
    }

    /// All images of the task.
    pub(super) fn members(self, images: &LabelledImages) -> Vec<usize> {
        (0..images.len()).filter(|&i| self.sign(images.labels[i]).is_some()).collect()
    }

    /// Their labels, 1 or -1.
    pub(super) fn signs(self, images: &LabelledImages, chosen: &[usize]) -> DVector<f64> {
        DVector::from_iterator(chosen.len(), chosen.iter().filter_map(|&i| self.sign(images.labels[i])))
    }
}

/// `count` of the indices, without replacement.
pub(super) fn choose(from: &[usize], count: usize, stream: &Stream) -> Result<Vec<usize>, CellError> {
    if count > from.len() {
        return Err(CellError(format!("needs {count} images of the task, there are {}", from.len())));
    }
    Ok(stream.sample_indices(from.len(), count).into_iter().map(|i| from[i]).collect())
}

/// The chosen images, one a row, scaled to unit Euclidean norm. An image without ink stays zero.
pub(super) fn unit_rows(images: &LabelledImages, chosen: &[usize]) -> DMatrix<f64> {
    let mut rows = images.matrix(chosen);
    for mut row in rows.row_iter_mut() {
        let norm = row.norm();
        if norm > 0.0 {
            row /= norm;
        }
    }
    rows
}

/// Fair coins, 1 or -1.
pub(super) fn coins(count: usize, stream: &Stream) -> DVector<f64> {
    wide::coins(count, stream).into()
}

/// One-hot labels less 0.1, an image a row.
pub(super) fn one_hot(labels: &[u8]) -> DMatrix<f64> {
    DMatrix::from_fn(labels.len(), 10, |i, c| if usize::from(labels[i]) == c { 0.9 } else { -0.1 })
}

/// The share of rows whose largest output is at the label.
pub(super) fn correct(outputs: &DMatrix<f64>, labels: &[u8]) -> f64 {
    let right =
        outputs.row_iter().zip(labels).filter(|(row, label)| row.transpose().imax() == usize::from(**label));
    right.count() as f64 / labels.len() as f64
}
