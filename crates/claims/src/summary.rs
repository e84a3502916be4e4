//! Summaries over seeds that several talks' judges share.

use overparam_eval::stats::{self, Estimate, Interval};

/// The median with the range that five seeds can support.
pub(crate) fn median(values: &[f64]) -> Option<Estimate> {
    stats::median_interval(values, 0.95).ok()
}

/// The median with the range of all values: for what must hold in every run.
pub(crate) fn every(values: &[f64]) -> Option<Estimate> {
    let value = stats::median(values).ok()?;
    let (low, high) = values.iter().fold((value, value), |(l, h), &v| (l.min(v), h.max(v)));
    Some(Estimate { value, interval: Interval { low, high }, level: 1.0 })
}

/// The distinct values of a key, ascending.
pub(crate) fn distinct<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<K> {
    let mut keys: Vec<K> = items.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The power law's exponent, seed by seed: each list holds the `(x, y)` of one seed.
pub(crate) fn exponents(seeds: &[Vec<(f64, f64)>]) -> Option<Vec<f64>> {
    let slope = |points: &Vec<(f64, f64)>| -> Option<f64> {
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        Some(stats::log_log_slope(&x, &y, 0.95).ok()?.slope.value)
    };
    seeds.iter().map(slope).collect()
}
