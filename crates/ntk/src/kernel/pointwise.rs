//! Steps that act on each pair of pixels alone: affine layers, closed-form nonlinearities, layer norm, dropout.
//!
//! They run line by line in vectors ([`super::lines`]); multiply-adds are written out, so that bits do not depend on what the
//! compiler would fuse.

use num_traits::Float;
use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::field::{Field, Geometry, State};
use super::lines::{self, DirectMargin, Entry, Side, Sides};
use super::step::Closed;
use crate::activation::kinked::Kinked;
use crate::activation::pair::{Moments, Pair};
use crate::activation::rectified::Rectified;
use crate::architecture::Parameterization;

/// `k' = w^2 k + b^2` and `ntk' = c_k k + c_b + w^2 ntk` (dense: derivative by weights, by bias, by earlier layers).
///
/// In NTK parameterisation `c_k = w^2`, `c_b = b^2`, so that `ntk' = k' + w^2 ntk`; in standard parameterisation
/// `c_k` is the fan-in and `c_b = 1` if there is a bias. For a convolution `k` and `ntk` are sums over the filter and every
/// factor but `c_b`, `b^2` is divided by its area.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affine<T> {
    pub(crate) w2: T,
    pub(crate) b2: T,
    pub(crate) by_weight: T,
    pub(crate) by_bias: T,
}

impl<T: Real> Affine<T> {
    pub(crate) fn new(
        parameterization: Parameterization,
        w_std: f64,
        b_std: Option<f64>,
        channels: usize,
        area: usize,
    ) -> Self {
        let (w2, b2) = (w_std * w_std / area as f64, b_std.map_or(0.0, |b| b * b));
        let (by_weight, by_bias) = match parameterization {
            Parameterization::Ntk => (w2, b2),
            // The fan-in is channels * area and multiplies a mean over the area.
            Parameterization::Standard => (channels as f64, f64::from(u8::from(b_std.is_some()))),
        };
        Self { w2: T::of(w2), b2: T::of(b2), by_weight: T::of(by_weight), by_bias: T::of(by_bias) }
    }

    /// Multiplication of everything by `factor`.
    pub(crate) fn scaling(factor: f64) -> Self {
        let zero = T::of(0.0);
        Self { w2: T::of(factor), b2: zero, by_weight: zero, by_bias: zero }
    }

    /// A convolution of which `taps` taps see the one pixel there is.
    pub(crate) fn repeated(self, taps: usize) -> Self {
        let taps = T::of(taps as f64);
        Self { w2: self.w2 * taps, by_weight: self.by_weight * taps, ..self }
    }

    pub(crate) fn covariance(&self, k: T) -> T {
        Float::mul_add(self.w2, k, self.b2)
    }

    /// `(k', ntk')`.
    #[inline(always)]
    pub(crate) fn moments<W: Wide<T>>(&self, w: W, k: W::V, ntk: W::V) -> (W::V, W::V) {
        let w2 = w.splat(self.w2);
        let inner = w.mul_add(w.splat(self.by_weight), k, w.splat(self.by_bias));
        (w.mul_add(w2, k, w.splat(self.b2)), w.mul_add(w2, ntk, inner))
    }
}

/// Without bias the margin is multiplied like the covariance.
#[derive(Clone, Copy)]
struct Scaling<'a, T>(&'a Affine<T>);

impl<T: Real> Entry<T> for Scaling<'_, T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], _: Side<W::V>, _: Side<W::V>) -> [W::V; 3] {
        let (after, ntk) = self.0.moments(w, k, n);
        [after, w.mul(w.splat(self.0.w2), m), ntk]
    }
}

/// With bias `g' - w^2 g - b^2 = w^2 b^2 (s_x - s_y)^2 / (g' + w^2 g + b^2)`. The margin after is this plus `w^2 (g - k)` or, where
/// `k'` is negative, plus `w^2 (g + k) + 2 b^2`; one of `g - k` and `g + k` is `m`, the other `2g - m`.
#[derive(Clone, Copy)]
struct Biased<'a, T>(&'a Affine<T>);

