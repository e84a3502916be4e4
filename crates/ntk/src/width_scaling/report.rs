//! What a coordinate check found.

use super::Promise;

/// One layer, or the output, at all widths.
#[derive(Debug, Clone, PartialEq)]
pub struct Coordinate {
    /// As its parameters are called, `layers[2]`, `layers[1].branches[0][1]`, `layers[3].key`; or `output`.
    pub name: String,
    /// Root mean square at the start over units, examples and seeds, at each width.
    pub sizes: Vec<f64>,
    /// Root mean square of the change after the steps, at each width.
    pub changes: Vec<f64>,
    /// Slope of the logarithm of the size in that of the width; `None` if a size is zero.
    pub size_exponent: Option<f64>,
    /// Slope of the logarithm of the change; `None` if a change is zero.
    pub change_exponent: Option<f64>,
    /// What the parameterisation promises of the size; `None` where no theory is known.
    pub promised_size: Option<Promise>,
    /// What it promises of the change.
    pub promised_change: Option<Promise>,
}

/// A coordinate check.
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateReport {
    /// The widths.
    pub widths: Vec<usize>,
    /// The affine maps in the order in which they run, then the output.
    pub coordinates: Vec<Coordinate>,
}

impl Coordinate {
    /// Whether size and change have the exponents that are promised, up to a tolerance; `None` if nothing is promised of the change.
    pub fn is_as_promised(&self, tolerance: f64) -> Option<bool> {
        let size = self.promised_size.is_none_or(|promise| promise.is_kept(self.size_exponent, tolerance));
        self.promised_change.map(|promise| size && promise.is_kept(self.change_exponent, tolerance))
    }
}

impl CoordinateReport {
    /// Whether everything that is promised is so, up to a tolerance: 0.05 for descent and 0.1 for Adam, whose exponents are approached more slowly.
    pub fn is_as_promised(&self, tolerance: f64) -> bool {
        self.coordinates.iter().all(|coordinate| coordinate.is_as_promised(tolerance) != Some(false))
    }
}

/// Slope of the logarithms of positive values in those of the widths, by least squares.
pub(super) fn exponent(widths: &[usize], values: &[f64]) -> Option<f64> {
    if values.iter().any(|&v| v <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = widths.iter().map(|w| (*w as f64).ln()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|l| (l - mean).powi(2)).sum();
    Some(logs.iter().zip(values).map(|(l, v)| (l - mean) * v.ln()).sum::<f64>() / spread)
}

#[cfg(test)]
mod tests {
    use super::exponent;

    #[test]
    fn powers_have_their_exponents() {
        let widths = [3, 10, 40];
        let values: Vec<f64> = widths.iter().map(|w| 0.3 * (*w as f64).powf(-0.7)).collect();
        assert!(exponent(&widths, &values).is_some_and(|e| (e + 0.7).abs() < 1e-12));
        assert_eq!(exponent(&widths, &[1.0, 0.0, 1.0]), None);
    }
}
