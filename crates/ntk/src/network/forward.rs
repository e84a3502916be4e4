//! One pass through the layers, written once in tensor operations: plain evaluation, forward and reverse mode and
//! [`vmap`](overparam_tensor::vmap) all run this code.

use overparam_tensor::{Real, Tensor};

use super::nonlinearity::nonlinearity;
use super::params::LayerParams;
use super::plan::Scales;
use crate::architecture::{Combine, GlobalSelfAttention, Layer, Parameterization};

/// What is done to the output of each affine map, given its input: nothing, or looking, or adding a perturbation.
pub(crate) type Probe<'a, T> = dyn FnMut(&Tensor<T>, Tensor<T>) -> Tensor<T> + 'a;

/// State of a pass. Vectors are `[n, channels]`, images `[n, height, width, channels]`; images of one pixel are vectors.
pub(super) struct Pass<'a, T: Real> {
    pub(super) parameterization: Parameterization,
    /// Those of the dropout layers still to come; none at all in evaluation.
    pub(super) masks: std::slice::Iter<'a, Tensor<T>>,
    pub(super) probe: &'a mut Probe<'a, T>,
}

impl<T: Real> Pass<'_, T> {
    pub(super) fn layers(&mut self, layers: &[Layer], params: &[LayerParams<T>], x: &Tensor<T>) -> Tensor<T> {
        let each = layers.iter().zip(params);
        each.fold(x.clone(), |x, (layer, params)| self.layer(layer, params, &x))
    }

    fn layer(&mut self, layer: &Layer, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        let weight = |i: usize| &params.weights[i];
        match layer {
            Layer::Dense(dense) => {
                let scales = self.scales(dense.w_std, weight(0), dense.b_std);
                let few = weight(0).shape()[0] <= FEW;
                let y = scaled_product(weight(0), scales.weight, few, |w| x.matmul(w));
                self.affine(x, y, params.bias.as_ref(), scales)
            }
            Layer::Conv(conv) => {
                let scales = self.scales(conv.w_std, weight(0), conv.b_std);
                let x = image(x);
                let y = scaled_product(weight(0), scales.weight, true, |w| {
                    vector(x.conv2d(w, conv.strides, conv.padding))
                });
                self.affine(&x, y, params.bias.as_ref(), scales)
            }
            Layer::AvgPool(p) => vector(image(x).avg_pool(p.window, p.strides, p.padding)),
            Layer::SumPool(p) => vector(image(x).sum_pool(p.window, p.strides, p.padding)),
            Layer::MaxPool(p) => vector(image(x).max_pool(p.window, p.strides, p.padding)),
            Layer::GlobalAvgPool => image(x).mean_axes(&[1, 2]),
            Layer::GlobalSumPool => image(x).sum_axes(&[1, 2]),
            Layer::Flatten => x.flatten(),
            Layer::LayerNorm(norm) => {
                let last = [x.rank() - 1];
                let centred = x - x.mean_keeping(&last);
                let variance = centred.square().mean_keeping(&last);
                centred / (variance + T::of(norm.eps)).sqrt()
            }
            Layer::Dropout(_) => self.masks.next().map_or_else(|| x.clone(), |mask| x * mask),
            Layer::GlobalSelfAttention(attention) => self.attention(attention, params, x),
            Layer::Activation(activation) => nonlinearity(activation, x),
            Layer::Residual(branch) => x + self.layers(branch, &params.branches[0], x),
            Layer::Parallel { branches, combine } => {
                let ends: Vec<Tensor<T>> = branches
                    .iter()
                    .zip(&params.branches)
                    .map(|(layers, params)| self.layers(layers, params, x))
                    .collect();
                combined(&ends, *combine)
            }
        }
    }

    /// `std / sqrt(fan_in)` or 1; all axes of a weight but the last are fan-in.
    fn scales(&self, w_std: f64, weight: &Tensor<T>, b_std: Option<f64>) -> Scales {
        let fan_in = weight.shape().iter().rev().skip(1).product();
        Scales::new(self.parameterization, w_std, fan_in, b_std)
    }

    /// Adds the bias to the scaled product, shows both ends to the probe.
    fn affine(&mut self, x: &Tensor<T>, y: Tensor<T>, bias: Option<&Tensor<T>>, scales: Scales) -> Tensor<T> {
        let y = match bias {
            Some(bias) => y + scaled(bias, scales.bias),
            None => y,
        };
        (self.probe)(x, y)
    }

    /// `softmax(P P^T / channels) (x W_v) W_o + b` with `P = x W` shared by queries and keys.
    fn attention(
        &mut self,
        layer: &GlobalSelfAttention,
        params: &LayerParams<T>,
        x: &Tensor<T>,
    ) -> Tensor<T> {
        let [key, value, out] = [0, 1, 2].map(|i| &params.weights[i]);
        let shared = (layer.w_query_std * layer.w_key_std).sqrt();
        let [n, c] = [x.shape()[0], x.shape()[x.rank() - 1]];
        let pixels: usize = x.shape()[1..x.rank() - 1].iter().product();
        let rows = x.reshape(&[n, pixels, c]);
        let scales = self.scales(shared, key, None);
        let product = |x: &Tensor<T>, weight, scales: Scales| {
            scaled_product(weight, scales.weight, false, |w| x.matmul(w))
        };
        let projected = self.affine(&rows, product(&rows, key, scales), None, scales);
        let scales = self.scales(layer.w_value_std, value, None);
        let values = self.affine(&rows, product(&rows, value, scales), None, scales);
        let logits = projected.matmul(&projected.t()).scale(T::of(1.0 / layer.channels as f64));
        let mixed = logits.softmax(2).matmul(&values);
        let scales = self.scales(layer.w_out_std, out, layer.b_std);
        let y = self.affine(&mixed, product(&mixed, out, scales), params.bias.as_ref(), scales);
        let mut shape = x.shape().to_vec();
        shape[x.rank() - 1] = layer.channels;
        y.reshape(&shape)
    }
}

/// Dense weights of so small a fan-in are smaller than their products with most batches. The choice must not depend on the batch,
/// whose division into parts would then change the last bits.
const FEW: usize = 64;

/// The product with a weight times `factor`: a pass over the weight, if it is the smaller one, or over the product.
fn scaled_product<T: Real>(
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

fn combined<T: Real>(ends: &[Tensor<T>], combine: Combine) -> Tensor<T> {
    let reduce = |f: fn(Tensor<T>, &Tensor<T>) -> Tensor<T>| ends[1..].iter().fold(ends[0].clone(), f);
    match combine {
        Combine::Sum => reduce(|a, b| a + b),
        Combine::Product => reduce(|a, b| a * b),
        Combine::Concat => Tensor::concatenate(&ends.iter().collect::<Vec<_>>(), ends[0].rank() - 1),
    }
}

/// A vector as an image of one pixel.
fn image<T: Real>(x: &Tensor<T>) -> Tensor<T> {
    match *x.shape() {
        [n, channels] => x.reshape(&[n, 1, 1, channels]),
        _ => x.clone(),
    }
}

/// An image of one pixel as a vector.
fn vector<T: Real>(x: Tensor<T>) -> Tensor<T> {
    match *x.shape() {
        [n, 1, 1, channels] => x.reshape(&[n, channels]),
        _ => x,
    }
}
