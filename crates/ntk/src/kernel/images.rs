//! Kernels between images, pair by pair.

use std::cmp::Ordering;

use nalgebra::DMatrix;
use num_traits::Float;
use overparam_tensor::linalg::Real;
use rayon::prelude::*;

use super::field::{Field, Geometry, Scratch, State};
use super::run::{Cursor, Trace, run};
use super::step::Plan;
use super::vectors::dot;
use super::{Results, Wanted};
use crate::inputs::Inputs;

/// One image and its variances through the network.
struct Example<T> {
    /// Channel after channel.
    planes: Vec<T>,
    /// Each pixel's channels divided by their norm, pixel after pixel; zero pixels stay zero.
    directions: Vec<f64>,
    trace: Trace<T>,
}

impl<T: Real> Example<T> {
    fn new(plan: &Plan<T>, data: &[T], scratch: &mut Scratch<T>) -> Self {
        let (pixels, channels) = (plan.input.pixels(), plan.input.channels);
        let planes = (0..channels).flat_map(|c| data.iter().skip(c).step_by(channels).copied()).collect();
        let (mut directions, mut q) = (Vec::with_capacity(data.len()), Vec::with_capacity(pixels));
        for pixel in data.chunks(channels) {
            let square = dot(pixel, pixel);
            let inverse = if square > 0.0 { square.sqrt().recip() } else { 0.0 };
            directions.extend(pixel.iter().map(|x| x.f64() * inverse));
            q.push(T::of(square / channels as f64));
        }
        let input = State::new(q);
        let trace = Trace { states: vec![input.clone()] };
        let mut example = Self { planes, directions, trace };
        let own = plan.full.then(|| start(plan, &example, &example, None, scratch));
        example.trace = Trace::new(plan, input, own, scratch);
        example
    }
}

pub(super) fn compute<T: Real>(
    plan: &Plan<T>,
    x1: &Inputs<T>,
    x2: Option<&Inputs<T>>,
    wanted: Wanted,
) -> Results<T> {
    let trace = |inputs: &Inputs<T>| -> Vec<Example<T>> {
        let each = (0..inputs.count()).into_par_iter();
        each.map_init(Scratch::new, |scratch, i| Example::new(plan, &inputs.row(i), scratch)).collect()
    };
    let (first, second) = (trace(x1), x2.map(trace));
    let (rows, columns) = (first.len(), second.as_ref().map_or(first.len(), Vec::len));
    let pairs: Vec<(usize, usize)> = match second {
        None => (0..columns).flat_map(|j| (j..rows).map(move |i| (i, j))).collect(),
        Some(_) => (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j))).collect(),
    };
    let right = second.as_ref().unwrap_or(&first);
    let moments: Vec<(T, T)> = pairs
        .par_iter()
        .map_init(Scratch::new, |scratch, &(i, j)| {
            let same = (second.is_none() && i == j).then_some(0);
            pair(plan, &first[i], &right[j], same, scratch)
        })
        .collect();
    let fill = |wanted: bool, pick: fn(&(T, T)) -> T| {
        if !wanted {
            return DMatrix::zeros(0, 0);
        }
        let mut matrix = DMatrix::zeros(rows, columns);
        for (&(i, j), moments) in pairs.iter().zip(&moments) {
            matrix[(i, j)] = pick(moments);
            if second.is_none() {
                matrix[(j, i)] = pick(moments);
            }
        }
        matrix
    };
    (fill(wanted.nngp, |m| m.0), fill(wanted.ntk, |m| m.1))
}

/// `(k, ntk)` of two images. The one that is smaller in dictionary order goes left, so that sums over pixels are taken in
/// the same order whichever way round the pair is asked for.
fn pair<T: Real>(
    plan: &Plan<T>,
    a: &Example<T>,
    b: &Example<T>,
    same: Option<isize>,
    scratch: &mut Scratch<T>,
) -> (T, T) {
    let (a, b) = match a.planes.partial_cmp(&b.planes) {
        Some(Ordering::Greater) => (b, a),
        _ => (a, b),
    };
    let mut field = start(plan, a, b, same, scratch);
    run(plan, &mut field, &mut Cursor::new(&a.trace, &b.trace), scratch);
    let result = (field.k[0], field.ntk[0]);
    field.give(scratch);
    result
}

/// Moments of the pixels themselves.
fn start<T: Real>(
    plan: &Plan<T>,
    a: &Example<T>,
    b: &Example<T>,
    same: Option<isize>,
    scratch: &mut Scratch<T>,
) -> Field<T> {
    let (height, width, channels) = (plan.input.height, plan.input.width, plan.input.channels);
    let pixels = height * width;
    let geometry =
        if plan.full { Geometry::Pixels { height, width } } else { Geometry::Diagonal { height, width } };
    let mut field = Field::take(geometry, same, scratch);
    field.ntk.fill(T::of(0.0));
    let inverse = T::of(1.0 / channels as f64);
    let (x, y) = (&a.trace.states[0], &b.trace.states[0]);
    let close = T::of(if size_of::<T>() == size_of::<f32>() { 1e-2 } else { 1e-3 });
    let (k, m) = (&mut field.k, &mut field.m);
    geometry.for_each(|i, p, r| {
        let mut product = T::of(0.0);
        for c in 0..channels {
            product += a.planes[c * pixels + p] * b.planes[c * pixels + r];
        }
        product *= inverse;
        let scale = if x.q[p] == y.q[r] { x.q[p] } else { x.s[p] * y.s[r] };
        let margin = scale - Float::abs(product);
        (k[i], m[i]) = (product, margin);
        if margin < close * scale {
            let sign = Float::signum(product);
            let (u, v) =
                (&a.directions[p * channels..][..channels], &b.directions[r * channels..][..channels]);
            let square: f64 = u.iter().zip(v).map(|(u, v)| (u - sign.f64() * v).powi(2)).sum();
            m[i] = scale * T::of((square / 2.0).min(1.0));
            k[i] = sign * (scale - m[i]);
        }
    });
    field
}
