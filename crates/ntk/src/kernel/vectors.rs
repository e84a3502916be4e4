//! Kernels between vectors, tile by tile.

use std::cmp::Ordering;

use nalgebra::DMatrix;
use num_traits::Float;
use overparam_tensor::linalg::{Real, mirror_lower};
use rayon::prelude::*;

use super::columns::{Columns, Made, TILE};
use super::dot::dot;
use super::plan::Plan;
use super::progress::Progress;
use super::results::{Results, Wanted};
use super::run::{Cursor, VariancePath};
use crate::NtkError;
use crate::dual::expansion::Half;
use crate::field::geometry::Geometry;
use crate::field::lines;
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::variances::Variances;
use crate::inputs::Inputs;

/// Rows of a tile that go through all layers together: with three numbers an entry, 36 KiB in f64.
const STRIP: usize = 8;

/// One batch: its vectors, and their variances through the network.
struct Batch<'a, T: Real> {
    columns: Columns<'a, T>,
    count: usize,
    by_block: Vec<VariancePath<T>>,
    by_strip: Vec<VariancePath<T>>,
}

impl<'a, T: Real> Batch<'a, T> {
    fn new(plan: &Plan<T>, inputs: &'a Inputs<T>, which: &'static str) -> Result<Self, NtkError> {
        let (n, d) = (inputs.count(), plan.input.channels);
        let columns = Columns::of(inputs);
        let q = columns.map(|x| {
            let q = T::of(dot(x, x) / d as f64);
            if q == T::ZERO { Variances::or_least(q, x.iter().all(|&x| x == T::ZERO)) } else { q }
        });
        let path = VariancePath::new(plan, Variances::new(q), None, &mut Scratch::new());
        (0..n).try_for_each(|i| path.check(which, i, false))?;
        let cut = |size: usize, side: Half| {
            (0..n).step_by(size).map(|i| path.slice(i, (i + size).min(n), side)).collect()
        };
        let (by_block, by_strip) = (cut(TILE, Half::Right), cut(STRIP, Half::Left));
        Ok(Self { columns, count: n, by_block, by_strip })
    }
}

pub(super) fn compute<T: Real>(
    plan: &Plan<T>,
    x1: &Inputs<T>,
    x2: Option<&Inputs<T>>,
    wanted: Wanted,
    progress: &Progress,
) -> Result<Results<T>, NtkError> {
    let first = Batch::new(plan, x1, "first inputs")?;
    let second = x2.map(|x2| Batch::new(plan, x2, "second inputs")).transpose()?;
    let (rows, columns) = (first.count, second.as_ref().map_or(first.count, |b| b.count));
    // Memory that the system hands out as zeros is touched first, page by page, by the threads that write to it.
    let zeros = |rows: usize, columns: usize| DMatrix::from_vec(rows, columns, vec![T::ZERO; rows * columns]);
    let allocate = |wanted| if wanted { zeros(rows, columns) } else { zeros(0, 0) };
    let (mut nngp, mut ntk) = (allocate(wanted.nngp), allocate(wanted.ntk));
    let panels = columns.div_ceil(TILE);
    let work: Vec<_> =
        split(&mut nngp, rows, panels).into_iter().zip(split(&mut ntk, rows, panels)).enumerate().collect();
    let job = Job { plan, first: &first, second: second.as_ref(), progress };
    work.into_par_iter().try_for_each_init(
        || (Scratch::new(), Products { tile: DMatrix::zeros(TILE, TILE), made: Default::default() }),
        |(scratch, products), (panel, (k, ntk))| job.panel(panel, k, ntk, scratch, products),
    )?;
    if second.is_none() {
        mirror_lower(&mut nngp);
        mirror_lower(&mut ntk);
    }
    Ok((nngp, ntk))
}

/// Columns in groups of [`TILE`]; as many empty slices if nobody wants them.
fn split<T: Real>(matrix: &mut DMatrix<T>, rows: usize, panels: usize) -> Vec<&mut [T]> {
    if matrix.is_empty() {
        return (0..panels).map(|_| <&mut [T]>::default()).collect();
    }
    matrix.as_mut_slice().chunks_mut(rows * TILE).collect()
}

/// What one thread needs for products of inputs.
struct Products<T: Real> {
    tile: DMatrix<T>,
    made: [Made<T>; 2],
}

struct Job<'a, T: Real> {
    plan: &'a Plan<T>,
    first: &'a Batch<'a, T>,
    /// `None`: the first with itself.
    second: Option<&'a Batch<'a, T>>,
    progress: &'a Progress,
}

