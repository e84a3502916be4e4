//! Convolution: with filter area `F` and taps `d`,
//!
#![doc = overparam_formula::formula!(
    "k'(p, r)   = w^2/F sum_d k(p + d, r + d) + b^2,"
    "ntk'(p, r) = k'(p, r) + w^2/F sum_d ntk(p + d, r + d)        (NTK parameterisation)"
)]
//!
//! (Novak et al. 2019; Garriga-Alonso et al. 2019; Arora et al. 2019): both pixels move together, so equal-pixel covariances
//! depend on equal-pixel covariances only, and without pooling nothing else is computed.
//!
//! # The margin
//!
//! `g' - k'` is a difference of nearly equal numbers where two patches nearly agree. There it is formed term by term:
//!
#![doc = overparam_formula::formula!("g' - k' = w^2/F sum_d (g_d - k_d) + [g' - w^2/F sum_d g_d - b^2],")]
//!
//! where by Lagrange's identity the bracket is `sum_(i<j) (s_i t_j - s_j t_i)^2 / (g' + sum g)` over the terms of `g'^2`. Where
//! patches are nearly opposite it is `g' + k' = w^2/F sum_d (g_d + k_d) + [..] + 2 b^2` with the same bracket.

use std::ops::Range;

use num_traits::Float;
use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::affine::Affine;
use super::fused::{Nothing, Pass};
use super::geometry::Geometry;
use super::lines::{self, Sides};
use super::moments::{Field, gap};
use super::scratch::{Buffer, Scratch};
use super::slab::SlabSums;
use super::variances::Variances;
use super::window::Window;
use crate::dual::piecewise_linear::PiecewiseLinear;
use crate::pair::{PairMap, Side, close, direct_margin};

/// A convolution compiled for one image size.
#[derive(Debug, Clone)]
pub(crate) struct Convolution<T> {
    pub(crate) window: Window,
    pub(crate) affine: Affine<T>,
    /// Where it may run slab by slab.
    pub(crate) slabs: Option<SlabSums<T>>,
}

impl<T: Real> Convolution<T> {
    pub(crate) fn new(window: Window, affine: Affine<T>) -> Self {
        let slabs = SlabSums::new(&window);
        Self { window, affine, slabs }
    }

    /// Variances after the layer.
    pub(crate) fn advance(&self, before: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        let mut q = self.window.image_sums(&before.q, scratch);
        q.iter_mut().for_each(|q| *q = self.affine.covariance(*q));
        let state = Variances::new(q.to_vec());
        scratch.give(q);
        state
    }

    /// The layer, and the piecewise linear function that may follow.
    pub(crate) fn apply(&self, field: &mut Field<T>, around: Around<'_, T>, scratch: &mut Scratch<T>) {
        let next = match (field.geometry, &self.slabs) {
            (Geometry::Slab { distance, .. }, Some(slabs)) => {
                let k = slabs.vertical(&field.k, distance, scratch);
                let ntk = (!field.fresh).then(|| slabs.vertical(&field.ntk, distance, scratch));
                let next = self.fused(slabs, (&k, ntk.as_deref()), field, around, scratch);
                let next = next.unwrap_or_else(|| {
                    let sums = slabs.horizontal(&k, scratch);
                    let ntk_sums = match &ntk {
                        Some(half) => slabs.horizontal(half, scratch),
                        None => scratch.zeros(sums.len()),
                    };
                    self.separate(field.geometry, [sums, ntk_sums], field, around, scratch)
                });
                [Some(k), ntk].into_iter().flatten().for_each(|half| scratch.give(half));
                next
            }
            (before, _) => {
                let mut sums = |v: &[T]| match before {
                    Geometry::Diagonal { .. } => self.window.image_sums(v, scratch),
                    _ => self.window.pair_sums(v, scratch),
                };
                let sums = [&field.k, &field.ntk].map(|v| sums(v));
                self.separate(self.window.geometry(before), sums, field, around, scratch)
            }
        };
        field.replace(next, scratch);
    }

    /// What follows the vertical sums, in one pass; `None` if the window or the width is not made for it.
    fn fused(
        &self,
        slabs: &SlabSums<T>,
        half: (&[T], Option<&[T]>),
        field: &Field<T>,
        around: Around<'_, T>,
        scratch: &mut Scratch<T>,
    ) -> Option<Field<T>> {
        let mut next = Field::take(field.geometry, field.same, scratch);
        let near = match around.then {
            Some(then) => self.pass(slabs, half, &mut next, then, around.between()),
            None => self.pass(slabs, half, &mut next, Nothing, around.between()),
        };
        let Some(near) = near else {
            next.give(scratch);
            return None;
        };
        for block in near {
            let lines = block * next.geometry.block()..(block + 1) * next.geometry.block();
            self.refine(field, &mut next, around, lines);
            if let Some(then) = around.then {
                lines::sweep_block(then, &mut next, around.between(), block);
            }
        }
        Some(next)
    }

