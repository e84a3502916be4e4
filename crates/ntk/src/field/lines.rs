//! Loops over the entries of a field, line by line, in vectors.

use std::ops::Range;

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use pulp::Simd;

use super::geometry::Geometry;
use super::moments::Field;
use super::variances::Variances;
use crate::pair::{DirectMargin, PairMap, Side, single};

/// Both sides of the pairs of a field, before and after a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides<'a, T> {
    pub(crate) before: (&'a Variances<T>, &'a Variances<T>),
    pub(crate) after: (&'a Variances<T>, &'a Variances<T>),
}

impl<'a, T> Sides<'a, T> {
    /// Nothing changes but what the map itself changes.
    pub(crate) fn still(at: (&'a Variances<T>, &'a Variances<T>)) -> Self {
        Self { before: at, after: at }
    }

    pub(crate) fn left(&self) -> Slices<'a, T> {
        Slices::of(self.before.0, self.after.0)
    }

    pub(crate) fn right(&self) -> Slices<'a, T> {
        Slices::of(self.before.1, self.after.1)
    }
}

/// Applies `entry` to every entry of `field`.
pub(crate) fn sweep<T: Real>(entry: impl PairMap<T>, field: &mut Field<T>, sides: Sides<'_, T>) {
    pulp::Arch::new().dispatch(Sweep { entry, field, sides });
}

/// A struct of its own: closures are not inlined into the dispatched function.
struct Sweep<'a, T, E> {
    entry: E,
    field: &'a mut Field<T>,
    sides: Sides<'a, T>,
}

impl<T: Real, E: PairMap<T>> pulp::WithSimd for Sweep<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { entry, field, sides } = self;
        let w = T::wide(simd);
        let (left, right) = (sides.left(), sides.right());
        let geometry = field.geometry;
        let lanes = size_of::<<T::Wide<S> as Wide<T>>::V>() / size_of::<T>();
        let Field { k, m, ntk, .. } = &mut *field;
        if let Geometry::Diagonal { height, width } = geometry {
            let n = height * width;
            let left = left.cut(0, n).vectors(w, n / lanes);
            line(w, entry, [k, m, ntk], &left, right.cut(0, n));
            return;
        }
        let n = geometry.line();
        if n.is_multiple_of(lanes) {
            let vectors = [w.split_mut(k).0, w.split_mut(m).0, w.split_mut(ntk).0];
            blocks(w, entry, geometry, vectors, left, right);
            return;
        }
        let lines = 0..geometry.len() / n.max(1);
        one_by_one(w, entry, field, (left, right), lines);
    }
}

/// Applies `entry` to the lines of one block of `field`.
pub(crate) fn sweep_block<T: Real>(
    entry: impl PairMap<T>,
    field: &mut Field<T>,
    sides: Sides<'_, T>,
    block: usize,
) {
    pulp::Arch::new().dispatch(SweepBlock { entry, field, sides, block });
}

struct SweepBlock<'a, T, E> {
    entry: E,
    field: &'a mut Field<T>,
    sides: Sides<'a, T>,
    block: usize,
}

impl<T: Real, E: PairMap<T>> pulp::WithSimd for SweepBlock<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lines = self.field.geometry.block();
        let (sides, range) = (self.sides, self.block * lines..(self.block + 1) * lines);
        one_by_one(T::wide(simd), self.entry, self.field, (sides.left(), sides.right()), range);
    }
}

/// Lines of any length.
#[inline(always)]
fn one_by_one<T: Real, W: Wide<T>>(
    w: W,
    entry: impl PairMap<T>,
    field: &mut Field<T>,
    (left, right): (Slices<'_, T>, Slices<'_, T>),
    lines: Range<usize>,
) {
    let n = field.geometry.line();
    for i in lines {
        let (p, r) = field.geometry.start(i);
        let [k, m, ntk] = [&mut field.k, &mut field.m, &mut field.ntk].map(|all| &mut all[i * n..][..n]);
        line(w, entry, [k, m, ntk], &left.at(w, p), right.cut(r, n));
    }
}

