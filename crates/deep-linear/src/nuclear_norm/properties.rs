//! The solver against closed forms, an independent minimiser, and its own certificate.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{singular_values, svd};
use overparam_tensor::random::Stream;
use proptest::prelude::*;

use super::{CertifiedCompletion, NuclearNorm, Observed};
use crate::measures::Spectrum;
use crate::{DeepLinearError, Entry};

/// The entries of `m` at which `seen(i, j)`.
fn entries(m: &DMatrix<f64>, seen: impl Fn(usize, usize) -> bool) -> Vec<Entry> {
    let positions = (0..m.ncols()).flat_map(|column| (0..m.nrows()).map(move |row| (row, column)));
    positions
        .filter(|&(row, column)| seen(row, column))
        .map(|(row, column)| Entry { row, column, value: m[(row, column)] })
        .collect()
}

/// Solves, and checks the certificate from its definition.
fn solve(m: &DMatrix<f64>, seen: impl Fn(usize, usize) -> bool, tolerance: f64) -> CertifiedCompletion {
    let observed = entries(m, &seen);
    let found = NuclearNorm { tolerance, ..NuclearNorm::default() }
        .complete(m.nrows(), m.ncols(), &observed)
        .unwrap();
    assert!(observed.iter().all(|e| found.matrix[(e.row, e.column)] == e.value));
    assert!(singular_values(&found.dual).unwrap()[0] <= 1.0 + 1e-12);
    assert!((found.dual.dot(m) - found.lower_bound).abs() <= 1e-12 * (1.0 + found.nuclear_norm));
    assert!(
        (singular_values(&found.matrix).unwrap().sum() - found.nuclear_norm).abs()
            < 1e-12 * (1.0 + found.nuclear_norm)
    );
    assert!(found.relative_gap < tolerance && found.feasibility_residual < tolerance);
    for (k, &y) in found.dual.iter().enumerate() {
        assert!(y == 0.0 || seen(k % m.nrows(), k / m.nrows()));
    }
    found
}

fn nuclear(m: &DMatrix<f64>) -> f64 {
    Spectrum::of(m).unwrap().nuclear_norm()
}

fn normal(seed: u64, rows: usize, columns: usize) -> DMatrix<f64> {
    Stream::root(seed).normal_matrix(rows, columns, 1.0)
}

/// The least value of a convex function on an interval.
fn golden_section(f: &dyn Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if f(a) < f(b) { high = b } else { low = a }
    }
    f((low + high) / 2.0)
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    #[test]
    fn fully_observed_is_itself(seed in any::<u64>(), rows in 1usize..8, columns in 1usize..8) {
        let m = normal(seed, rows, columns);
        let found = solve(&m, |_, _| true, 1e-6);
        prop_assert_eq!(found.matrix, m);
    }

    /// Full rows of a rank-one matrix: the rows never seen are zero in the minimiser, whose norm is `||u_seen|| ||v||`.
    #[test]
    fn rank_one_with_full_rows(seed in any::<u64>(), rows in 1usize..8, columns in 1usize..8, full in 1usize..8) {
        let full = full.min(rows);
        let (u, v) = (normal(seed, rows, 1), normal(seed.wrapping_add(1), 1, columns));
        let found = solve(&(&u * &v), |i, _| i < full, 1e-8);
        prop_assert!((found.nuclear_norm - u.rows(0, full).norm() * v.norm()).abs() < 1e-7 * found.nuclear_norm);
        prop_assert!(found.matrix.rows(full, rows - full).norm() < 1e-3 * found.nuclear_norm);
    }

    /// Pinching: `||X||_*` is at least the sum over diagonal blocks, attained by zeros outside them.
    #[test]
    fn diagonal_blocks_add_up(seed in any::<u64>(), a in 1usize..5, b in 1usize..5, c in 1usize..5, d in 1usize..5) {
        let m = normal(seed, a + b, c + d);
        let found = solve(&m, |i, j| (i < a) == (j < c), 1e-7);
        let blocks = nuclear(&m.view((0, 0), (a, c)).into_owned()) + nuclear(&m.view((a, c), (b, d)).into_owned());
        prop_assert!((found.nuclear_norm - blocks).abs() < 1e-6 * blocks);
    }

    /// `[[*, b], [c, w]]`: `||X||_*^2 = ||X||_F^2 + 2 |det X|`, least at `x = sign(bc) w` if `w^2 <= |bc|` and at `bc/w` beyond.
    #[test]
    fn two_by_two_with_one_hidden_entry(b in 0.1f64..3.0, c in -3.0f64..-0.1, w in -3.0f64..3.0) {
        let m = DMatrix::from_row_slice(2, 2, &[0.0, b, c, w]);
        let found = solve(&m, |i, j| i + j > 0, 1e-7);
        let product = (b * c).abs();
        let expected = if w * w <= product {
            b.abs() + c.abs()
        } else {
            ((product / w).powi(2) + b * b + c * c + w * w).sqrt()
        };
        prop_assert!((found.nuclear_norm - expected).abs() < 1e-6 * expected, "{} {expected}", found.nuclear_norm);
    }

    /// Two hidden entries, by nested golden sections over them.
    #[test]
    fn an_independent_minimiser_agrees(seed in any::<u64>(), rows in 2usize..4, columns in 2usize..5) {
        let m = normal(seed, rows, columns);
        let hidden = |i: usize, j: usize| (i, j) == (0, 0) || (i, j) == (1, columns - 1);
        let found = solve(&m, |i, j| !hidden(i, j), 1e-7);
        let at = |x: f64, y: f64| {
            let mut trial = m.clone();
            trial[(0, 0)] = x;
            trial[(1, columns - 1)] = y;
            nuclear(&trial)
        };
        let bound = nuclear(&m) + 1.0;
        let least = golden_section(&|x| golden_section(&|y| at(x, y), -bound, bound), -bound, bound);
        prop_assert!((found.nuclear_norm - least).abs() < 1e-6 * least, "{} {least}", found.nuclear_norm);
    }

    #[test]
    fn scaling_and_transposing_the_data_does_so_to_the_solution(seed in any::<u64>(), exponent in -8i32..9) {
        let m = normal(seed, 6, 4);
        let seen = |i: usize, j: usize| !(i * 5 + j * 3).is_multiple_of(4);
        let found = solve(&m, seen, 1e-7);
        let factor = 10f64.powi(exponent);
        let other = solve(&(m.transpose() * factor), |i, j| seen(j, i), 1e-7);
        prop_assert!((other.nuclear_norm / factor - found.nuclear_norm).abs() < 1e-6 * found.nuclear_norm);
    }
}

