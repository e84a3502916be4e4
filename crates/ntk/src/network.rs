//! The finite network of an [`Architecture`]: what its kernels are the limit of.
//!
//! The layers, with input `x`, fan-in `n` (channels times filter area) and parameters `W, b ~ N(0, 1)`:
//!
//! | layer | output |
//! |---|---|
//! | dense | `w_std/sqrt(n) x W + b_std b`, on the channels of every pixel |
//! | conv | the same with the filter's window of pixels for `x` |
//! | avg / sum / max pool | mean (over the full window), sum, maximum of each window |
//! | global avg / sum pool, flatten | mean, sum over pixels; pixels become channels |
//! | layer norm | `(x - mean) / sqrt(variance + eps)` over channels |
//! | dropout | `x mask / keep` with masks; the identity without (evaluation) |
//! | residual, parallel | `x + branch(x)`; sum, concatenation over channels, product |
//! | global self-attention | `softmax(P P^T / c) (x W_v') W_o' + b_std b`, `P = x W'`, `c` channels; `'` scaled as dense |
//! | activations | [`crate::activation`], elementwise |
//!
//! In standard parameterisation the factors are in the draws instead: `W ~ N(0, w_std^2/n)`, `b ~ N(0, b_std^2)`.
//!
//! Attention has one head with as many key dimensions as channels and one matrix for queries and keys, of variance
//! `w_query_std w_key_std`: logits then converge to `w_q w_k k(p, r)` as the width grows, the limit the kernel takes.
//!
//! [`Network::apply`] is one function of tensors. It evaluates plain numbers, and derivatives of any kind follow:
//!
//! ```
//! use overparam_ntk::architecture::{Architecture, dense, relu, shape::Shape};
//! use overparam_ntk::network::{Network, Params};
//! use overparam_tensor::{Tensor, grad, loss, random::Stream};
//!
//! let net = Architecture::new([dense(64).w_std(2f64.sqrt()).into(), relu(), dense(1).into()]);
//! let net = Network::new(&net, Shape::vector(3))?;
//! let params: Params<f64> = net.init(&Stream::root(0));
//! let x = Tensor::from_fn(&[5, 3], |i| (i[0] as f64 - i[1] as f64).sin());
//! assert_eq!(net.apply(&params, &x).shape(), [5, 1]);
//!
//! let gradient = grad(|p: &Params<f64>| loss::squared(&net.apply(p, &x), &Tensor::zeros(&[5, 1])), &params);
//! assert_eq!(gradient.layers[0].weights[0].shape(), [3, 64]);
//! # Ok::<(), overparam_ntk::NtkError>(())
//! ```

mod batch;
mod finite;

pub use crate::finite::params::{LayerParams, Params};
pub use batch::Batch;
pub use finite::Finite;

use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tensor};

use crate::finite::params::{self, Spec};
use crate::finite::pass::{Pass, Probe};
use crate::finite::plan::{AffineMap, Planner};
use crate::layer::rule;
use crate::shape::Shape;
use crate::{Architecture, NtkError};

/// An architecture with its widths taken seriously, for inputs of one shape.
#[derive(Debug, Clone)]
pub struct Network {
    architecture: Architecture,
    input: Shape,
    output: Shape,
    specs: Vec<Spec>,
    maps: Vec<AffineMap>,
    masks: Vec<(Shape, f64)>,
}

impl Network {
    /// The finite network for inputs of shape `input`.
    ///
    /// # Errors
    /// [`NtkError::Layer`] with the layer's number where widths or windows do not fit; [`NtkError::Schema`] if there are no
    /// layers. What merely has no infinite limit, such as max pooling, is fine here.
    pub fn new(architecture: &Architecture, input: Shape) -> Result<Self, NtkError> {
        if architecture.layers.is_empty() {
            return Err(NtkError::Schema { at: "architecture".into(), reason: "there are no layers".into() });
        }
        if input.pixels() * input.channels == 0 {
            return Err(NtkError::input("input shape", format!("{input:?} holds no numbers")));
        }
        let mut planner = Planner::new(architecture.parameterization);
        let (specs, output) = rule::plan(&architecture.layers, &mut planner, input, "")?;
        let Planner { maps, masks, .. } = planner;
        Ok(Self { architecture: architecture.clone(), input, output, specs, maps, masks })
    }

