//! When a claim is looked at, and how much error each look may spend.

use serde::{Deserialize, Serialize};

use crate::claim::Scale;

/// The schedule of looks and the levels of the decisions, fixed before anything runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Draws at each look, increasing.
    pub looks: Vec<usize>,
    /// The share of the error that each look may spend; they sum to 1.
    pub weights: Vec<f64>,
    /// The probability with which a claim that lies on a bound is said to hold, at most.
    pub alpha_yes: f64,
    /// The probability with which a claim that is true is said to fail, at most.
    pub alpha_no: f64,
}

/// A claim may hold wrongly with this probability.
pub const ALPHA_YES: f64 = 0.01;
/// Any true claim of the whole repository may be called false with this probability.
pub const ALPHA_NO: f64 = 0.05;
/// Below this many draws nothing but an identity can be decided.
pub const FEWEST: usize = 8;

impl Design {
    /// The schedule of a scale, for a repository of this many claims: looks at 8, 16 and 32 draws, at paper scale at 8 and 16.
    pub fn of(scale: Scale, claims: usize) -> Self {
        match scale {
            Scale::Smoke | Scale::Standard => Self::new(&[8, 16, 32], &[0.40, 0.24, 0.36], claims),
            Scale::Paper => Self::new(&[8, 16], &[0.5, 0.5], claims),
        }
    }

    /// One look at a number of draws that the user chose.
    pub fn single(draws: usize, claims: usize) -> Self {
        Self::new(&[draws], &[1.0], claims)
    }

    /// Four looks, up to 64 draws.
    pub fn long(claims: usize) -> Self {
        Self::new(&[8, 16, 32, 64], &[0.40, 0.21, 0.11, 0.28], claims)
    }

    fn new(looks: &[usize], weights: &[f64], claims: usize) -> Self {
        Self {
            looks: looks.to_vec(),
            weights: weights.to_vec(),
            alpha_yes: ALPHA_YES,
            alpha_no: ALPHA_NO / claims.max(1) as f64,
        }
    }

    /// Draws and weight of each look, first first.
    pub fn steps(&self) -> impl Iterator<Item = (usize, f64)> {
        self.looks.iter().copied().zip(self.weights.iter().copied())
    }

    /// The draws of the last look.
    pub fn most(&self) -> usize {
        self.looks.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Design;
    use crate::claim::Scale;

    #[test]
    fn weights_sum_to_one_and_looks_increase() {
        let designs = Scale::ALL.map(|scale| Design::of(scale, 26)).to_vec();
        for design in designs.into_iter().chain([Design::long(26), Design::single(12, 26)]) {
            assert!((design.weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert!(design.looks.windows(2).all(|pair| pair[0] < pair[1]));
            assert_eq!(design.looks.len(), design.weights.len());
            assert!((design.alpha_no - 0.05 / 26.0).abs() < 1e-18);
        }
    }
}
