//! Functions of two numbers, applied to every pair of elements of tensors broadcast to each other.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::array::Array;
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::kernel;
use crate::linalg::Real;
use crate::tensor::Tensor;

/// `z = f(x, y)` element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    /// The larger; its derivative at a tie belongs to `x`.
    Maximum,
    /// 1 where `x >= y`, else 0.
    AtLeast,
    /// `x` where `y > 0`, else 0.
    Gate,
    /// `x (1 - y^2)`: the derivative of `tanh` in one pass.
    TanhSlope,
}

impl<T: Real> Primitive<T> for Binary {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let (x, y) = (inputs[0], inputs[1]);
        match self {
            Self::Add => kernel::zip("add", x, y, |x, y| x + y),
            Self::Sub => kernel::zip("subtract", x, y, |x, y| x - y),
            Self::Mul => kernel::zip("multiply", x, y, |x, y| x * y),
            Self::Div => kernel::zip("divide", x, y, |x, y| x / y),
            Self::Maximum => kernel::zip("maximum", x, y, kernel::maximum),
            Self::AtLeast => kernel::zip("at least", x, y, |x, y| if x >= y { T::ONE } else { T::ZERO }),
            Self::Gate => kernel::zip("gate", x, y, |x, y| if y <= T::ZERO { T::ZERO } else { x }),
            Self::TanhSlope => kernel::zip("tanh slope", x, y, |x, y| x * (T::ONE - y * y)),
        }
    }

    fn needs(&self) -> Needs {
        match self {
            Self::Add | Self::Sub | Self::AtLeast => Needs::Nothing,
            Self::Mul => Needs::OtherInputs,
            Self::Div | Self::Maximum | Self::Gate | Self::TanhSlope => Needs::Inputs,
        }
    }

    fn push(&self, at: &Point<'_, T>, input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        Some(self.times_slope(at, input, t)?.broadcast_to(at.output.shape()))
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        Some(self.times_slope(at, input, u)?.sum_to(at.inputs[input].shape()))
    }
}

impl Binary {
    /// `df/dx t` or `df/dy t`.
    fn times_slope<T: Real>(self, at: &Point<'_, T>, input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        let (x, y) = (&at.inputs[0], &at.inputs[1]);
        Some(match (self, input) {
            (Self::Add, _) | (Self::Sub, 0) => t.clone(),
            (Self::Sub, _) => -t,
            (Self::Mul, 0) => t * y,
            (Self::Mul, _) => t * x,
            (Self::Div, 0) => t / y,
            (Self::Div, _) => -(t * x / y.square()),
            (Self::Maximum, 0) => t * x.at_least(y),
            (Self::Maximum, _) => t * x.at_least(y).one_minus(),
            (Self::Gate, 0) => t.gate(y),
            (Self::TanhSlope, 0) => y.tanh_slope(t),
            (Self::TanhSlope, _) => t * x * y.scale(T::of(-2.0)),
            (Self::AtLeast | Self::Gate, _) => return None,
        })
    }
}

/// Functions of two tensors.
impl<T: Real> Tensor<T> {
    /// The larger of two elements, NaN if either is. At a tie the derivative belongs to `self`.
    #[must_use]
    pub fn maximum(&self, other: &Self) -> Self {
        apply(Binary::Maximum, &[self, other])
    }

    /// The smaller of two elements, NaN if either is. At a tie the derivative belongs to `self`.
    #[must_use]
    pub fn minimum(&self, other: &Self) -> Self {
        -(-self).maximum(&-other)
    }

    /// 1 where `self >= other`, else 0; its derivative is 0.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> Self {
        apply(Binary::AtLeast, &[self, other])
    }

    /// `self` where `condition > 0` (or is NaN), 0 elsewhere, whatever `self` is there.
    #[must_use]
    pub fn gate(&self, condition: &Self) -> Self {
        apply(Binary::Gate, &[self, condition])
    }

    /// `t (1 - self^2)`.
    pub(crate) fn tanh_slope(&self, t: &Self) -> Self {
        apply(Binary::TanhSlope, &[t, self])
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident, |$x:ident, $c:ident| $right:expr, $left:expr;)*) => {$(
        impl<T: Real> $trait<&Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                apply(Binary::$trait, &[self, other])
            }
        }
        impl<T: Real> $trait<Tensor<T>> for &Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                self.$method(&other)
            }
        }
        impl<T: Real> $trait<&Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, other: &Tensor<T>) -> Tensor<T> {
                (&self).$method(other)
            }
        }
        impl<T: Real> $trait<Tensor<T>> for Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, other: Tensor<T>) -> Tensor<T> {
                (&self).$method(&other)
            }
        }
        impl<T: Real> $trait<T> for &Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, $c: T) -> Tensor<T> {
                let $x = self;
                $right
            }
        }
        impl<T: Real> $trait<T> for Tensor<T> {
            type Output = Tensor<T>;
            fn $method(self, c: T) -> Tensor<T> {
                (&self).$method(c)
            }
        }
        operators!(@left f32 $trait $method, |$x, $c| $left);
        operators!(@left f64 $trait $method, |$x, $c| $left);
    )*};
    (@left $scalar:ident $trait:ident $method:ident, |$x:ident, $c:ident| $left:expr) => {
        impl $trait<&Tensor<$scalar>> for $scalar {
            type Output = Tensor<$scalar>;
            fn $method(self, $x: &Tensor<$scalar>) -> Tensor<$scalar> {
                let $c = self;
                $left
            }
        }
        impl $trait<Tensor<$scalar>> for $scalar {
            type Output = Tensor<$scalar>;
            fn $method(self, x: Tensor<$scalar>) -> Tensor<$scalar> {
                self.$method(&x)
            }
        }
    };
}
operators! {
    Add add, |x, c| x.affine(<_ as Real>::ONE, c), x.affine(1.0, c);
    Sub sub, |x, c| x.affine(<_ as Real>::ONE, -c), x.affine(-1.0, c);
    Mul mul, |x, c| x.scale(c), x.scale(c);
    Div div, |x, c| x.scale(num_traits::Float::recip(c)), x.recip().scale(c);
}

impl<T: Real> Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.scale(-T::ONE)
    }
}

impl<T: Real> Neg for Tensor<T> {
    type Output = Self;
    fn neg(self) -> Self {
        -&self
    }
}
