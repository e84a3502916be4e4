//! Completing `[[*, 1], [1, 0]]`: descent lowers the rank while every norm grows without bound.
//!
//! The task of Razin, Cohen 2020 (arXiv 2005.06398), theorems 1 and 2. The completions are `[[x, 1], [1, 0]]`; all have
//! rank 2, their rank comes arbitrarily close to 1 only as `|x| -> infinity`, and every norm is least at a bounded `x`.
//! Under gradient flow of depth `N >= 2` from a balanced start the singular values never reach zero, so the sign of
//! `det W` is conserved. If it is positive, a small loss forces a large norm and an effective rank near 1. The bounds
//! below say how large and how near; they hold for *every* 2 x 2 matrix of positive determinant, whatever produced it.
//!
//! # Derivation
//!
//! Let `l = ((W_12 - 1)^2 + (W_21 - 1)^2 + W_22^2) / 2` and `d = sqrt(2 l)`, the length of the error
//! `(W_12 - 1, W_21 - 1, W_22)`. Suppose `d < 1`; then `W_12 W_21 > 0`, and `det W = W_11 W_22 - W_12 W_21 > 0` reads
//!
#![doc = overparam_formula::formula!("|W_11| |W_22| > W_12 W_21 > 0.    (1)")]
//!
//! Let `q = (W_12 - 1)^2 + (W_21 - 1)^2 <= d^2`. On the circle of given `q` the product is
//! `W_12 W_21 = 1 + s + (s^2 - q)/2` with `s` the sum of the two errors, `|s| <= sqrt(2 q)`; it grows with `s > -1`, hence
//!
#![doc = overparam_formula::formula!("W_12 W_21 >= (1 - sqrt(q/2))^2 if q <= 1/2,    W_12 W_21 >= (1 - q)/2 if 1/2 <= q < 1,    and |W_22| = sqrt(d^2 - q).   (2)")]
//!
//! **Norms.** By (1), `|W_11| > W_12 W_21 / |W_22|`. Minimising (2) over `q` (stationary at `q = 2 t^2`, `t^2 + t = d^2`,
//! while `d^2 <= 3/4`, and at `q = 2 d^2 - 1` beyond) gives
//!
#![doc = overparam_formula::formula!("|W_11| > (1 - t)^(3/2) t^(-1/2), t = (sqrt(1 + 4 d^2) - 1)/2, if d^2 <= 3/4;    |W_11| > sqrt(1 - d^2) if 3/4 <= d^2 < 1.")]
//!
//! Every Schatten norm and quasi-norm is at least the largest singular value, which is at least `|W_11|`. The bound is
//! at least `1/d - 2 = 1/sqrt(2 l) - 2` (from `W_12 W_21 >= (1 - d)^2`, `|W_22| <= d`), the form `a / sqrt(l) - b` of
//! theorem 1, and is sharp for `|W_11|`.
//!
//! **Distance to rank one.** Replacing `W_22` by `W_12 W_21 / W_11` leaves rank one, so
//! `s_2 <= |W_22| - W_12 W_21 / |W_11| < d`. For any `W` whatever, dropping the three other entries leaves rank one:
//! `s_2 <= sqrt(2) + d`.
//!
//! **Effective rank.** With `x = |W_11| <= s_1`, (1) bounds `s_2/s_1 = det W / s_1^2 <= (x |W_22| - W_12 W_21) / x^2`,
//! at most `W_22^2 / (4 W_12 W_21)` whatever `x` (attained at `x = 2 W_12 W_21 / |W_22|`). Maximising (2) over `q`
//! (stationary at `q = d^4/2`) gives
//!
#![doc = overparam_formula::formula!("s_2 / s_1 <= d^2 / (4 - 2 d^2) = l / (2 (1 - l)),    l < 1/2,")]
//!
//! and the effective rank is `exp(H(p))`, `p = (s_2/s_1) / (1 + s_2/s_1)`, `H(p) = -p log p - (1-p) log(1-p)`, which grows
//! with `p`. Its distance to 1 is `O(l log(1/l))`: sharper than the `O(sqrt(l))` of theorem 2, which it implies.

use overparam_tensor::linalg::Real;

use crate::DeepLinearError;
use crate::objective::{Convention, Entry, MatrixCompletion};

/// The loss `l(W) = ((W_12 - 1)^2 + (W_21 - 1)^2 + W_22^2) / 2`.
///
/// # Errors
/// Never: the three entries are valid.
pub fn completion_2x2<T: Real>() -> Result<MatrixCompletion<T>, DeepLinearError> {
    let observed = [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)];
    let observed = observed.map(|(row, column, value)| Entry { row, column, value });
    MatrixCompletion::new(2, 2, &observed, Convention::HalfSum)
}

