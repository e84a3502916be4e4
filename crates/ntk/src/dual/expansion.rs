//! Dual maps that need more of an input than its variance: the coefficients of an expansion, made once per input.

use crate::pair::{Moments, Pair};

/// A dual map of two expansions.
pub(crate) trait Expansion {
    /// Numbers in the expansion of an input, where `deviations` has the standard deviations of a batch of them.
    fn features(&self, deviations: &[f64]) -> usize;

    /// The expansion at the standard deviation `s`. Numbers beyond those that it needs are zero and change no result.
    fn expand(&self, s: f64, out: &mut [f64]);

    /// The map at one pair, whose variances are not looked at.
    fn moments(&self, x: &[f64], y: &[f64], pair: &Pair) -> Moments;

    /// `kappa_xx kappa_yy - kappa^2` of nearly parallel inputs.
    fn determinant(&self, x: &[f64], y: &[f64], pair: &Pair) -> f64;

    /// The variance after the map.
    fn variance(&self, own: &[f64], s: f64) -> f64 {
        self.moments(own, own, &Pair { k: s * s, margin: 0.0, q: [s * s; 2], s: [s; 2] }).kappa
    }

    /// Expansions at several standard deviations, one after another, and the length of each.
    fn batch(&self, deviations: &[f64]) -> (Vec<f64>, usize) {
        let each = self.features(deviations);
        let mut all = vec![0.0; each * deviations.len()];
        for (out, &s) in all.chunks_mut(each.max(1)).zip(deviations) {
            self.expand(s, out);
        }
        (all, each)
    }

    /// The map at one pair alone.
    fn at(&self, pair: &Pair) -> Moments {
        let (both, each) = self.batch(&pair.s);
        self.moments(&both[..each], &both[each..], pair)
    }
}