impl<T: Real> Entry<T> for Biased<'_, T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (after, ntk) = self.0.moments(w, k, n);
        let (w2, zero) = (w.splat(self.0.w2), w.splat(T::ZERO));
        let (scale, difference) = (w.mul(x.s, y.s), w.sub(x.s, y.s));
        let denominator = w.add(w.mul(x.s_after, y.s_after), w.mul_add(w2, scale, w.splat(self.0.b2)));
        let bracket = w.mul(w.splat(self.0.w2 * self.0.b2), w.mul(difference, difference));
        let bracket = w.div(bracket, denominator);
        let (before, opposite) = (w.less(k, zero), w.less(after, zero));
        let other = w.sub(w.add(scale, scale), m);
        let apart = w.select(before, w.select(opposite, m, other), m);
        let kept = w.select(opposite, w.splat(self.0.b2 + self.0.b2), zero);
        [after, w.add(w.mul_add(w2, apart, bracket), kept), ntk]
    }
}

/// See the module page.
#[derive(Debug, Clone)]
pub(crate) enum Pointwise<T> {
    Affine(Affine<T>),
    Kinked(Kinked<T>),
    Closed(Closed),
    /// `k' = k / sqrt((q_x + eps)(q_y + eps))`, the NTK likewise: at infinite width mean and variance over channels are
    /// constants, zero and `q`.
    LayerNorm {
        eps: T,
    },
    /// `q' = q / keep` for an input with itself; masks of different inputs are independent, so their covariance stays.
    Dropout {
        gain: T,
    },
}

impl<T: Real> Pointwise<T> {
    /// The variances after this step.
    pub(crate) fn advance(&self, before: &State<T>) -> State<T> {
        let q = before.q.iter().zip(&before.s).map(|(&q, &s)| {
            let side = Side::constant(q, s);
            let own = [q, T::ZERO, T::ZERO];
            match self {
                Self::Affine(affine) => affine.covariance(q),
                Self::Kinked(kinked) => lines::single(*kinked, own, side, side)[0],
                Self::Closed(closed) => closed.variance(q, s),
                Self::LayerNorm { eps } => lines::single(Normalise { eps: *eps }, own, side, side)[0],
                Self::Dropout { gain } => q * *gain,
            }
        });
        State::new(q.collect())
    }

    /// Applies the step to every entry of `field`.
    pub(crate) fn apply(
        &self,
        field: &mut Field<T>,
        before: (&State<T>, &State<T>),
        after: (&State<T>, &State<T>),
    ) {
        let sides = Sides { before, after };
        match self {
            Self::Affine(affine) if affine.b2 > T::ZERO => lines::sweep(Biased(affine), field, sides),
            Self::Affine(affine) => lines::sweep(Scaling(affine), field, sides),
            Self::Kinked(kinked) => lines::sweep(*kinked, field, sides),
            Self::Closed(closed) => closed.apply(field, sides),
            Self::LayerNorm { eps } => lines::sweep(Normalise { eps: *eps }, field, sides),
            // Masks of different inputs are independent: the covariance stays, the variances grow.
            Self::Dropout { .. } => lines::sweep(DirectMargin, field, sides),
        }
        if let (Self::Dropout { gain }, Some(shift)) = (self, field.same) {
            repeat_masks(*gain, shift, field);
        }
    }
}

/// Dropout of an input with itself: the same mask twice.
fn repeat_masks<T: Real>(gain: T, shift: isize, field: &mut Field<T>) {
    let mut hit = |i: usize| {
        field.k[i] *= gain;
        field.ntk[i] *= gain;
        field.m[i] = T::of(0.0);
    };
    match field.geometry {
        Geometry::Tile { rows, columns } => {
            for r in 0..rows {
                if let Some(c) = r.checked_add_signed(shift).filter(|&c| c < columns) {
                    hit(r * columns + c);
                }
            }
        }
        Geometry::Pixels { height, width } => {
            (0..height * width).for_each(|p| hit(Geometry::pixel_pair(height, width, p, p)));
        }
        Geometry::Slab { height, width, distance } => {
            let own = if distance == 0 { height * width } else { 0 };
            (0..own).for_each(|p| hit(p * width + p % width));
        }
        Geometry::Diagonal { height, width } => (0..height * width).for_each(hit),
    }
}

