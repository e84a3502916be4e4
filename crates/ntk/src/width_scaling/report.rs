//! What a coordinate check found.

use super::Promise;

/// How far chance may lead: a net's random output at the start, of a few numbers, has an exponent that is known to 0.1 from three seeds.
const STANDARD_ERRORS: f64 = 4.0;

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
    /// Its standard error over the seeds; 0 where a single seed tells none.
    pub size_error: f64,
    /// Slope of the logarithm of the change; `None` if a change is zero.
    pub change_exponent: Option<f64>,
    /// Its standard error over the seeds; 0 where a single seed tells none.
    pub change_error: f64,
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
    /// Whether size and change have the exponents that are promised, up to a tolerance and four standard errors; `None` if nothing is promised of
    /// the change.
    pub fn is_as_promised(&self, tolerance: f64) -> Option<bool> {
        let allowed = |error: f64| tolerance + STANDARD_ERRORS * error;
        let size = self
            .promised_size
            .is_none_or(|promise| promise.is_kept(self.size_exponent, allowed(self.size_error)));
        let change = |promise: Promise| promise.is_kept(self.change_exponent, allowed(self.change_error));
        self.promised_change.map(|promise| size && change(promise))
    }
}

impl CoordinateReport {
    /// Whether everything that is promised is so, up to four standard errors and a tolerance for widths that are finite: 0.05 for descent and 0.1 for
    /// Adam, whose exponents are approached more slowly.
    pub fn is_as_promised(&self, tolerance: f64) -> bool {
        self.coordinates.iter().all(|coordinate| coordinate.is_as_promised(tolerance) != Some(false))
    }
}

/// How something goes with the width.
pub(super) struct Trend {
    /// Root mean squares at each width.
    pub(super) sizes: Vec<f64>,
    /// The slope of their logarithms in those of the widths, by least squares.
    pub(super) exponent: Option<f64>,
    /// The slope's standard error over the seeds.
    pub(super) error: f64,
}

impl Trend {
    /// From the mean squares of each seed, at each of the widths.
    pub(super) fn of(widths: &[usize], squares: &[Vec<f64>]) -> Self {
        let means: Vec<f64> = squares.iter().map(|all| all.iter().sum::<f64>() / all.len() as f64).collect();
        let sizes = means.iter().map(|mean| mean.sqrt()).collect();
        if means.iter().any(|&mean| mean <= 0.0) {
            return Self { sizes, exponent: None, error: 0.0 };
        }
        let logs: Vec<f64> = widths.iter().map(|w| (*w as f64).ln()).collect();
        let middle = logs.iter().sum::<f64>() / logs.len() as f64;
        let spread: f64 = logs.iter().map(|l| (l - middle).powi(2)).sum();
        let (mut slope, mut variance) = (0.0, 0.0);
        for ((log, mean), all) in logs.iter().zip(&means).zip(squares) {
            let weight = (log - middle) / spread;
            slope += weight * 0.5 * mean.ln();
            let count = all.len() as f64;
            if count > 1.0 {
                let of_mean = all.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (count * (count - 1.0));
                variance += (0.5 * weight / mean).powi(2) * of_mean;
            }
        }
        Self { sizes, exponent: Some(slope), error: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::Trend;

    #[test]
    fn powers_have_their_exponents() {
        let widths = [3, 10, 40];
        let power = |w: &usize| (0.3 * (*w as f64).powf(-0.7)).powi(2);
        let exact = Trend::of(&widths, &widths.map(|w| vec![power(&w)]));
        assert!(exact.exponent.is_some_and(|e| (e + 0.7).abs() < 1e-12) && exact.error == 0.0);
        assert!((exact.sizes[1] - 0.3 * 10f64.powf(-0.7)).abs() < 1e-15);
        // Two seeds one percent above and below: their mean has an error of one percent, and its root of half a percent.
        let seeds = Trend::of(&widths, &widths.map(|w| vec![0.99 * power(&w), 1.01 * power(&w)]));
        let logs = widths.map(|w| (w as f64).ln());
        let middle = logs.iter().sum::<f64>() / 3.0;
        let spread = logs.iter().map(|l| (l - middle).powi(2)).sum::<f64>();
        assert!(seeds.exponent.is_some_and(|e| (e + 0.7).abs() < 1e-12));
        assert!((seeds.error - 0.005 / spread.sqrt()).abs() < 1e-12);
        assert_eq!(Trend::of(&widths, &[vec![1.0], vec![0.0], vec![1.0]]).exponent, None);
    }
}
