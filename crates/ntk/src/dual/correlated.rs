//! What the dual maps of the error function and of GELU have in common, `f` being 2 and 1:
//!
#![doc = overparam_formula::formula!(
    "N = sqrt((1 + f q_x)(1 + f q_y)),    z = f k / N,"
    "n = N^2 (1 - z^2) = 1 + f (q_x + q_y) + f^2 D,    D = q_x q_y - k^2 = m (g + |k|),"
)]
//!
//! sums of positive numbers: nothing cancels, and taken factor by factor nothing overflows.
//!
//! # The margin
//!
//! For nearly parallel inputs `g' - kappa` is a small difference of large numbers, and it is the square of an angle. With `kappa_0`
//! the kernel of two inputs of these lengths in one direction (`k = g`) and `d = kappa_0 - |kappa|` the determinant after the
//! nonlinearity is
//!
#![doc = overparam_formula::formula!(
    "kappa_xx kappa_yy - kappa^2 = (kappa_xx kappa_yy - kappa_0^2) + d (2 kappa_0 - d),"
)]
//!
//! and the margin is this over `g' + |kappa|`. All terms are taken over a `scale` that the function is nearly proportional to where
//! it is nearly linear: then `kappa_0` is nearly constant, and its differences are as small as the determinant.
//!
//! `d` is formed by [`super::increment`] from the margin before. For the lengths, let `theta_0 = asin z_0`, `z_0 = f g / N`, and
//! `theta_x` be the same of `x` with itself, where `z_x = u = f q_x / (1 + f q_x)`; `v` is that of `y`. Then
//!
#![doc = overparam_formula::formula!(
    "sin(theta_x - theta_0) = u (u - v) / sin(theta_x + theta_0),    u - v = f (q_x - q_y) / N^2,"
)]
//!
//! in which nothing cancels however near to a right angle both are.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::whole_arcsine;
use super::increment::ValueWithIncrement;
use crate::pair::{Side, close, direct_margin};

/// See the page of this module.
pub(super) struct Correlated<W: Wide<T>, T> {
    /// `1/N`.
    pub(super) reciprocal: W::V,
    /// `z`.
    pub(super) z: W::V,
    /// `1 / sqrt(1 - z^2)`.
    pub(super) inverse_root: W::V,
    /// `f^2 D / N`.
    pub(super) determinant: W::V,
    /// `asin z`.
    pub(super) arcsine: W::V,
}

impl<T: Real, W: Wide<T>> Correlated<W, T> {
    #[inline(always)]
    pub(super) fn new(w: W, f: f64, [k, m]: [W::V; 2], x: Side<W::V>, y: Side<W::V>) -> Self {
        let (zero, one, f) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(T::of(f)));
        let root = |q| w.sqrt(w.mul_add(f, q, one));
        let reciprocal = w.div(one, w.mul(root(x.q), root(y.q)));
        let size = w.abs(k);
        let z = w.mul(f, w.mul(size, reciprocal));
        let other = w.mul_add(w.mul(x.s, y.s), reciprocal, w.mul(size, reciprocal));
        let lost = w.mul(w.mul(f, m), w.mul(f, other));
        let sum = w.mul_add(f, w.add(x.q, y.q), one);
        let square = w.mul_add(w.mul(sum, reciprocal), reciprocal, w.mul(lost, reciprocal));
        let cosine = w.sqrt(square);
        let angle = whole_arcsine(w, z, square, cosine);
        let negative = w.less(k, zero);
        let signed = |v| w.select(negative, w.sub(zero, v), v);
        Self {
            reciprocal,
            z: signed(z),
            inverse_root: w.div(one, cosine),
            determinant: lost,
            arcsine: signed(angle),
        }
    }
}

/// What the kernels of two inputs in one direction consist of, each with its increment to the inputs as they are.
#[derive(Clone, Copy)]
pub(super) struct DualTerms<W: Wide<T>, T> {
    /// `|k| / g`.
    pub(super) k: ValueWithIncrement<W, T>,
    /// `D / g^2`.
    pub(super) determinant: ValueWithIncrement<W, T>,
    /// `sqrt(1 - z^2)`.
    pub(super) cosine: ValueWithIncrement<W, T>,
    /// `asin |z|`.
    pub(super) arcsine: ValueWithIncrement<W, T>,
    /// `1/(1 + f q_x) + 1/(1 + f q_y)`.
    pub(super) shrunk: W::V,
    /// `z_0`.
    pub(super) z: W::V,
}

/// Two inputs in one direction.
#[derive(Clone, Copy)]
pub(super) struct Aligned<V> {
    /// `z_0`.
    pub(super) z: V,
    /// `sqrt(1 - z_0^2)`.
    pub(super) cosine: V,
    /// `asin z_0`.
    pub(super) arcsine: V,
    /// `1/N`.
    pub(super) reciprocal: V,
    /// Towards `x` with itself, and `y`.
    pub(super) ends: [End<V>; 2],
}

/// One of two inputs in one direction, with itself.
#[derive(Clone, Copy)]
pub(super) struct End<V> {
    /// `1 + f q`.
    pub(super) total: V,
    /// `f q / (1 + f q)`.
    pub(super) z: V,
    /// `sqrt(1 - z^2)`.
    pub(super) cosine: V,
    /// `z` less that of the other input.
    pub(super) ahead: V,
    /// Sine of the angle from `asin z_0` to `asin z`.
    pub(super) turn: V,
    /// Sine of the sum of the two angles, and minus its cosine.
    pub(super) sum: [V; 2],
}

