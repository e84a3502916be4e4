//! The direct method against dense solves in f64.

use nalgebra::{Cholesky, DMatrix};
use overparam_solve::{Accuracy, Dense, DirectOptions, Factor, FactorOptions, Progress, SolveError, direct};
use proptest::prelude::*;

use crate::common::{geometric, labels, little_memory, residuals, tiles, with_spectrum};

fn options(factor: FactorOptions, tolerance: f64) -> DirectOptions {
    DirectOptions { factor, accuracy: Accuracy { tolerance, ..Accuracy::default() } }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Sizes around multiples of the tile, budgets that give one panel or many.
    #[test]
    fn solutions_are_those_of_a_dense_solve(
        seed in any::<u64>(), n in 1usize..90, tile in 1usize..40, columns in 0usize..4, on_disk in any::<bool>(),
    ) {
        let a = with_spectrum(seed, &geometric(n, 1e3));
        let b = labels(seed, n, columns);
        let folder = tempfile::tempdir().unwrap();
        let scratch = on_disk.then(|| folder.path().to_owned());
        let memory = if on_disk { little_memory(n, tile) } else { 1 << 30 };
        let factor = FactorOptions { memory, scratch, ..tiles(tile, 0.5) };
        let solution = direct(&Dense::new(&a).unwrap(), &b, &options(factor, 1e-11), &Progress::default()).unwrap();
        let ridged = &a + DMatrix::identity(n, n) * 0.5;
        let expected = Cholesky::new(ridged.clone()).unwrap().solve(&b);
        prop_assert!((&solution.coefficients - expected).amax() < 1e-9);
        // What the report says is what nalgebra finds, up to rounding errors of both.
        for (said, found) in solution.report.residuals.iter().zip(residuals(&ridged, &solution.coefficients, &b)) {
            prop_assert!((said - found).abs() < 1e-14, "{} {}", said, found);
            prop_assert!(*said <= 1e-11);
        }
        prop_assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the scratch file is removed");
    }
}

/// Only the lower half of the matrix is read.
#[test]
fn the_upper_half_does_not_matter() {
    let a = with_spectrum(3, &geometric(70, 1e2));
    let b = labels(3, 70, 2);
    let mut lower = a.clone();
    lower.fill_upper_triangle(f64::NAN, 1);
    // Blocks on the diagonal are read whole: NaN there would be refused.
    for i in 0..70 {
        for j in i..70 {
            lower[(i, j)] = if i / 16 == j / 16 || i / 512 == j / 512 { -5.0 } else { f64::NAN };
        }
        lower[(i, i)] = a[(i, i)];
    }
    let solve = |a: &DMatrix<f64>| {
        direct(&Dense::new(a).unwrap(), &b, &options(tiles(16, 0.0), 1e-12), &Progress::default()).unwrap()
    };
    assert_eq!(solve(&a), solve(&lower));
}

/// At condition 1e5 the f32 factor alone is good to two or three digits; refinement reaches ten.
#[test]
fn refinement_reaches_ten_digits_at_condition_1e5() {
    let n = 300;
    let a = with_spectrum(5, &geometric(n, 1e5));
    let b = labels(5, n, 3);
    let kernel = Dense::new(&a).unwrap();
    let solution = direct(&kernel, &b, &options(tiles(64, 0.0), 1e-10), &Progress::default()).unwrap();
    let report = &solution.report;
    assert!(report.certified && report.breakdown.is_none());
    assert!((2..10).contains(&(report.refinements + report.iterations)), "{report:?}");
    assert!(residuals(&a, &solution.coefficients, &b).iter().all(|&r| r <= 1.01e-10));
    let exact = Cholesky::new(a).unwrap().solve(&b);
    // The condition number times the residual bounds the error.
    assert!((&solution.coefficients - &exact).norm() < 1e5 * 1e-10 * exact.norm());
}

/// At condition 1e9 the f32 factor breaks down; with a raised diagonal it still makes conjugate gradients converge.
#[test]
fn a_factor_that_breaks_down_still_solves() {
    let n = 300;
    let a = with_spectrum(6, &geometric(n, 1e9));
    let b = labels(6, n, 2);
    let solution =
        direct(&Dense::new(&a).unwrap(), &b, &options(tiles(64, 0.0), 1e-7), &Progress::default()).unwrap();
    let report = &solution.report;
    let broken = report.breakdown.expect("f32 has seven digits, the matrix needs nine");
    assert!(broken.shift > 0.0 && broken.shift < 1e-3 && broken.row < n, "{broken:?}");
    assert!(report.certified && report.refinements == 0 && report.iterations > 0, "{report:?}");
    assert!(residuals(&a, &solution.coefficients, &b).iter().all(|&r| r <= 1.1e-7));
}

