//! Steps that act on each pair of pixels alone: affine layers, closed-form nonlinearities, layer norm, dropout.
//!
//! They run as one loop over contiguous entries under run-time-detected vector instructions ([`pulp`]); multiply-adds are
//! written out, so that bits do not depend on what the compiler would fuse.

use num_traits::Float;
use overparam_tensor::linalg::Real;

use super::field::{Field, Geometry, State, direct_margin};
use super::step::Closed;
use crate::activation::kinked::Kinked;
use crate::activation::pair::Pair;
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

    #[inline(always)]
    pub(crate) fn covariance(&self, k: T) -> T {
        Float::mul_add(self.w2, k, self.b2)
    }

    #[inline(always)]
    pub(crate) fn tangent(&self, k: T, ntk: T) -> T {
        Float::mul_add(self.w2, ntk, Float::mul_add(self.by_weight, k, self.by_bias))
    }

    /// The margin after: `w^2 m` plus `g' - w^2 g - b^2 = w^2 b^2 (s_x - s_y)^2 / (g' + w^2 g + b^2)`.
    #[inline(always)]
    fn margin<const BIAS: bool>(&self, k: T, m: T, x: Side<T>, y: Side<T>, k_after: T) -> T {
        let inherited = self.w2 * m;
        if !BIAS {
            return inherited;
        }
        let after = x.s_after * y.s_after;
        let difference = x.s - y.s;
        let denominator = after + Float::mul_add(self.w2, x.s * y.s, self.b2);
        let aligned = inherited + self.w2 * self.b2 * (difference * difference) / denominator;
        let zero = T::of(0.0);
        let opposed = after - Float::abs(k_after);
        let opposed = if opposed > zero { opposed } else { zero };
        if k >= zero { aligned } else { opposed }
    }
}

/// Variance and standard deviation of one side before and after a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side<T> {
    q: T,
    s: T,
    q_after: T,
    s_after: T,
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
            let side = Side { q, s, q_after: q, s_after: s };
            let zero = T::of(0.0);
            match self {
                Self::Affine(affine) => affine.covariance(q),
                Self::Kinked(kinked) => kinked.apply(q, zero, s * s).0,
                Self::Closed(closed) => closed_entry(closed, q, zero, zero, side, side).0,
                Self::LayerNorm { eps } => q * (normaliser(q, *eps) * normaliser(q, *eps)),
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
        pulp::Arch::new().dispatch(Sweep { step: self, field, before, after });
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
        Geometry::Diagonal { height, width } => (0..height * width).for_each(hit),
    }
}

#[inline(always)]
fn normaliser<T: Real>(q: T, eps: T) -> T {
    let total = q + eps;
    if total > T::of(0.0) { T::of(1.0) / Float::sqrt(total) } else { T::of(0.0) }
}

fn closed_entry<T: Real>(closed: &Closed, k: T, m: T, ntk: T, x: Side<T>, y: Side<T>) -> (T, T, T) {
    let pair = Pair { k: k.f64(), margin: m.f64(), q: [x.q.f64(), y.q.f64()], s: [x.s.f64(), y.s.f64()] };
    let (moments, margin) = closed.moments(&pair);
    let kappa = T::of(moments.kappa);
    let margin =
        margin.map_or_else(|| direct_margin(x.q_after, y.q_after, x.s_after, y.s_after, kappa), T::of);
    (kappa, margin, ntk * T::of(moments.kappa_dot))
}

/// The four numbers of a side at entry `i` of a run.
trait Lane<T>: Copy {
    fn at(self, i: usize) -> Side<T>;

    /// The same for a run of `n` entries: a length the compiler sees, so that loops need no bounds checks.
    fn cut(self, n: usize) -> Self;
}

/// One pixel for the whole run.
#[derive(Clone, Copy)]
struct Fixed<T>(Side<T>);

impl<T: Real> Lane<T> for Fixed<T> {
    #[inline(always)]
    fn at(self, _: usize) -> Side<T> {
        self.0
    }

    #[inline(always)]
    fn cut(self, _: usize) -> Self {
        self
    }
}

/// A pixel an entry.
#[derive(Clone, Copy)]
struct Moving<'a, T> {
    q: &'a [T],
    s: &'a [T],
    q_after: &'a [T],
    s_after: &'a [T],
}

impl<T: Real> Lane<T> for Moving<'_, T> {
    #[inline(always)]
    fn at(self, i: usize) -> Side<T> {
        Side { q: self.q[i], s: self.s[i], q_after: self.q_after[i], s_after: self.s_after[i] }
    }

    #[inline(always)]
    fn cut(self, n: usize) -> Self {
        Self { q: &self.q[..n], s: &self.s[..n], q_after: &self.q_after[..n], s_after: &self.s_after[..n] }
    }
}

impl<'a, T> Moving<'a, T> {
    #[inline(always)]
    fn new(before: &'a State<T>, after: &'a State<T>, range: std::ops::Range<usize>) -> Self {
        Self {
            q: &before.q[range.clone()],
            s: &before.s[range.clone()],
            q_after: &after.q[range.clone()],
            s_after: &after.s[range],
        }
    }
}

