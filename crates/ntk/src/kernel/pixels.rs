//! Moments of the pixels of two images before the first layer.
//!
//! The covariance is `k = x_p . y_r / channels`. Where the two pixels are nearly parallel the margin `g - |k|` is formed
//! without cancellation, `g |u - sign(k) v|^2 / 2` with the unit vectors `u`, `v` of the pixels.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use pulp::Simd;

use super::dot::dot;
use crate::field::geometry::Geometry;
use crate::field::moments::Field;
use crate::field::variances::Variances;

/// An image plane by plane.
#[derive(Debug)]
pub(super) struct Planes<T> {
    pixels: usize,
    /// The channels, then the channels of each pixel divided by its norm (zero pixels stay zero).
    data: Vec<T>,
}

impl<T: Real> Planes<T> {
    /// The planes of an image whose channels stand together, and its pixels' variances.
    pub(super) fn new(image: &[T], channels: usize) -> (Self, Variances<T>) {
        let squares: Vec<f64> = image.chunks(channels).map(|pixel| dot(pixel, pixel)).collect();
        let plane = |c: usize| image.iter().skip(c).step_by(channels).copied();
        let unit = |(x, &square): (T, &f64)| {
            if square > 0.0 { T::of(x.f64() / square.sqrt()) } else { T::ZERO }
        };
        let mut data: Vec<T> = (0..channels).flat_map(plane).collect();
        data.extend((0..channels).flat_map(|c| plane(c).zip(&squares).map(unit)));
        let variance = |(pixel, square): (&[T], &f64)| {
            let q = T::of(square / channels as f64);
            Variances::or_least(q, pixel.iter().all(|&x| x == T::ZERO))
        };
        let q = image.chunks(channels).zip(&squares).map(variance).collect();
        (Self { pixels: squares.len(), data }, Variances::new(q))
    }

    /// The channels themselves.
    pub(super) fn values(&self) -> &[T] {
        &self.data[..self.data.len() / 2]
    }
}

/// Fills the first moments of `field`.
pub(super) struct Start<'a, T> {
    pub(super) width: usize,
    pub(super) left: (&'a Planes<T>, &'a Variances<T>),
    pub(super) right: (&'a Planes<T>, &'a Variances<T>),
    pub(super) field: &'a mut Field<T>,
}

impl<T: Real> pulp::WithSimd for Start<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The loop over channels unrolls where their number is a constant.
        match self.left.0.data.len() / self.left.0.pixels / 2 {
            1 => self.fill::<_, 1>(T::wide(simd)),
            3 => self.fill::<_, 3>(T::wide(simd)),
            _ => self.fill::<_, 0>(T::wide(simd)),
        }
    }
}

impl<T: Real> Start<'_, T> {
    /// `C` is the number of channels, or zero for any.
    #[inline(always)]
    fn fill<W: Wide<T>, const C: usize>(self, w: W) {
        let Self { width, left, right, field } = self;
        let Field { geometry, k, m, .. } = field;
        let pixels = left.0.pixels;
        if let Geometry::Diagonal { .. } = geometry {
            line::<_, _, C>(w, k, m, &Row::cut(w, left, 0, pixels), &Row::cut(w, right, 0, pixels));
            return;
        }
        let lanes = size_of::<W::V>() / size_of::<T>();
        if C > 0 && width.is_multiple_of(lanes) {
            blocks::<_, _, C>(w, *geometry, [k, m], left, right);
            return;
        }
        // Rows of the right image, cut into vectors once.
        let rows: Vec<_> = (0..pixels).step_by(width).map(|at| Row::cut(w, right, at, width)).collect();
        for (i, (k, m)) in k.chunks_exact_mut(width).zip(m.chunks_exact_mut(width)).enumerate() {
            let (p, r) = geometry.start(i);
            line::<_, _, C>(w, k, m, &One { planes: left.0, state: left.1, p }, &rows[r / width]);
        }
    }
}

/// Which pixels of a line.
#[derive(Clone, Copy)]
enum At {
    /// This whole vector of them.
    Vector(usize),
    /// Those after the last whole vector.
    Rest,
}

