//! Architectures as data: a tree of layers with combinators, a JSON/TOML schema and a shape calculus.
//!
//! One tree, several readings: the infinite-width kernel ([`crate::kernel`]) is the first of them; the finite network
//! (`init`, `apply`) reads the same tree and the same [`shape`] calculus.

mod describe;
mod document;
mod fields;
mod layer;
mod schema;
pub mod shape;

pub use layer::{
    Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Padding, Pool, abs, avg_pool, conv,
    dense, dropout, erf, flatten, gelu, global_avg_pool, global_sum_pool, layer_norm, parallel, relu,
    residual, sum_pool,
};

/// How weights are scaled: where the `1/sqrt(fan-in)` stands.
///
/// Both give the same network at initialisation; they differ in what gradient descent does, hence in the NTK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parameterization {
    /// `y = w_std / sqrt(fan_in) W x + b_std b` with `W, b ~ N(0, 1)` (Jacot et al. 2018).
    #[default]
    Ntk,
    /// `y = W x + b` with `W ~ N(0, w_std^2 / fan_in)`, `b ~ N(0, b_std^2)`. The NTK grows with the width, so the finite
    /// widths of the tree enter it (Sohl-Dickstein et al. 2020, section 2, with base width 1).
    Standard,
}

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
}
