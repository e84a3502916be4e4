//! Exponential families, safe at extreme values.

use crate::linalg::Real;
use crate::tensor::Tensor;

/// Softmax and log-sum-exp.
impl<T: Real> Tensor<T> {
    /// `x - m` and `m`, the maximum along `axis`. As what follows does not depend on `m`, derivatives treat it as constant.
    fn shifted(&self, axis: usize) -> (Self, Self) {
        let largest = self.stop_gradient().max_keeping(&[axis]);
        // Where the maximum is infinite, subtracting it would give NaN: take 0 out instead.
        let shift = largest.finite_or_zero();
        (self - &shift, shift)
    }

    /// `ln sum_i e^(x_i)` along `axis`, which stays with length 1; as `m + ln sum_i e^(x_i - m)` with the maximum `m`, so
    /// that nothing overflows.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn log_sum_exp_keeping(&self, axis: usize) -> Self {
        let (shifted, shift) = self.shifted(axis);
        shifted.exp().sum_keeping(&[axis]).ln() + shift
    }

    /// `ln sum_i e^(x_i)` along `axis`, which disappears.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn log_sum_exp(&self, axis: usize) -> Self {
        self.log_sum_exp_keeping(axis).squeeze(axis)
    }

    /// `x - ln sum_i e^(x_i)` along `axis`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn log_softmax(&self, axis: usize) -> Self {
        // Not `x - log_sum_exp`: a large maximum would swallow the logarithm.
        let (shifted, _) = self.shifted(axis);
        let normaliser = shifted.exp().sum_keeping(&[axis]).ln();
        shifted - normaliser
    }

    /// `e^x / sum_i e^(x_i)` along `axis`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn softmax(&self, axis: usize) -> Self {
        let exponentials = self.shifted(axis).0.exp();
        let normaliser = exponentials.sum_keeping(&[axis]);
        exponentials / normaliser
    }
}
