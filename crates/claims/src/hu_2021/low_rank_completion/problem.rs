//! The matrices: random ones of known rank, and real ones with hidden entries.

use nalgebra::DMatrix;
use overparam_deep_linear::Entry;
use overparam_eval::claim::{CellError, Context};
use overparam_eval::data;
use overparam_tensor::linalg::{matmul, transposed};

use super::{Cell, Method, Problem};

/// A truth known everywhere, observed in part.
pub(super) struct Synthetic {
    pub(super) truth: DMatrix<f64>,
    pub(super) observed: Vec<Entry>,
}

impl Synthetic {
    /// Mean squared error over the entries that were not observed.
    pub(super) fn test_mse(&self, w: &DMatrix<f64>) -> f64 {
        let mut hidden = (w - &self.truth).map(|e| e * e);
        self.observed.iter().for_each(|e| hidden[(e.row, e.column)] = 0.0);
        let count = self.truth.len() - self.observed.len();
        hidden.sum() / count as f64
    }
}

/// `U V^T` with Gaussian factors, scaled so that the entries' mean square is 1: for 100 x 100, Frobenius norm 100.
pub(super) fn synthetic(
    size: usize,
    rank: usize,
    observed: usize,
    seed: u64,
    context: &Context<'_>,
) -> Synthetic {
    let factor = |name| context.shared(name, seed).normal_matrix::<f64>(size, rank, 1.0);
    let mut truth = matmul(&factor("left factor"), transposed(&factor("right factor")));
    truth *= size as f64 / truth.norm();
    let observed = context
        .shared(&format!("{observed} observed entries"), seed)
        .sample_indices(size * size, observed)
        .into_iter()
        .map(|i| entry(i / size, i % size, truth[(i / size, i % size)]))
        .collect();
    Synthetic { truth, observed }
}

/// Real entries in three parts, centred on the training mean and scaled so that descent moves as on synthetic data.
pub(super) struct Real {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Hidden width of the networks.
    pub(super) width: usize,
    pub(super) train: Vec<Entry>,
    pub(super) validation: Vec<Entry>,
    pub(super) test: Vec<Entry>,
    /// Data units per unit of the scaled entries.
    pub(super) unit: f64,
}

/// The entries of a real problem. Scaled so that the training entries have mean square 1.
pub(super) fn real(problem: &Problem, seed: u64, context: &Context<'_>) -> Result<Real, CellError> {
    let (rows, columns, entries, shares, width) = match problem {
        Problem::Digits { images } => {
            let pixels = data::digits().images;
            let images = (*images).min(pixels.nrows());
            let all = (0..images).flat_map(|i| (0..pixels.ncols()).map(move |j| (i, j)));
            let entries: Vec<Entry> = all.map(|(i, j)| entry(i, j, pixels[(i, j)])).collect();
            (images, pixels.ncols(), entries, (0.1, 0.4), 64)
        }
        Problem::Ratings { .. } => {
            let name = "movielens-100k";
            let ratings = context
                .inputs()
                .ratings(name)
                .ok_or_else(|| CellError(format!("needs --data {name}=DIR")))?;
            let entries =
                ratings.entries.iter().map(|r| entry(r.user as usize, r.item as usize, r.value)).collect();
            (ratings.users, ratings.items, entries, (0.1, 0.1), 200)
        }
        Problem::Synthetic { .. } => return Err(CellError("not a real problem".into())),
    };
    let part = |share: f64| (share * entries.len() as f64).round() as usize;
    let split = data::split(entries.len(), part(shares.0), part(shares.1), &context.shared("split", seed))
        .map_err(CellError::new)?;
    let pick = |indices: &[usize]| indices.iter().map(|&i| entries[i]).collect::<Vec<_>>();
    let train = pick(&split.train);
    let mean = train.iter().map(|e| e.value).sum::<f64>() / train.len() as f64;
    let unit = (train.iter().map(|e| (e.value - mean).powi(2)).sum::<f64>() / train.len() as f64).sqrt();
    let scaled = |entries: Vec<Entry>| {
        entries.into_iter().map(|e| entry(e.row, e.column, (e.value - mean) / unit)).collect::<Vec<_>>()
    };
    Ok(Real {
        rows,
        columns,
        width,
        train: scaled(train),
        validation: scaled(pick(&split.validation)),
        test: scaled(pick(&split.test)),
        unit,
    })
}

/// Mean squared error over some entries.
pub(super) fn mse(entries: &[Entry], prediction: impl Fn(usize, usize) -> f64) -> f64 {
    entries.iter().map(|e| (prediction(e.row, e.column) - e.value).powi(2)).sum::<f64>()
        / entries.len() as f64
}

fn entry(row: usize, column: usize, value: f64) -> Entry {
    Entry { row, column, value }
}

/// Rough CPU seconds of a cell.
pub(super) fn cost(cell: &Cell) -> f64 {
    match (&cell.problem, cell.method) {
        (Problem::Synthetic { size, .. }, Method::Descent { depth, learning_rate, .. }) => {
            let steps = 35.0 * *size as f64 / 100.0 / learning_rate;
            steps * (10e-6 + 3.0 * (depth as f64 - 1.0) * 20e-6 * (*size as f64 / 100.0).powi(3))
        }
        (Problem::Synthetic { size, .. }, _) => 2.0 * (*size as f64 / 100.0).powi(3),
        (Problem::Digits { images }, Method::Descent { depth, .. }) => depth as f64 * *images as f64 / 200.0,
        (Problem::Ratings { .. }, Method::Descent { depth, .. }) => 60.0 * depth as f64,
        (Problem::Ratings { .. }, _) => 120.0,
        (Problem::Digits { .. }, _) => 1.0,
    }
}
