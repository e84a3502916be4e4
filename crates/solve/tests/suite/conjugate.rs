//! Conjugate gradients against dense solves, and against their own theory.

use nalgebra::{Cholesky, DMatrix, SymmetricEigen};
use overparam_solve::{
    Accuracy, BlockFn, CgOptions, Dense, PivotedCholesky, Precondition, Progress, SolveError, cg,
};
use proptest::prelude::*;

use crate::common::{geometric, labels, residuals, with_spectrum};

fn options(ridge: f64, rank: usize, tolerance: f64) -> CgOptions {
    let accuracy = Accuracy { tolerance, max_iterations: 1000 };
    CgOptions { ridge, rank, accuracy, ..CgOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn solutions_are_those_of_a_dense_solve(
        seed in any::<u64>(), n in 1usize..80, columns in 0usize..4, rank in 0usize..100, ridge in prop_oneof![Just(0.0), 0.01..1.0],
    ) {
        let a = with_spectrum(seed, &geometric(n, 1e3));
        let b = labels(seed, n, columns);
        let kernel = BlockFn::new(n, |rows, columns| {
            Ok(a.view((rows.start, columns.start), (rows.len(), columns.len())).into_owned())
        });
        let solution = cg(&kernel, &b, &options(ridge, rank, 1e-10), &Progress::default()).unwrap();
        let ridged = &a + DMatrix::identity(n, n) * ridge;
        let expected = Cholesky::new(ridged.clone()).unwrap().solve(&b);
        prop_assert!((&solution.coefficients - &expected).norm() <= 1e-6 * (1e-3 + expected.norm()));
        for (said, found) in solution.report.residuals.iter().zip(residuals(&ridged, &solution.coefficients, &b)) {
            prop_assert!(*said <= 1e-10 && (said - found).abs() < 1e-12);
        }
    }

    /// The preconditioner is the inverse of `L L^T + s I`: of the matrix itself, if its rank is enough.
    #[test]
    fn a_preconditioner_of_full_rank_is_the_inverse(seed in any::<u64>(), n in 1usize..40) {
        let a = with_spectrum(seed, &geometric(n, 1e2));
        let preconditioner = PivotedCholesky::new(&Dense::new(&a).unwrap(), 0.1, n, &Progress::default()).unwrap();
        let b = labels(seed, n, 2);
        let x = preconditioner.apply(&b, &Progress::default()).unwrap();
        let expected = Cholesky::new(&a + DMatrix::identity(n, n) * 0.1).unwrap().solve(&b);
        prop_assert!((x - expected).amax() < 1e-10, "rank {}", preconditioner.rank());
    }
}

/// The best polynomial of degree t on the spectrum is at least as good as Chebyshev's on the interval: in the norm of the matrix
/// the error is at most 2 ((sqrt(c) - 1) / (sqrt(c) + 1))^t of the first.
#[test]
fn errors_keep_the_bound_of_chebyshev() {
    let n = 200;
    let condition: f64 = 1e3;
    let a = with_spectrum(11, &geometric(n, condition));
    let b = labels(11, n, 2);
    let exact = Cholesky::new(a.clone()).unwrap().solve(&b);
    let norm = |e: &DMatrix<f64>, c: usize| (e.column(c).dot(&(&a * e.column(c)))).sqrt();
    let rate = (condition.sqrt() - 1.0) / (condition.sqrt() + 1.0);
    let mut last = f64::INFINITY;
    for iterations in [5, 20, 60, 120] {
        let accuracy = Accuracy { tolerance: 1e-14, max_iterations: iterations };
        let plain = CgOptions { rank: 0, accuracy, ..CgOptions::default() };
        let SolveError::NotCertified(best) =
            cg(&Dense::new(&a).unwrap(), &b, &plain, &Progress::default()).unwrap_err()
        else {
            panic!("fourteen digits take more iterations");
        };
        assert_eq!(best.report.iterations, iterations);
        let error = &exact - &best.coefficients;
        for c in 0..2 {
            let bound = 2.0 * rate.powi(iterations as i32) * norm(&exact, c);
            assert!(norm(&error, c) <= bound, "{iterations} iterations: {:e} > {bound:e}", norm(&error, c));
        }
        // Something happens at all.
        assert!(norm(&error, 0) < 0.7 * last);
        last = norm(&error, 0);
    }
}

/// A matrix of k distinct eigenvalues is solved in k iterations.
#[test]
fn as_many_iterations_as_eigenvalues() {
    let eigenvalues: Vec<f64> = (0..90).map(|i| [1.0, 3.0, 10.0][i % 3]).collect();
    let a = with_spectrum(12, &eigenvalues);
    let solution =
        cg(&Dense::new(&a).unwrap(), &labels(12, 90, 4), &options(0.0, 0, 1e-10), &Progress::default())
            .unwrap();
    assert_eq!(solution.report.iterations, 3);
}

/// Fast-falling eigenvalues and a small ridge: the preconditioner turns hundreds of iterations into a few.
#[test]
fn the_preconditioner_pays() {
    let n = 300;
    let kernel = DMatrix::from_fn(n, n, |i, j| (-(i.abs_diff(j) as f64 / 40.0).powi(2)).exp());
    let (ridge, b) = (1e-6, labels(13, n, 2));
    let ridged = &kernel + DMatrix::identity(n, n) * ridge;
    let eigenvalues = SymmetricEigen::new(ridged.clone()).eigenvalues;
    assert!(eigenvalues.max() / eigenvalues.min() > 1e7, "it is ill-conditioned");
    let count = |rank| {
        let solution =
            cg(&Dense::new(&kernel).unwrap(), &b, &options(ridge, rank, 1e-8), &Progress::default()).unwrap();
        assert!(residuals(&ridged, &solution.coefficients, &b).iter().all(|&r| r <= 1.1e-8));
        solution.report.iterations
    };
    let (with, without) = (count(60), count(0));
    assert!(with <= 10 && without >= 5 * with, "{with} with, {without} without");
}

#[test]
fn an_indefinite_matrix_is_an_error() {
    let mut eigenvalues = geometric(60, 10.0);
    eigenvalues[30] = -0.5;
    let a = with_spectrum(14, &eigenvalues);
    let error =
        cg(&Dense::new(&a).unwrap(), &labels(14, 60, 1), &options(0.0, 0, 1e-8), &Progress::default())
            .unwrap_err();
    assert!(matches!(error, SolveError::NotPositiveDefinite { .. }), "{error}");
}
