//! Maps by expansions over every entry of a field, sixteen pairs side by side.

use std::ops::Range;

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::{Lanes as _, Wide};
use pulp::Simd;

use crate::dual::expansion::{Expansion, LANES, Lanes, Numbers, One, Pairs, digits};
use crate::field::geometry::Geometry;
use crate::field::lines::Sides;
use crate::field::moments::Field;
use crate::pair::{DirectMargin, Side, close, single};

/// A struct of its own: closures are not inlined into the dispatched function.
pub(super) struct ExpandedSweep<'a, 'b, T: Real, E> {
    pub(super) map: &'a E,
    pub(super) field: &'a mut Field<T>,
    pub(super) sides: Sides<'b, T>,
}

impl<T: Real, E: Expansion> pulp::WithSimd for ExpandedSweep<'_, '_, T, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let w = f64::wide(simd);
        let geometry = self.field.geometry;
        let [left, right] = [self.sides.after.0, self.sides.after.1].map(|side| &side.expansions);
        if let Geometry::Diagonal { height, width } = geometry {
            let count = height * width;
            for group in 0..count.div_ceil(LANES) {
                let pixels = group * LANES..count.min((group + 1) * LANES);
                self.pairs(w, (&left.group(group), &right.group(group)), pixels.start, None, pixels);
            }
            return;
        }
        let (lines, n) = (geometry.block(), geometry.line());
        for first in (0..geometry.len() / n.max(1)).step_by(lines) {
            let (p, r) = geometry.start(first);
            // Pairs of one group of right pixels, which stays in the cache, with all left ones of the block.
            for group in r / LANES..(r + n).div_ceil(LANES) {
                let pixels = r.max(group * LANES)..(r + n).min((group + 1) * LANES);
                for line in 0..lines {
                    let (p, at) = (p + line, (first + line) * n + pixels.start - r);
                    self.pairs(w, (&One(left.row(p)), &right.group(group)), at, Some(p), pixels.clone());
                }
            }
        }
    }
}

impl<T: Real, E: Expansion> ExpandedSweep<'_, '_, T, E> {
    /// Entries from `at` on: right pixels of one group with a left pixel, or each with the left one of its own number.
    #[inline(always)]
    fn pairs(
        &mut self,
        w: impl Wide<f64>,
        (x, y): (&impl Numbers, &impl Numbers),
        at: usize,
        left: Option<usize>,
        right: Range<usize>,
    ) {
        let Self { map, field, sides: Sides { before, after } } = self;
        let (lane, entries) = (right.start % LANES, at..at + right.len());
        let (k, m, ntk) =
            (&mut field.k[entries.clone()], &mut field.m[entries.clone()], &mut field.ntk[entries]);
        let of_right = |of: &[T]| load(&of[right.clone()], lane, T::ONE);
        let of_left = |of: &[T]| left.map_or_else(|| of_right(of), |p| [of[p]; LANES]);
        let pairs = Pairs::new(
            widen(&load(k, lane, T::ZERO)),
            widen(&load(m, lane, T::ONE)),
            [widen(&of_left(&before.0.s)), widen(&of_right(&before.1.s))],
            digits::<T>(),
        );
        let [kappa, kappa_dot] = map.moments(w, x, y, &pairs);
        let (q, s) =
            ([of_left(&after.0.q), of_right(&after.1.q)], [of_left(&after.0.s), of_right(&after.1.s)]);
        let (mut margins, mut near) = ([T::ZERO; LANES], false);
        for i in 0..LANES {
            let covariance = T::of(kappa[i]);
            let side = |side: usize| Side::constant(q[side][i], s[side][i]);
            margins[i] = single(DirectMargin, [covariance, T::ZERO, T::ZERO], side(0), side(1))[1];
            near |= margins[i] < close::<T>() * T::of(kappa[i].abs());
        }
        if near {
            for (r, lane) in right.clone().zip(lane..) {
                let (kappa, p) = (kappa[lane].abs(), left.unwrap_or(r));
                if margins[lane] < close::<T>() * T::of(kappa) {
                    let scale = after.0.s[p].f64() * after.1.s[r].f64();
                    let (x, y) = (after.0.expansions.row(p), after.1.expansions.column(r));
                    let careful = map.determinant(x, &y, &pairs.one(lane)) / (scale + kappa);
                    margins[lane] = if careful.is_finite() { T::of(careful.max(0.0)) } else { margins[lane] };
                }
            }
        }
        let mut slopes = load(ntk, lane, T::ZERO);
        for i in 0..LANES {
            slopes[i] *= T::of(kappa_dot[i]);
        }
        store(ntk, lane, &slopes);
        store(k, lane, &narrow(&kappa));
        store(m, lane, &margins);
    }
}

/// Numbers from a lane on, `fill` in the others.
#[inline(always)]
fn load<T: Copy>(from: &[T], lane: usize, fill: T) -> [T; LANES] {
    if let Ok(whole) = <&[T; LANES]>::try_from(from) {
        return *whole;
    }
    let mut all = [fill; LANES];
    all[lane..].iter_mut().zip(from).for_each(|(to, &x)| *to = x);
    all
}

/// The other way round.
#[inline(always)]
fn store<T: Copy>(to: &mut [T], lane: usize, all: &[T; LANES]) {
    if let Ok(whole) = <&mut [T; LANES]>::try_from(&mut *to) {
        *whole = *all;
        return;
    }
    to.iter_mut().zip(&all[lane..]).for_each(|(to, &x)| *to = x);
}

// Loops, because `map` of an array is not always inlined.

#[inline(always)]
fn widen<T: Real>(from: &[T; LANES]) -> Lanes {
    let mut to = [0.0; LANES];
    for i in 0..LANES {
        to[i] = from[i].f64();
    }
    to
}

#[inline(always)]
fn narrow<T: Real>(from: &Lanes) -> [T; LANES] {
    let mut to = [T::ZERO; LANES];
    for i in 0..LANES {
        to[i] = T::of(from[i]);
    }
    to
}
