//! Functions of one number, applied to every element.
//!
//! Conventions at the kinks: `relu'(0) = 0`, `|.|'(0) = 0`, and so is every derivative of `sign` and `step`.

use num_traits::Float;

use crate::array::Array;
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel;
use crate::linalg::Real;
use crate::tensor::Tensor;

/// `y = f(x)` element by element.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unary<T> {
    /// `a x + b`.
    Affine(T, T),
    Exp,
    Ln,
    Sqrt,
    Recip,
    Square,
    /// `x^n` for an integer `n`.
    Powi(i32),
    /// `x^a` for `x > 0`.
    Powf(T),
    Tanh,
    Sigmoid,
    /// `ln(1 + e^x)`.
    Softplus,
    Erf,
    Sin,
    Cos,
    Relu,
    /// `x` where positive, `a x` elsewhere.
    LeakyRelu(T),
    Abs,
    Sign,
    /// 1 where positive, 0 elsewhere.
    Step,
    /// 0 where infinite; for constants.
    FiniteOrZero,
}
use Unary::{
    Abs, Affine, Cos, Erf, Exp, FiniteOrZero, LeakyRelu, Ln, Powf, Powi, Recip, Relu, Sigmoid, Sign, Sin,
    Softplus, Sqrt, Square, Step, Tanh,
};

impl<T: Real> Primitive<T> for Unary<T> {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let x = inputs[0];
        match *self {
            Affine(a, b) if b == T::ZERO => kernel::map(x, |x| a * x),
            Affine(a, b) if a == T::ONE => kernel::map(x, |x| x + b),
            Affine(a, b) => kernel::map(x, |x| a * x + b),
            Exp => kernel::map(x, T::fast_exp),
            Ln => kernel::map(x, Float::ln),
            Sqrt => kernel::map(x, Float::sqrt),
            Recip => kernel::map(x, |x| T::ONE / x),
            Square => kernel::map(x, |x| x * x),
            Powi(n) => kernel::map(x, |x| Float::powi(x, n)),
            Powf(a) => kernel::map(x, |x| Float::powf(x, a)),
            Tanh => kernel::map(x, T::fast_tanh),
            Sigmoid => kernel::map(x, sigmoid),
            Softplus => kernel::map(x, softplus),
            Erf => kernel::map(x, T::erf),
            Sin => kernel::map(x, Float::sin),
            Cos => kernel::map(x, Float::cos),
            // The comparisons keep NaN.
            Relu => kernel::map(x, |x| if x < T::ZERO { T::ZERO } else { x }),
            LeakyRelu(a) => kernel::map(x, |x| if x < T::ZERO { a * x } else { x }),
            Abs => kernel::map(x, Float::abs),
            Sign => kernel::map(x, |x| {
                if x > T::ZERO {
                    T::ONE
                } else if x < T::ZERO {
                    -T::ONE
                } else {
                    x
                }
            }),
            FiniteOrZero => kernel::map(x, |x| if Float::is_infinite(x) { T::ZERO } else { x }),
            Step => kernel::map(x, |x| {
                if x > T::ZERO {
                    T::ONE
                } else if x <= T::ZERO {
                    T::ZERO
                } else {
                    x
                }
            }),
        }
    }

    fn needs(&self) -> Needs {
        match self {
            Affine(..) | Sign | Step | FiniteOrZero => Needs::Nothing,
            Exp | Sqrt | Recip | Tanh | Sigmoid | Relu => Needs::Output,
            _ => Needs::Inputs,
        }
    }

    /// `f'(x) t`.
    fn push(&self, at: &Point<'_, T>, _input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        let (x, y) = (&at.inputs[0], at.output);
        Some(match *self {
            Affine(a, _) => t.scale(a),
            Exp => t * y,
            Ln => t / x,
            Sqrt => t / y.scale(T::of(2.0)),
            Recip => t * y.square().scale(-T::ONE),
            Square => t * x.scale(T::of(2.0)),
            Powi(0) => return None,
            Powi(n) => t * x.powi(n - 1).scale(T::of(f64::from(n))),
            Powf(a) => t * x.powf(a - T::ONE).scale(a),
            Tanh => y.tanh_slope(t),
            Sigmoid => t * y * y.one_minus(),
            Softplus => t * x.sigmoid(),
            Erf => t * x.square().scale(-T::ONE).exp().scale(T::of(std::f64::consts::FRAC_2_SQRT_PI)),
            Sin => t * x.cos(),
            Cos => t * x.sin().scale(-T::ONE),
            Relu => t.gate(y),
            LeakyRelu(a) => t * x.step().affine(T::ONE - a, a),
            Abs => t * x.sign(),
            Sign | Step | FiniteOrZero => return None,
        })
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        self.push(at, input, u)
    }
}

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + T::fast_exp(-x))
}