    /// The pass of [`super::fused`]; the blocks that it leaves to be refined.
    fn pass(
        &self,
        slabs: &SlabSums<T>,
        half: (&[T], Option<&[T]>),
        next: &mut Field<T>,
        then: impl PairMap<T>,
        sides: Sides<'_, T>,
    ) -> Option<Vec<usize>> {
        let (taps, margin) = slabs.three()?;
        let (geometry, finish) = (next.geometry, Finish(&self.affine));
        let out: [&mut [T]; 3] = [&mut next.k, &mut next.m, &mut next.ntk];

        pulp::Arch::new().dispatch(Pass {
            taps,
            margin,
            half,
            finish,
            then,
            sides,
            geometry,
            out,
            close: close(),
        })
    }

    /// What follows the sums, one pass after another.
    fn separate(
        &self,
        geometry: Geometry,
        [k, ntk]: [Buffer<T>; 2],
        field: &Field<T>,
        around: Around<'_, T>,
        scratch: &mut Scratch<T>,
    ) -> Field<T> {
        let m = scratch.take(k.len());
        let mut next = Field { geometry, m, k, ntk, same: field.same, fresh: false };
        lines::sweep(Finish(&self.affine), &mut next, around.between());
        if lines::any_close(&next, close()) {
            self.refine(field, &mut next, around, 0..geometry.len() / geometry.line());
        }
        if let Some(then) = around.then {
            lines::sweep(then, &mut next, around.between());
        }
        next
    }

    /// The margins of close pairs among some lines of `next` anew, from the moments in `field` before the layer.
    fn refine(&self, field: &Field<T>, next: &mut Field<T>, around: Around<'_, T>, lines: Range<usize>) {
        let Around { before, after, .. } = around;
        let mut refine = Refine { of: self, field, before, after, terms: Vec::new() };
        let (k, m) = (&next.k, &mut next.m);
        next.geometry.for_each_in(lines, |i, p, r| {
            if m[i] < close::<T>() * Float::abs(k[i]) {
                // A pixel of an image with itself: every term is zero.
                let itself = next.same.is_some() && p == r;
                m[i] = if itself { T::ZERO } else { refine.margin(p, r, k[i] < T::ZERO) };
            }
        });
    }
}

/// Variances before and after a convolution, and the layer that follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a, T> {
    pub(crate) before: (&'a Variances<T>, &'a Variances<T>),
    pub(crate) after: (&'a Variances<T>, &'a Variances<T>),
    pub(crate) then: Option<PiecewiseLinear<T>>,
}

impl<'a, T> Around<'a, T> {
    /// What comes after the sums needs the variances between the two layers alone.
    fn between(&self) -> Sides<'a, T> {
        Sides { before: self.after, after: self.after }
    }
}

/// From sums to moments, and the margin as a plain difference.
#[derive(Clone, Copy)]
struct Finish<'a, T>(&'a Affine<T>);

impl<T: Real> PairMap<T> for Finish<'_, T> {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, _, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let (k, n) = self.0.moments(w, k, n);
        [k, direct_margin(w, k, x, y), n]
    }
}

struct Refine<'a, T> {
    of: &'a Convolution<T>,
    field: &'a Field<T>,
    before: (&'a Variances<T>, &'a Variances<T>),
    after: (&'a Variances<T>, &'a Variances<T>),
    /// Standard deviations of the pair at hand, a tap each.
    terms: Vec<(T, T)>,
}

impl<T: Real> Refine<'_, T> {
    /// The margin of output pixels `p` left and `r` right, term by term. Patches that are nearly opposite are nearly equal to
    /// each other's negatives, which the bias, `b^2` where it should be `-b^2`, keeps apart.
    fn margin(&mut self, p: usize, r: usize, opposite: bool) -> T {
        let zero = T::of(0.0);
        let Affine { w2, b2, .. } = self.of.affine;
        let (x, y) = self.before;
        let (mut scale, mut defect, mut bracket) = (zero, zero, zero);
        self.terms.clear();
        for (p, r) in self.of.window.sources(p).zip(self.of.window.sources(r)) {
            let (s, t) = (p.map_or(zero, |p| x.s[p]), r.map_or(zero, |r| y.s[r]));
            if let Some((p, r)) = p.zip(r) {
                let i = self.entry(p, r);
                scale += s * t;
                defect += gap(self.field.k[i], self.field.m[i], s * t, opposite);
            }
            self.terms.push((s, t));
        }
        let terms = &self.terms;
        for (i, &(s, t)) in terms.iter().enumerate() {
            for &(other_s, other_t) in &terms[..i] {
                let area = s * other_t - other_s * t;
                bracket += w2 * w2 * area * area;
            }
            bracket += w2 * b2 * (s - t) * (s - t);
        }
        let after = self.after.0.s[p] * self.after.1.s[r];
        let denominator = after + Float::mul_add(w2, scale, b2);
        let kept = if opposite { b2 + b2 } else { zero };
        if denominator > zero { w2 * defect + bracket / denominator + kept } else { zero }
    }

    fn entry(&self, p: usize, r: usize) -> usize {
        match self.field.geometry {
            Geometry::Pixels { height, width } => Geometry::pixel_pair(height, width, p, r),
            Geometry::Slab { width, .. } => p * width + r % width,
            Geometry::Diagonal { .. } | Geometry::Tile { .. } => p,
        }
    }
}

#[cfg(test)]
mod tests;