/// A lower bound on `|W_11|`, and so on every Schatten-`p` norm and quasi-norm (`0 < p <= infinity`), of a matrix with
/// `det W > 0` and loss `loss >= 0`; 0 where the loss (at least 1/2) says nothing, infinite at loss 0.
///
/// ```
/// use overparam_deep_linear::rank_not_norm::norm_lower_bound;
///
/// let loss: f64 = 1e-6;
/// let bound = norm_lower_bound(loss);
/// assert!(bound > 1.0 / (2.0 * loss).sqrt() - 2.0);
/// ```
pub fn norm_lower_bound(loss: f64) -> f64 {
    let square = 2.0 * loss;
    if square >= 1.0 {
        0.0
    } else if square >= 0.75 {
        (1.0 - square).sqrt()
    } else {
        // t = (sqrt(1 + 4 d^2) - 1) / 2, without cancellation.
        let t = 2.0 * square / (1.0 + (1.0 + 4.0 * square).sqrt());
        ((1.0 - t).powi(3) / t).sqrt()
    }
}

/// An upper bound on the ratio `s_2 / s_1` of a matrix with `det W > 0` and loss `loss >= 0`; 1 where the loss says nothing.
pub fn singular_value_ratio_upper_bound(loss: f64) -> f64 {
    if loss < 0.5 { loss / (2.0 * (1.0 - loss)) } else { 1.0 }
}

/// An upper bound on the effective rank of a matrix with `det W > 0` and loss `loss >= 0`; 2 where the loss says nothing.
pub fn effective_rank_upper_bound(loss: f64) -> f64 {
    let ratio = singular_value_ratio_upper_bound(loss);
    if ratio <= 0.0 {
        return 1.0;
    }
    let (small, large) = (ratio / (1.0 + ratio), 1.0 / (1.0 + ratio));
    // exp(H), with log(1 - p) = -log(1 + ratio) kept exact for small ratios.
    (-small * small.ln() + large * ratio.ln_1p()).exp()
}

