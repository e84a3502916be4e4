//! Kernel baselines with every chance: ridge regression with the ridge that a validation set likes best.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Cholesky, matmul};

use crate::error::{Error, same};

/// Predictions for test examples of kernel ridge regression, its ridge chosen on validation examples from `10^-8 ... 10^1` times
/// the kernel's mean diagonal.
///
/// Kernels are examples by training examples; targets are examples by outputs.
///
/// # Errors
/// [`Error::Count`] if shapes do not fit; [`Error::Linalg`] if the kernel is not finite.
pub fn best_ridge(
    train: (&DMatrix<f64>, &DMatrix<f64>),
    validation: (&DMatrix<f64>, &DMatrix<f64>),
    test: &DMatrix<f64>,
) -> Result<DMatrix<f64>, Error> {
    let (kernel, targets) = train;
    let n = targets.nrows();
    same("rows of the kernel", kernel.nrows(), n)?;
    same("columns of the validation kernel", validation.0.ncols(), n)?;
    same("columns of the test kernel", test.ncols(), n)?;
    let scale = kernel.trace() / n as f64;
    let mut best: Option<(f64, DMatrix<f64>)> = None;
    for exponent in -8..=1 {
        let ridge = scale * 10f64.powi(exponent);
        let Ok(factor) = Cholesky::factor(&(kernel + DMatrix::identity(n, n) * ridge)) else { continue };
        let weights = factor.solve(targets);
        let error = (matmul(validation.0, &weights) - validation.1).norm_squared();
        if best.as_ref().is_none_or(|(least, _)| error < *least) {
            best = Some((error, weights));
        }
    }
    let (_, weights) = best.ok_or(Error::Parameter {
        name: "the kernel's mean diagonal",
        value: scale,
        expected: "finite and above 0, of a positive semi-definite kernel",
    })?;
    Ok(matmul(test, &weights))
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::best_ridge;

    /// A linear kernel recovers a linear function without noise, and with noise beats the mean.
    #[test]
    fn a_linear_kernel_learns_a_linear_function() {
        let stream = Stream::root(0);
        let beta: DMatrix<f64> = stream.named("beta").normal_matrix(5, 1, 1.0);
        for (noise, worst) in [(0.0, 1e-6), (1.0, 0.3)] {
            let draw = |name: &str, n: usize| {
                let x: DMatrix<f64> = stream.named(name).normal_matrix(n, 5, 1.0);
                let y = &x * &beta + stream.named("noise").named(name).normal_matrix::<f64>(n, 1, noise);
                (x, y)
            };
            let ((x, y), (v, w), (t, _)) = (draw("train", 60), draw("validation", 60), draw("test", 100));
            let kernel = |a: &DMatrix<f64>| a * x.transpose();
            let f = best_ridge((&kernel(&x), &y), (&kernel(&v), &w), &kernel(&t)).unwrap();
            let truth = &t * &beta;
            assert!((f - &truth).norm_squared() < worst * truth.norm_squared());
        }
    }
}
