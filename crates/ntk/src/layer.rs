//! Layers: each with its finite half, its infinite half and its entry in the schema.
//!
//! The finite half is a function of tensors and parameters. The infinite half is a step of the recursion over the covariance `k` and
//! the tangent kernel `ntk` of pairs of inputs, or pixels. Each file states its formula and its source.
//!
//! One layer is one file, named once in the table at the end of this page's source. [`TABLE`] has what tests run over, so that a
//! new entry is compared with finite networks, by every method and under every head, without being mentioned anywhere else.
//!
//! *Invariant: layers do not know each other.* A layer that has branches is generic in what they consist of ([`Residual`],
//! [`Parallel`]); only the table knows all kinds.

mod avg_pool;
mod branches;
mod conv;
mod dense;
mod dropout;
mod flatten;
mod global_avg_pool;
mod global_pool;
mod global_self_attention;
mod global_sum_pool;
mod layer_norm;
mod max_pool;
mod nonlinearity;
mod parallel;
mod pool;
mod residual;
pub(crate) mod rule;
mod sum_pool;

pub use crate::shape::{Combine, Padding};
pub use conv::conv;
pub use dense::dense;
pub use pool::Pool;

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use crate::NtkError;
use crate::activation::{self, Activation};
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::finite::ties::{Ties, Width};
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape};
use rule::{Entry as _, Node, Place, Rule};

/// One line of the table of layers.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The name in the schema.
    pub name: &'static str,
    /// Layers of this kind, with so many channels, for tests that run over the whole table. Of images they make images, of one
    /// pixel or many.
    pub examples: fn(usize) -> Vec<Layer>,
}