/// Where lines are whole vectors: columns of vectors that share their right pixels, which stay in registers.
#[inline(always)]
fn blocks<T: Real, W: Wide<T>>(
    w: W,
    entry: impl PairMap<T>,
    geometry: Geometry,
    [k, m, ntk]: [&mut [W::V]; 3],
    left: Slices<'_, T>,
    right: Slices<'_, T>,
) {
    let (lines, each) = (geometry.block(), geometry.line() * size_of::<T>() / size_of::<W::V>());
    let size = lines * each;
    let blocks = k.chunks_exact_mut(size).zip(m.chunks_exact_mut(size)).zip(ntk.chunks_exact_mut(size));
    for (block, ((k, m), ntk)) in blocks.enumerate() {
        let (p, r) = geometry.start(block * lines);
        let (left, right) = (left.cut(p, lines), right.cut(r, geometry.line()).vectors(w, each));
        let (k, m, ntk) = (&mut k[..size], &mut m[..size], &mut ntk[..size]);
        for i in 0..each {
            let y = right.get(i);
            for x in 0..lines {
                // Indices: iterators that step do not compile to a plain loop.
                let at = x * each + i;
                [k[at], m[at], ntk[at]] = entry.apply(w, [k[at], m[at], ntk[at]], left.at(w, x), y);
            }
        }
    }
}

/// Entries of a line: one left pixel with consecutive right pixels, or both moving.
#[inline(always)]
fn line<T: Real, W: Wide<T>>(
    w: W,
    entry: impl PairMap<T>,
    [k, m, ntk]: [&mut [T]; 3],
    left: &impl Lane<T, W>,
    right: Slices<'_, T>,
) {
    let ((kv, k), (mv, m), (nv, ntk)) = (w.split_mut(k), w.split_mut(m), w.split_mut(ntk));
    let right = right.vectors(w, kv.len());
    for (i, ((k, m), n)) in kv.iter_mut().zip(mv).zip(nv).enumerate() {
        [*k, *m, *n] = entry.apply(w, [*k, *m, *n], left.get(i), right.get(i));
    }
    if !k.is_empty() {
        let moments = [w.load(k), w.load(m), w.load(ntk)];
        let [a, b, c] = entry.apply(w, moments, left.last(w), right.last(w));
        w.store(k, a);
        w.store(m, b);
        w.store(ntk, c);
    }
}

/// One side of a line.
trait Lane<T, W: Wide<T>> {
    /// The `i`-th whole vector.
    fn get(&self, i: usize) -> Side<W::V>;
    /// What is left after the whole vectors.
    fn last(&self, w: W) -> Side<W::V>;
}

/// One pixel for the whole line.
impl<T, W: Wide<T>> Lane<T, W> for Side<W::V> {
    #[inline(always)]
    fn get(&self, _: usize) -> Self {
        *self
    }

    #[inline(always)]
    fn last(&self, _: W) -> Self {
        *self
    }
}

impl<T, W: Wide<T>> Lane<T, W> for Vectors<'_, W::V, T> {
    #[inline(always)]
    fn get(&self, i: usize) -> Side<W::V> {
        Vectors::get(self, i)
    }

    #[inline(always)]
    fn last(&self, w: W) -> Side<W::V> {
        let Side { q, s, reciprocal, q_after, s_after } = self.0;
        Side {
            q: w.load(q.1),
            s: w.load(s.1),
            reciprocal: w.load(reciprocal.1),
            q_after: w.load(q_after.1),
            s_after: w.load(s_after.1),
        }
    }
}

/// One pixel per entry.
#[derive(Clone, Copy)]
pub(crate) struct Slices<'a, T>(Side<&'a [T]>);

impl<'a, T> Slices<'a, T> {
    #[inline(always)]
    fn of(before: &'a Variances<T>, after: &'a Variances<T>) -> Self {
        Self(Side {
            q: &before.q,
            s: &before.s,
            reciprocal: &before.reciprocal,
            q_after: &after.q,
            s_after: &after.s,
        })
    }

