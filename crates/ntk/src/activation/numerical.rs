//! Any function, by Gauss-Hermite quadrature; `tanh`, `sigmoid`, `softplus` and `silu` have names and closed forms.
//!
//! The dual map of a function is a Hermite series with as many coefficients as nodes ([`crate::dual::series`]). Cost: two
//! multiply-adds per node and pair. A function that 500 nodes do not resolve is refused. The dual maps of the four names are those of
//! [`crate::dual::logistic`].

use std::fmt;
use std::sync::Arc;

use overparam_tensor::autodiff::{Needs, Point, Primitive, apply};
use overparam_tensor::{Array, Real, Tensor};
use serde_json::{Value, json};

use super::rule::Nonlinearity;
use crate::NtkError;
use crate::dual::logistic::Logistic;
use crate::dual::series::{Function, MOST, Series};
use crate::dual::visit::{DualMap, Visit};
use crate::schema::fields::Fields;

/// Nodes used unless the user says otherwise.
const DEFAULT_NODES: usize = 100;

/// A function and its derivative with the number of quadrature nodes.
#[derive(Clone)]
pub struct Numerical {
    name: String,
    function: Function,
    derivative: Function,
    /// Second derivative and further ones, for finite networks differentiated more than once.
    higher: Vec<Function>,
    nodes: usize,
    /// The closed form, if the name is one of ours, which has tensor operations of its own too.
    builtin: Option<Logistic>,
}

impl Numerical {
    /// `phi` and `phi'` with `nodes >= 1` quadrature nodes, at most 500. Kernels take 500 where these do not resolve the function, to a
    /// relative error of 1e-10, at the variance of an input; where 500 do not, the input is refused.
    pub fn new(
        name: impl Into<String>,
        function: impl Fn(f64) -> f64 + Send + Sync + 'static,
        derivative: impl Fn(f64) -> f64 + Send + Sync + 'static,
        nodes: usize,
    ) -> Self {
        let nodes = nodes.clamp(1, MOST);
        Self {
            name: name.into(),
            function: Arc::new(function),
            derivative: Arc::new(derivative),
            higher: Vec::new(),
            nodes,
            builtin: None,
        }
    }

    /// Adds the next derivative, the second at first. Kernels and tangent kernels need none of them; Taylor expansions and
    /// Hessians of finite networks do.
    #[must_use]
    pub fn and_derivative(mut self, next: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        self.higher.push(Arc::new(next));
        self
    }

    /// `phi`, `phi'`, ... for `order` 0, 1, ...
    ///
    /// # Panics
    /// If that derivative was not given.
    pub(crate) fn derivative(&self, order: usize) -> &(dyn Fn(f64) -> f64 + Send + Sync) {
        let function = match order {
            0 => Some(&self.function),
            1 => Some(&self.derivative),
            _ => self.higher.get(order - 2),
        };
        let Some(function) = function else {
            panic!(
                "activation {}: derivative {order} was not given; see Numerical::and_derivative",
                self.name
            )
        };
        &**function
    }

    /// The name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of quadrature nodes.
    pub fn nodes(&self) -> usize {
        self.nodes
    }
}

impl fmt::Debug for Numerical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numerical")
            .field("name", &self.name)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// Equal by name and nodes: the name stands for the function.
impl PartialEq for Numerical {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.nodes) == (&other.name, other.nodes)
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub(super) fn named(name: &str, nodes: Option<usize>) -> Option<Numerical> {
    let nodes = nodes.unwrap_or(DEFAULT_NODES);
    let slope = |x: f64| sigmoid(x) * sigmoid(-x);
    let (form, numerical) = match name {
        "tanh" => (Logistic::Tanh, Numerical::new(name, f64::tanh, |x| 1.0 - x.tanh().powi(2), nodes)),
        "sigmoid" => (Logistic::Sigmoid, Numerical::new(name, sigmoid, slope, nodes)),
        "softplus" => {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            (Logistic::Softplus, Numerical::new(name, softplus, sigmoid, nodes))
        }
        "silu" => {
            let derivative = move |x| sigmoid(x) + x * slope(x);
            (Logistic::Silu, Numerical::new(name, |x| x * sigmoid(x), derivative, nodes))
        }
        _ => return None,
    };
    Some(Numerical { builtin: Some(form), ..numerical })
}

impl Nonlinearity for Numerical {
    type Map = Quadrature;

