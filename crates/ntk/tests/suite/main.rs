//! What the crate promises, tested from outside, in one binary: each would take a minute to compile.

mod common;
mod drawn;
mod duals;
mod errors;
mod finite;
mod finite_width;
mod golden;
mod hard_cases;
mod invariance;
mod krylov;
mod limits;
mod monte_carlo;
mod nearby;
mod nearly_parallel;
mod networks;
mod noisy;
mod predictions;
mod reference;
mod width_scaling;
