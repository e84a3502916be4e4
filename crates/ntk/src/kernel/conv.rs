//! Convolution: with filter area `F` and taps `d`,
//!
//! ```text
//! k'(p, r)   = w^2/F sum_d k(p + d, r + d) + b^2,
//! ntk'(p, r) = k'(p, r) + w^2/F sum_d ntk(p + d, r + d)        (NTK parameterisation)
//! ```
//!
//! (Novak et al. 2019; Garriga-Alonso et al. 2019; Arora et al. 2019): both pixels move together, so equal-pixel covariances
//! depend on equal-pixel covariances only, and without pooling nothing else is computed.
//!
//! # The margin
//!
//! `g' - k'` is a difference of nearly equal numbers where two patches nearly agree. There it is formed term by term:
//!
//! ```text
//! g' - k' = w^2/F sum_d (g_d - k_d) + [g' - w^2/F sum_d g_d - b^2],
//! ```
//!
//! where by Lagrange's identity the bracket is `sum_(i<j) (s_i t_j - s_j t_i)^2 / (g' + sum g)` over the terms of `g'^2`.

use num_traits::Float;
use overparam_tensor::linalg::Real;

use super::field::{Field, Geometry, Scratch, State, direct_margin};
use super::pointwise::{Affine, repeated, tiled};
use super::window::Window;

/// Variances after the layer.
pub(crate) fn advance<T: Real>(
    window: &Window,
    affine: &Affine<T>,
    before: &State<T>,
    scratch: &mut Scratch<T>,
) -> State<T> {
    let mut q = window.image_sums(&before.q, scratch);
    q.iter_mut().for_each(|q| *q = affine.covariance(*q));
    State::new(q)
}

pub(crate) fn apply<T: Real>(
    window: &Window,
    affine: &Affine<T>,
    field: &mut Field<T>,
    before: (&State<T>, &State<T>),
    after: (&State<T>, &State<T>),
    scratch: &mut Scratch<T>,
) {
    let geometry = window.geometry(field.geometry);
    let sums = |v: &[T], scratch: &mut Scratch<T>| match geometry {
        Geometry::Diagonal { .. } => window.image_sums(v, scratch),
        Geometry::Tile { .. } | Geometry::Pixels { .. } => window.pair_sums(v, scratch),
    };
    let (k, ntk) = (sums(&field.k, scratch), sums(&field.ntk, scratch));
    let mut next = Field { geometry, m: scratch.take(k.len()), k, ntk, same: field.same };
    pulp::Arch::new().dispatch(Finish { affine, next: &mut next, after });
    // Below this ratio the difference has lost too many digits for the angle, which is its square root.
    let close = T::of(if size_of::<T>() == size_of::<f32>() { 1e-3 } else { 1e-5 });
    let refine = Refine { window, affine, field, before, after };
    let (k, m) = (&next.k, &mut next.m);
    match geometry {
        Geometry::Diagonal { .. } | Geometry::Tile { .. } => {
            for i in 0..m.len() {
                if m[i] < close * k[i] {
                    m[i] = refine.margin(i, i);
                }
            }
        }
        Geometry::Pixels { width, height } => {
            for (line, (m, k)) in m.chunks_mut(width).zip(k.chunks(width)).enumerate() {
                let any = m.iter().zip(k).fold(false, |any, (&m, &k)| any | (m < close * k));
                if !any {
                    continue;
                }
                let (y, v, x) = (line / width / height, line / width % height, line % width);
                for u in 0..width {
                    if m[u] < close * k[u] {
                        m[u] = refine.margin(y * width + x, v * width + u);
                    }
                }
            }
        }
    }
    field.replace(next, scratch);
}

/// From sums to moments, and the margin as a plain difference.
struct Finish<'a, T> {
    affine: &'a Affine<T>,
    next: &'a mut Field<T>,
    after: (&'a State<T>, &'a State<T>),
}

impl<T: Real> pulp::WithSimd for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Self { affine, next, after } = self;
        match next.geometry {
            Geometry::Pixels { height, width } => {
                let (x, y) = (repeated(after.0, width), tiled(after.1, width));
                let block = width * width;
                for row in 0..height {
                    for other in 0..height {
                        let at = (row * height + other) * block;
                        finish_run(affine, next, (at, block), (&x, row * block), (&y, other * block));
                    }
                }
            }
            Geometry::Diagonal { .. } | Geometry::Tile { .. } => {
                let n = next.k.len();
                finish_run(affine, next, (0, n), (after.0, 0), (after.1, 0));
            }
        }
    }
}

/// `n` entries from `at`; the sides start at the given positions.
#[inline(always)]
fn finish_run<T: Real>(
    affine: &Affine<T>,
    next: &mut Field<T>,
    (at, n): (usize, usize),
    (x, x0): (&State<T>, usize),
    (y, y0): (&State<T>, usize),
) {
    let (xq, xs) = (&x.q[x0..][..n], &x.s[x0..][..n]);
    let (yq, ys) = (&y.q[y0..][..n], &y.s[y0..][..n]);
    let (k, m, ntk) = (&mut next.k[at..][..n], &mut next.m[at..][..n], &mut next.ntk[at..][..n]);
    for i in 0..n {
        ntk[i] = affine.tangent(k[i], ntk[i]);
        k[i] = affine.covariance(k[i]);
        m[i] = direct_margin(xq[i], yq[i], xs[i], ys[i], k[i]);
    }
}

struct Refine<'a, T> {
    window: &'a Window,
    affine: &'a Affine<T>,
    field: &'a Field<T>,
    before: (&'a State<T>, &'a State<T>),
    after: (&'a State<T>, &'a State<T>),
}

impl<T: Real> Refine<'_, T> {
    /// The margin of output pixels `p` left and `r` right, term by term.
    fn margin(&self, p: usize, r: usize) -> T {
        let zero = T::of(0.0);
        let Affine { w2, b2, .. } = *self.affine;
        let (x, y) = self.before;
        let (mut scale, mut defect, mut bracket) = (zero, zero, zero);
        let terms: Vec<(T, T)> = self
            .window
            .sources(p)
            .zip(self.window.sources(r))
            .map(|(p, r)| {
                let (s, t) = (p.map_or(zero, |p| x.s[p]), r.map_or(zero, |r| y.s[r]));
                if let Some((p, r)) = p.zip(r) {
                    let i = self.entry(p, r);
                    let m = self.field.m[i];
                    scale += s * t;
                    defect += if self.field.k[i] >= zero { m } else { s * t + s * t - m };
                }
                (s, t)
            })
            .collect();
        for (i, &(s, t)) in terms.iter().enumerate() {
            for &(other_s, other_t) in &terms[..i] {
                let area = s * other_t - other_s * t;
                bracket += w2 * w2 * area * area;
            }
            bracket += w2 * b2 * (s - t) * (s - t);
        }
        let after = self.after.0.s[p] * self.after.1.s[r];
        let denominator = after + Float::mul_add(w2, scale, b2);
        if denominator > zero { w2 * defect + bracket / denominator } else { zero }
    }

    fn entry(&self, p: usize, r: usize) -> usize {
        match self.field.geometry {
            Geometry::Pixels { height, width } => Geometry::pixel_pair(height, width, p, r),
            Geometry::Diagonal { .. } | Geometry::Tile { .. } => p,
        }
    }
}
