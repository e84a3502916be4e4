//! Random-features ridge regression as `N, n, d -> inf` in proportion: exact bias, variance, risk, training error, norm.
//!
//! Mei and Montanari, *The generalization error of random features regression: precise asymptotics and the double descent
//! curve* (2022, arXiv 1908.05355), theorems 2 to 5.
//!
//! **Setting.** `x_i, theta_a ~ Unif(S^{d-1}(sqrt d))`, `y = <beta, x> + f_NL(x) + eps`, `N` features, `n` samples,
//!
#![doc = overparam_formula::formula!(
    "f(x) = sum_a a_a s(<theta_a, x> / sqrt d),"
    "a    = argmin (1/n) sum_i (y_i - f(x_i))^2 + (N lambda / d) ||a||^2,"
    "psi1 = N / d, psi2 = n / d, zeta = mu_1 / mu_*, lambda_bar = lambda / mu_*^2."
)]
//!
//! **Fixed point.** The Stieltjes transforms `nu1`, `nu2` at `xi = i sqrt(psi1 psi2 lambda_bar)` are purely imaginary. With
//! `x = -nu1 nu2 > 0`, `t = zeta^2 x`, `h = t / (1 + t)` and `c = x + h` (the degrees of freedom per dimension), eliminating
//! them leaves one equation for `x`,
//!
#![doc = overparam_formula::formula!("(psi1 - c(x)) (psi2 - c(x)) = psi1 psi2 lambda_bar x,    0 < c < min(psi1, psi2).")]
//!
//! **Everything else** is a ratio of sums of positive terms, so that no digit is lost anywhere. Write `a = 1 - h`,
//! `g = c - h^2 = x + h a`, `r1 = 1 - c / psi1`, `r2 = 1 - c / psi2` and `D = g (r1 / psi2 + r2 / psi1) + r1 r2`. Then the
//! polynomials `E0, E1, E2` of the paper's theorem 2 factor as
//!
#![doc = overparam_formula::formula!(
    "B        = E1 / E0 = a^2 (1 + x t / psi1) / D                 the bias"
    "V        = E2 / E0 = (c g / psi1 + h^2 r1) / (psi2 D)         the variance"
    "risk     = F1^2 B + (tau^2 + Fs^2) V + Fs^2                   without the noise of the test label"
    "training = r2^2 (risk + tau^2)                                generalised cross-validation is exact"
    "norm     = (N / d) ||a||^2 = x (g A / psi2 + r2 F1^2 h a) / (mu_*^2 D),    A = F1^2 a + tau^2 + Fs^2."
)]
//!
//! Both limits of infinitely many features (kernel ridge regression, theorem 3) and samples (population regression,
//! theorem 4) are the same formulas with `1 / psi = 0`; `psi1` or `psi2` may be [`f64::INFINITY`].
//!
//! | item | what it is |
//! |---|---|
//! | [`FixedPoint`] | `x = -chi`, `nu1`, `nu2`, the degrees of freedom |
//! | [`predict`] | bias, variance, risk, training error, norm |
//! | [`optimal_lambda_bar`], [`wide_optimal_lambda_bar`] | the ridge of least risk: numerically, and in closed form for `N = inf` |

mod fixed_point;
mod optimal;
mod prediction;

pub use fixed_point::{FixedPoint, Regime};
pub use optimal::{optimal_lambda_bar, wide_optimal_lambda_bar};
pub use prediction::{Energies, Prediction, predict};
