//! What most programs start from: `use overparam::prelude::*;` brings the networks and kernels of [`ntk`], and the
//! other theories by the names of their crates.

pub use overparam_ntk::prelude::*;

pub use crate::{claims, deep_linear, eval, feature_flow, linearized, nalgebra, ntk, tensor};
