//! What this machine can do, measured in the run that needs it: matrix products and copies of memory.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm};

use super::case::{Precision, Threads};
use super::figures::Rates;

/// Sizes of the products: in the second-level cache, in the third, beyond.
const SIZES: [usize; 3] = [256, 512, 1024];
/// Products and copies are repeated for so long, and the fastest counts: other work only ever slows.
const SECONDS: f64 = 0.15;
/// Numbers copied by each thread: 128 MB, more than caches hold.
const COPIED: usize = 1 << 24;

/// The rates measured so far.
#[derive(Default)]
pub(crate) struct Peaks {
    products: HashMap<(Precision, Threads), f64>,
    copies: HashMap<Threads, f64>,
}

impl Peaks {
    /// The rates that bound work of this kind; measured when first asked for.
    pub(super) fn rates(&mut self, precision: Precision, threads: Threads) -> Result<Rates> {
        let bytes = *self.copies.entry(threads).or_insert_with(|| copies(threads));
        let flops = match (self.products.get(&(precision, threads)), precision) {
            (Some(&known), _) => known,
            (None, Precision::F32) => products::<f32>(threads)?,
            (None, Precision::F64) => products::<f64>(threads)?,
        };
        self.products.insert((precision, threads), flops);
        Ok(Rates { flops, bytes })
    }
}

/// As many as `threads` says.
fn count(threads: Threads) -> usize {
    match threads {
        Threads::One => 1,
        Threads::All => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The best seconds of `work`, which is repeated for a while.
fn best(mut work: impl FnMut()) -> f64 {
    work();
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_secs_f64() < SECONDS {
        let begin = Instant::now();
        work();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

/// Operations a second of the best size of product. On all threads each has a product of its own: what many cores can do is
/// not limited by how one product is shared.
fn products<T: Real>(threads: Threads) -> Result<f64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count(threads)).build()?;
    let rate = |size: usize| {
        let number = |i: usize, j: usize| T::of(((i * 7 + j * 3) % 11) as f64 - 5.0);
        let a = DMatrix::from_fn(size, size, number);
        let mut results = vec![DMatrix::zeros(size, size); pool.current_num_threads()];
        let seconds = best(|| {
            pool.scope(|scope| {
                for c in &mut results {
                    let a = &a;
                    scope.spawn(move |_| gemm(T::ONE, a, a, T::ZERO, c));
                }
            });
        });
        2.0 * (size as f64).powi(3) * results.len() as f64 / seconds
    };
    Ok(SIZES.into_iter().map(rate).fold(0.0, f64::max))
}

/// Bytes a second, each read and written.
fn copies(threads: Threads) -> f64 {
    let mut pairs = vec![(vec![1.0f64; COPIED], vec![0.0f64; COPIED]); count(threads)];
    let seconds = best(|| {
        std::thread::scope(|scope| {
            for (from, to) in &mut pairs {
                scope.spawn(|| to.copy_from_slice(from));
            }
        });
    });
    (2 * size_of::<f64>() * COPIED * pairs.len()) as f64 / seconds
}
