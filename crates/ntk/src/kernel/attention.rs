//! Global self-attention over pixels with `1/d_k` logits (Hron et al. 2020, "Infinite attention", section 3).
//!
//! In the limit the logits of an input are deterministic, `w_q w_k k(p, r)` of the input with itself, so attention is a
//! linear map of the pixels with row-stochastic weights `G = softmax(w_q w_k k)` of each side:
//!
#![doc = overparam_formula::formula!(
    "k'   = w^2 G_x k G_y^T + b^2,                              w = w_value w_out,"
    "ntk' = 2 w^2 G_x k G_y^T + b^2 + w^2 G_x ntk G_y^T         (values and outputs; queries and keys drop out)"
)]

use overparam_tensor::linalg::Real;

use super::field::{Field, Geometry, State};
use super::pointwise::Affine;
use super::scratch::Scratch;
use crate::architecture::shape::Shape;
use crate::architecture::{GlobalSelfAttention, Parameterization};

/// Constants of one attention layer.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    height: usize,
    width: usize,
    logit: f64,
    w2: f64,
    b2: f64,
    by_weight: f64,
    by_bias: f64,
}

impl Attention {
    pub(crate) fn new(layer: &GlobalSelfAttention, shape: Shape, parameterization: Parameterization) -> Self {
        let (value, out) = (layer.w_value_std.powi(2), layer.w_out_std.powi(2));
        let b2 = layer.b_std.map_or(0.0, |b| b * b);
        let (by_weight, by_bias) = match parameterization {
            Parameterization::Ntk => (2.0 * value * out, b2),
            Parameterization::Standard => (
                layer.channels as f64 * value + shape.channels as f64 * out,
                f64::from(u8::from(layer.b_std.is_some())),
            ),
        };
        Self {
            height: shape.height,
            width: shape.width,
            logit: layer.w_query_std * layer.w_key_std,
            w2: value * out,
            b2,
            by_weight,
            by_bias,
        }
    }

    /// On a single pixel every weight is one.
    pub(crate) fn alone<T: Real>(&self) -> Affine<T> {
        Affine {
            w2: T::of(self.w2),
            b2: T::of(self.b2),
            by_weight: T::of(self.by_weight),
            by_bias: T::of(self.by_bias),
        }
    }

    fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// `softmax(w_q w_k k)`, row by row, from an input's covariance with itself.
    pub(crate) fn weights<T: Real>(&self, field: &Field<T>) -> Vec<f64> {
        let n = self.pixels();
        let mut weights = Vec::with_capacity(n * n);
        for p in 0..n {
            let logits: Vec<f64> = (0..n)
                .map(|r| self.logit * field.k[Geometry::pixel_pair(self.height, self.width, p, r)].f64())
                .collect();
            let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let terms: Vec<f64> = logits.iter().map(|l| (l - top).exp()).collect();
            let total: f64 = terms.iter().sum();
            weights.extend(terms.iter().map(|t| t / total));
        }
        weights
    }

    /// Covariance and NTK after the layer, margins left to the caller.
    pub(crate) fn apply<T: Real>(
        &self,
        field: &mut Field<T>,
        weights: (&[f64], &[f64]),
        scratch: &mut Scratch<T>,
    ) {
        let (k, ntk) = (self.mix(&field.k, weights), self.mix(&field.ntk, weights));
        let mut next = Field::take(field.geometry, field.same, scratch);
        for i in 0..next.k.len() {
            next.k[i] = T::of(self.w2 * k[i] + self.b2);
            next.ntk[i] = T::of(self.by_weight * k[i] + self.by_bias + self.w2 * ntk[i]);
        }
        field.replace(next, scratch);
    }

    /// `G_x K G_y^T` in the layout of a field.
    fn mix<T: Real>(&self, matrix: &[T], (left, right): (&[f64], &[f64])) -> Vec<f64> {
        let n = self.pixels();
        let at = |p: usize, r: usize| Geometry::pixel_pair(self.height, self.width, p, r);
        let mut half = vec![0.0; n * n];
        for p in 0..n {
            for a in 0..n {
                let g = left[p * n + a];
                (0..n).for_each(|r| half[p * n + r] += g * matrix[at(a, r)].f64());
            }
        }
        let mut out = vec![0.0; n * n];
        for p in 0..n {
            for r in 0..n {
                out[at(p, r)] = half[p * n..][..n].iter().zip(&right[r * n..][..n]).map(|(h, g)| h * g).sum();
            }
        }
        out
    }
}

/// The state after attention: variances from the field, and the weights that pairs will need.
pub(crate) fn state<T: Real>(field: &Field<T>, weights: Vec<f64>) -> State<T> {
    State { extra: weights, ..State::new(field.diagonal()) }
}
