//! Kernels between images, pair by pair.

use std::cmp::Ordering;

use nalgebra::DMatrix;
use overparam_tensor::linalg::Real;
use rayon::prelude::*;

use super::pixels::{self, Planes};
use super::plan::Plan;
use super::results::{Results, Wanted};
use super::run::{Cursor, VariancePath};
use crate::NtkError;
use crate::field::geometry::Geometry;
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::Step;
use crate::inputs::Inputs;

/// One image and its variances through the network.
struct Example<T> {
    planes: Planes<T>,
    path: VariancePath<T>,
}

impl<T: Real> Example<T> {
    fn new(plan: &Plan<T>, data: &[T], scratch: &mut Scratch<T>) -> Self {
        let (planes, input) = Planes::new(data, plan.input.channels);
        let mut example = Self { planes, path: VariancePath { states: vec![input.clone()] } };
        let (height, width) = (plan.input.height, plan.input.width);
        let own = plan.full.then(|| {
            // Its variances are those of the network's output, in which dropout's mask is the same twice.
            let mut own = Field::take(Geometry::Pixels { height, width }, Some(0), scratch);
            start(plan, &example, &example, &mut own);
            own
        });
        example.path = VariancePath::new(plan, input, own, scratch);
        example
    }
}

pub(super) fn compute<T: Real>(
    plan: &Plan<T>,
    x1: &Inputs<T>,
    x2: Option<&Inputs<T>>,
    wanted: Wanted,
) -> Result<Results<T>, NtkError> {
    let trace = |inputs: &Inputs<T>, which: &'static str| -> Result<Vec<Example<T>>, NtkError> {
        let each = (0..inputs.count()).into_par_iter();
        let examples: Vec<_> =
            each.map_init(Scratch::new, |scratch, i| Example::new(plan, &inputs.row(i), scratch)).collect();
        for (i, example) in examples.iter().enumerate() {
            example.path.check(which, i, true)?;
        }
        Ok(examples)
    };
    let (first, second) = (trace(x1, "first inputs")?, x2.map(|x2| trace(x2, "second inputs")).transpose()?);
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
    Ok((fill(wanted.nngp, |m| m.0), fill(wanted.ntk, |m| m.1)))
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
    let (a, b) = match a.planes.values().partial_cmp(b.planes.values()) {
        Some(Ordering::Greater) => (b, a),
        _ => (a, b),
    };
    let mut cursor = Cursor::new(&a.path, &b.path);
    let (height, width) = (plan.input.height, plan.input.width);
    let (mut field, rest) = match plan.steps.split_first() {
        Some((Step::Slabs(slabs), rest)) => {
            let fill = |slab: &mut Field<T>| start(plan, a, b, slab);
            (cursor.slabs(slabs, (height, width), same, fill, scratch), rest)
        }
        _ => {
            let geometry = if plan.full {
                Geometry::Pixels { height, width }
            } else {
                Geometry::Diagonal { height, width }
            };
            let mut field = Field::take(geometry, same, scratch);
            start(plan, a, b, &mut field);
            (field, &plan.steps[..])
        }
    };
    cursor.run(rest, &mut field, scratch);
    let result = (field.k[0], field.ntk[0]);
    field.give(scratch);
    result
}

/// Moments of the pixels themselves.
fn start<T: Real>(plan: &Plan<T>, a: &Example<T>, b: &Example<T>, field: &mut Field<T>) {
    field.ntk.fill(T::ZERO);
    field.fresh = true;
    let first = pixels::Start {
        width: plan.input.width,
        left: (&a.planes, &a.path.states[0]),
        right: (&b.planes, &b.path.states[0]),
        field,
    };
    pulp::Arch::new().dispatch(first);
}