    /// Number of pixels.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.0.q.len()
    }

    #[inline(always)]
    pub(crate) fn cut(self, at: usize, n: usize) -> Self {
        let Side { q, s, reciprocal, q_after, s_after } = self.0;
        Self(Side {
            q: &q[at..][..n],
            s: &s[at..][..n],
            reciprocal: &reciprocal[at..][..n],
            q_after: &q_after[at..][..n],
            s_after: &s_after[at..][..n],
        })
    }

    /// Pixel `i` in every lane.
    #[inline(always)]
    pub(crate) fn at<W: Wide<T>>(self, w: W, i: usize) -> Side<W::V>
    where
        T: Copy,
    {
        let Side { q, s, reciprocal, q_after, s_after } = self.0;
        Side {
            q: w.splat(q[i]),
            s: w.splat(s[i]),
            reciprocal: w.splat(reciprocal[i]),
            q_after: w.splat(q_after[i]),
            s_after: w.splat(s_after[i]),
        }
    }

    /// The first `n` whole vectors, and the pixels after the last whole one.
    #[inline(always)]
    pub(crate) fn vectors<W: Wide<T>>(self, w: W, n: usize) -> Vectors<'a, W::V, T> {
        let cut = |from: &'a [T]| {
            let (vectors, rest) = w.split(from);
            (&vectors[..n], rest)
        };
        let Side { q, s, reciprocal, q_after, s_after } = self.0;
        Vectors(Side {
            q: cut(q),
            s: cut(s),
            reciprocal: cut(reciprocal),
            q_after: cut(q_after),
            s_after: cut(s_after),
        })
    }
}

/// One pixel per lane, and those that are left.
#[derive(Clone, Copy)]
pub(crate) struct Vectors<'a, V, T>(Side<(&'a [V], &'a [T])>);

impl<V: Copy, T> Vectors<'_, V, T> {
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> Side<V> {
        let Side { q, s, reciprocal, q_after, s_after } = &self.0;
        Side {
            q: q.0[i],
            s: s.0[i],
            reciprocal: reciprocal.0[i],
            q_after: q_after.0[i],
            s_after: s_after.0[i],
        }
    }
}

/// [`direct_margin`] of one pair.
#[inline(always)]
pub(crate) fn direct<T: Real>(k: T, after: (&Variances<T>, &Variances<T>), (p, r): (usize, usize)) -> T {
    let side = |state: &Variances<T>, i: usize| Side::constant(state.q[i], state.s[i]);
    single(DirectMargin, [k, T::ZERO, T::ZERO], side(after.0, p), side(after.1, r))[1]
}

/// Whether `m < close |k|` anywhere in a field.
pub(crate) fn any_close<T: Real>(field: &Field<T>, close: T) -> bool {
    pulp::Arch::new().dispatch(AnyClose { k: &field.k, m: &field.m, close })
}

struct AnyClose<'a, T> {
    k: &'a [T],
    m: &'a [T],
    close: T,
}

impl<T: Real> pulp::WithSimd for AnyClose<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> bool {
        let w = T::wide(simd);
        let (close, one) = (w.splat(self.close), w.splat(T::ONE));
        let ((kv, k), (mv, m)) = (w.split(self.k), w.split(self.m));
        let mark = |k, m, any| w.select(w.less(m, w.mul(close, w.abs(k))), one, any);
        let mut any = w.splat(T::ZERO);
        for (&k, &m) in kv.iter().zip(mv) {
            any = mark(k, m, any);
        }
        w.max(mark(w.load(k), w.load(m), any)) > T::ZERO
    }
}

/// Margins from scratch, for steps that know nothing better: `s_x s_y - |k|`, exactly zero for equal inputs.
pub(crate) fn measure_margins<T: Real>(field: &mut Field<T>, after: (&Variances<T>, &Variances<T>)) {
    sweep(DirectMargin, field, Sides::still(after));
}

/// Variances of an input whose covariances with itself, over all pairs of pixels, are all that is known, and the margins of those
/// pairs from scratch.
pub(crate) fn measure_own<T: Real>(own: &mut Field<T>) -> Variances<T> {
    let after = Variances::new(own.diagonal());
    measure_margins(own, (&after, &after));
    after
}