/// A dual map as a function of these.
pub(super) trait ArcsineDual<T: Real>: Copy {
    /// `f`.
    const FACTOR: f64;
    /// What kernels are taken over, given `g` and `z_0`.
    fn scale<W: Wide<T>>(self, w: W, g: W::V, z: W::V) -> W::V;

    /// `kappa_0 / scale` and `(kappa_0 - |kappa|) / scale` of inputs that are nearly parallel or, for `opposite`, nearly opposite.
    fn drop<W: Wide<T>>(self, w: W, terms: DualTerms<W, T>, opposite: W::M) -> [W::V; 2];

    /// `(kappa_xx kappa_yy - kappa_0^2) / scale^2`.
    fn lengths<W: Wide<T>>(self, w: W, aligned: &Aligned<W::V>) -> W::V;
}

/// The margin after a nonlinearity; see the page of this module.
#[inline(always)]
pub(super) fn margin<T: Real, W: Wide<T>, S: ArcsineDual<T>>(
    w: W,
    dual: S,
    kappa: W::V,
    [k, m]: [W::V; 2],
    x: Side<W::V>,
    y: Side<W::V>,
) -> W::V {
    let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
    let direct = direct_margin(w, kappa, x, y);
    let near = w.less(direct, w.mul(w.splat(close()), w.abs(kappa)));
    if w.max(w.select(near, one, zero)) > T::ZERO {
        let careful = careful(w, dual, w.abs(kappa), [k, m], x, y);
        // Variances whose square is beyond the numbers of this type make infinity or NaN, which fail the comparison.
        let known = w.less(careful, w.splat(T::of(f64::INFINITY)));
        let careful = w.select(w.less(zero, careful), careful, zero);
        return w.select(near, w.select(known, careful, direct), direct);
    }
    direct
}

#[inline(always)]
fn careful<T: Real, W: Wide<T>, S: ArcsineDual<T>>(
    w: W,
    dual: S,
    kappa: W::V,
    [k, m]: [W::V; 2],
    x: Side<W::V>,
    y: Side<W::V>,
) -> W::V {
    let (zero, one, f) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(T::of(S::FACTOR)));
    let totals = [x.q, y.q].map(|q| w.mul_add(f, q, one));
    let [r, t] = totals.map(|total| w.sqrt(total));
    let reciprocal = w.div(one, w.mul(r, t));
    let g = w.mul(x.s, y.s);
    let z = w.mul(f, w.mul(g, reciprocal));
    // 1 - z_0^2.
    let square = w.mul(w.mul(w.mul_add(f, w.add(x.q, y.q), one), reciprocal), reciprocal);
    let [a, b] = totals;
    let shrunk = w.add(w.div(one, a), w.div(one, b));
    let v = w.div(m, g);
    let terms = terms(w, [v, w.div(w.abs(k), g)], [z, square], shrunk);
    let [start, lost] = dual.drop(w, terms, w.less(k, zero));
    let ahead = w.mul(w.mul(f, w.mul(w.sub(x.s, y.s), reciprocal)), w.mul(w.add(x.s, y.s), reciprocal));
    let aligned = Aligned {
        z,
        cosine: w.sqrt(square),
        arcsine: whole_arcsine(w, z, square, w.sqrt(square)),
        reciprocal,
        ends: [
            End::new(w, f, x.q, a, ahead, [z, w.sqrt(square)]),
            End::new(w, f, y.q, b, w.sub(zero, ahead), [z, w.sqrt(square)]),
        ],
    };
    let lengths = dual.lengths(w, &aligned);
    let directions = w.mul(lost, w.sub(w.add(start, start), lost));
    let scale = dual.scale(w, g, z);
    let sum = w.add(w.mul(w.div(x.s_after, scale), y.s_after), w.div(kappa, scale));
    w.mul(scale, w.div(w.add(lengths, directions), sum))
}

/// The terms of inputs in one direction, and their increments to correlation `c = 1 - v >= 0`.
///
/// A function of its own: what closures of this size compute is not compiled for the processor's vectors.
#[inline(always)]
fn terms<T: Real, W: Wide<T>>(
    w: W,
    [v, c]: [W::V; 2],
    [z, square]: [W::V; 2],
    shrunk: W::V,
) -> DualTerms<W, T> {
    let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
    let k = ValueWithIncrement { from: one, by: w.sub(zero, v) };
    let determinant = w.mul(v, w.add(one, c));
    let cosine = ValueWithIncrement { from: square, by: w.mul(w.mul(z, z), determinant) }.root(w);
    let arcsine = k.scaled(w, z).arcsine(w, cosine);
    DualTerms {
        k,
        determinant: ValueWithIncrement { from: zero, by: determinant },
        cosine,
        arcsine,
        shrunk,
        z,
    }
}

impl<V: Copy> End<V> {
    #[inline(always)]
    fn new<T: Real, W: Wide<T, V = V>>(w: W, f: V, q: V, total: V, ahead: V, [z0, cosine0]: [V; 2]) -> Self {
        let twice = w.add(q, q);
        let z = w.div(w.mul(f, q), total);
        let cosine = w.div(w.sqrt(w.mul_add(f, twice, w.splat(T::ONE))), total);
        let sine = w.mul_add(z, cosine0, w.mul(z0, cosine));
        // Zero over zero, where both vanish.
        let ratio = w.mul(w.div(z, sine), ahead);
        let turn = w.select(w.less(w.splat(T::ZERO), sine), ratio, w.splat(T::ZERO));
        let sum = [sine, w.sub(w.mul(z, z0), w.mul(cosine, cosine0))];
        Self { total, z, cosine, ahead, turn, sum }
    }
}
