//! The layers and the functions that build them.

pub use overparam_tensor::Padding;

use crate::activation::Activation;

/// Fully connected layer on the channel axis: on images, a 1 x 1 convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Number of outputs; at infinite width it matters in standard parameterisation and in concatenations only.
    pub width: usize,
    /// Standard deviation of the weights before fan-in scaling, `>= 0`.
    pub w_std: f64,
    /// Standard deviation of the bias; `None` is a layer without bias, which in standard parameterisation differs
    /// from a trainable bias that starts at zero.
    pub b_std: Option<f64>,
}

impl Dense {
    /// Sets `w_std`.
    #[must_use]
    pub fn w_std(mut self, w_std: f64) -> Self {
        self.w_std = w_std;
        self
    }

    /// Adds a bias of standard deviation `b_std`.
    #[must_use]
    pub fn b_std(mut self, b_std: f64) -> Self {
        self.b_std = Some(b_std);
        self
    }
}

/// Two-dimensional convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Number of output channels.
    pub channels: usize,
    /// Height and width of the filter.
    pub filter: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// What stands outside the image.
    pub padding: Padding,
    /// Standard deviation of the weights before scaling by `1/sqrt(fan_in)`, fan-in = channels times filter size.
    pub w_std: f64,
    /// As [`Dense::b_std`].
    pub b_std: Option<f64>,
}

impl Conv {
    /// Sets `w_std`.
    #[must_use]
    pub fn w_std(mut self, w_std: f64) -> Self {
        self.w_std = w_std;
        self
    }

    /// Adds a bias of standard deviation `b_std`.
    #[must_use]
    pub fn b_std(mut self, b_std: f64) -> Self {
        self.b_std = Some(b_std);
        self
    }

    /// Sets the strides.
    #[must_use]
    pub fn strides(mut self, strides: [usize; 2]) -> Self {
        self.strides = strides;
        self
    }

    /// Sets the padding.
    #[must_use]
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }
}

/// A pooling window. Averages divide by the full window size, padding included.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Height and width of the window.
    pub window: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// What stands outside the image.
    pub padding: Padding,
}

impl Pool {
    /// Windows side by side: strides equal to the window, no padding.
    pub fn tiling(window: [usize; 2]) -> Self {
        Self { window, strides: window, padding: Padding::Valid }
    }
}

/// Normalisation over channels, `(x - mean) / sqrt(variance + eps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNorm {
    /// Added to the variance, `>= 0`.
    pub eps: f64,
}

/// Inverted dropout as during training: each unit is kept with probability `keep` and then divided by it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability of keeping a unit, in `(0, 1]`.
    pub keep: f64,
}

/// Self-attention over all pixels with logits scaled by `1 / d_k` and query and key weights shared, infinitely many
/// heads and key dimensions (Hron et al. 2020): `y = softmax(Q K^T / d_k) x W_v W_o + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalSelfAttention {
    /// Number of output channels.
    pub channels: usize,
    /// Standard deviation of the query weights.
    pub w_query_std: f64,
    /// Standard deviation of the key weights.
    pub w_key_std: f64,
    /// Standard deviation of the value weights.
    pub w_value_std: f64,
    /// Standard deviation of the output weights.
    pub w_out_std: f64,
    /// As [`Dense::b_std`].
    pub b_std: Option<f64>,
}

/// How parallel branches come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Combine {
    /// Sum of the branches.
    #[default]
    Sum,
    /// Concatenation of the channels.
    Concat,
    /// Elementwise product of the branches.
    Product,
}

