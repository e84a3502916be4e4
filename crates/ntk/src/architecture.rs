//! Architectures as data: a tree of layers with combinators, a JSON/TOML schema and a shape calculus.
//!
//! One tree, two readings: the finite network ([`crate::network`]) and its infinite-width limit ([`crate::kernel`]).

mod describe;
mod schema;
mod widen;

pub use crate::layer::{
    AvgPool, Combine, Conv, Dense, Dropout, Flatten, GlobalAvgPool, GlobalSelfAttention, GlobalSumPool,
    Layer, LayerNorm, MaxPool, Padding, Parallel, Pool, Residual, SumPool, abs, avg_pool, conv, dense,
    dropout, erf, flatten, gelu, global_avg_pool, global_sum_pool, layer_norm, parallel, relu, residual,
    sum_pool,
};
pub use crate::parameterization::Parameterization;
pub use crate::shape;

use crate::NtkError;
use crate::layer::rule;
use crate::shape::{Point, Shape};

/// A network: layers in order.
///
/// ```
/// use overparam_ntk::architecture::{Architecture, dense, relu};
///
/// let net = Architecture::new([dense(512).w_std(2f64.sqrt()).into(), relu(), dense(1).into()]);
/// assert_eq!(net, Architecture::from_json(&net.to_json())?);
/// # Ok::<(), overparam_ntk::NtkError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Scaling of every dense and convolutional layer.
    pub parameterization: Parameterization,
    /// The layers, first applied first.
    pub layers: Vec<Layer>,
}

impl Architecture {
    /// A network in NTK parameterisation.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Self {
        Self { parameterization: Parameterization::Ntk, layers: layers.into_iter().collect() }
    }

    /// The same layers in standard parameterisation.
    #[must_use]
    pub fn standard(mut self) -> Self {
        self.parameterization = Parameterization::Standard;
        self
    }

    /// Shapes before each layer and after the last, for inputs of shape `input`.
    ///
    /// # Errors
    /// [`NtkError::Layer`] where a shape does not fit, [`NtkError::NoLimit`] where there is no infinite-width kernel.
    pub fn shapes(&self, input: Shape) -> Result<Vec<Shape>, NtkError> {
        let start = Point::start(input);
        Ok(rule::walk(&self.layers, start, "")?.into_iter().map(|point| point.shape).collect())
    }
}

/// The layers, for branches: `residual(serial![..])`.
impl IntoIterator for Architecture {
    type Item = Layer;
    type IntoIter = std::vec::IntoIter<Layer>;

    fn into_iter(self) -> Self::IntoIter {
        self.layers.into_iter()
    }
}
