//! Losses.
//!
//! Predictions are `[n, c]` (or `[n]`) with one example per row, and every loss is a mean over examples.
//!
//! *The scale of the squared loss* is `1 / (2 n c)`: half the mean over all `n c` numbers, as in neural-tangents and everywhere
//! in this workspace. Its gradient is the residual divided by `n c`, so that kernel gradient flow is
//! `df/dt = -eta Theta (f - y) / (n c)` and descent is stable up to `eta = 2 n c / lambda_max(Theta)`. The losses of
//! classification are summed over an example's outputs.
//!
//! | loss | of one example with outputs `f_k` | targets |
//! |---|---|---|
//! | [`squared`] | `1/(2c) sum_k (f_k - y_k)^2` | numbers, shaped as the predictions |
//! | [`logistic`] | `sum_k ln(1 + exp(-y_k f_k))` | -1 or 1, shaped as the predictions |
//! | [`hinge`] | `sum_k max(0, 1 - y_k f_k)` | -1 or 1, shaped as the predictions |
//! | [`cross_entropy`] | `ln sum_k e^(f_k) - sum_k p_k f_k` | probabilities `[n, k]`, as from [`one_hot`] |

use crate::linalg::Real;
use crate::tensor::Tensor;

fn check<T: Real>(loss: &str, predictions: &Tensor<T>, targets: &Tensor<T>) {
    assert!(
        predictions.shape() == targets.shape() && predictions.rank() > 0,
        "{loss}: predictions {:?} and targets {:?}",
        predictions.shape(),
        targets.shape()
    );
}

fn mean_over_examples<T: Real>(losses: &Tensor<T>) -> Tensor<T> {
    losses.sum().scale(T::ONE / T::of(losses.shape()[0] as f64))
}

/// `1/(2 n c) sum_i sum_k (f_k(x_i) - y_ik)^2`, for `n` examples with `c` outputs each.
///
/// # Panics
/// If the shapes differ or have no axis.
///
/// ```
/// use overparam_tensor::{Tensor, grad, loss};
///
/// let f = Tensor::from_vec(&[2, 1], vec![3.0, 0.0]);
/// let y = Tensor::from_vec(&[2, 1], vec![1.0, 0.0]);
/// assert_eq!(loss::squared(&f, &y).item(), 1.0);
/// assert_eq!(grad(|f: &Tensor<f64>| loss::squared(f, &y), &f).array().to_vec(), [1.0, 0.0]); // residual / (n c)
/// ```
#[must_use]
pub fn squared<T: Real>(predictions: &Tensor<T>, targets: &Tensor<T>) -> Tensor<T> {
    check("squared loss", predictions, targets);
    let count = T::of(predictions.len() as f64);
    (predictions - targets).square().sum().scale(T::ONE / count).scale(T::of(0.5))
}

/// `1/n sum_i sum_k ln(1 + exp(-y_ik f_k(x_i)))`, without overflow.
///
/// # Panics
/// If the shapes differ or have no axis.
#[must_use]
pub fn logistic<T: Real>(predictions: &Tensor<T>, signs: &Tensor<T>) -> Tensor<T> {
    check("logistic loss", predictions, signs);
    mean_over_examples(&(predictions * signs).scale(-T::ONE).softplus())
}

/// `1/n sum_i sum_k max(0, 1 - y_ik f_k(x_i))`; at the kink the derivative is 0.
///
/// # Panics
/// If the shapes differ or have no axis.
#[must_use]
pub fn hinge<T: Real>(predictions: &Tensor<T>, signs: &Tensor<T>) -> Tensor<T> {
    check("hinge loss", predictions, signs);
    mean_over_examples(&(predictions * signs).one_minus().relu())
}

/// `1/n sum_i (ln sum_k e^(f_k(x_i)) - sum_k p_ik f_k(x_i))`: the cross-entropy of `softmax(f)` relative to `p`.
///
/// # Panics
/// If the shapes differ or there are not two axes.
#[must_use]
pub fn cross_entropy<T: Real>(logits: &Tensor<T>, probabilities: &Tensor<T>) -> Tensor<T> {
    check("cross-entropy", logits, probabilities);
    assert!(logits.rank() == 2, "cross-entropy: logits {:?} need two axes", logits.shape());
    -mean_over_examples(&(logits.log_softmax(1) * probabilities))
}

/// Rows of the identity: class `c` becomes a row of `classes` numbers, 1 at `c` and 0 elsewhere.
///
/// # Panics
/// If a label is not below `classes`.
#[must_use]
pub fn one_hot<T: Real>(labels: &[usize], classes: usize) -> Tensor<T> {
    Tensor::identity(classes).gather(0, labels)
}

#[cfg(test)]
mod tests {
    use super::{cross_entropy, hinge, logistic, one_hot, squared};
    use crate::autodiff::value_and_grad;
    use crate::tensor::Tensor;

    fn row(x: &[f64]) -> Tensor<f64> {
        Tensor::from_vec(&[x.len(), 1], x.to_vec())
    }

    /// Half the mean over all numbers: two examples with two outputs.
    #[test]
    fn squared_loss_is_a_mean_over_examples_and_outputs() {
        let f = Tensor::from_vec(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
        let (value, slope) = value_and_grad(|f| squared(f, &Tensor::zeros(&[2, 2])), &f);
        assert_eq!(value.item(), 30.0 / 8.0);
        assert_eq!(slope.array().to_vec(), [0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn logistic_loss_is_finite_at_extreme_margins() {
        let (value, slope) = value_and_grad(|f| logistic(f, &row(&[1.0, 1.0])), &row(&[1e4, -1e4]));
        assert_eq!(value.item(), 5e3);
        assert_eq!(slope.array().to_vec(), [0.0, -0.5]);
    }

    #[test]
    fn cross_entropy_is_finite_at_extreme_logits() {
        let logits = Tensor::from_vec(&[2, 2], vec![1e5, -1e5, 0.0, 0.0]);
        let (value, slope) = value_and_grad(|f| cross_entropy(f, &one_hot(&[1, 0], 2)), &logits);
        assert_eq!(value.item(), 1e5 + 0.5 * 2f64.ln());
        assert_eq!(slope.array().to_vec(), [0.5, -0.5, -0.25, 0.25]);
    }

    #[test]
    fn hinge_loss_is_flat_beyond_the_margin() {
        let (value, slope) = value_and_grad(|f| hinge(f, &row(&[1.0, -1.0])), &row(&[2.0, 0.5]));
        assert_eq!(value.item(), 0.75);
        assert_eq!(slope.array().to_vec(), [0.0, 0.5]);
    }
}
