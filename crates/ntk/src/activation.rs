//! Elementwise nonlinearities: each with its finite half, its infinite half and its entry in the schema.
//!
//! The finite half is the function `phi` on tensors. The infinite half is its dual map, which takes the covariance
//! `[[q_x, k], [k, q_y]]` of a centred Gaussian pair `(u, v)` to
//!
#![doc = overparam_formula::formula!("kappa = E[phi(u) phi(v)],     kappa' = E[phi'(u) phi'(v)] = dkappa/dk.")]
//!
//! The first carries the NNGP covariance through the layer, the second multiplies the NTK (Jacot et al. 2018). The formulas are
//! on the pages of [`crate::dual`].
//!
//! One activation is one file, named once in the table at the end of this page's source. [`TABLE`] has what tests run over, so that
//! a new entry is compared with quadrature, with finite networks and with its schema without being mentioned anywhere else.
//!
//! *Invariant: the choice among activations is made once per sweep* over many pairs, never once per entry.

mod ab_relu;
mod cos;
mod erf;
mod exp;
mod gelu;
mod hermite;
mod monomial;
mod numerical;
mod polynomial;
mod rbf;
mod rectified_monomial;
mod rule;
mod sign;
mod sin;

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use crate::NtkError;
use crate::dual::piecewise_linear::Slopes;
use crate::dual::visit::{DualMap, Visit};
use crate::pair::{Moments, Pair};
use crate::schema::fields::Fields;
use rule::Nonlinearity;

/// One line of the table of activations.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The names that stand for this family in the schema.
    pub names: &'static [&'static str],
    /// Members of the family, for tests that run over the whole table.
    pub examples: fn() -> Vec<Activation>,
}

/// Makes the enumeration of activations, the one of their dual maps, and [`TABLE`].
macro_rules! table {
    ($($(#[$about:meta])* $family:ident => $file:ident,)*) => {
        $(pub use $file::$family;)*

        /// An elementwise nonlinearity.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Activation {
            $($(#[$about])* $family($family),)*
        }

        /// Every family of activations.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                names: $family::NAMES,
                examples: || $family::examples().into_iter().map(Activation::$family).collect(),
            },)*
        ];

        impl Activation {
            /// The name in the schema.
            pub fn name(&self) -> &str {
                match self { $(Self::$family(one) => one.name(),)* }
            }

            /// The function of every number in a tensor.
            pub fn apply<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
                match self { $(Self::$family(one) => one.tensor(x),)* }
            }

            /// The fields of the schema; null if there are none.
            pub(crate) fn write(&self) -> Value {
                match self { $(Self::$family(one) => one.write(),)* }
            }

            /// The activation that the schema calls `name`; `None` if it calls none so.
            pub(crate) fn read(name: &str, fields: &mut Fields<'_>) -> Result<Option<Self>, NtkError> {
                $(if $family::NAMES.contains(&name) {
                    return Ok(Some(Self::$family($family::read(name, fields)?)));
                })*
                Ok(None)
            }

            /// The dual map, constants ready.
            pub(crate) fn map(&self) -> Result<Dual, NtkError> {
                Ok(match self { $(Self::$family(one) => Dual::$family(one.map()?),)* })
            }
        }

        $(impl From<$family> for Activation {
            fn from(one: $family) -> Self {
                Self::$family(one)
            }
        })*

        /// The dual map of an activation.
        #[derive(Debug, Clone)]
        pub(crate) enum Dual {
            $($family(<$family as Nonlinearity>::Map),)*
        }

        impl DualMap for Dual {
            fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
                match self { $(Self::$family(map) => map.visit(visitor),)* }
            }

            fn slopes(&self) -> Option<Slopes> {
                match self { $(Self::$family(map) => map.slopes(),)* }
            }

            fn resolves(&self, s: f64) -> bool {
                match self { $(Self::$family(map) => map.resolves(s),)* }
            }
        }
    };
}

table! {
    /// `a min(x, 0) + b max(x, 0)`: ReLU, leaky ReLU, the absolute value.
    AbRelu => ab_relu,
    /// The error function.
    Erf => erf,
    /// `x Phi(x)` with the standard normal distribution function.
    Gelu => gelu,
    /// `a sin(b x + c)`.
    Sin => sin,
    /// `a cos(b x + c)`.
    Cos => cos,
    /// `sqrt(2) sin(sqrt(2 gamma) x + pi/4)`, the random feature of the kernel `exp(-gamma ||x - y||^2)`.
    Rbf => rbf,
    /// `a exp(b x)`.
    Exp => exp,
    /// `-1`, `0` or `1`. Its derivative is zero almost everywhere, so it lets no NTK through.
    Sign => sign,
    /// `x^degree`.
    Monomial => monomial,
    /// `max(x, 0)^degree`; degree 0 is the step function.
    RectifiedMonomial => rectified_monomial,
    /// `sum_j coefficients[j] x^j`.
    Polynomial => polynomial,
    /// `sum_j coefficients[j] He_j(x) / sqrt(j!)`.
    Hermite => hermite,
    /// Any function, by Gauss-Hermite quadrature.
    Numerical => numerical,
}

impl Activation {
    /// `max(x, 0)`.
    pub fn relu() -> Self {
        AbRelu { a: 0.0, b: 1.0 }.into()
    }

    /// `max(x, slope x)` for slopes below one.
    pub fn leaky_relu(slope: f64) -> Self {
        AbRelu { a: slope, b: 1.0 }.into()
    }

    /// `|x|`.
    pub fn abs() -> Self {
        AbRelu { a: -1.0, b: 1.0 }.into()
    }

    /// `tanh`, `sigmoid`, `softplus` or `silu`; `None` for other names. `nodes` is kept, but the kernels do not depend on it.
    pub fn numerical(name: &str, nodes: Option<usize>) -> Option<Self> {
        numerical::named(name, nodes).map(Self::Numerical)
    }

    /// The dual map at one point: variances `q_x, q_y >= 0` and covariance `k`, `k^2 <= q_x q_y`.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if the 2 x 2 matrix is not a covariance; [`NtkError::Unresolved`] if quadrature does not resolve a
    /// function at these variances.
    ///
    /// ```
    /// use overparam_ntk::activation::Activation;
    ///
    /// let moments = Activation::relu().dual(1.0, 1.0, 1.0)?;
    /// assert_eq!((moments.kappa, moments.kappa_dot), (0.5, 0.5));
    /// # Ok::<(), overparam_ntk::NtkError>(())
    /// ```
    pub fn dual(&self, q_x: f64, q_y: f64, k: f64) -> Result<Moments, NtkError> {
        for (name, q) in [("q_x", q_x), ("q_y", q_y)] {
            if !(q.is_finite() && q >= 0.0) {
                return Err(NtkError::parameter(name, &q, "a finite variance >= 0"));
            }
        }
        let pair = Pair::of_covariance(k, [q_x, q_y]);
        let scale = if q_x == q_y { q_x } else { pair.scale() };
        if k.is_nan() || k.abs() > scale * (1.0 + 1e-12) {
            return Err(NtkError::parameter("k", &k, "a covariance with k^2 <= q_x q_y"));
        }
        let map = self.map()?;
        if let Some(input) = pair.s.iter().position(|&s| !map.resolves(s)) {
            return Err(NtkError::Unresolved { which: "q_x, q_y", input });
        }
        Ok(map.moments(&pair))
    }
}

#[cfg(test)]
mod tests;
