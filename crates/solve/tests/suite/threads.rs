//! The same bits on any number of threads, in any memory.

use std::ops::Range;

use nalgebra::DMatrix;
use overparam_solve::{
    Blocks, CgOptions, Dense, DirectOptions, Factor, FactorOptions, Progress, SolveError, cg, direct, predict,
};

use crate::common::{geometric, labels, little_memory, tiles, with_spectrum};

fn on<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
}

#[test]
fn threads_and_memory_change_no_bit() {
    // The second one breaks down half way.
    for (n, condition) in [(300, 1e4), (200, 1e9)] {
        let a = with_spectrum(1, &geometric(n, condition));
        let (b, kernel) = (labels(1, n, 3), Dense::new(&a).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let solve = |memory, on_disk: bool| {
            let scratch = on_disk.then(|| folder.path().to_owned());
            let factor = FactorOptions { memory, scratch, ..tiles(16, 0.0) };
            let accuracy = overparam_solve::Accuracy { tolerance: 1e-7, ..Default::default() };
            direct(&kernel, &b, &DirectOptions { factor, accuracy }, &Progress::default()).unwrap()
        };
        let one = on(1, || solve(1 << 30, false));
        assert_eq!(one.report.breakdown.is_some(), condition > 1e8);
        for threads in [1, 2, 3] {
            let memory = on(threads, || little_memory(n, 16));
            let too_little = on(threads, || {
                Factor::new(&kernel, &FactorOptions { memory, ..tiles(16, 0.0) }, &Progress::default())
            });
            assert!(matches!(too_little, Err(SolveError::Memory { .. })), "it needs the disk");
            assert_eq!(one, on(threads, || solve(1 << 30, false)), "{threads} threads");
            assert_eq!(one, on(threads, || solve(memory, true)), "{threads} threads, on disk");
            assert_eq!(one, on(threads, || solve(memory + 40_000, true)), "{threads} threads, wider panels");
        }
    }
}

#[test]
fn other_results_are_the_same_on_two_threads() {
    let n = 2500;
    let kernel = DMatrix::from_fn(n, n, |i, j| (-(i.abs_diff(j) as f64) / 100.0).exp());
    let (b, dense) = (labels(2, n, 2), Dense::new(&kernel).unwrap());
    let all = || {
        let options = CgOptions { ridge: 0.1, rank: 20, ..CgOptions::default() };
        let iterative = cg(&dense, &b, &options, &Progress::default()).unwrap();
        let factor = Factor::new(&dense, &tiles(256, 0.1), &Progress::default()).unwrap();
        let left =
            factor.leave_one_out(&dense, &iterative.coefficients, 1 << 30, &Progress::default()).unwrap();
        let outputs = predict(&kernel, &iterative.coefficients, &Progress::default()).unwrap();
        (iterative, left, outputs)
    };
    assert_eq!(on(1, all), on(2, all));
}

/// A kernel of one's own: f32 only, in small blocks, one after another.
struct Own<'a>(&'a DMatrix<f32>, bool);

impl Blocks for Own<'_> {
    fn len(&self) -> usize {
        self.0.nrows()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError> {
        Ok(self.0.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
    }

    fn side(&self) -> usize {
        40
    }

    fn parallel(&self) -> bool {
        self.1
    }
}

/// What a kernel does not say of itself is filled in; whether its blocks are asked for at once or in turn is no matter.
#[test]
fn the_least_that_a_kernel_must_say_is_enough() {
    let a = (with_spectrum(3, &geometric(150, 1e3)) + DMatrix::identity(150, 150)).map(|x| x as f32);
    let b = labels(3, 150, 2);
    let options = DirectOptions { factor: tiles(32, 0.0), ..DirectOptions::default() };
    let solve = |kernel: &dyn Blocks| {
        let iterative =
            cg(kernel, &b, &CgOptions { rank: 5, ..CgOptions::default() }, &Progress::default()).unwrap();
        (direct(kernel, &b, &options, &Progress::default()).unwrap().coefficients, iterative.coefficients)
    };
    let (own, dense) = (solve(&Own(&a, false)), solve(&Dense::new(&a).unwrap()));
    assert_eq!(own, solve(&Own(&a, true)));
    assert!((own.0 - dense.0).amax() < 1e-8 && (own.1 - dense.1).amax() < 1e-8);
}
