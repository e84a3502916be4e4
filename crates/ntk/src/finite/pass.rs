//! One pass through the layers, written once in tensor operations: plain evaluation, forward and reverse mode and
//! [`vmap`](overparam_tensor::vmap) all run this code.

use overparam_tensor::{Real, Tensor};

use crate::parameterization::{Parameterization, Scales};

/// What is done to the output of each affine map, given its input: nothing, or looking, or adding a perturbation.
pub(crate) type Probe<'a, T> = dyn FnMut(&Tensor<T>, Tensor<T>) -> Tensor<T> + 'a;

/// State of a pass. Vectors are `[n, channels]`, images `[n, height, width, channels]`; images of one pixel are vectors.
pub(crate) struct Pass<'a, T: Real> {
    pub(crate) parameterization: Parameterization,
    /// Those of the dropout layers still to come; none at all in evaluation.
    pub(crate) masks: std::slice::Iter<'a, Tensor<T>>,
    pub(crate) probe: &'a mut Probe<'a, T>,
}

impl<T: Real> Pass<'_, T> {
    /// `std / sqrt(fan_in)` or 1; all axes of a weight but the last are fan-in.
    pub(crate) fn scales(&self, w_std: f64, weight: &Tensor<T>, b_std: Option<f64>) -> Scales {
        let fan_in = weight.shape().iter().rev().skip(1).product();
        Scales::new(self.parameterization, w_std, fan_in, b_std)
    }

    /// Adds the bias to the scaled product, shows both ends to the probe.
    pub(crate) fn affine(
        &mut self,
        x: &Tensor<T>,
        y: Tensor<T>,
        bias: Option<&Tensor<T>>,
        scales: Scales,
    ) -> Tensor<T> {
        let y = match bias {
            Some(bias) => y + scaled(bias, scales.bias),
            None => y,
        };
        (self.probe)(x, y)
    }
}

/// Dense weights of so small a fan-in are smaller than their products with most batches. The choice must not depend on the batch,
/// whose division into parts would then change the last bits.
pub(crate) const FEW: usize = 64;

/// The product with a weight times `factor`: a pass over the weight, if it is the smaller one, or over the product.
pub(crate) fn scaled_product<T: Real>(
    weight: &Tensor<T>,
    factor: f64,
    scale_weight: bool,
    product: impl FnOnce(&Tensor<T>) -> Tensor<T>,
) -> Tensor<T> {
    if scale_weight { product(&scaled(weight, factor)) } else { scaled(&product(weight), factor) }
}

fn scaled<T: Real>(x: &Tensor<T>, factor: f64) -> Tensor<T> {
    if factor == 1.0 { x.clone() } else { x.scale(T::of(factor)) }
}

/// A vector as an image of one pixel.
pub(crate) fn image<T: Real>(x: &Tensor<T>) -> Tensor<T> {
    match *x.shape() {
        [n, channels] => x.reshape(&[n, 1, 1, channels]),
        _ => x.clone(),
    }
}

/// An image of one pixel as a vector.
pub(crate) fn vector<T: Real>(x: Tensor<T>) -> Tensor<T> {
    match *x.shape() {
        [n, 1, 1, channels] => x.reshape(&[n, channels]),
        _ => x,
    }
}
