//! What follows the vertical sums of a convolution, in one pass over a slab: horizontal sums, affine map, margins, and the
//! piecewise linear function if that is the next layer. Apart they would read and write the slab four times.
//!
//! The operations on an entry are those of the separate passes in the same order: the bits are theirs.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use pulp::Simd;

use super::geometry::Geometry;
use super::lines::{Sides, Slices, Vectors};
use super::slab::Move;
use crate::pair::{PairMap, Side};

/// The next layer does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Nothing;

impl<T: Real> PairMap<T> for Nothing {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, _: W, moments: [W::V; 3], _: Side<W::V>, _: Side<W::V>) -> [W::V; 3] {
        moments
    }
}

/// One pass; see the module page.
pub(crate) struct Pass<'a, T, A, B> {
    /// The horizontal taps, and the margin of what they move over.
    pub(crate) taps: [&'a Move<T>; 3],
    pub(crate) margin: usize,
    /// Vertical sums of the covariances and, unless it is zero, of the NTK.
    pub(crate) half: (&'a [T], Option<&'a [T]>),
    pub(crate) finish: A,
    pub(crate) then: B,
    /// After the convolution.
    pub(crate) sides: Sides<'a, T>,
    pub(crate) geometry: Geometry,
    pub(crate) out: [&'a mut [T]; 3],
    /// Blocks with a pair of which the margin is less than this part of the covariance are left as the convolution alone
    /// leaves them.
    pub(crate) close: T,
}

impl<T: Real, A: PairMap<T>, B: PairMap<T>> pulp::WithSimd for Pass<'_, T, A, B> {
    /// The blocks with close pairs; `None`, and nothing is done, where lines are not whole vectors.
    type Output = Option<Vec<usize>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let w = T::wide(simd);
        let lanes = size_of::<<T::Wide<S> as Wide<T>>::V>() / size_of::<T>();
        if !self.geometry.line().is_multiple_of(lanes) {
            return None;
        }
        Some(match self.half {
            (k, Some(ntk)) => self.blocks(w, [k, ntk]),
            (k, None) => self.blocks(w, [k]),
        })
    }
}

impl<T: Real, A: PairMap<T>, B: PairMap<T>> Pass<'_, T, A, B> {
    /// Blocks one after another, of one array or of two.
    #[inline(always)]
    fn blocks<W: Wide<T>, const N: usize>(self, w: W, half: [&[T]; N]) -> Vec<usize> {
        let Self { taps, margin, finish, then, sides, geometry, out: [k, m, ntk], close, .. } = self;
        let size = geometry.block() * geometry.line();
        let each = geometry.line() * size_of::<T>() / size_of::<W::V>();
        let mut near = Vec::new();
        let blocks = k.chunks_exact_mut(size).zip(m.chunks_exact_mut(size)).zip(ntk.chunks_exact_mut(size));
        for (block, ((k, m), ntk)) in blocks.enumerate() {
            let (p, r) = geometry.start(block * geometry.block());
            let terms =
                half.map(|half| taps.map(|tap| w.split(tap.terms(half, block * size + margin, size)[0]).0));
            let mut part = Part {
                terms,
                masks: [taps[0], taps[2]].map(|tap| w.split(&tap.mask[..size]).0),
                out: [w.split_mut(k).0, w.split_mut(m).0, w.split_mut(ntk).0],
                left: sides.left().cut(p, geometry.block()),
                right: sides.right().cut(r, geometry.line()).vectors(w, each),
            };
            if part.run(w, finish, then, close) {
                part.run(w, finish, Nothing, T::ZERO);
                near.push(block);
            }
        }
        near
    }
}

/// One block, in vectors.
struct Part<'a, T, V, const N: usize> {
    terms: [[&'a [V]; 3]; N],
    masks: [&'a [V]; 2],
    out: [&'a mut [V]; 3],
    left: Slices<'a, T>,
    right: Vectors<'a, V, T>,
}

impl<T: Real, V: Copy, const N: usize> Part<'_, T, V, N> {
    /// Columns of vectors, which share their right pixels. Whether a pair is close.
    #[inline(always)]
    fn run<W: Wide<T, V = V>>(
        &mut self,
        w: W,
        finish: impl PairMap<T>,
        then: impl PairMap<T>,
        close: T,
    ) -> bool {
        let (zero, one, close) = (w.splat(T::ZERO), w.splat(T::ONE), w.splat(close));
        // Equal lengths that the compiler sees.
        let size = self.out[0].len();
        let [k, m, ntk] = &mut self.out;
        let (k, m, ntk) = (&mut k[..size], &mut m[..size], &mut ntk[..size]);
        let terms = self.terms.map(|terms| terms.map(|term| &term[..size]));
        let [f, h] = self.masks.map(|mask| &mask[..size]);
        let lines = self.left.len();
        let each = size / lines;
        let mut near = zero;
        for i in 0..each {
            let y = self.right.get(i);
            for line in 0..lines {
                let at = line * each + i;
                let mut moments = [zero; 3];
                for (j, [a, b, c]) in terms.iter().enumerate() {
                    // Covariance and NTK; the margin between them is measured.
                    moments[2 * j] = w.mul_add(h[at], c[at], w.mul_add(f[at], a[at], b[at]));
                }
                let x = self.left.at(w, line);
                let moments = finish.apply(w, moments, x, y);
                near = w.select(w.less(moments[1], w.mul(close, w.abs(moments[0]))), one, near);
                [k[at], m[at], ntk[at]] = then.apply(w, moments, x, y);
            }
        }
        w.max(near) > T::ZERO
    }
}