/// One layer of an [`crate::Architecture`].
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Fully connected.
    Dense(Dense),
    /// Two-dimensional convolution.
    Conv(Conv),
    /// Average over windows.
    AvgPool(Pool),
    /// Sum over windows.
    SumPool(Pool),
    /// Maximum over windows: a finite network only, it has no kernel.
    MaxPool(Pool),
    /// Average over all pixels.
    GlobalAvgPool,
    /// Sum over all pixels.
    GlobalSumPool,
    /// Pixels become channels.
    Flatten,
    /// Normalisation over channels.
    LayerNorm(LayerNorm),
    /// Dropout in training mode.
    Dropout(Dropout),
    /// Attention over pixels.
    GlobalSelfAttention(GlobalSelfAttention),
    /// `x + branch(x)`.
    Residual(Vec<Layer>),
    /// Branches on the same input, combined.
    Parallel {
        /// The branches, at least one; an empty branch is the identity.
        branches: Vec<Vec<Layer>>,
        /// How their outputs come together.
        combine: Combine,
    },
    /// An elementwise nonlinearity.
    Activation(Activation),
}

impl Layer {
    /// The name this layer has in the schema.
    pub fn name(&self) -> &str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv(_) => "conv",
            Self::AvgPool(_) => "avg_pool",
            Self::SumPool(_) => "sum_pool",
            Self::MaxPool(_) => "max_pool",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::GlobalSumPool => "global_sum_pool",
            Self::Flatten => "flatten",
            Self::LayerNorm(_) => "layer_norm",
            Self::Dropout(_) => "dropout",
            Self::GlobalSelfAttention(_) => "global_self_attention",
            Self::Residual(_) => "residual",
            Self::Parallel { .. } => "parallel",
            Self::Activation(activation) => activation.name(),
        }
    }
}

impl From<Dense> for Layer {
    fn from(layer: Dense) -> Self {
        Self::Dense(layer)
    }
}

impl From<Conv> for Layer {
    fn from(layer: Conv) -> Self {
        Self::Conv(layer)
    }
}

impl From<GlobalSelfAttention> for Layer {
    fn from(layer: GlobalSelfAttention) -> Self {
        Self::GlobalSelfAttention(layer)
    }
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        Self::Activation(activation)
    }
}

/// A dense layer with `w_std = 1` and no bias.
pub fn dense(width: usize) -> Dense {
    Dense { width, w_std: 1.0, b_std: None }
}

/// A convolution with `w_std = 1`, no bias, strides 1 and [`Padding::Valid`].
pub fn conv(channels: usize, filter: [usize; 2]) -> Conv {
    Conv { channels, filter, strides: [1, 1], padding: Padding::Valid, w_std: 1.0, b_std: None }
}

/// Average pooling.
pub fn avg_pool(pool: Pool) -> Layer {
    Layer::AvgPool(pool)
}

/// Sum pooling.
pub fn sum_pool(pool: Pool) -> Layer {
    Layer::SumPool(pool)
}

/// Average over all pixels.
pub fn global_avg_pool() -> Layer {
    Layer::GlobalAvgPool
}

/// Sum over all pixels.
pub fn global_sum_pool() -> Layer {
    Layer::GlobalSumPool
}

/// Pixels become channels.
pub fn flatten() -> Layer {
    Layer::Flatten
}

/// Layer normalisation with `eps = 1e-12`.
pub fn layer_norm() -> Layer {
    Layer::LayerNorm(LayerNorm { eps: 1e-12 })
}

/// Dropout keeping each unit with probability `keep`.
pub fn dropout(keep: f64) -> Layer {
    Layer::Dropout(Dropout { keep })
}

/// `x + branch(x)`.
pub fn residual(branch: impl IntoIterator<Item = Layer>) -> Layer {
    Layer::Residual(branch.into_iter().collect())
}

/// Branches on the same input.
pub fn parallel(branches: impl IntoIterator<Item = Vec<Layer>>, combine: Combine) -> Layer {
    Layer::Parallel { branches: branches.into_iter().collect(), combine }
}

/// `max(x, 0)`.
pub fn relu() -> Layer {
    Activation::relu().into()
}

/// `|x|`.
pub fn abs() -> Layer {
    Activation::abs().into()
}

/// The error function.
pub fn erf() -> Layer {
    Activation::Erf.into()
}

/// `x Phi(x)`.
pub fn gelu() -> Layer {
    Activation::Gelu.into()
}