impl<T: Real> Job<'_, T> {
    /// All tiles of one group of columns; on or below the diagonal if symmetric.
    fn panel(
        &self,
        panel: usize,
        nngp: &mut [T],
        ntk: &mut [T],
        scratch: &mut Scratch<T>,
        Products { tile, made }: &mut Products<T>,
    ) -> Result<(), NtkError> {
        let columns = self.second.unwrap_or(self.first);
        let start = if self.second.is_none() { panel } else { 0 };
        let scale = T::of(1.0 / self.plan.input.channels as f64);
        for block in start..self.first.columns.blocks() {
            self.progress.check()?;
            self.first.columns.product(block, (&columns.columns, panel), scale, made, tile);
            let i0 = block * TILE;
            let width = (self.first.count - i0).min(TILE);
            let height = (columns.count - panel * TILE).min(TILE);
            for strip in 0..height.div_ceil(STRIP) {
                let j0 = panel * TILE + strip * STRIP;
                let rows = (columns.count - j0).min(STRIP).min(height - strip * STRIP);
                let same = self.second.is_none().then_some(j0 as isize - i0 as isize);
                let geometry = Geometry::Tile { rows, columns: width };
                let mut field = Field::take(geometry, same, scratch);
                self.start(&mut field, tile, strip * STRIP, (j0, i0), columns);
                let mut cursor = Cursor::new(&columns.by_strip[j0 / STRIP], &self.first.by_block[block]);
                cursor.run(&self.plan.steps, &mut field, scratch);
                for r in 0..rows {
                    let from = r * width;
                    let to = (strip * STRIP + r) * self.first.count + i0;
                    if !nngp.is_empty() {
                        nngp[to..to + width].copy_from_slice(&field.k[from..from + width]);
                    }
                    if !ntk.is_empty() {
                        ntk[to..to + width].copy_from_slice(&field.ntk[from..from + width]);
                    }
                }
                field.give(scratch);
            }
            let diagonal = self.second.is_none() && block == panel;
            self.progress.advance(if diagonal { height * (height + 1) / 2 } else { height * width });
        }
        Ok(())
    }

    /// Moments of the inputs themselves: `k = x.y/d`, no NTK yet.
    fn start(
        &self,
        field: &mut Field<T>,
        tile: &DMatrix<T>,
        row0: usize,
        (j0, i0): (usize, usize),
        columns: &Batch<T>,
    ) {
        let width = field.geometry.line();
        let (left, right) = (&columns.by_strip[j0 / STRIP], &self.first.by_block[i0 / TILE]);
        field.ntk.fill(T::ZERO);
        for (r, k) in field.k.chunks_exact_mut(width).enumerate() {
            k.copy_from_slice(&tile.as_slice()[(row0 + r) * TILE..][..width]);
        }
        let states = (&left.states[0], &right.states[0]);
        lines::measure_margins(field, states);
        let close = T::of(T::choose(1e-2, 1e-3));
        if !lines::any_close(field, close) {
            return;
        }
        let geometry = field.geometry;
        let (k, m): (&mut [T], &mut [T]) = (&mut field.k, &mut field.m);
        geometry.for_each(|i, r, c| {
            let (k, m) = (&mut k[i], &mut m[i]);
            if *m < close * Float::abs(*k) {
                let (sign, scale) = (Float::signum(*k), *m + Float::abs(*k));
                *m = scale * T::of(self.versine(columns, j0 + r, i0 + c));
                *k = sign * (scale - *m);
            }
        });
    }

    /// That of a vector of the columns' batch and one of the first. Few pairs need it.
    #[cold]
    #[inline(never)]
    fn versine(&self, columns: &Batch<'_, T>, j: usize, i: usize) -> f64 {
        versine(&columns.columns.column(j), &self.first.columns.column(i))
    }
}

/// `1 - |c|` for nearly parallel or opposite `x` and `y`, to full relative accuracy: large variances before a saturating function multiply
/// the angle, however small it is. What `y` has beside `x` is found twice, the second time of what the first rounding left;
/// multiply-adds that round once lose nothing to the subtraction.
///
/// The result does not depend on which input is which: the shorter one is taken out of the longer one.
fn versine<T: Real>(x: &[T], y: &[T]) -> f64 {
    let [a, b] = [x, y].map(|v| dot(v, v));
    let (x, y, square, other) =
        if a < b || a == b && x.partial_cmp(y) == Some(Ordering::Less) { (x, y, a, b) } else { (y, x, b, a) };
    let share = dot(x, y) / square;
    let beside = |x: T, y: T| (-share).mul_add(x.f64(), y.f64());
    let left = sum(x, y, |x, y| beside(x, y) * x.f64()) / square;
    let rest = sum(x, y, |x, y| (-left).mul_add(x.f64(), beside(x, y)).powi(2));
    let sine2 = (rest / other).min(1.0);
    sine2 / (1.0 + (1.0 - sine2).sqrt())
}

/// A sum over the entries of two vectors, in eight lanes.
fn sum<T: Real>(x: &[T], y: &[T], term: impl Fn(T, T) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        for (lane, (&x, &y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += term(x, y);
        }
    }
    lanes.iter().sum()
}
