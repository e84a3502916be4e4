//! What an operation must know about itself.

use std::fmt::Debug;
use std::sync::Arc;

use crate::array::Array;
use crate::linalg::Real;
use crate::tensor::{Tensor, Value};

/// Where a primitive was evaluated: its inputs `x` and its output `y`.
///
/// What [`Primitive::needs`] does not name has the right shape but NaN for numbers.
#[derive(Debug)]
pub struct Point<'a, T: Real> {
    /// The inputs.
    pub inputs: &'a [Tensor<T>],
    /// The output.
    pub output: &'a Tensor<T>,
}

/// What the derivatives of a primitive read; everything else is let go as early as its owner allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Shapes only: the primitive is linear.
    Nothing,
    /// All inputs.
    Inputs,
    /// For the derivative along one input, the other inputs: the primitive is multilinear.
    OtherInputs,
    /// The output.
    Output,
    /// All inputs and the output.
    Everything,
}

/// An operation `y = f(x_1, ..., x_m)` with the derivative along each input and its transpose.
///
/// Axes are counted from the end: given inputs with additional leading axes, `value` must act on each item along them (and
/// broadcast where an input lacks them or has length 1 there). That is all [`vmap`](crate::vmap) asks.
///
/// ```
/// use overparam_tensor::autodiff::{Needs, Point, Primitive, apply};
/// use overparam_tensor::{Array, Tensor, grad};
///
/// /// `y = x^3`.
/// #[derive(Debug)]
/// struct Cube;
///
/// impl Primitive<f64> for Cube {
///     fn value(&self, x: &[&Array<f64>]) -> Array<f64> {
///         x[0].map(|x| x * x * x)
///     }
///     fn needs(&self) -> Needs {
///         Needs::Inputs
///     }
///     fn push(&self, at: &Point<'_, f64>, _input: usize, tangent: &Tensor<f64>) -> Option<Tensor<f64>> {
///         Some(tangent * at.inputs[0].square() * 3.0) // traced operations: can be differentiated again
///     }
///     fn pull(&self, at: &Point<'_, f64>, input: usize, cotangent: &Tensor<f64>) -> Option<Tensor<f64>> {
///         self.push(at, input, cotangent) // diagonal, so its own transpose
///     }
/// }
///
/// let cube = |x: &Tensor<f64>| apply(Cube, &[x]);
/// let third = grad(|x: &Tensor<f64>| grad(|x: &Tensor<f64>| grad(cube, x), x), &Tensor::scalar(2.0));
/// assert_eq!(third.item(), 6.0);
/// ```
pub trait Primitive<T: Real>: Debug + Send + Sync + 'static {
    /// `y`.
    ///
    /// # Panics
    /// If the shapes do not fit, with the shapes and the operation's name.
    fn value(&self, inputs: &[&Array<T>]) -> Array<T>;

    /// What `push` and `pull` read of the point.
    fn needs(&self) -> Needs;

    /// `D_i t`, of the shape of `y`; `None` if it is identically zero.
    fn push(&self, at: &Point<'_, T>, input: usize, tangent: &Tensor<T>) -> Option<Tensor<T>>;

    /// `D_i^T u`, of the shape of `x_i`; `None` if it is identically zero.
    fn pull(&self, at: &Point<'_, T>, input: usize, cotangent: &Tensor<T>) -> Option<Tensor<T>>;
}

/// The value of a primitive at these inputs, whatever is watching them.
///
/// # Panics
/// If the shapes do not fit the primitive.
pub fn apply<T: Real, P: Primitive<T>>(primitive: P, inputs: &[&Tensor<T>]) -> Tensor<T> {
    if let [Tensor(Value::Data(x))] = inputs {
        return primitive.value(&[x]).into();
    }
    if let [Tensor(Value::Data(x)), Tensor(Value::Data(y))] = inputs {
        return primitive.value(&[x, y]).into();
    }
    let shared: Arc<dyn Primitive<T>> = Arc::new(primitive);
    super::trace::interpret(&shared, inputs)
}
