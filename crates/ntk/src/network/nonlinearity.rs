//! The activations as tensor functions.

use std::fmt;

use overparam_tensor::autodiff::{Needs, Point, Primitive, apply};
use overparam_tensor::{Array, Real, Tensor};

use crate::activation::{Activation, Numerical};

pub(super) fn nonlinearity<T: Real>(activation: &Activation, x: &Tensor<T>) -> Tensor<T> {
    let number = |x: f64| T::of(x);
    match *activation {
        Activation::AbRelu { a, b } => kinked(a, b, x),
        Activation::Erf => x.erf(),
        Activation::Gelu => x.gelu(),
        Activation::Sin { a, b, c } => x.affine(number(b), number(c)).sin().scale(number(a)),
        Activation::Cos { a, b, c } => x.affine(number(b), number(c)).cos().scale(number(a)),
        Activation::Rbf { gamma } => {
            let phase = number(std::f64::consts::FRAC_PI_4);
            x.affine(number((2.0 * gamma).sqrt()), phase).sin().scale(number(std::f64::consts::SQRT_2))
        }
        Activation::Exp { a, b } => x.scale(number(b)).exp().scale(number(a)),
        Activation::Sign => x.sign(),
        Activation::Monomial { degree } => power(x, degree),
        Activation::RectifiedMonomial { degree: 0 } => x.step(),
        Activation::RectifiedMonomial { degree } => power(&x.relu(), degree),
        Activation::Polynomial { ref coefficients } => polynomial(coefficients, x),
        Activation::Hermite { ref coefficients } => hermite(coefficients, x),
        Activation::Numerical(ref numerical) => match (numerical.is_builtin(), numerical.name()) {
            (true, "tanh") => x.tanh(),
            (true, "sigmoid") => x.sigmoid(),
            (true, "softplus") => x.softplus(),
            (true, "silu") => x.silu(),
            _ => apply(Derivative { numerical: numerical.clone(), order: 0 }, &[x]),
        },
    }
}

/// `a min(x, 0) + b max(x, 0)`, with derivative 0 at 0 unless it is a leaky ReLU.
fn kinked<T: Real>(a: f64, b: f64, x: &Tensor<T>) -> Tensor<T> {
    match (a, b) {
        (0.0, 1.0) => x.relu(),
        (-1.0, 1.0) => x.abs(),
        (_, 1.0) => x.leaky_relu(T::of(a)),
        _ => x.relu().scale(T::of(b)) - (-x).relu().scale(T::of(a)),
    }
}

fn power<T: Real>(x: &Tensor<T>, degree: u32) -> Tensor<T> {
    match degree {
        0 => x.powi(0),
        1 => x.clone(),
        2 => x.square(),
        _ => x.powi(degree as i32),
    }
}

/// Horner's rule.
fn polynomial<T: Real>(coefficients: &[f64], x: &Tensor<T>) -> Tensor<T> {
    let top = coefficients.last().copied().unwrap_or(0.0);
    let start = Tensor::full(x.shape(), T::of(top));
    coefficients.iter().rev().skip(1).fold(start, |sum, &a| sum * x + T::of(a))
}

/// `sum_j a_j h_j(x)` by `h_(j+1) = (x h_j - sqrt(j) h_(j-1)) / sqrt(j + 1)`.
fn hermite<T: Real>(coefficients: &[f64], x: &Tensor<T>) -> Tensor<T> {
    let mut sum = Tensor::zeros(x.shape());
    let (mut below, mut h) = (Tensor::zeros(x.shape()), Tensor::full(x.shape(), T::ONE));
    for (j, &a) in coefficients.iter().enumerate() {
        sum = sum + h.scale(T::of(a));
        let j = j as f64;
        let next = (x * &h - below.scale(T::of(j.sqrt()))).scale(T::of(1.0 / (j + 1.0).sqrt()));
        (below, h) = (h, next);
    }
    sum
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
