//! A value with its increment, kept to full relative accuracy.
//!
//! The plain difference `f(b) - f(a)` loses the digits that `f(a)` and `f(b)` share. Here every operation takes the difference along:
//! with `d = b - a`, `d(xy) = dx y_a + x_b dy`, `d sqrt x = dx / (sqrt x_a + sqrt x_b)`, and so on. Nothing is a limit: the ends may be
//! far apart.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::whole_arcsine;

/// A value at the start, and its increment to the end.
#[derive(Clone, Copy)]
pub(super) struct ValueWithIncrement<W: Wide<T>, T> {
    pub(super) from: W::V,
    pub(super) by: W::V,
}

impl<T: Real, W: Wide<T>> ValueWithIncrement<W, T> {
    /// The number at the end.
    #[inline(always)]
    pub(super) fn to(self, w: W) -> W::V {
        w.add(self.from, self.by)
    }

    #[inline(always)]
    pub(super) fn plus(self, w: W, other: Self) -> Self {
        Self { from: w.add(self.from, other.from), by: w.add(self.by, other.by) }
    }

    #[inline(always)]
    pub(super) fn times(self, w: W, other: Self) -> Self {
        let by = w.mul_add(self.by, other.from, w.mul(self.to(w), other.by));
        Self { from: w.mul(self.from, other.from), by }
    }

    /// Multiplied by a constant.
    #[inline(always)]
    pub(super) fn scaled(self, w: W, factor: W::V) -> Self {
        Self { from: w.mul(self.from, factor), by: w.mul(self.by, factor) }
    }

    /// `a_b/c_b - a_a/c_a = (da - (a_a/c_a) dc) / c_b`.
    #[inline(always)]
    pub(super) fn over(self, w: W, other: Self) -> Self {
        let from = w.div(self.from, other.from);
        let by = w.div(w.sub(self.by, w.mul(from, other.by)), other.to(w));
        Self { from, by }
    }

    /// Square root of a positive number.
    #[inline(always)]
    pub(super) fn root(self, w: W) -> Self {
        let (from, to) = (w.sqrt(self.from), w.sqrt(self.to(w)));
        Self { from, by: w.div(self.by, w.add(from, to)) }
    }

    /// `asin` of a number in `[0, 1]`, given `cosine = sqrt(1 - x^2)`: the sine of the difference of two angles is
    /// `sin a cos b - cos a sin b = (sin^2 a - sin^2 b) / (sin a cos b + cos a sin b)`, its cosine a sum.
    #[inline(always)]
    pub(super) fn arcsine(self, w: W, cosine: Self) -> Self {
        let zero = w.splat(T::ZERO);
        let [(a, b), (p, q)] = [self, cosine].map(|x| (x.from, x.to(w)));
        let both = w.mul_add(a, q, w.mul(b, p));
        let sine = w.div(w.mul(self.by, w.add(a, b)), both);
        let root = w.mul_add(p, q, w.mul(a, b));
        let size = whole_arcsine(w, w.abs(sine), w.mul(root, root), root);
        let signed = w.select(w.less(sine, zero), w.sub(zero, size), size);
        // Zero over zero, where nothing moves.
        let by = w.select(w.less(zero, both), signed, zero);
        Self { from: whole_arcsine(w, a, w.mul(p, p), p), by }
    }
}

#[cfg(test)]
mod properties {
    use overparam_tensor::simd::Lanes;
    use proptest::prelude::*;

    type One = <f64 as Lanes>::Wide<pulp::Scalar>;
    type ValueWithIncrement = super::ValueWithIncrement<One, f64>;

    /// Against Taylor's formula for short ways, and the plain difference for long ones.
    fn check(found: ValueWithIncrement, f: [f64; 3], ends: [f64; 2], by: f64) -> Result<(), TestCaseError> {
        prop_assert!((found.from - ends[0]).abs() <= 4.0 * f64::EPSILON * ends[0].abs());
        let [first, second, third] = f;
        let taylor = by * (first + by / 2.0 * (second + by / 3.0 * third));
        let (expected, tolerance) = if by.abs() < 1e-6 {
            (taylor, 1e-13 * (first * by).abs())
        } else {
            (ends[1] - ends[0], 1e-14 * (ends[0].abs() + ends[1].abs()))
        };
        prop_assert!((found.by - expected).abs() <= tolerance, "{} for {expected}, by {by}", found.by);
        Ok(())
    }

    proptest! {
        #[test]
        fn ways_keep_their_digits(a in 0.05..0.9f64, exponent in -14.0..-1.0f64, negative: bool) {
            let w = <f64 as Lanes>::wide(pulp::Scalar::new());
            let by = if negative { -0.5 } else { 1.0 } * a.min(1.0 - a) * 10f64.powf(exponent);
            let x = ValueWithIncrement { from: a, by };
            let b = x.to(w);
            let one = ValueWithIncrement { from: 1.0, by: 0.0 };
            // 1 - x^2 = (1 - x) (1 + x).
            let square = ValueWithIncrement { from: 1.0 - a, by: -by }.times(w, one.plus(w, x));
            check(square, [-2.0 * a, -2.0, 0.0], [1.0 - a * a, 1.0 - b * b], by)?;
            check(one.over(w, x), [-a.powi(-2), 2.0 * a.powi(-3), -6.0 * a.powi(-4)], [1.0 / a, 1.0 / b], by)?;
            let r = a.sqrt();
            check(x.root(w), [0.5 / r, -0.25 / r / a, 0.375 / r / a / a], [r, b.sqrt()], by)?;
            let c = (1.0 - a * a).sqrt();
            let slopes = [1.0 / c, a / c.powi(3), (1.0 + 2.0 * a * a) / c.powi(5)];
            check(x.arcsine(w, square.root(w)), slopes, [a.asin(), b.asin()], by)?;
            check(x.scaled(w, 3.0), [3.0, 0.0, 0.0], [3.0 * a, 3.0 * b], by)?;
        }
    }

    #[test]
    fn what_does_not_move_stays() {
        let w = <f64 as Lanes>::wide(pulp::Scalar::new());
        for a in [0.0, 0.3, 1.0] {
            let still = ValueWithIncrement { from: a, by: 0.0 };
            let cosine = ValueWithIncrement { from: (1.0 - a * a).sqrt(), by: 0.0 };
            assert_eq!(still.arcsine(w, cosine).by, 0.0, "{a}");
        }
    }
}