/// An upper bound on `s_2`, the distance to the matrices of rank one (in the Frobenius and in the spectral norm), of a
/// matrix with `det W > 0` and loss `loss >= 0`.
pub fn rank_one_distance_upper_bound(loss: f64) -> f64 {
    let d = (2.0 * loss).sqrt();
    if d < 1.0 { d } else { d + 2f64.sqrt() }
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::ode::Tolerance;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::*;
    use crate::measures::Spectrum;
    use crate::objective::Objective;
    use crate::{DeepLinearNetwork, GradientFlow, Initialization};

    fn assert_bounds(w: &DMatrix<f64>, loss: f64) {
        let spectrum = Spectrum::of(w).unwrap();
        let slack = 1.0 + 1e-9;
        let bound = norm_lower_bound(loss);
        assert!(w[(0, 0)].abs() * slack >= bound, "{w} {bound}");
        for p in [0.5, 1.0, 2.0, 4.0, f64::INFINITY] {
            assert!(spectrum.schatten(p).unwrap() * slack >= bound);
        }
        let s = spectrum.values();
        assert!(s[1] / s[0] <= singular_value_ratio_upper_bound(loss) * slack + 1e-14);
        assert!(spectrum.effective_rank() <= effective_rank_upper_bound(loss) * slack);
        assert!(s[1] <= rank_one_distance_upper_bound(loss) * slack + 1e-14);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(2000))]

        /// Any matrix of positive determinant, drawn close to the boundary of the constraint or far from it.
        #[test]
        fn bounds_hold_for_every_matrix_of_positive_determinant(
            a in -1f64..1.0, b in -1f64..1.0, c in -1f64..1.0, size in 1e-6f64..1.5, excess in 1e-9f64..10.0,
        ) {
            let length = (a * a + b * b + c * c).sqrt();
            prop_assume!(length > 1e-3 && c.abs() > 1e-6);
            let (w12, w21, w22) = (1.0 + size * a / length, 1.0 + size * b / length, size * c / length);
            let w11 = w12 * w21 / w22 + excess * w22.signum();
            let w = DMatrix::from_row_slice(2, 2, &[w11, w12, w21, w22]);
            prop_assume!(w11 * w22 - w12 * w21 > 0.0);
            let loss = completion_2x2().unwrap().loss(&w);
            prop_assert!((loss - size * size / 2.0).abs() < 1e-12);
            assert_bounds(&w, loss);
        }
    }

    /// The extremal matrices of the derivation meet the bounds, which could therefore not be better.
    #[test]
    fn bounds_are_attained() {
        let objective = completion_2x2::<f64>().unwrap();
        for d in [1e-3f64, 0.1, 0.5, 0.8] {
            let t = ((1.0 + 4.0 * d * d).sqrt() - 1.0) / 2.0;
            let w22 = (d * d - 2.0 * t * t).sqrt();
            let w11 = (1.0 - t).powi(2) / w22;
            let w = DMatrix::from_row_slice(2, 2, &[w11, 1.0 - t, 1.0 - t, w22]);
            let loss = objective.loss(&w);
            assert!((norm_lower_bound(loss) / w11 - 1.0).abs() < 1e-9, "norm at {d}");
        }
        let d: f64 = 1e-3;
        let t = d * d / 2.0;
        let w22 = (d * d - 2.0 * t * t).sqrt();
        let w11 = 2.0 * (1.0 - t).powi(2) / w22;
        let w = DMatrix::from_row_slice(2, 2, &[w11, 1.0 - t, 1.0 - t, w22]);
        let s = Spectrum::of(&w).unwrap();
        let bound = singular_value_ratio_upper_bound(objective.loss(&w));
        assert!((s.values()[1] / s.values()[0] / bound - 1.0).abs() < 1e-5);
    }

    /// The effective rank at the largest ratio that the loss allows: the bound is that of singular values in this ratio.
    #[test]
    fn the_effective_rank_is_bounded_by_that_of_the_bounded_ratio() {
        for loss in [1e-9, 1e-3, 0.1, 0.3, 0.49] {
            let diagonal = [1.0, singular_value_ratio_upper_bound(loss)];
            let spectrum = Spectrum::of(&DMatrix::from_diagonal(&diagonal.to_vec().into())).unwrap();
            let bound = effective_rank_upper_bound(loss);
            assert!((spectrum.effective_rank() / bound - 1.0).abs() < 1e-12, "{bound} at {loss}");
        }
    }

    /// Theorems 1 and 2 as the paper states them follow: norms at least `1/sqrt(2 l) - 2`, effective rank at most
    /// `1 + (2 sqrt 12 / ln 2) sqrt l`, distance to rank one at most `3 sqrt(2 l)`.
    #[test]
    fn the_papers_bounds_follow() {
        for k in 0..4000 {
            let loss = 1e-12 * 1.01f64.powi(k);
            let d = (2.0 * loss).sqrt();
            assert!(norm_lower_bound(loss) >= 1.0 / d - 2.0);
            assert!(effective_rank_upper_bound(loss) <= 1.0 + 2.0 * 12f64.sqrt() / 2f64.ln() * loss.sqrt());
            assert!(rank_one_distance_upper_bound(loss) <= 3.0 * d);
        }
    }

    /// Along the flow of depths 2 to 4 the bounds hold, norms rise and effective rank falls; at depth 1 the norm is
    /// bounded and the bound fails.
    #[test]
    fn bounds_hold_along_the_flow_and_fail_at_depth_one() {
        let objective = completion_2x2::<f64>().unwrap();
        let init = Initialization::Identity { scale: 0.1 };
        for (depth, end) in [(1, 20.0), (2, 200.0), (3, 200.0), (4, 200.0)] {
            let network =
                DeepLinearNetwork::<f64>::initialize(&vec![2; depth + 1], &init, &Stream::root(0)).unwrap();
            let tolerance = Tolerance { relative: 1e-7, absolute: 1e-10, ..Tolerance::default() };
            let mut flow = GradientFlow::new(&network, &objective, tolerance).unwrap();
            let mut last = None;
            for i in 0..=40 {
                flow.advance_to(end * f64::from(i) / 40.0).unwrap();
                let (w, loss) = (flow.network().end_matrix(), flow.loss());
                let spectrum = Spectrum::of(&w).unwrap();
                if depth == 1 {
                    last = Some((loss, spectrum.spectral_norm(), spectrum.effective_rank()));
                    continue;
                }
                // Positive; once it decays below the tolerance of the integration, zero as far as that tells.
                assert!(w.determinant() > -1e-6 * w.norm_squared());
                assert_bounds(&w, loss);
                let now = (loss, spectrum.spectral_norm(), spectrum.effective_rank());
                if let Some((before, norm, rank)) = last.filter(|l| l.0 < 0.1) {
                    // The effective rank is soon 1 to rounding: the smaller singular value decays as fast as it can.
                    assert!(now.0 < before && now.1 > norm && now.2 < rank + 1e-12, "depth {depth}: {now:?}");
                }
                last = Some(now);
            }
            let (loss, norm, rank) = last.unwrap();
            if depth == 1 {
                assert!(loss < 1e-10 && norm < 2.0 && rank > 1.5 && norm < norm_lower_bound(loss));
            } else {
                assert!(loss < 1e-2 && norm > 5.0 && rank < 1.1, "depth {depth}: {loss} {norm} {rank}");
            }
        }
    }
}
