//! Loops over arrays: what the primitives are made of.
//!
//! Bits never depend on the number of threads. Where a loop runs on several threads it is cut into pieces whose bounds
//! depend on shapes alone; each output element is computed by one piece, and partial sums are added in a fixed order.

pub(crate) mod convolution;
mod elementary;
mod elementwise;
mod nest;
mod product;
mod reduce;
mod simd;
mod windows;

#[allow(unreachable_pub)] // a supertrait of the public `Real`
pub use elementary::Elementary;
pub(crate) use elementwise::{copy, map, zip, zip_in_place};
pub(crate) use product::matmul;
pub(crate) use reduce::{Reduction, maximum, reduce};
pub(crate) use simd::{PARALLEL, PIECE, vectorized};
pub(crate) use windows::{Windows, patches, patches_transposed};
