//! `phi(x) = x Phi(x)` (Hendrycks and Gimpel 2016), in closed form by Gaussian integration by parts.
//!
//! With `D = (1 + q_x)(1 + q_y) - k^2 = 1 + q_x + q_y + (q_x q_y - k^2)` and
//! `P = E[Phi(u) Phi(v)] = 1/4 + asin(k / sqrt((1 + q_x)(1 + q_y))) / (2 pi)`,
//!
#![doc = overparam_formula::formula!(
    "kappa  = k P + (q_x q_y - k^2 + k^2/(1 + q_x) + k^2/(1 + q_y)) / (2 pi sqrt D),"
    "kappa' = P + k (1/(1 + q_x) + 1/(1 + q_y) + 1/D) / (2 pi sqrt D)."
)]
//!
//! Derivation: `E[u v G] = k E[G] + q_x E[v dG/du] + k E[v dG/dv]` with `G = Phi(u) Phi(v)`; the density in `dG/du` tilts
//! the pair to a Gaussian with `q_x -> q_x/(1 + q_x)`, for which the remaining expectations are of the same kind.
//!
//! # Inputs in one direction
//!
//! Where `k = g`, the kernel over `g` is `1/4 + e`, the first term that of `x/2` and the second that of `x erf(x / sqrt 2)/2`:
//!
#![doc = overparam_formula::formula!(
    "2 pi e = theta + sin theta cos theta + g/(N^2 sqrt n),    sin theta = g/N,    n = 1 + q_x + q_y."
)]
//!
//! Both parts go on for any `k`, the first odd in it and the second even. With the differences `d_x = e_xx - e`, `d_y = e_yy - e` the determinant is `(1/4 + e) (d_x + d_y) + d_x d_y`. For large
//! variances GELU is nearly ReLU, `theta` nearly a right angle, and the differences of the three terms of order `1/s` nearly cancel
//! to one of order `1/s^3`. By `d = theta_x - theta`, `t = sin d`, they are
//!
#![doc = overparam_formula::formula!(
    "(asin t - t) + t (1 + cos(theta_x + theta)),    1 + cos(theta_x + theta) = sin^2(theta_x + theta) / (1 - cos(theta_x + theta)),"
)]
//!
//! where nothing cancels.

use std::f64::consts::TAU;

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

use super::arc::small_arcsine;
use super::correlated::{Aligned, ArcsineDual, Correlated, DualTerms, End, margin};
use super::increment::ValueWithIncrement;
use super::visit::in_vectors;
use crate::pair::{PairMap, Side};

/// The dual map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gelu;

in_vectors!(Gelu);

impl<T: Real> PairMap<T> for Gelu {
    #[inline(always)]
    fn apply<W: Wide<T>>(self, w: W, [k, m, n]: [W::V; 3], x: Side<W::V>, y: Side<W::V>) -> [W::V; 3] {
        let c = Correlated::new(w, 1.0, [k, m], x, y);
        let turn = w.splat(T::of(1.0 / TAU));
        let both = w.mul_add(turn, c.arcsine, w.splat(T::of(0.25)));
        // 1/(1 + q_x) + 1/(1 + q_y), and 1/sqrt D.
        let sum = w.add(w.splat(T::of(2.0)), w.add(x.q, y.q));
        let shrunk = w.mul(w.mul(sum, c.reciprocal), c.reciprocal);
        let root = w.mul(c.reciprocal, c.inverse_root);
        let tangent = w.mul(c.z, c.inverse_root);
        let density = w.mul(turn, w.mul_add(k, w.mul(shrunk, tangent), w.mul(c.determinant, c.inverse_root)));
        let dot = w.mul_add(w.mul(turn, tangent), w.mul_add(root, root, shrunk), both);
        let kappa = w.mul_add(k, both, density);
        [kappa, margin(w, self, kappa, [k, m], x, y), w.mul(n, dot)]
    }
}

impl<T: Real> ArcsineDual<T> for Gelu {
    const FACTOR: f64 = 1.0;

    #[inline(always)]
    fn scale<W: Wide<T>>(self, _: W, g: W::V, _: W::V) -> W::V {
        g
    }

    #[inline(always)]
    fn drop<W: Wide<T>>(self, w: W, terms: DualTerms<W, T>, opposite: W::M) -> [W::V; 2] {
        let DualTerms { k, determinant, cosine, arcsine, shrunk, z } = terms;
        let (zero, quarter, turn) = (w.splat(T::ZERO), w.splat(T::of(0.25)), w.splat(T::of(1.0 / TAU)));
        let density = k.times(w, k).scaled(w, shrunk).plus(w, determinant).over(w, cosine);
        let even = k.times(w, arcsine).plus(w, density.scaled(w, z)).scaled(w, turn);
        // The odd part is k/4: of opposite inputs it is negative, and |kappa| what it has more than the even part.
        let odd = w.sub(zero, w.mul(quarter, k.by));
        let lost = w.select(opposite, w.add(even.from, even.to(w)), w.sub(zero, even.by));
        [w.add(quarter, even.from), w.add(odd, lost)]
    }

    #[inline(always)]
    fn lengths<W: Wide<T>>(self, w: W, aligned: &Aligned<W::V>) -> W::V {
        let turn = w.splat(T::of(1.0 / TAU));
        let [dx, dy] = aligned.ends.map(|end| w.mul(turn, gain(w, aligned, end)));
        let cubic = cubic(w, aligned, aligned.ends[0]).from;
        let sum = w.add(w.mul_add(aligned.z, aligned.cosine, aligned.arcsine), cubic);
        let start = w.mul_add(turn, sum, w.splat(T::of(0.25)));
        w.mul_add(start, w.add(dx, dy), w.mul(dx, dy))
    }
}

/// `2 pi (e_xx - e)`.
#[inline(always)]
fn gain<T: Real, W: Wide<T>>(w: W, aligned: &Aligned<W::V>, end: End<W::V>) -> W::V {
    let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
    let [sine, opposite] = end.sum;
    let share = w.div(w.mul(sine, sine), w.add(one, opposite));
    let share = w.select(w.less(opposite, zero), w.sub(one, opposite), share);
    let angles = w.mul(end.turn, w.add(small_arcsine(w, end.turn)[0], share));
    w.add(angles, cubic(w, aligned, end).by)
}

/// `g / (N^2 sqrt n) = z_0 / (N^2 cos theta)` and its increment to one input with itself. The increments of `z_0^2 = uv`, of
/// `cos^2 theta = 1 - uv` and of `1/N^2 = (1 - u) (1 - v)` are `u (u - v)`, `-u (u - v)` and `-(1 - u) (u - v)`.
#[inline(always)]
fn cubic<T: Real, W: Wide<T>>(w: W, aligned: &Aligned<W::V>, end: End<W::V>) -> ValueWithIncrement<W, T> {
    let root = |from: W::V, to: W::V, factor: W::V| {
        let by = w.mul(w.div(factor, w.add(from, to)), end.ahead);
        ValueWithIncrement { from, by }
    };
    let own = w.div(w.splat(T::ONE), end.total);
    let minus = |v: W::V| w.sub(w.splat(T::ZERO), v);
    let z = root(aligned.z, end.z, end.z);
    let cosine = root(aligned.cosine, end.cosine, minus(end.z));
    let reciprocal = root(aligned.reciprocal, own, minus(own));
    z.times(w, reciprocal).times(w, reciprocal).over(w, cosine)
}