    const NAMES: &'static [&'static str] = &["tanh", "sigmoid", "softplus", "silu"];

    fn name(&self) -> &str {
        &self.name
    }

    fn read(name: &str, fields: &mut Fields<'_>) -> Result<Self, NtkError> {
        let nodes = fields.integer("nodes", 1..=500)?;
        named(name, nodes).ok_or_else(|| fields.missing(name))
    }

    fn write(&self) -> Value {
        json!({"nodes": self.nodes})
    }

    fn tensor<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        match self.builtin {
            Some(Logistic::Tanh) => x.tanh(),
            Some(Logistic::Sigmoid) => x.sigmoid(),
            Some(Logistic::Softplus) => x.softplus(),
            Some(Logistic::Silu) => x.silu(),
            None => apply(Derivative { numerical: self.clone(), order: 0 }, &[x]),
        }
    }

    fn map(&self) -> Result<Quadrature, NtkError> {
        match self.builtin {
            Some(form) => Ok(Quadrature::Named(form)),
            None => Series::refined([self.function.clone(), self.derivative.clone()], self.nodes)
                .map(Quadrature::Any),
        }
    }

    fn examples() -> Vec<Self> {
        Self::NAMES.iter().filter_map(|name| named(name, None)).collect()
    }
}

/// The dual map.
#[derive(Debug, Clone)]
pub(crate) enum Quadrature {
    Named(Logistic),
    Any(Series),
}

impl DualMap for Quadrature {
    fn visit<T: Real, V: Visit<T>>(&self, visitor: V) -> V::Output {
        match self {
            Self::Named(form) => form.visit(visitor),
            Self::Any(series) => series.visit(visitor),
        }
    }

    fn resolves(&self, s: f64) -> bool {
        match self {
            Self::Named(_) => true,
            Self::Any(series) => series.resolves(s),
        }
    }
}

/// The `order`-th derivative of a user's function.
struct Derivative {
    numerical: Numerical,
    order: usize,
}

impl fmt::Debug for Derivative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}^({})", self.numerical.name(), self.order)
    }
}

impl<T: Real> Primitive<T> for Derivative {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let function = self.numerical.derivative(self.order);
        inputs[0].map(|x| T::of(function(x.f64())))
    }

    fn needs(&self) -> Needs {
        Needs::Inputs
    }

    fn push(&self, at: &Point<'_, T>, _: usize, tangent: &Tensor<T>) -> Option<Tensor<T>> {
        let next = Self { numerical: self.numerical.clone(), order: self.order + 1 };
        Some(tangent * apply(next, &[&at.inputs[0]]))
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, cotangent: &Tensor<T>) -> Option<Tensor<T>> {
        self.push(at, input, cotangent)
    }
}

#[cfg(test)]
mod tests {
    use super::{Numerical, named};

    /// `(phi, phi')` at `x`.
    fn at(numerical: &Numerical, x: f64) -> (f64, f64) {
        (numerical.derivative(0)(x), numerical.derivative(1)(x))
    }

    /// Names stand for the textbook's functions, with the slopes that central differences find.
    #[test]
    fn named_functions_are_the_textbook_ones() {
        type Function = fn(f64) -> f64;
        let textbook: [(&str, Function); 4] = [
            ("tanh", |x| (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
            ("sigmoid", |x| (1.0 + (x / 2.0).tanh()) / 2.0),
            ("softplus", |x| (1.0 + x.exp()).ln()),
            ("silu", |x| x / (1.0 + (-x).exp())),
        ];
        for (name, f) in textbook {
            let ours = named(name, Some(10)).expect("a name of ours");
            assert!(ours.builtin.is_some());
            for x in [-3.0, -0.7, 0.0, 0.4, 2.0] {
                let (value, slope) = at(&ours, x);
                assert!((value - f(x)).abs() < 1e-14, "{name} {x}: {value}");
                let difference = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
                assert!((slope - difference).abs() < 1e-9, "{name}' {x}: {slope}");
            }
        }
        assert_eq!(named("unknown", None), None);
    }

    #[test]
    fn a_function_is_its_name_and_its_nodes() {
        let new = |name: &str, nodes| Numerical::new(name, f64::sin, f64::cos, nodes);
        assert_eq!(new("sine", 20), new("sine", 20));
        assert_ne!(new("sine", 20), new("sine", 21));
        assert_ne!(new("sine", 20), new("cosine", 20));
        assert_eq!([0, 501].map(|nodes| new("sine", nodes).nodes()), [1, 500]);
        assert!(new("sine", 20).builtin.is_none());
    }
}
