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
//! the kernel of two inputs of these lengths in one direction (`k = g`), and the differences
//!
#![doc = overparam_formula::formula!("d_x = kappa_xx - kappa_0,    d_y = kappa_yy - kappa_0,    d = kappa_0 - |kappa|,")]
//!
//! the determinant after the nonlinearity is
//!
#![doc = overparam_formula::formula!("kappa_xx kappa_yy - kappa^2 = kappa_0 (d_x + d_y) + d_x d_y + d (2 kappa_0 - d),")]
//!
//! and the margin is this over `g' + |kappa|`. The differences are formed by [`super::increment`] from those of the lengths and from
//! the margin before: `d` to all digits; `d_x + d_y`, of second order, with an error of the same order as the
//! angle, which is of first order itself. Where variances are below one and the function is nearly linear, inputs of unequal
//! lengths lose digits in proportion to their variance.

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

/// The terms of the kernels, each with its increment from two inputs in one direction.
#[derive(Clone, Copy)]
pub(super) struct DualTerms<W: Wide<T>, T> {
    /// `|k|`.
    pub(super) k: ValueWithIncrement<W, T>,
    /// `D`.
    pub(super) determinant: ValueWithIncrement<W, T>,
    /// `1/(1 + f q_x) + 1/(1 + f q_y)`.
    pub(super) shrunk: ValueWithIncrement<W, T>,
    /// `sqrt n`.
    pub(super) root: ValueWithIncrement<W, T>,
    /// `asin |z|`.
    pub(super) arcsine: ValueWithIncrement<W, T>,
}

/// A dual map as a function of these.
pub(super) trait ArcsineDual<T: Real>: Copy {
    /// `f`.
    const FACTOR: f64;
    /// Whether the function is odd: then opposite inputs are as good as equal ones.
    const ODD: bool;

    fn kappa<W: Wide<T>>(self, w: W, terms: DualTerms<W, T>) -> ValueWithIncrement<W, T>;
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
    let size = if S::ODD { w.abs(kappa) } else { kappa };
    let near = w.less(direct, w.mul(w.splat(close()), size));
    if w.max(w.select(near, one, zero)) > T::ZERO {
        let careful = careful(w, dual, w.abs(kappa), [w.abs(k), m], x, y);
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
    let negative = |v| w.sub(zero, v);
    let total = |q| w.mul_add(f, q, one);
    let [a, b] = [total(x.q), total(y.q)];
    let [r, t] = [w.sqrt(a), w.sqrt(b)];
    // Lengths, variances, N's factors and their reciprocal squares: what x has more than y.
    let length = w.sub(x.s, y.s);
    let variance = w.mul(length, w.add(x.s, y.s));
    let factor = w.div(w.mul(f, variance), w.add(r, t));
    let shrunk = w.div(negative(w.mul(f, variance)), w.mul(a, b));
    let start = Start {
        scale: w.mul(x.s, y.s),
        norm: w.mul(r, t),
        sum: w.mul_add(f, w.add(x.q, y.q), one),
        shrunk: w.add(w.div(one, a), w.div(one, b)),
    };
    let n = w.mul(f, variance);
    let to_x = Increments { k: w.mul(x.s, length), norm: w.mul(r, factor), n, shrunk, determinant: zero };
    let to_y = Increments {
        k: negative(w.mul(y.s, length)),
        norm: negative(w.mul(t, factor)),
        n: negative(n),
        shrunk: negative(shrunk),
        determinant: zero,
    };
    let determinant = w.mul(m, w.add(start.scale, k));
    let gap = Increments {
        k: negative(m),
        norm: zero,
        n: w.mul(w.mul(f, f), determinant),
        shrunk: zero,
        determinant,
    };
    let [to_x, to_y] = [start.value(w, dual, to_x), start.value(w, dual, to_y)];
    let gap = start.value(w, dual, gap);
    let (start, lost) = (gap.from, negative(gap.by));
    let lengths = w.mul_add(start, w.add(to_x.by, to_y.by), w.mul(to_x.by, to_y.by));
    let directions = w.mul(lost, w.sub(w.add(start, start), lost));
    w.div(w.add(lengths, directions), w.mul_add(x.s_after, y.s_after, kappa))
}

/// Two inputs in one direction.
#[derive(Clone, Copy)]
struct Start<V> {
    /// `g`.
    scale: V,
    /// `N`.
    norm: V,
    /// `n`.
    sum: V,
    shrunk: V,
}

/// What is gained from there.
#[derive(Clone, Copy)]
struct Increments<V> {
    k: V,
    norm: V,
    n: V,
    shrunk: V,
    determinant: V,
}

impl<V: Copy> Start<V> {
    /// A function of its own: what closures of this size compute is not compiled for the processor's vectors.
    #[inline(always)]
    fn value<T: Real, W: Wide<T, V = V>, S: ArcsineDual<T>>(
        self,
        w: W,
        dual: S,
        by: Increments<V>,
    ) -> ValueWithIncrement<W, T> {
        let k = ValueWithIncrement { from: self.scale, by: by.k };
        let norm = ValueWithIncrement { from: self.norm, by: by.norm };
        let root = ValueWithIncrement { from: self.sum, by: by.n }.root(w);
        let z = k.scaled(w, w.splat(T::of(S::FACTOR))).over(w, norm);
        let arcsine = z.arcsine(w, root.over(w, norm));
        let determinant = ValueWithIncrement { from: w.splat(T::ZERO), by: by.determinant };
        let shrunk = ValueWithIncrement { from: self.shrunk, by: by.shrunk };
        dual.kappa(w, DualTerms { k, determinant, shrunk, root, arcsine })
    }
}
