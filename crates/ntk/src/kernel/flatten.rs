//! Flattening an image: the mean over equal pixels, `k' = mean_p k_pp` and `ntk' = mean_p ntk_pp`.
//!
//! The margin is `mean_p (g_p - k_p)`, or `mean_p (g_p + k_p)` where `k'` is negative, and what the lengths of the pixels lack of
//! being proportional,
//!
#![doc = overparam_formula::formula!("g' - mean g_p = (mean s_p^2) mean (t_p - r s_p)^2 / (g' + mean g_p),    r = mean s_p t_p / mean s_p^2.")]

use overparam_tensor::linalg::Real;

use super::field::{Field, Geometry, State, apart};
use super::scratch::Scratch;

/// Replaces `field` by the one pair that is left; `before` and `after` are the variances of both sides.
pub(crate) fn flatten<T: Real>(
    field: &mut Field<T>,
    before: (&State<T>, &State<T>),
    after: (&State<T>, &State<T>),
    scratch: &mut Scratch<T>,
) {
    let (x, y) = (&before.0.s, &before.1.s);
    let pixels = x.len();
    let at = |p: usize| match field.geometry {
        Geometry::Pixels { height, width } => Geometry::pixel_pair(height, width, p, p),
        Geometry::Diagonal { .. } | Geometry::Slab { .. } | Geometry::Tile { .. } => p,
    };
    let mean = |value: &dyn Fn(usize) -> f64| (0..pixels).map(value).sum::<f64>() / pixels as f64;
    let k = mean(&|p| field.k[at(p)].f64());
    let [square, product] = [x, y].map(|other| mean(&|p| x[p].f64() * other[p].f64()));
    let ratio = if square > 0.0 { product / square } else { 0.0 };
    let rest = square * mean(&|p| (y[p].f64() - ratio * x[p].f64()).powi(2));
    let of_pixels = mean(&|p| {
        let [k_p, m, s, t] = [field.k[at(p)], field.m[at(p)], x[p], y[p]].map(Real::f64);
        apart(k_p, m, s * t, k < 0.0)
    });
    let scale = after.0.s[0].f64() * after.1.s[0].f64() + product;
    let bracket = if scale > 0.0 { rest / scale } else { 0.0 };
    let ntk = mean(&|p| field.ntk[at(p)].f64());
    let mut next = Field::take(Geometry::Diagonal { height: 1, width: 1 }, field.same, scratch);
    (next.k[0], next.m[0], next.ntk[0]) = (T::of(k), T::of(of_pixels + bracket), T::of(ntk));
    field.replace(next, scratch);
}
