//! What a program that predicts, trains and compares needs: `use overparam_ntk::prelude::*;`

pub use nalgebra::DMatrix;
pub use overparam_tensor::random::Stream;

pub use crate::activation::Activation;
pub use crate::architecture::{
    Architecture, Combine, Layer, Padding, Pool, abs, avg_pool, conv, dense, dropout, erf, flatten, gelu,
    global_avg_pool, global_sum_pool, layer_norm, parallel, relu, residual, sum_pool,
};
pub use crate::data::Data;
pub use crate::empirical::EmpiricalNtk;
pub use crate::error::NtkError;
pub use crate::infinite::Infinite;
pub use crate::inputs::{Images, Inputs};
pub use crate::kernel::{Kernel, Kernels};
pub use crate::network::{Batch, Finite, Network, Params};
pub use crate::predict::{Regularizer, Schedule};
pub use crate::serial;
pub use crate::shape::Shape;