#[inline(always)]
fn softplus<T: Real>(x: T) -> T {
    let positive = if x < T::ZERO { T::ZERO } else { x };
    positive + Float::ln_1p(Float::exp(-Float::abs(x)))
}

macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident = $kind:expr;)*) => {
        /// Functions of every element.
        impl<T: Real> Tensor<T> {
            $($(#[$doc])* #[must_use] pub fn $method(&self) -> Self {
                apply($kind, &[self])
            })*
        }
    };
}
methods! {
    /// `e^x`.
    exp = Exp;
    /// Natural logarithm.
    ln = Ln;
    /// Square root.
    sqrt = Sqrt;
    /// `1 / x`.
    recip = Recip;
    /// `x^2`.
    square = Square;
    /// Hyperbolic tangent.
    tanh = Tanh;
    /// `1 / (1 + e^-x)`.
    sigmoid = Sigmoid;
    /// `ln(1 + e^x)`, without overflow.
    softplus = Softplus;
    /// The error function `2 / sqrt(pi) int_0^x e^(-t^2) dt`.
    erf = Erf;
    /// Sine.
    sin = Sin;
    /// Cosine.
    cos = Cos;
    /// `max(x, 0)`; its derivative at 0 is 0.
    relu = Relu;
    /// `|x|`; its derivative at 0 is 0.
    abs = Abs;
    /// -1, 0 or 1; its derivative is 0.
    sign = Sign;
    /// 1 where `x > 0`, else 0; its derivative is 0.
    step = Step;
}

/// Functions of every element with a parameter, and some made of others.
impl<T: Real> Tensor<T> {
    /// `a x + b`.
    #[must_use]
    pub fn affine(&self, a: T, b: T) -> Self {
        apply(Affine(a, b), &[self])
    }

    /// `a x`.
    #[must_use]
    pub fn scale(&self, a: T) -> Self {
        self.affine(a, T::ZERO)
    }

    /// 0 where infinite, NaN kept; its derivative is 0.
    pub(crate) fn finite_or_zero(&self) -> Self {
        apply(FiniteOrZero, &[self])
    }

    /// `1 - x`.
    pub(crate) fn one_minus(&self) -> Self {
        self.affine(-T::ONE, T::ONE)
    }

    /// `x^n`.
    #[must_use]
    pub fn powi(&self, n: i32) -> Self {
        apply(Powi(n), &[self])
    }

    /// `x^a`, for positive `x`.
    #[must_use]
    pub fn powf(&self, a: T) -> Self {
        apply(Powf(a), &[self])
    }

    /// `x` where `x > 0`, else `a x`; its derivative at 0 is `a`.
    #[must_use]
    pub fn leaky_relu(&self, a: T) -> Self {
        apply(LeakyRelu(a), &[self])
    }

    /// `x Phi(x)` with the distribution function `Phi` of a standard normal (the exact form, by `erf`).
    #[must_use]
    pub fn gelu(&self) -> Self {
        self * self.scale(T::of(std::f64::consts::FRAC_1_SQRT_2)).erf().affine(T::of(0.5), T::of(0.5))
    }

    /// `x sigmoid(x)`.
    #[must_use]
    pub fn silu(&self) -> Self {
        self * self.sigmoid()
    }
}
