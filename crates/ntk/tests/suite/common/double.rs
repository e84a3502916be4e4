//! Numbers of 32 digits, as sums of two f64 (Dekker 1971), with the functions that the recursion of kernels takes.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `self.0 + self.1`, the second at most half a unit in the last place of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Double(pub(crate) f64, f64);

pub(crate) const PI: Double = Double(std::f64::consts::PI, 1.224_646_799_147_353_2e-16);
const LN_2: Double = Double(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

/// `a + b` with its rounding error.
fn sum(a: f64, b: f64) -> Double {
    let s = a + b;
    let other = s - a;
    Double(s, (a - (s - other)) + (b - other))
}

/// Of numbers that hardly overlap.
fn normal(a: f64, b: f64) -> Double {
    let s = a + b;
    Double(s, b - (s - a))
}

impl From<f64> for Double {
    fn from(x: f64) -> Self {
        Self(x, 0.0)
    }
}

impl Add for Double {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (high, low) = (sum(self.0, other.0), sum(self.1, other.1));
        let first = normal(high.0, high.1 + low.0);
        normal(first.0, first.1 + low.1)
    }
}

impl Neg for Double {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

impl Sub for Double {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Add::add(self, -other)
    }
}

impl Mul for Double {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let rest = self.0.mul_add(other.0, -product);
        normal(product, rest + (self.0 * other.1 + self.1 * other.0))
    }
}

impl Div for Double {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.0 / other.0;
        let rest = self - other * first.into();
        let second = rest.0 / other.0;
        let rest = rest - other * second.into();
        normal(first, second) + Self::from(rest.0 / other.0)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.0, self.1).partial_cmp(&(other.0, other.1))
    }
}

impl Double {
    /// The root of a number, of negative ones zero.
    pub(crate) fn sqrt(self) -> Self {
        if self.0 <= 0.0 {
            return 0.0.into();
        }
        let root = Self::from(self.0.sqrt());
        root + (self - root * root) / (root + root)
    }

    /// `e^x - 1`.
    pub(crate) fn exp_m1(self) -> Self {
        if self.0 < -650.0 {
            return (-1.0).into();
        }
        let n = (self.0 / std::f64::consts::LN_2).round();
        let r = (self - LN_2 * n.into()) * (1.0 / 64.0).into();
        let (mut term, mut less_one) = (r, r);
        for k in 2..=14 {
            term = term * r / f64::from(k).into();
            less_one = less_one + term;
        }
        // e^(2r) - 1 = (e^r - 1) (e^r + 1), six times.
        for _ in 0..6 {
            less_one = less_one * (less_one + 2.0.into());
        }
        let power = Self::from(2f64.powi(n as i32));
        less_one * power + (power - 1.0.into())
    }

    /// Sine and cosine of a number in `[-pi, pi]`.
    fn sin_cos(self) -> (Self, Self) {
        let r = self * (1.0 / 64.0).into();
        let square = -(r * r);
        let (mut sine, mut versine, mut odd, mut even) = (r, Self::from(0.0), r, Self::from(1.0));
        for k in 1..=8 {
            let k = f64::from(2 * k);
            even = even * square / (k * (k - 1.0)).into();
            versine = versine - even;
            odd = odd * square / (k * (k + 1.0)).into();
            sine = sine + odd;
        }
        let one = Self::from(1.0);
        for _ in 0..6 {
            let cosine = one - versine;
            (sine, versine) = (sine * cosine * 2.0.into(), sine * sine * 2.0.into());
        }
        (sine, one - versine)
    }

    /// The angle of the point `(x, self)`.
    pub(crate) fn atan2(self, x: Self) -> Self {
        let angle = Self::from(self.0.atan2(x.0));
        let (sine, cosine) = angle.sin_cos();
        let along = x * cosine + self * sine;
        if along.0 == 0.0 { angle } else { angle + (self * cosine - x * sine) / along }
    }
}
