//! Numbers of one seed that several talks' judges form from its runs.

use overparam_eval::stats;

/// The distinct values of a key, ascending.
pub(crate) fn distinct<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<K> {
    let mut keys: Vec<K> = items.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The exponent of the power law through the `(x, y)` of one seed; `None` below three points, or if a number is not positive.
pub(crate) fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    Some(stats::log_log_slope(&x, &y, 0.95).ok()?.slope.value)
}
