//! From the terms of two batches to the kernel, tile by tile.
//!
//! A task owns the columns of one block of the second batch and walks the blocks of the first. Symmetric kernels compute the tiles
//! on and below the diagonal and mirror them. Tiles depend on shapes alone, so the number of threads does not show.

use nalgebra::DMatrix;
use overparam_tensor::Real;
use overparam_tensor::linalg::{matmul, transposed};
use rayon::prelude::*;

use super::features::{Side, Term};

/// The kernel between two batches, or of one with itself.
pub(super) fn contract<T: Real>(left: &Side<T>, right: Option<&Side<T>>) -> DMatrix<T> {
    let columns = right.unwrap_or(left);
    let (height, width) = (left.blocks.examples * left.rows, columns.blocks.examples * columns.rows);
    // Zeros by the system: the threads that write to a page are the first to touch it.
    let mut kernel = DMatrix::from_vec(height, width, vec![T::ZERO; height * width]);
    let stripe = height * columns.blocks.length * columns.rows;
    let stripes = kernel.as_mut_slice().par_chunks_mut(stripe).with_max_len(1).enumerate();
    stripes.for_each(|(j, stripe)| {
        let first = if right.is_some() { 0 } else { j };
        for i in first..left.blocks.examples.div_ceil(left.blocks.length) {
            let top = i * left.blocks.length * left.rows;
            let mut tile = Tile { stripe, height, top };
            for (a, b) in left.terms.iter().zip(&columns.terms) {
                tile.add(a, b, (i, j), left.rows);
            }
        }
        if left.factor != T::ONE {
            stripe.iter_mut().for_each(|x| *x *= left.factor);
        }
    });
    if right.is_none() {
        mirror(kernel.as_mut_slice(), height);
    }
    kernel
}

/// Rows from `top` of a stripe of whole columns.
struct Tile<'a, T> {
    stripe: &'a mut [T],
    height: usize,
    top: usize,
}

impl<T: Real> Tile<'_, T> {
    fn column(&mut self, j: usize, rows: usize) -> &mut [T] {
        &mut self.stripe[j * self.height + self.top..][..rows]
    }

    /// Adds one term for blocks `i` and `j`.
    fn add(&mut self, left: &Term<T>, right: &Term<T>, (i, j): (usize, usize), rows: usize) {
        match (left, right) {
            (Term::Flat(a), Term::Flat(b)) => {
                let product = matmul(transposed(&a[i]), &b[j]);
                for (c, products) in product.column_iter().enumerate() {
                    let out = self.column(c, products.len());
                    out.iter_mut().zip(products.iter()).for_each(|(out, &x)| *out += x);
                }
            }
            (
                Term::Gram { inputs: h, cotangents: g, pixels, weight, bias },
                Term::Gram { inputs: h2, cotangents: g2, .. },
            ) => {
                let mut inputs = matmul(transposed(&h[i]), &h2[j]);
                inputs.iter_mut().for_each(|x| *x = *weight * *x + *bias);
                let cotangents = matmul(transposed(&g[i]), &g2[j]);
                if *pixels == 1 {
                    self.add_vectors(&inputs, &cotangents, rows);
                } else {
                    self.add_images(&inputs, &cotangents, rows, *pixels);
                }
            }
            // Both sides take the forms of one list.
            _ => unreachable!("the terms of the two batches have different forms"),
        }
    }

    fn add_vectors(&mut self, inputs: &DMatrix<T>, cotangents: &DMatrix<T>, rows: usize) {
        let mut repeated = Vec::with_capacity(cotangents.nrows());
        for (j, column) in inputs.column_iter().enumerate() {
            repeated.clear();
            column.iter().for_each(|&x| repeated.extend(std::iter::repeat_n(x, rows)));
            for b in j * rows..(j + 1) * rows {
                let products = &cotangents.as_slice()[b * cotangents.nrows()..][..cotangents.nrows()];
                let out = self.column(b, products.len());
                pulp::Arch::new().dispatch(AddProducts { out, a: &repeated, b: products });
            }
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
                self.column(column, row + 1)[row] += sum;
            }
        }
    }
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

/// Copies what is below the diagonal above it, a few columns at a time so that cache lines are used whole.
fn mirror<T: Real>(kernel: &mut [T], n: usize) {
    const COLUMNS: usize = 16;
    // Stripes are written one after another because each reads all those before it; its columns are shared out.
    for start in (0..n).step_by(COLUMNS * rayon::current_num_threads()) {
        let end = (start + COLUMNS * rayon::current_num_threads()).min(n);
        let (left, stripe) = kernel.split_at_mut(start * n);
        stripe[..(end - start) * n].par_chunks_mut(COLUMNS * n).enumerate().for_each(|(chunk, columns)| {
            let first = start + chunk * COLUMNS;
            for j in 0..start {
                let row = &left[j * n + first..][..columns.len() / n];
                row.iter().enumerate().for_each(|(c, &x)| columns[c * n + j] = x);
            }
        });
        for c in start..end {
            for r in start..c {
                stripe[(c - start) * n + r] = stripe[(r - start) * n + c];
            }
        }
    }
}
