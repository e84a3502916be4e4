//! The Python package `overparam`: this crate is its extension module, `overparam._core`.
//!
//! Without the feature `extension` it is empty and needs no Python. The functions here take checked arguments and are called only
//! by the package's own Python code (`python/overparam/`), which has their documentation.
//!
//! | module | what it holds |
//! |---|---|
//! | `architecture`, `kernel` | networks as JSON; their infinite-width kernels |
//! | `finite` | finite networks: parameters, outputs, empirical kernels, linearisation, descent |
//! | `predict` | training in closed form, Gaussian processes, kernel ridge regression |
//! | `deep_linear`, `linearized`, `feature_flow` | the theory of the crates with these names |
//! | `rich_limit`, `staircase`, `finite_width`, `coordinates` | what lies beyond the tangent kernel: richness, sparse targets, finite width |
//! | `claims`, `program` | the claims and their reports; the program `overparam` |
//! | `arrays`, `errors` | NumPy's arrays and Python's exceptions |
//! | `wait`, `pool` | long work with the GIL released; the threads on which it runs |
#![cfg_attr(
    feature = "extension",
    allow(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")
)]

#[cfg(feature = "extension")]
mod architecture;
#[cfg(feature = "extension")]
mod arrays;
#[cfg(feature = "extension")]
mod claims;
#[cfg(feature = "extension")]
mod coordinates;
#[cfg(feature = "extension")]
mod deep_linear;
#[cfg(feature = "extension")]
mod errors;
#[cfg(feature = "extension")]
mod feature_flow;
#[cfg(feature = "extension")]
mod finite;
#[cfg(feature = "extension")]
mod finite_width;
#[cfg(feature = "extension")]
mod kernel;
#[cfg(feature = "extension")]
mod linearized;
#[cfg(feature = "extension")]
mod module;
#[cfg(feature = "extension")]
mod pool;
#[cfg(feature = "extension")]
mod predict;
#[cfg(feature = "extension")]
mod program;
#[cfg(feature = "extension")]
mod rich_limit;
#[cfg(feature = "extension")]
mod staircase;
#[cfg(feature = "extension")]
mod wait;