/// One side of a line of pairs.
trait Pixels<T, W: Wide<T>> {
    /// Channel `c`; beyond the channels, the unit vector's components.
    fn component(&self, w: W, c: usize, at: At) -> W::V;
    /// Variance and standard deviation.
    fn variance(&self, w: W, at: At) -> (W::V, W::V);
}

/// The same pixel all along the line.
struct One<'a, T> {
    planes: &'a Planes<T>,
    state: &'a Variances<T>,
    p: usize,
}

impl<T: Real, W: Wide<T>> Pixels<T, W> for One<'_, T> {
    #[inline(always)]
    fn component(&self, w: W, c: usize, _: At) -> W::V {
        w.splat(self.planes.data[c * self.planes.pixels + self.p])
    }

    #[inline(always)]
    fn variance(&self, w: W, _: At) -> (W::V, W::V) {
        (w.splat(self.state.q[self.p]), w.splat(self.state.s[self.p]))
    }
}

/// Pixels in registers: channels, components of the unit vector, variance and standard deviation.
#[derive(Clone, Copy)]
struct Held<V, const C: usize> {
    channels: [V; C],
    unit: [V; C],
    variance: (V, V),
}

impl<T, W: Wide<T>, const C: usize> Pixels<T, W> for Held<W::V, C> {
    #[inline(always)]
    fn component(&self, _: W, c: usize, _: At) -> W::V {
        if c < C { self.channels[c] } else { self.unit[c - C] }
    }

    #[inline(always)]
    fn variance(&self, _: W, _: At) -> (W::V, W::V) {
        self.variance
    }
}

/// Some pixels of an image, plane by plane.
#[derive(Clone, Copy)]
struct Part<'a, T, const C: usize> {
    channels: [&'a [T]; C],
    unit: [&'a [T]; C],
    variance: (&'a [T], &'a [T]),
}

impl<'a, T: Real, const C: usize> Part<'a, T, C> {
    #[inline(always)]
    fn cut(image: (&'a Planes<T>, &'a Variances<T>), from: usize, n: usize) -> Self {
        let (planes, state) = image;
        let (mut channels, mut unit) = ([&planes.data[..0]; C], [&planes.data[..0]; C]);
        for c in 0..C {
            channels[c] = &planes.data[c * planes.pixels + from..][..n];
            unit[c] = &planes.data[(C + c) * planes.pixels + from..][..n];
        }
        Self { channels, unit, variance: (&state.q[from..][..n], &state.s[from..][..n]) }
    }
}

/// Where lines are whole vectors: columns of vectors that share their right pixels, which stay in registers.
#[inline(always)]
fn blocks<T: Real, W: Wide<T>, const C: usize>(
    w: W,
    geometry: Geometry,
    [k, m]: [&mut [T]; 2],
    left: (&Planes<T>, &Variances<T>),
    right: (&Planes<T>, &Variances<T>),
) {
    let (lines, width) = (geometry.block(), geometry.line());
    let lanes = size_of::<W::V>() / size_of::<T>();
    let (each, size) = (width / lanes, lines * width);
    for (block, (k, m)) in k.chunks_exact_mut(size).zip(m.chunks_exact_mut(size)).enumerate() {
        let (p, r) = geometry.start(block * lines);
        let left = Part::<T, C>::cut(left, p, lines);
        let (k, m) = (w.split_mut(k).0, w.split_mut(m).0);
        let (k, m) = (&mut k[..lines * each], &mut m[..lines * each]);
        for i in 0..each {
            let right = Part::<T, C>::cut(right, r + i * lanes, lanes);
            let zero = w.splat(T::ZERO);
            let mut y = Held { channels: [zero; C], unit: [zero; C], variance: (zero, zero) };
            for c in 0..C {
                (y.channels[c], y.unit[c]) = (w.load(right.channels[c]), w.load(right.unit[c]));
            }
            y.variance = (w.load(right.variance.0), w.load(right.variance.1));
            for line in 0..lines {
                let mut x = y;
                for c in 0..C {
                    (x.channels[c], x.unit[c]) =
                        (w.splat(left.channels[c][line]), w.splat(left.unit[c][line]));
                }
                x.variance = (w.splat(left.variance.0[line]), w.splat(left.variance.1[line]));
                // Indices: iterators that step do not compile to a plain loop.
                let at = line * each + i;
                (k[at], m[at]) = moments::<_, _, C>(w, &x, &y, C, At::Rest);
            }
        }
    }
}

/// Whole vectors, and the rest.
type Cut<'a, V, T> = (&'a [V], &'a [T]);

/// Consecutive pixels.
struct Row<'a, V, T> {
    planes: Vec<Cut<'a, V, T>>,
    q: Cut<'a, V, T>,
    s: Cut<'a, V, T>,
}