#[derive(Clone, Copy)]
struct Normalise<T> {
    eps: T,
}

impl<T: Real> Entry<T> for Normalise<T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, moments: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (zero, one, eps) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(self.eps));
        let normaliser = |q: W::V| {
            let total = w.add(q, eps);
            w.select(w.less(zero, total), w.div(one, w.sqrt(total)), zero)
        };
        let factor = w.mul(normaliser(x.q), normaliser(y.q));
        moments.map(|moment| w.mul(moment, factor))
    }
}

impl Closed {
    /// The dual map at one pair.
    pub(crate) fn moments(&self, pair: &Pair) -> Moments {
        match self {
            Self::Erf(erf) => lines::dual(*erf, pair),
            Self::Gelu(gelu) => lines::dual(*gelu, pair),
            Self::Wave(wave) => lines::dual(*wave, pair),
            Self::Exponential(exponential) => lines::dual(*exponential, pair),
            Self::Sign(sign) => lines::dual(*sign, pair),
            Self::Rectified(rectified) => rectified.moments(pair),
        }
    }

    /// `kappa` of an input with itself.
    fn variance<T: Real>(&self, q: T, s: T) -> T {
        let (own, side) = ([q, T::ZERO, T::ZERO], Side::constant(q, s));
        let [kappa, ..] = match self {
            Self::Erf(erf) => lines::single(*erf, own, side, side),
            Self::Gelu(gelu) => lines::single(*gelu, own, side, side),
            Self::Wave(wave) => lines::single(*wave, own, side, side),
            Self::Exponential(exponential) => lines::single(*exponential, own, side, side),
            Self::Sign(sign) => lines::single(*sign, own, side, side),
            Self::Rectified(rectified) => {
                [T::of(rectified.moments(&closed_pair(q, T::ZERO, [q, q], [s, s])).kappa), T::ZERO, T::ZERO]
            }
        };
        kappa
    }

    fn apply<T: Real>(&self, field: &mut Field<T>, sides: Sides<'_, T>) {
        match self {
            Self::Erf(erf) => lines::sweep(*erf, field, sides),
            Self::Gelu(gelu) => lines::sweep(*gelu, field, sides),
            Self::Wave(wave) => lines::sweep(*wave, field, sides),
            Self::Exponential(exponential) => lines::sweep(*exponential, field, sides),
            Self::Sign(sign) => lines::sweep(*sign, field, sides),
            Self::Rectified(rectified) => apply_rectified(rectified, field, sides),
        }
    }
}

/// High degrees cancel where inputs are opposite: one entry at a time, in f64.
fn apply_rectified<T: Real>(rectified: &Rectified, field: &mut Field<T>, sides: Sides<'_, T>) {
    let (x, y) = sides.before;
    let (k, m, ntk) = (&mut field.k, &mut field.m, &mut field.ntk);
    field.geometry.for_each(|i, p, r| {
        let pair = closed_pair(k[i], m[i], [x.q[p], y.q[r]], [x.s[p], y.s[r]]);
        let moments = rectified.moments(&pair);
        k[i] = T::of(moments.kappa);
        let close = pair.k > 0.0 && pair.versine() < lines::close::<T>().f64();
        m[i] = if close { T::of(rectified.margin(&pair)) } else { lines::direct(k[i], sides.after, (p, r)) };
        ntk[i] *= T::of(moments.kappa_dot);
    });
}

fn closed_pair<T: Real>(k: T, margin: T, q: [T; 2], s: [T; 2]) -> Pair {
    Pair { k: k.f64(), margin: margin.f64(), q: q.map(Real::f64), s: s.map(Real::f64) }
}