/// One pass over a field. A [`pulp::WithSimd`] of its own, because closures are not inlined into the dispatched function.
struct Sweep<'a, T> {
    step: &'a Pointwise<T>,
    field: &'a mut Field<T>,
    before: (&'a State<T>, &'a State<T>),
    after: (&'a State<T>, &'a State<T>),
}

impl<T: Real> pulp::WithSimd for Sweep<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { step, field, before, after } = self;
        let Field { geometry, k, m, ntk, .. } = field;
        match *geometry {
            Geometry::Tile { rows, columns } => {
                let right = Moving::new(before.1, after.1, 0..columns);
                for r in 0..rows {
                    let left = Moving::new(before.0, after.0, 0..rows).at(r);
                    let range = r * columns..(r + 1) * columns;
                    let n = &mut ntk[range.clone()];
                    step.entries(&mut k[range.clone()], &mut m[range], n, Fixed(left), right);
                }
            }
            Geometry::Diagonal { height, width } => {
                let n = height * width;
                let left = Moving::new(before.0, after.0, 0..n);
                step.entries(k, m, ntk, left, Moving::new(before.1, after.1, 0..n));
            }
            Geometry::Pixels { height, width } => {
                // Short rows do not fill vectors: repeat each side over the block of one pair of rows.
                let (lb, la) = (repeated(before.0, width), repeated(after.0, width));
                let (rb, ra) = (tiled(before.1, width), tiled(after.1, width));
                let block = width * width;
                for y in 0..height {
                    let left = Moving::new(&lb, &la, y * block..(y + 1) * block);
                    for v in 0..height {
                        let right = Moving::new(&rb, &ra, v * block..(v + 1) * block);
                        let range = (y * height + v) * block..(y * height + v + 1) * block;
                        let n = &mut ntk[range.clone()];
                        step.entries(&mut k[range.clone()], &mut m[range], n, left, right);
                    }
                }
            }
        }
    }
}

impl<T: Real> Pointwise<T> {
    #[inline(always)]
    fn entries<L: Lane<T>, R: Lane<T>>(&self, k: &mut [T], m: &mut [T], ntk: &mut [T], left: L, right: R) {
        let n = k.len();
        let (left, right) = (left.cut(n), right.cut(n));
        let each = k.iter_mut().zip(&mut m[..n]).zip(&mut ntk[..n]).enumerate();
        match self {
            Pointwise::Affine(affine) if affine.b2 > T::of(0.0) => {
                for (i, ((k, m), n)) in each {
                    (*k, *m, *n) = affine_entry::<T, true>(affine, *k, *m, *n, left.at(i), right.at(i));
                }
            }
            Pointwise::Affine(affine) => {
                for (i, ((k, m), n)) in each {
                    (*k, *m, *n) = affine_entry::<T, false>(affine, *k, *m, *n, left.at(i), right.at(i));
                }
            }
            Pointwise::Kinked(kinked) => {
                for (i, ((k, m), n)) in each {
                    let (kappa, margin, dot) = kinked.apply(*k, *m, left.at(i).s * right.at(i).s);
                    (*k, *m, *n) = (kappa, margin, *n * dot);
                }
            }
            Pointwise::Closed(closed) => {
                for (i, ((k, m), n)) in each {
                    (*k, *m, *n) = closed_entry(closed, *k, *m, *n, left.at(i), right.at(i));
                }
            }
            Pointwise::LayerNorm { eps } => {
                for (i, ((k, m), n)) in each {
                    let f = normaliser(left.at(i).q, *eps) * normaliser(right.at(i).q, *eps);
                    (*k, *m, *n) = (*k * f, *m * f, *n * f);
                }
            }
            Pointwise::Dropout { .. } => {
                for (i, ((k, m), _)) in each {
                    let (x, y) = (left.at(i), right.at(i));
                    *m = direct_margin(x.q_after, y.q_after, x.s_after, y.s_after, *k);
                }
            }
        }
    }
}

#[inline(always)]
fn affine_entry<T: Real, const BIAS: bool>(
    affine: &Affine<T>,
    k: T,
    m: T,
    ntk: T,
    x: Side<T>,
    y: Side<T>,
) -> (T, T, T) {
    let after = affine.covariance(k);
    (after, affine.margin::<BIAS>(k, m, x, y, after), affine.tangent(k, ntk))
}

/// Each entry `width` times.
pub(crate) fn repeated<T: Real>(state: &State<T>, width: usize) -> State<T> {
    let repeat = |v: &[T]| v.iter().flat_map(|&x| std::iter::repeat_n(x, width)).collect();
    State { q: repeat(&state.q), s: repeat(&state.s), extra: Vec::new() }
}

/// Each row of `width` entries `width` times.
pub(crate) fn tiled<T: Real>(state: &State<T>, width: usize) -> State<T> {
    let tile = |v: &[T]| v.chunks(width).flat_map(|row| row.repeat(width)).collect();
    State { q: tile(&state.q), s: tile(&state.s), extra: Vec::new() }
}
