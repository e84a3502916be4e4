//! What follows the vertical sums of a convolution, in one pass over a slab: horizontal sums, affine map, margins, and the
//! piecewise linear function if that is the next layer. Apart they would read and write the slab four times.
//!
//! The operations on an entry are those of the separate passes in the same order: the bits are theirs.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use pulp::Simd;

use super::field::Geometry;
use super::lines::{Entry, Side, Sides, Slices, Vectors};
use super::slab::Move;

/// The next layer does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Nothing;

impl<T: Real> Entry<T> for Nothing {
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

impl<T: Real, A: Entry<T>, B: Entry<T>> pulp::WithSimd for Pass<'_, T, A, B> {
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

impl<T: Real, A: Entry<T>, B: Entry<T>> Pass<'_, T, A, B> {
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
    fn run<W: Wide<T, V = V>>(&mut self, w: W, finish: impl Entry<T>, then: impl Entry<T>, close: T) -> bool {
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

#[cfg(test)]
mod tests {
    use overparam_tensor::linalg::Real;

    use crate::activation::kinked::Kinked;
    use crate::architecture::{Padding, Parameterization};
    use crate::kernel::conv::{Around, Convolution};
    use crate::kernel::field::{Field, Geometry, State};
    use crate::kernel::pointwise::Affine;
    use crate::kernel::scratch::Scratch;
    use crate::kernel::segment::gather;
    use crate::kernel::window::Window;

    /// Pairs of every angle; left pixels of the first four columns are nearly parallel to all right ones.
    fn pairs<T: Real>(size: (usize, usize), states: (&State<T>, &State<T>), fresh: bool) -> Field<T> {
        let geometry = Geometry::Pixels { height: size.0, width: size.1 };
        let mut field = Field::take(geometry, None, &mut Scratch::new());
        field.fresh = fresh;
        geometry.for_each(|i, p, r| {
            let (g, v) = (states.0.s[p] * states.1.s[r], (1.7 * i as f64).sin().abs());
            let near = p % size.1 < 4;
            let v = if near { 1e-9 * v } else { v };
            let sign = if !near && i % 3 == 0 { -T::ONE } else { T::ONE };
            field.m[i] = g * T::of(v);
            field.k[i] = sign * (g - field.m[i]);
            field.ntk[i] = if fresh { T::ZERO } else { T::of((0.3 * i as f64).cos()) };
        });
        field
    }

    /// Slab by slab in one pass, or all pairs in one pass a step: the same bits.
    fn check<T: Real>(size: (usize, usize), fresh: bool, then: Option<Kinked<T>>) {
        let mut scratch = Scratch::new();
        let window = Window::along_both(size, size, [3, 3], [1, 1], Padding::Same);
        let affine = Affine::new(Parameterization::Ntk, 1.3, Some(0.2), 1, 9);
        let conv = Convolution::new(window, affine);
        let state = |phase: f64| {
            State::new((0..size.0 * size.1).map(|p| T::of(1.5 + 1e-3 * (p as f64 + phase).sin())).collect())
        };
        let (left, right) = (state(0.0), state(0.4));
        let after = [&left, &right].map(|state| conv.advance(state, &mut scratch));
        let around = Around { before: (&left, &right), after: (&after[0], &after[1]), then };
        let start = pairs(size, (&left, &right), fresh);
        let mut whole = start.copy(&mut scratch);
        conv.apply(&mut whole, around, &mut scratch);
        if then.is_none() {
            let close = whole.m.iter().zip(&whole.k[..]).filter(|&(&m, &k)| m < T::of(1e-5) * k).count();
            assert!(close > 0 && close < whole.k.len(), "{close} close pairs of {}", whole.k.len());
        }
        for distance in 0..size.0 {
            let geometry = Geometry::Slab { height: size.0, width: size.1, distance };
            let mut expected = Field::take(geometry, None, &mut scratch);
            gather(&whole, &mut expected);
            let mut slab = Field::take(geometry, None, &mut scratch);
            gather(&start, &mut slab);
            slab.fresh = fresh;
            conv.apply(&mut slab, around, &mut scratch);
            assert_eq!(slab.k[..], expected.k[..], "{size:?}: covariances");
            assert_eq!(slab.m[..], expected.m[..], "{size:?}: margins");
            assert_eq!(slab.ntk[..], expected.ntk[..], "{size:?}: NTK");
        }
    }

    #[test]
    fn one_pass_has_the_bits_of_several() {
        // Lines of whole vectors, and not.
        for size in [(3, 16), (5, 32), (4, 6), (2, 11)] {
            for fresh in [false, true] {
                for then in [None, Some((0.0, 1.0)), Some((-0.3, 1.2))] {
                    check::<f64>(size, fresh, then.map(|(a, b)| Kinked::new(a, b)));
                    check::<f32>(size, fresh, then.map(|(a, b)| Kinked::new(a, b)));
                }
            }
        }
    }
}