/// Makes the enumeration of layers and [`TABLE`].
macro_rules! table {
    ($($(#[$about:meta])* $kind:ident($layer:ty) => $file:ident,)*) => {
        $(pub use $file::$kind;)*

        /// One layer of an [`crate::Architecture`].
        #[derive(Debug, Clone, PartialEq)]
        pub enum Layer {
            $($(#[$about])* $kind($layer),)*
            /// An elementwise nonlinearity.
            Activation(Activation),
        }

        /// Every kind of layer but activations, which have [a table](activation::TABLE) of their own.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                name: <$layer>::NAME,
                examples: |width| <$layer>::examples(width).into_iter().map(Layer::$kind).collect(),
            },)*
        ];

        $(impl From<$layer> for Layer {
            fn from(layer: $layer) -> Self {
                Self::$kind(layer)
            }
        })*

        /// Calls a method of the layer of this kind.
        macro_rules! each {
            ($self:expr, $one:ident => $call:expr) => {
                match $self {
                    $(Layer::$kind($one) => $call,)*
                    Layer::Activation($one) => $call,
                }
            };
        }

        fn read(name: &str, body: Value, at: &str) -> Result<Option<Layer>, NtkError> {
            Ok(match name {
                $(<$layer>::NAME => Some(Layer::$kind(<$layer>::read(body, at)?)),)*
                _ => None,
            })
        }

        fn write(layer: &Layer) -> Value {
            match layer {
                $(Layer::$kind(layer) => layer.write(),)*
                Layer::Activation(activation) => activation.write(),
            }
        }
    };
}

table! {
    /// Fully connected.
    Dense(Dense) => dense,
    /// Two-dimensional convolution.
    Conv(Conv) => conv,
    /// Average over windows.
    AvgPool(AvgPool) => avg_pool,
    /// Sum over windows.
    SumPool(SumPool) => sum_pool,
    /// Maximum over windows: a finite network only, it has no kernel.
    MaxPool(MaxPool) => max_pool,
    /// Average over all pixels.
    GlobalAvgPool(GlobalAvgPool) => global_avg_pool,
    /// Sum over all pixels.
    GlobalSumPool(GlobalSumPool) => global_sum_pool,
    /// Pixels become channels.
    Flatten(Flatten) => flatten,
    /// Normalisation over channels.
    LayerNorm(LayerNorm) => layer_norm,
    /// Dropout in training mode.
    Dropout(Dropout) => dropout,
    /// Attention over pixels.
    GlobalSelfAttention(GlobalSelfAttention) => global_self_attention,
    /// `x + branch(x)`.
    Residual(Residual<Layer>) => residual,
    /// Branches on the same input, combined.
    Parallel(Parallel<Layer>) => parallel,
}

impl<A: Into<Activation>> From<A> for Layer {
    fn from(activation: A) -> Self {
        Self::Activation(activation.into())
    }
}

impl Layer {
    /// The name this layer has in the schema.
    pub fn name(&self) -> &str {
        Rule::name(self)
    }
}

impl Rule for Layer {
    fn name(&self) -> &str {
        each!(self, one => Rule::name(one))
    }

    fn settings(&self) -> String {
        each!(self, one => one.settings())
    }

    fn describe_inside(&self, text: &mut String, depth: usize) {
        each!(self, one => one.describe_inside(text, depth));
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        each!(self, one => one.limit(here, at))
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        each!(self, one => one.has_zero_mean(here))
    }

    fn mixes_pixels(&self) -> bool {
        each!(self, one => one.mixes_pixels())
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        each!(self, one => one.steps(place, steps))
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        each!(self, one => one.plan(planner, here, at))
    }

    fn tie(&self, ties: &mut Ties, here: Width) -> Width {
        each!(self, one => one.tie(ties, here))
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        each!(self, one => one.visit_widths(at, visit));
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        each!(self, one => Rule::apply(one, pass, params, x))
    }
}

impl Node for Layer {
    fn parse(value: Value, place: &str) -> Result<Self, NtkError> {
        let refuse = |reason: String| NtkError::Schema { at: place.to_owned(), reason };
        let not_a_layer = |given: &str| {
            refuse(format!("expected a layer name or an object with one layer as its key, got {given}"))
        };
        let (name, body) = match value {
            Value::String(name) => (name, json!({})),
            Value::Object(map) if map.len() == 1 => {
                map.into_iter().next().ok_or_else(|| not_a_layer("{}"))?
            }
            other => return Err(not_a_layer(&other.to_string())),
        };
        let at = format!("{place} ({name})");
        if activation::TABLE.iter().any(|entry| entry.names.contains(&name.as_str())) {
            let mut fields = Fields::new(&at, body)?;
            let activation = Activation::read(&name, &mut fields)?;
            fields.finish()?;
            if let Some(activation) = activation {
                return Ok(Self::Activation(activation));
            }
        } else if let Some(layer) = read(&name, body, &at)? {
            return Ok(layer);
        }
        Err(refuse(format!(
            "there is no layer or activation called \"{name}\"; names are in lower case, such as \"relu\", \"leaky_relu\", \
             \"dense\", \"global_avg_pool\""
        )))
    }

    fn unparse(&self) -> Value {
        match write(self) {
            Value::Null => json!(self.name()),
            body => json!({self.name(): body}),
        }
    }

    fn example_branches(width: usize) -> Vec<Vec<Self>> {
        let filter = conv(width, [2, 2]).padding(Padding::Same).w_std(1.3).b_std(0.3);
        vec![vec![relu(), dense(width).w_std(1.3).b_std(0.3).into()], vec![erf(), filter.into()]]
    }
}

/// Average pooling.
pub fn avg_pool(pool: Pool) -> Layer {
    AvgPool(pool).into()
}

/// Sum pooling.
pub fn sum_pool(pool: Pool) -> Layer {
    SumPool(pool).into()
}

/// Average over all pixels.
pub fn global_avg_pool() -> Layer {
    GlobalAvgPool.into()
}

/// Sum over all pixels.
pub fn global_sum_pool() -> Layer {
    GlobalSumPool.into()
}

/// Pixels become channels.
pub fn flatten() -> Layer {
    Flatten.into()
}

/// Layer normalisation with `eps = 1e-12`.
pub fn layer_norm() -> Layer {
    LayerNorm { eps: 1e-12 }.into()
}

/// Dropout keeping each unit with probability `keep`.
pub fn dropout(keep: f64) -> Layer {
    Dropout { keep }.into()
}

/// `x + branch(x)`.
pub fn residual(branch: impl IntoIterator<Item = Layer>) -> Layer {
    Residual { branch: branch.into_iter().collect() }.into()
}

/// Branches on the same input.
pub fn parallel(branches: impl IntoIterator<Item = Vec<Layer>>, combine: Combine) -> Layer {
    Parallel { branches: branches.into_iter().collect(), combine }.into()
}

/// `max(x, 0)`.
pub fn relu() -> Layer {
    Layer::Activation(Activation::relu())
}

/// `|x|`.
pub fn abs() -> Layer {
    Layer::Activation(Activation::abs())
}

/// The error function.
pub fn erf() -> Layer {
    Layer::Activation(activation::Erf.into())
}

/// `x Phi(x)`.
pub fn gelu() -> Layer {
    Layer::Activation(activation::Gelu.into())
}
