//! Runs of steps that go slab by slab ([`super::slab`]).

use overparam_tensor::linalg::Real;

use super::field::{Field, Geometry};
use super::run::{Cursor, run, sum};
use super::scratch::Scratch;
use super::step::{Slabs, Step};

/// Groups runs of steps that never mix rows of different distance, up to the first step after which there is one pixel only.
pub(crate) fn group<T: Real>(steps: Vec<Step<T>>) -> Vec<Step<T>> {
    let mut grouped: Vec<Step<T>> = Vec::new();
    let mut whole = true;
    for step in steps {
        match (step, grouped.last_mut()) {
            (Step::Global { factor }, Some(Step::Slabs(slabs))) if whole && slabs.global.is_none() => {
                slabs.global = Some(factor);
                whole = false;
            }
            (step, last) if whole && keeps_distance(&step) => match last {
                Some(Step::Slabs(slabs)) => slabs.steps.push(step),
                _ => grouped.push(Step::Slabs(Slabs { steps: vec![step], global: None })),
            },
            (step, _) => {
                whole &= !matches!(step, Step::Global { .. } | Step::Flatten { .. } | Step::Diagonal { .. });
                grouped.push(step);
            }
        }
    }
    grouped
}

fn keeps_distance<T: Real>(step: &Step<T>) -> bool {
    match step {
        Step::Pointwise(_) | Step::Series(_) => true,
        Step::Conv(conv) => conv.slabs.is_some(),
        Step::Branches { branches, .. } => branches.iter().flatten().all(keeps_distance),
        _ => false,
    }
}

/// Takes the pairs of two images of `size` through `slabs`. `fill` writes the moments of a slab before them.
pub(crate) fn through<T: Real>(
    slabs: &Slabs<T>,
    (height, width): (usize, usize),
    same: Option<isize>,
    fill: impl Fn(&mut Field<T>),
    cursor: &mut Cursor<'_, T>,
    scratch: &mut Scratch<T>,
) -> Field<T> {
    let whole = match slabs.global {
        Some(_) => Geometry::Diagonal { height: 1, width: 1 },
        None => Geometry::Pixels { height, width },
    };
    let mut result = Field::take(whole, same, scratch);
    let (mut k, mut ntk) = (0.0, 0.0);
    let start = cursor.at;
    for distance in 0..height {
        cursor.at = start;
        let mut slab = Field::take(Geometry::Slab { height, width, distance }, same, scratch);
        fill(&mut slab);
        run(&slabs.steps, &mut slab, cursor, scratch);
        if slabs.global.is_some() {
            k += sum(&slab.k);
            ntk += sum(&slab.ntk);
        } else {
            scatter(&slab, &mut result);
        }
        slab.give(scratch);
    }
    if let Some(factor) = slabs.global {
        (result.k[0], result.ntk[0]) = (T::of(factor * k), T::of(factor * ntk));
        result.measure_margins(cursor.next());
    }
    result
}

/// Reads a slab out of all pairs.
pub(crate) fn gather<T: Real>(whole: &Field<T>, slab: &mut Field<T>) {
    for (block, at, size) in blocks(slab.geometry) {
        slab.k[block..][..size].copy_from_slice(&whole.k[at..][..size]);
        slab.m[block..][..size].copy_from_slice(&whole.m[at..][..size]);
        slab.ntk[block..][..size].copy_from_slice(&whole.ntk[at..][..size]);
    }
}

/// Writes a slab among all pairs.
fn scatter<T: Real>(slab: &Field<T>, whole: &mut Field<T>) {
    for (block, at, size) in blocks(slab.geometry) {
        whole.k[at..][..size].copy_from_slice(&slab.k[block..][..size]);
        whole.m[at..][..size].copy_from_slice(&slab.m[block..][..size]);
        whole.ntk[at..][..size].copy_from_slice(&slab.ntk[block..][..size]);
    }
}

/// Where each pair of rows of a slab stands, there and among all pairs, and its size.
fn blocks(slab: Geometry) -> impl Iterator<Item = (usize, usize, usize)> {
    let (height, width, distance) = match slab {
        Geometry::Slab { height, width, distance } => (height, width, distance),
        _ => (0, 0, 0),
    };
    let size = width * width;
    (0..height).map(move |y| (y * size, (y * height + (y + distance) % height) * size, size))
}