    /// Shape of one input.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Shape of one output.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Numbers in one output.
    pub fn outputs(&self) -> usize {
        self.output.pixels() * self.output.channels
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> usize {
        params::shapes(&self.specs).iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Random parameters; every tensor has a stream of its own below `stream`.
    pub fn init<T: Real>(&self, stream: &Stream) -> Params<T> {
        Params { layers: params::draw(&self.specs, stream) }
    }

    /// All parameters zero: their names and shapes, at no cost in random numbers.
    pub fn zeros<T: Real>(&self) -> Params<T> {
        Params { layers: params::zeros(&self.specs) }
    }

    /// The parameters whose leaves, in order, are these tensors: weights before bias, layer by layer, branches in order.
    ///
    /// # Errors
    /// [`NtkError::Input`] if there are more or fewer, or one has another shape.
    pub fn params_from<T: Real>(&self, leaves: Vec<Tensor<T>>) -> Result<Params<T>, NtkError> {
        use overparam_tensor::Tree;
        let expected = params::shapes(&self.specs).len();
        if leaves.len() != expected {
            let reason = format!("expected {expected} tensors, got {}", leaves.len());
            return Err(NtkError::input("parameters", reason));
        }
        let mut leaves = leaves.into_iter();
        let mut params: Params<T> = self.zeros();
        params.visit_mut(&mut |leaf| *leaf = leaves.next().unwrap_or_else(|| leaf.clone()));
        self.check_params(&params)?;
        Ok(params)
    }

    /// Refuses parameters of another network.
    ///
    /// # Errors
    /// [`NtkError::Input`] naming the tensor and both shapes.
    pub fn check_params<T: Real>(&self, params: &Params<T>) -> Result<(), NtkError> {
        params::check(&self.specs, params)
    }

    /// Outputs `[n, channels]`, or `[n, height, width, channels]` if the output has several pixels, for inputs
    /// `[n, channels]` or `[n, height, width, channels]`. Dropout is in evaluation: the identity.
    ///
    /// # Panics
    /// If inputs or parameters have other shapes than this network's ([`Self::check_params`] tells politely).
    pub fn apply<T: Real>(&self, params: &Params<T>, x: &Tensor<T>) -> Tensor<T> {
        self.run(params, x, &[], &mut |_, y| y)
    }

    /// [`Self::apply`] to a batch that may carry dropout masks.
    ///
    /// # Panics
    /// As [`Self::apply`].
    pub fn apply_batch<T: Real>(&self, params: &Params<T>, batch: &Batch<T>) -> Tensor<T> {
        self.run(params, &batch.x, &batch.masks, &mut |_, y| y)
    }

    pub(crate) fn run<'a, T: Real>(
        &self,
        params: &Params<T>,
        x: &Tensor<T>,
        masks: &'a [Tensor<T>],
        probe: &'a mut Probe<'a, T>,
    ) -> Tensor<T> {
        let n = x.shape().first().copied().unwrap_or(0);
        let x = x.reshape(&shape_of(n, self.input));
        let parameterization = self.architecture.parameterization;
        let mut pass = Pass { parameterization, masks: masks.iter(), probe };
        rule::apply(&self.architecture.layers, &mut pass, &params.layers, &x)
    }

    /// The affine maps in the order in which they run.
    pub(crate) fn affine_maps(&self) -> &[AffineMap] {
        &self.maps
    }
}

/// `n` examples of a shape, as the network holds them.
pub(crate) fn shape_of(n: usize, shape: Shape) -> Vec<usize> {
    match (shape.height, shape.width) {
        (1, 1) => vec![n, shape.channels],
        (height, width) => vec![n, height, width, shape.channels],
    }
}
