//! Exponential families, safe at extreme values.

use crate::linalg::Real;
use crate::tensor::Tensor;

/// Softmax and log-sum-exp.
impl<T: Real> Tensor<T> {
    /// `ln sum_i e^(x_i)` along `axis`, which stays with length 1. The maximum `m` is taken out,
    /// `m + ln sum_i e^(x_i - m)`, so that nothing overflows; as the result does not depend on `m`, derivatives treat it as
    /// constant.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn log_sum_exp_keeping(&self, axis: usize) -> Self {
        let largest = self.stop_gradient().max_keeping(&[axis]);
        // Where the maximum is infinite, subtracting it would give NaN: take 0 out instead.
        let shift = largest.finite_or_zero();
        (self - &shift).exp().sum_keeping(&[axis]).ln() + shift
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
        self - self.log_sum_exp_keeping(axis)
    }

    /// `e^x / sum_i e^(x_i)` along `axis`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn softmax(&self, axis: usize) -> Self {
        self.log_softmax(axis).exp()
    }
}
