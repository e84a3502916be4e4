//! From the terms of two batches to the kernel, tile by tile.
//!
//! A task owns the columns of one block of the second batch and walks the blocks of the first. Symmetric kernels compute the tiles
//! on and below the diagonal and mirror them. Tiles depend on shapes alone, so the number of threads does not show.

use nalgebra::DMatrix;
use overparam_tensor::Real;
use overparam_tensor::array::recycled_matrix;
use overparam_tensor::linalg::{gemm, mirror_lower, transposed};
use rayon::prelude::*;

use super::features::{Side, Term};

/// The kernel between two batches, or of one with itself.
pub(super) fn contract<T: Real>(left: &Side<T>, right: Option<&Side<T>>) -> DMatrix<T> {
    let columns = right.unwrap_or(left);
    let (height, width) = (left.blocks.examples * left.rows, columns.blocks.examples * columns.rows);
    // New memory is touched first by the threads that write to it. They must not read it before: it would be mapped twice.
    let mut kernel = recycled_matrix(height, width);
    let stripe = height * columns.blocks.length * columns.rows;
    let stripes = kernel.as_mut_slice().par_chunks_mut(stripe).with_max_len(1).enumerate();
    stripes.for_each_init(Tile::default, |tile, (j, stripe)| {
        let first = if right.is_some() { 0 } else { j };
        for i in first..left.blocks.examples.div_ceil(left.blocks.length) {
            tile.sum(left, columns, (i, j));
            let top = i * left.blocks.length * left.rows;
            for (column, from) in stripe.chunks_exact_mut(height).zip(tile.columns()) {
                column[top..][..from.len()].copy_from_slice(from);
            }
        }
    });
    if right.is_none() {
        mirror_lower(&mut kernel);
    }
    kernel
}

/// Part of the kernel, and memory for the products that make it up: all of it is used again.
struct Tile<T> {
    rows: usize,
    sum: Vec<T>,
    inputs: Vec<T>,
    cotangents: Vec<T>,
}

impl<T> Default for Tile<T> {
    fn default() -> Self {
        Self { rows: 0, sum: Vec::new(), inputs: Vec::new(), cotangents: Vec::new() }
    }
}

impl<T: Real> Tile<T> {
    fn columns(&self) -> impl Iterator<Item = &[T]> {
        self.sum.chunks_exact(self.rows)
    }

    /// All terms for blocks `i` and `j`.
    fn sum(&mut self, left: &Side<T>, right: &Side<T>, (i, j): (usize, usize)) {
        self.rows = left.blocks.rows(i, left.rows);
        self.sum.clear();
        self.sum.resize(self.rows * right.blocks.rows(j, right.rows), T::ZERO);
        for (a, b) in left.terms.iter().zip(&right.terms) {
            self.add(a, b, (i, j), left.rows);
        }
        if left.factor != T::ONE {
            self.sum.iter_mut().for_each(|x| *x *= left.factor);
        }
    }

    fn add(&mut self, left: &Term<T>, right: &Term<T>, (i, j): (usize, usize), rows: usize) {
        match (left, right) {
            (Term::Flat(a), Term::Flat(b)) => {
                let product = product(&mut self.inputs, &a[i], &b[j]);
                self.sum.iter_mut().zip(&product).for_each(|(out, &x)| *out += x);
                self.inputs = product.data.into();
            }
            (
                Term::Gram { inputs: h, cotangents: g, pixels, weight, bias },
                Term::Gram { inputs: h2, cotangents: g2, .. },
            ) => {
                let mut inputs = product(&mut self.inputs, &h[i], &h2[j]);
                inputs.iter_mut().for_each(|x| *x = *weight * *x + *bias);
                let cotangents = product(&mut self.cotangents, &g[i], &g2[j]);
                if *pixels == 1 {
                    self.add_vectors(&inputs, &cotangents, rows);
                } else {
                    self.add_images(&inputs, &cotangents, rows, *pixels);
                }
                (self.inputs, self.cotangents) = (inputs.data.into(), cotangents.data.into());
            }
            // Both sides take the forms of one list.
            _ => unreachable!("the terms of the two batches have different forms"),
        }
    }

    fn add_vectors(&mut self, inputs: &DMatrix<T>, cotangents: &DMatrix<T>, rows: usize) {
        let mut repeated = Vec::with_capacity(self.rows);
        let columns = self.sum.chunks_exact_mut(self.rows).zip(cotangents.as_slice().chunks_exact(self.rows));
        for (b, (out, products)) in columns.enumerate() {
            if b % rows == 0 {
                repeated.clear();
                inputs.column(b / rows).iter().for_each(|&x| repeated.extend(std::iter::repeat_n(x, rows)));
            }
            pulp::Arch::new().dispatch(AddProducts { out, a: &repeated, b: products });
        }
    }

    fn add_images(&mut self, inputs: &DMatrix<T>, cotangents: &DMatrix<T>, rows: usize, pixels: usize) {
        let examples = inputs.nrows() / pixels;
        for column in 0..cotangents.ncols() / pixels {
            let j = column / rows;
            for row in 0..examples * rows {
                let i = row / rows;
                let mut sum = T::ZERO;
                for q in 0..pixels {
                    let h = &inputs.column(j * pixels + q).data.into_slice()[i * pixels..][..pixels];
                    let g =
                        &cotangents.column(column * pixels + q).data.into_slice()[row * pixels..][..pixels];
                    sum += h.iter().zip(g).map(|(&h, &g)| h * g).sum::<T>();
                }
                self.sum[column * self.rows + row] += sum;
            }
        }
    }
}

/// `a^T b` in memory that is used again.
fn product<T: Real>(memory: &mut Vec<T>, a: &DMatrix<T>, b: &DMatrix<T>) -> DMatrix<T> {
    let mut numbers = std::mem::take(memory);
    numbers.resize(a.ncols() * b.ncols(), T::ZERO);
    let mut product = DMatrix::from_vec(a.ncols(), b.ncols(), numbers);
    gemm(T::ONE, transposed(a), b, T::ZERO, &mut product);
    product
}

/// `out += a b`, entry by entry. A struct of its own, because closures are not compiled for the processor's vectors.
struct AddProducts<'a, T> {
    out: &'a mut [T],
    a: &'a [T],
    b: &'a [T],
}

impl<T: Real> pulp::WithSimd for AddProducts<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out += a * b;
        }
    }
}
