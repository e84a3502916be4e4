//! Deterministic equivalents at finite size: the risk of kernel and random-features regression from a spectrum.
//!
//! Minimise `(1/n) sum_i (y_i - f(x_i))^2 + ridge ||w||^2` over `f = N^{-1/2} sum_a w_a s_a(x)`, whose kernel has in
//! expectation the eigenvalues `e_i`. With `l_i = e_i / (e_i + gamma)` (learnabilities), `z = sum l_i`, `q = sum l_i^2`,
//!
#![doc = overparam_formula::formula!(
    "(n - z) (N - z) gamma = ridge n N,    0 <= z <= min(n, N)"
    "r_n = 1 - z / n, r_N = 1 - z / N"
    "D = (z - q) (r_n / N + r_N / n) + r_n r_N"
    "risk + tau^2 = { sum_i v_i (1 - l_i) ((z - q) / N + r_N (1 - l_i)) + tau^2 ((z - q) / N + r_N) } / D"
    "training     = r_n^2 (risk + tau^2)"
)]
//!
//! where `v_i` is the target's energy in eigendirection `i`. `N = inf` is kernel ridge regression (`gamma = kappa`; Canatar,
//! Bordelon and Pehlevan 2021; Jacot et al. 2020), `n = inf` population regression on `N` features, and their duality is
//! plain. (Simon, Karkada, Ghosh and Belkin 2024, "More is better", eigenframework of random features; Defilippis, Loureiro
//! and Misiakiewicz 2024. The cancellation-free form is ours.) The [proportional asymptotics](crate::asymptotics) are the
//! special case of one eigenvalue `mu_1^2 / d` of multiplicity `d` and a flat tail of trace `mu_*^2`.
//!
//! Tangent features have blocks of `d` features that share a weight vector. Counting them as `N d` independent features
//! of the kernel [`Spectrum::of_tangent_features`](crate::spectrum::Spectrum::of_tangent_features) is a heuristic, good to a
//! few per cent of the target's energy. Where masses fall steeply it is wrong, and [`tangent_features_left`] counts dimensions.
//!
//! | item | what it is |
//! |---|---|
//! | [`equivalent`] | risk, training error and learnabilities at finite `d`, `n`, `N` |
//! | [`finite_dimension`] | the proportional asymptotics with their correction of order `1 / d` |
//! | [`polynomial_regime`] | their limit at `n = kappa d^k / k!`: multiple descent |
//! | [`random_features_left`], [`tangent_features_left`] | the shares left of each degree where masses fall steeply, by counting |

mod counting;
mod finite;
mod polynomial;
mod solve;

pub use counting::{random_features_left, tangent_features_left};
pub use finite::finite_dimension;
pub use polynomial::{Masses, polynomial_regime};
pub use solve::{Equivalent, Sizes, equivalent};