impl<'a, V, T: Real> Row<'a, V, T> {
    #[inline(always)]
    fn cut<W: Wide<T, V = V>>(w: W, image: (&'a Planes<T>, &'a Variances<T>), from: usize, n: usize) -> Self {
        let (planes, state) = image;
        let split = |values: &'a [T]| w.split(&values[from..][..n]);
        let planes = planes.data.chunks_exact(planes.pixels).map(split).collect();
        Self { planes, q: split(&state.q), s: split(&state.s) }
    }
}

impl<T: Real, W: Wide<T>> Pixels<T, W> for Row<'_, W::V, T> {
    #[inline(always)]
    fn component(&self, w: W, c: usize, at: At) -> W::V {
        pick(w, self.planes[c], at)
    }

    #[inline(always)]
    fn variance(&self, w: W, at: At) -> (W::V, W::V) {
        (pick(w, self.q, at), pick(w, self.s, at))
    }
}

#[inline(always)]
fn pick<T, W: Wide<T>>(w: W, cut: Cut<'_, W::V, T>, at: At) -> W::V {
    match at {
        At::Vector(i) => cut.0[i],
        At::Rest => w.load(cut.1),
    }
}

#[inline(always)]
fn line<T: Real, W: Wide<T>, const C: usize>(
    w: W,
    k: &mut [T],
    m: &mut [T],
    left: &impl Pixels<T, W>,
    right: &Row<'_, W::V, T>,
) {
    let channels = if C == 0 { right.planes.len() / 2 } else { C };
    let ((kv, k), (mv, m)) = (w.split_mut(k), w.split_mut(m));
    for (i, (k, m)) in kv.iter_mut().zip(mv).enumerate() {
        (*k, *m) = moments::<_, _, C>(w, left, right, channels, At::Vector(i));
    }
    if !k.is_empty() {
        let (last_k, last_m) = moments::<_, _, C>(w, left, right, channels, At::Rest);
        w.store(k, last_k);
        w.store(m, last_m);
    }
}

/// `(k, m)` of a vector of pairs.
#[inline(always)]
fn moments<T: Real, W: Wide<T>, const C: usize>(
    w: W,
    left: &impl Pixels<T, W>,
    right: &impl Pixels<T, W>,
    channels: usize,
    at: At,
) -> (W::V, W::V) {
    let channels = if C == 0 { channels } else { C };
    let (zero, one) = (w.splat(T::ZERO), w.splat(T::ONE));
    let mut product = zero;
    for c in 0..channels {
        product = w.mul_add(left.component(w, c, at), right.component(w, c, at), product);
    }
    let product = w.mul(product, w.splat(T::of(1.0 / channels as f64)));
    let sign = w.select(w.less(product, zero), w.splat(-T::ONE), one);
    let mut square = zero;
    for c in channels..2 * channels {
        let opposite = w.mul(sign, right.component(w, c, at));
        let difference = w.sub(left.component(w, c, at), opposite);
        square = w.mul_add(difference, difference, square);
    }
    let ((q, s), (p, t)) = (left.variance(w, at), right.variance(w, at));
    let scale = w.select(w.equal(q, p), q, w.mul(s, t));
    let plain = w.sub(scale, w.abs(product));
    let versine = w.mul(w.splat(T::of(0.5)), square);
    let careful = w.mul(scale, w.select(w.less(versine, one), versine, one));
    // Below this ratio the difference has lost digits that the angle, its square root, would miss.
    let close = w.splat(T::of(T::choose(1e-2, 1e-3)));
    let near = w.less(plain, w.mul(close, scale));
    let k = w.select(near, w.mul(sign, w.sub(scale, careful)), product);
    (k, w.select(near, careful, plain))
}