/// A pivot that is positive, but by less than rounding errors amount to, is a breakdown too: a column divided by its root would
/// be noise, magnified.
#[test]
fn a_pivot_of_the_size_of_rounding_errors_is_a_breakdown() {
    let n = 100;
    let mut a = DMatrix::<f64>::identity(n, n);
    (a[(51, 50)], a[(50, 51)]) = (1.0, 1.0);
    // Exact in f32, where it leaves this pivot; rounding errors of a hundred terms are about 6e-7.
    a[(51, 51)] += f64::from(f32::EPSILON);
    let b = labels(10, n, 2);
    let solution =
        direct(&Dense::new(&a).unwrap(), &b, &options(tiles(16, 0.0), 1e-8), &Progress::default()).unwrap();
    let broken = solution.report.breakdown.expect("the pivot is noise");
    assert_eq!(broken.row, 51);
    assert!(residuals(&a, &solution.coefficients, &b).iter().all(|&r| r <= 1.1e-8));
    // With a ridge above the noise it is a pivot like others.
    let options = options(tiles(16, 1e-4), 1e-10);
    let ridged = direct(&Dense::new(&a).unwrap(), &b, &options, &Progress::default()).unwrap();
    assert_eq!(ridged.report.breakdown, None);
}

/// Repeated inputs: with a ridge the system is solved; without one and with labels that disagree it has no solution.
#[test]
fn repeated_inputs_need_a_ridge() {
    let (n, half) = (120, 60);
    let base = with_spectrum(7, &geometric(half, 1e2));
    let a = DMatrix::from_fn(n, n, |i, j| base[(i % half, j % half)]);
    let b = labels(7, n, 2);
    let kernel = Dense::new(&a).unwrap();
    for ridge in [1e-1, 1e-6] {
        let solution = direct(&kernel, &b, &options(tiles(32, ridge), 1e-9), &Progress::default()).unwrap();
        let ridged = &a + DMatrix::identity(n, n) * ridge;
        assert!(residuals(&ridged, &solution.coefficients, &b).iter().all(|&r| r <= 1.1e-9), "ridge {ridge}");
    }
    let error = direct(&kernel, &b, &options(tiles(32, 0.0), 1e-9), &Progress::default()).unwrap_err();
    let text = error.to_string();
    match error {
        SolveError::NotCertified(best) => {
            let broken = best.report.breakdown.expect("a repeated input breaks the factor down");
            // The first tile with a repeated input begins at row 32 and has rows 60 to 63.
            assert!((60..64).contains(&broken.row), "{broken:?}");
            assert!(text.contains("add a ridge") && text.contains("repeats"), "{text}");
            assert!(!best.report.certified && best.report.residuals.iter().all(|&r| r > 1e-9));
        }
        SolveError::NotPositiveDefinite { .. } => {}
        other => panic!("{other}"),
    }
}

#[test]
fn an_indefinite_matrix_is_an_error() {
    let mut a = with_spectrum(8, &geometric(50, 10.0));
    a[(20, 20)] = -1.0;
    let error = Factor::new(&Dense::new(&a).unwrap(), &tiles(16, 0.0), &Progress::default()).unwrap_err();
    assert!(matches!(error, SolveError::NotPositiveDefinite { .. }), "{error}");
    assert!(error.to_string().contains("row 20"), "{error}");
}

#[test]
fn nothing_is_a_system_too() {
    let a = DMatrix::<f64>::zeros(0, 0);
    let b = DMatrix::zeros(0, 3);
    let solution =
        direct(&Dense::new(&a).unwrap(), &b, &DirectOptions::default(), &Progress::default()).unwrap();
    assert_eq!(solution.coefficients.shape(), (0, 3));
}

/// Kernels in f32 are solved as they are: the residual is that of the rounded matrix.
#[test]
fn a_kernel_in_f32_is_its_own_system() {
    let a = with_spectrum(9, &geometric(80, 1e3)).map(|x| x as f32);
    let b = labels(9, 80, 1);
    let solution =
        direct(&Dense::new(&a).unwrap(), &b, &options(tiles(32, 0.0), 1e-12), &Progress::default()).unwrap();
    let wide = a.map(f64::from).lower_triangle();
    let symmetric = DMatrix::from_fn(80, 80, |i, j| wide[(i.max(j), i.min(j))]);
    assert!(residuals(&symmetric, &solution.coefficients, &b)[0] <= 1.1e-12);
}