/// The claim's sizes: 100 x 100 of rank 5, with few and with many entries; and a wide one.
#[test]
fn large_problems_are_certified() {
    for (seed, rows, columns, count) in [(1, 100, 100, 2000), (2, 100, 100, 5000), (3, 40, 120, 1500)] {
        let truth = normal(seed, rows, 5) * normal(seed + 10, 5, columns);
        let seen = Stream::root(seed).named("seen").sample_indices(rows * columns, count);
        let found = solve(&truth, |i, j| seen.binary_search(&(j * rows + i)).is_ok(), 1e-6);
        assert!(found.nuclear_norm <= nuclear(&truth) * (1.0 + 1e-6), "seed {seed}");
        assert!(found.iterations <= 400, "seed {seed}: {} iterations", found.iterations);
        if count == 5000 {
            assert!((found.matrix - &truth).norm() < 1e-3 * truth.norm());
        }
    }
}

#[test]
fn a_dual_certificate_is_a_subgradient() {
    // Where everything is seen and nothing is small, Y = U V^T.
    let m = DMatrix::from_diagonal_element(3, 3, 2.0) + normal(4, 3, 3) * 0.1;
    let found = solve(&m, |_, _| true, 1e-9);
    assert!((svd(&m).unwrap().map_singular_values(|_| 1.0) - found.dual).norm() < 1e-6);
}

/// Data 3 and 4 at the ends of the diagonal, `X = diag(0, 5)`, and `Y = diag(1, 2)` before it is made
/// feasible: the data are missed by 3 and 1 of 5, and `<Y, M> = 3/2 + 4` against 5.
#[test]
fn a_certificate_says_how_far_a_matrix_is_from_data_and_bound() {
    let data = Observed { rows: 2, columns: 2, entries: vec![(0, 3.0), (3, 4.0)] };
    let candidate = DMatrix::from_row_slice(2, 2, &[1.0, 7.0, 7.0, 2.0]);
    let found = data.certify(DMatrix::from_row_slice(2, 2, &[0.0, 0.0, 0.0, 5.0]), &candidate, 9).unwrap();
    assert_eq!((found.dual, found.iterations), (DMatrix::from_row_slice(2, 2, &[0.5, 0.0, 0.0, 1.0]), 9));
    let close = |a: f64, b: f64| (a - b).abs() < 1e-14;
    assert!(close(found.feasibility_residual, 10f64.sqrt() / 5.0), "{}", found.feasibility_residual);
    assert!(
        close(found.lower_bound, 5.5) && close(found.nuclear_norm, 5.0) && close(found.relative_gap, -0.1)
    );
}

#[test]
fn zeros_complete_to_zero() {
    let found = solve(&DMatrix::zeros(3, 2), |i, _| i < 2, 1e-6);
    assert_eq!((found.matrix, found.relative_gap), (DMatrix::zeros(3, 2), 0.0));
}

#[test]
fn giving_up_is_an_error_with_what_was_reached() {
    let truth = normal(1, 30, 2) * normal(2, 2, 30);
    let seen = Stream::root(1).named("seen").sample_indices(900, 300);
    let observed = entries(&truth, |i, j| seen.binary_search(&(j * 30 + i)).is_ok());
    let hasty = NuclearNorm { tolerance: 1e-14, max_iterations: 3 };
    let error = hasty.complete(30, 30, &observed).unwrap_err();
    let DeepLinearError::NotCertified { iterations: 3, feasibility, gap, .. } = error else {
        panic!("{error}")
    };
    assert!(feasibility == 0.0 && gap > 1e-14 && gap < 1.0);
    assert!(NuclearNorm { tolerance: 0.0, ..hasty }.complete(30, 30, &observed).is_err());
    assert!(matches!(hasty.complete(2, 2, &[]), Err(DeepLinearError::NoData { .. })));
}
