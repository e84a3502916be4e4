//! Kernels between images, pair by pair.

use std::cmp::Ordering;

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, mirror_lower};
use rayon::prelude::*;

use super::pixels::{self, Planes};
use super::plan::Plan;
use super::progress::Progress;
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

/// Rows of a column that are one piece of work: results are written in place, and of pieces there are far fewer than of pairs.
fn run_of(rows: usize, columns: usize) -> usize {
    (rows * columns / 4096).clamp(1, 64)
}

pub(super) fn compute<T: Real>(
    plan: &Plan<T>,
    x1: &Inputs<T>,
    x2: Option<&Inputs<T>>,
    wanted: Wanted,
    progress: &Progress,
) -> Result<Results<T>, NtkError> {
    let trace = |inputs: &Inputs<T>, which: &'static str| -> Result<Vec<Example<T>>, NtkError> {
        let each = (0..inputs.count()).into_par_iter();
        let example = |scratch: &mut Scratch<T>, i: usize| {
            progress.check()?;
            Ok(Example::new(plan, &inputs.row(i), scratch))
        };
        let examples = each.map_init(Scratch::new, example).collect::<Result<Vec<_>, NtkError>>()?;
        for (i, example) in examples.iter().enumerate() {
            example.path.check(which, i, true)?;
        }
        Ok(examples)
    };
    let (first, second) = (trace(x1, "first inputs")?, x2.map(|x2| trace(x2, "second inputs")).transpose()?);
    let (rows, columns) = (first.len(), second.as_ref().map_or(first.len(), Vec::len));
    let right = second.as_ref().unwrap_or(&first);
    let allocate = |wanted| if wanted { DMatrix::zeros(rows, columns) } else { DMatrix::zeros(0, 0) };
    let (mut nngp, mut ntk) = (allocate(wanted.nngp), allocate(wanted.ntk));
    let size = run_of(rows, columns);
    let runs = rows.div_ceil(size);
    // Of a symmetric kernel the lower half, which is what comes first to hand in a column of the result.
    let needed = |run: usize, j: usize| second.is_some() || (run + 1) * size > j;
    let work: Vec<_> = split(&mut nngp, rows, columns, size)
        .into_iter()
        .zip(split(&mut ntk, rows, columns, size))
        .enumerate()
        .map(|(at, results)| (at % runs, at / runs, results))
        .filter(|&(run, j, _)| needed(run, j))
        .collect();
    work.into_par_iter().try_for_each_init(Scratch::new, |scratch, (run, j, (k, theta))| {
        let from = run * size;
        let start = if second.is_none() { from.max(j) } else { from };
        for (i, example) in first.iter().enumerate().take(from + size).skip(start) {
            progress.check()?;
            let same = (second.is_none() && i == j).then_some(0);
            let moments = pair(plan, example, &right[j], same, scratch);
            if let Some(k) = k.get_mut(i - from) {
                *k = moments.0;
            }
            if let Some(theta) = theta.get_mut(i - from) {
                *theta = moments.1;
            }
            progress.advance(1);
        }
        Ok::<(), NtkError>(())
    })?;
    if second.is_none() {
        mirror_lower(&mut nngp);
        mirror_lower(&mut ntk);
    }
    Ok((nngp, ntk))
}

/// Columns in runs of `size` rows; as many empty slices if nobody wants them.
fn split<T: Real>(matrix: &mut DMatrix<T>, rows: usize, columns: usize, size: usize) -> Vec<&mut [T]> {
    if matrix.is_empty() {
        return (0..rows.div_ceil(size) * columns).map(|_| <&mut [T]>::default()).collect();
    }
    matrix.as_mut_slice().chunks_mut(rows).flat_map(|column| column.chunks_mut(size)).collect()
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
