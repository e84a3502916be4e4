//! Against numbers that an independent NumPy program computed once.

use overparam_eval::data;
use overparam_eval::inputs::Inputs;

use super::*;

/// Probability of a coin, measure and test error of kernel regression: rows 0 to 999 to train on, 1,200 to 1,796 to test
/// on, means of 10 draws.
const REFERENCE: [(f64, f64, f64); 6] = [
    (0.0, 2.075, 0.030),
    (0.2, 4.445, 0.066),
    (0.4, 5.627, 0.127),
    (0.6, 6.330, 0.218),
    (0.8, 6.774, 0.350),
    (1.0, 6.874, 0.485),
];

/// Standard deviations of measure and error between draws at each `p` above, in another such program with 200 draws.
const SCATTER: [(f64, f64); 6] =
    [(0.0, 0.0), (0.151, 0.013), (0.126, 0.024), (0.096, 0.036), (0.084, 0.043), (0.069, 0.047)];

/// Where nothing is random all printed digits; elsewhere, ten comparisons, three standard deviations of the difference of two
/// means of ten draws.
#[test]
fn measure_and_kernel_regression_agree_with_independent_numbers() {
    let digits = data::digits();
    let mut images = digits.images.clone();
    images.row_iter_mut().for_each(|mut row| row /= row.norm());
    let signs = DVector::from_iterator(1797, digits.labels.iter().map(|&l| if l < 5 { 1.0 } else { -1.0 }));
    let (x, test_x) = (images.rows(0, 1000).into_owned(), images.rows(1200, 597).into_owned());
    let kernel = first_layer_kernel(&x, None).unwrap();
    let cross = first_layer_kernel(&test_x, Some(&x)).unwrap();
    let factor = Cholesky::factor(&kernel).unwrap();
    let smallest = smallest_eigenvalue(&factor, 1000);
    assert!((smallest - 0.0179886).abs() < 1e-5, "{smallest}");
    for ((p, measure, test_error), scatter) in REFERENCE.into_iter().zip(SCATTER) {
        let (mut measures, mut errors) = (0.0, 0.0);
        for seed in 0..10 {
            let inputs = Inputs::none();
            let context = Context::new(0, "test", "cell", &inputs);
            let mut y = signs.rows(0, 1000).into_owned();
            corrupt(&mut y, p, seed, &context);
            let targets = DMatrix::from_column_slice(1000, 1, y.as_slice());
            let solved = factor.solve(&targets);
            measures += (2.0 * targets.dot(&solved) / 1000.0).sqrt() / 10.0;
            let outputs = matmul(&cross, &solved).column(0).into_owned();
            errors += error(&outputs, &signs.rows(1200, 597).into_owned()) / 10.0;
        }
        println!("p = {p}: measure {measures:.3} ({measure}), test error {errors:.3} ({test_error})");
        let allowed = |scatter: f64| 5.5e-4 + 3.0 * 0.2f64.sqrt() * scatter;
        assert!((measures - measure).abs() < allowed(scatter.0), "measure at p = {p}");
        assert!((errors - test_error).abs() < allowed(scatter.1), "error at p = {p}");
    }
}

#[test]
fn corruption_is_nested_and_of_the_size_asked() {
    let inputs = Inputs::none();
    let context = Context::new(0, "test", "cell", &inputs);
    let at = |p: f64| {
        let mut y = DVector::zeros(40);
        corrupt(&mut y, p, 3, &context);
        y
    };
    for (p, count) in [(0.0, 0), (0.25, 10), (0.5, 20), (1.0, 40)] {
        assert_eq!(at(p).iter().filter(|&&y| y != 0.0).count(), count);
    }
    assert!(at(0.25).iter().zip(at(0.5).iter()).all(|(few, many)| *few == 0.0 || few == many));
}
