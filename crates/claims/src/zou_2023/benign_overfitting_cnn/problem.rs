//! What both the experiment and the prediction start from: labels, noise, filters, and the search for a level of the test loss.

use nalgebra::DMatrix;
use overparam_eval::claim::Context;

use super::Cell;

/// `m`, filters of each sign.
pub(super) const FILTERS: usize = 20;
/// Standard deviation of the filters' entries at the start.
const START: f64 = 0.01;
/// Training stops at this mean logistic loss,
pub(super) const TARGET: f64 = 0.01;
/// or after this many steps.
pub(super) const STEPS: usize = 20_000;
/// The level of the test loss whose place is predicted.
pub(super) const LEVEL: f64 = 0.1;

/// A draw. Draws of the same seed are nested: more examples begin with the fewer, and the filters are the same.
pub(super) struct Problem {
    /// `q`.
    pub(super) power: i32,
    /// `y_i`.
    pub(super) labels: Vec<f64>,
    /// `xi_i`, a row each, of unit variance and orthogonal to the signal, which is along the first axis.
    pub(super) noise: DMatrix<f64>,
    /// Filters, a row each: first those of sign +1.
    pub(super) filters: DMatrix<f64>,
}

impl Problem {
    pub(super) fn draw(cell: &Cell, context: &Context<'_>) -> Self {
        let (n, d) = (cell.examples, cell.dimension);
        let stream = context.shared("draw", cell.seed);
        let row = |i: usize| stream.named("noise").indexed(i as u64).normal_vector::<f64>(d + 1, 1.0);
        let rows: Vec<_> = (0..n).map(row).collect();
        let labels: Vec<f64> = rows.iter().map(|row| row[d].signum()).collect();
        let shared = stream.named("shared noise").normal_vector::<f64>(d, 1.0);
        let (own, leaked) = ((1.0 - cell.leaked).sqrt(), cell.leaked.sqrt());
        let entry = |i: usize, k: usize| own * rows[i][k] + leaked * labels[i] * shared[k];
        let noise = DMatrix::from_fn(n, d, |i, k| if k == 0 { 0.0 } else { entry(i, k) });
        let filters = stream.named("filters").normal_matrix(2 * FILTERS, d, START);
        Self { power: cell.power, labels, noise, filters }
    }

    /// `SNR` at which `n SNR^q` is this.
    pub(super) fn snr(&self, strength: f64) -> f64 {
        (strength / self.labels.len() as f64).powf(f64::from(self.power).recip())
    }
}

/// Theorems are about small rates: small against `1 / |mu|^2` and `1 / (s_p^2 d)`.
pub(super) fn rate(snr: f64) -> f64 {
    0.02 * snr.powi(-2).min(1.0)
}

/// `n SNR^q` at which the test loss falls through [`LEVEL`]: eight halvings of `[0.1, 100]` in the logarithm, then interpolation
/// of the loss's logarithm; nothing if it lies outside, or if a run does not end. And what was tried, ascending.
pub(super) fn search(mut loss: impl FnMut(f64) -> Option<f64>) -> (Option<f64>, Vec<(f64, f64)>) {
    let mut ends = [(0.1f64.ln(), None), (100f64.ln(), None)];
    let mut tried = Vec::new();
    for _ in 0..8 {
        let middle = 0.5 * (ends[0].0 + ends[1].0);
        let Some(found) = loss(middle.exp()) else { return (None, tried) };
        tried.push((middle.exp(), found));
        ends[usize::from(found < LEVEL)] = (middle, Some(found.max(1e-300).ln()));
    }
    tried.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [(low, Some(above)), (high, Some(below))] = ends else { return (None, tried) };
    let share = (above - LEVEL.ln()) / (above - below);
    (Some((low + share * (high - low)).exp()), tried)
}

#[cfg(test)]
mod tests {
    use super::{LEVEL, search};

    #[test]
    fn the_search_finds_a_power_law_and_says_when_there_is_none() {
        let (found, tried) = search(|strength| Some(LEVEL * (3.0 / strength).powi(5)));
        assert!((found.unwrap() / 3.0 - 1.0).abs() < 1e-12 && tried.is_sorted());
        for loss in [Some(1.0), Some(0.01), None] {
            assert_eq!(search(|_| loss).0, None);
        }
    }
}
