//! Self-attention over all pixels, logits scaled by `1/d_k` (Hron et al. 2020, "Infinite attention", section 3).
//!
//! In the limit the logits of an input are deterministic, `w_q w_k k(p, r)` of the input with itself, so attention is a
//! linear map of the pixels with row-stochastic weights `G = softmax(w_q w_k k)` of each side:
//!
#![doc = overparam_formula::formula!(
    "k'   = w^2 G_x k G_y^T + b^2,                              w = w_value w_out,"
    "ntk' = 2 w^2 G_x k G_y^T + b^2 + w^2 G_x ntk G_y^T         (values and outputs; queries and keys drop out)"
)]
//!
//! Cost: `4 P^3` multiply-adds per pair of images of `P` pixels, in products of matrices.

use nalgebra::DMatrix;
use overparam_tensor::Tensor;
use overparam_tensor::linalg::{Real, gemm, matmul, transposed};
use serde_json::{Value, json};

use super::rule::{Entry, Place, Rule, with_bias};
use crate::NtkError;
use crate::field::affine::Affine;
use crate::field::geometry::Geometry;
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{Pass, scaled_product};
use crate::finite::plan::{Planner, positive};
use crate::finite::ties::{Ties, Width};
use crate::parameterization::{Parameterization, Scales};
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape};

/// Self-attention over all pixels with logits scaled by `1 / d_k` and query and key weights shared, infinitely many
/// heads and key dimensions (Hron et al. 2020): `y = softmax(Q K^T / d_k) x W_v W_o + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalSelfAttention {
    /// Number of output channels.
    pub channels: usize,
    /// Standard deviation of the query weights.
    pub w_query_std: f64,
    /// Standard deviation of the key weights.
    pub w_key_std: f64,
    /// Standard deviation of the value weights.
    pub w_value_std: f64,
    /// Standard deviation of the output weights.
    pub w_out_std: f64,
    /// As [`super::Dense::b_std`].
    pub b_std: Option<f64>,
}

impl Rule for GlobalSelfAttention {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn limit(&self, here: Point, _: &str) -> Result<Point, NtkError> {
        Ok(here.fresh(self.channels))
    }

    fn has_zero_mean(&self, _: bool) -> bool {
        true
    }

    fn mixes_pixels(&self) -> bool {
        true
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        let attention = Attention::new(self, place.shape, place.parameterization);
        steps.push(if place.shape.pixels() == 1 {
            Step::of(attention.alone::<T>())
        } else {
            Step::of(attention)
        });
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let output = Shape { channels: positive(self.channels, "channels", at)?, ..here };
        let key = (self.w_query_std * self.w_key_std).sqrt();
        let mut spec = planner.affine(here, output, None, (key, None));
        let value = planner.affine(here, output, None, (self.w_value_std, None));
        let out = planner.affine(output, output, None, (self.w_out_std, self.b_std));
        spec.weights.extend(value.weights.into_iter().chain(out.weights));
        spec.bias = out.bias;
        Ok((spec, output))
    }

    fn tie(&self, ties: &mut Ties, _: Width) -> Width {
        ties.own()
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        visit(at, &mut self.channels);
    }

    /// `softmax(P P^T / channels) (x W_v) W_o + b` with `P = x W` shared by queries and keys.
    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        let [key, value, out] = [0, 1, 2].map(|i| &params.weights[i]);
        let shared = (self.w_query_std * self.w_key_std).sqrt();
        let [n, c] = [x.shape()[0], x.shape()[x.rank() - 1]];
        let pixels: usize = x.shape()[1..x.rank() - 1].iter().product();
        let rows = x.reshape(&[n, pixels, c]);
        let scales = pass.scales(shared, key, None);
        let product = |x: &Tensor<T>, weight, scales: Scales| {
            scaled_product(weight, scales.weight, false, |w| x.matmul(w))
        };
        let projected = pass.affine(&rows, product(&rows, key, scales), None, scales);
        let scales = pass.scales(self.w_value_std, value, None);
        let values = pass.affine(&rows, product(&rows, value, scales), None, scales);
        let logits = projected.matmul(&projected.t()).scale(T::of(1.0 / self.channels as f64));
        let mixed = logits.softmax(2).matmul(&values);
        let scales = pass.scales(self.w_out_std, out, self.b_std);
        let y = pass.affine(&mixed, product(&mixed, out, scales), params.bias.as_ref(), scales);
        let mut shape = x.shape().to_vec();
        shape[x.rank() - 1] = self.channels;
        y.reshape(&shape)
    }
}

impl Entry for GlobalSelfAttention {
    const NAME: &'static str = "global_self_attention";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let layer = Self {
            channels: f.count("channels")?.ok_or_else(|| f.missing("channels"))?,
            w_query_std: f.std("w_query_std")?.unwrap_or(1.0),
            w_key_std: f.std("w_key_std")?.unwrap_or(1.0),
            w_value_std: f.std("w_value_std")?.unwrap_or(1.0),
            w_out_std: f.std("w_out_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        };
        f.finish()?;
        Ok(layer)
    }

    fn write(&self) -> Value {
        let Self { channels, w_query_std, w_key_std, w_value_std, w_out_std, b_std } = self;
        with_bias(
            json!({"channels": channels, "w_query_std": w_query_std, "w_key_std": w_key_std,
                   "w_value_std": w_value_std, "w_out_std": w_out_std}),
            *b_std,
        )
    }

    fn examples(width: usize) -> Vec<Self> {
        let [w_query_std, w_key_std, w_value_std, w_out_std] = [1.0, 1.1, 1.2, 0.9];
        vec![Self { channels: width, w_query_std, w_key_std, w_value_std, w_out_std, b_std: Some(0.3) }]
    }
}

/// Constants of one attention layer.
#[derive(Debug, Clone)]
struct Attention {
    height: usize,
    width: usize,
    logit: f64,
    w2: f64,
    b2: f64,
    by_weight: f64,
    by_bias: f64,
}

impl Attention {
    fn new(layer: &GlobalSelfAttention, shape: Shape, parameterization: Parameterization) -> Self {
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
    fn alone<T: Real>(&self) -> Affine<T> {
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
    fn weights<T: Real>(&self, field: &Field<T>) -> Vec<f64> {
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

    /// Covariance and NTK after the layer; margins are left to the caller.
    fn attend<T: Real>(
        &self,
        field: &mut Field<T>,
        (left, right): (&[f64], &[f64]),
        scratch: &mut Scratch<T>,
    ) {
        let weights = [left, right].map(|side| self.matrix(side));
        let mut next = Field::take(field.geometry, field.same, scratch);
        self.mix(&field.k, &weights, &mut next.k);
        self.mix(&field.ntk, &weights, &mut next.ntk);
        let [w2, b2, by_weight, by_bias] = [self.w2, self.b2, self.by_weight, self.by_bias].map(T::of);
        for (k, ntk) in next.k.iter_mut().zip(next.ntk.iter_mut()) {
            *ntk = by_weight * *k + by_bias + w2 * *ntk;
            *k = w2 * *k + b2;
        }
        field.replace(next, scratch);
    }

    /// The weights of a side, a row for each pixel that attends.
    fn matrix<T: Real>(&self, weights: &[f64]) -> DMatrix<T> {
        let n = self.pixels();
        DMatrix::from_fn(n, n, |p, r| T::of(weights[p * n + r]))
    }

    /// `G_x K G_y^T` in the layout of a field.
    fn mix<T: Real>(&self, field: &[T], [left, right]: &[DMatrix<T>; 2], out: &mut [T]) {
        let n = self.pixels();
        let at = |p: usize, r: usize| Geometry::pixel_pair(self.height, self.width, p, r);
        let half = matmul(left, &DMatrix::from_fn(n, n, |p, r| field[at(p, r)]));
        let mut mixed = DMatrix::zeros(n, n);
        gemm(T::ONE, &half, transposed(right), T::ZERO, &mut mixed);
        for r in 0..n {
            for p in 0..n {
                out[at(p, r)] = mixed[(p, r)];
            }
        }
    }
}

impl<T: Real> FieldMap<T> for Attention {
    /// Not known before the pairs are.
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        before.clone()
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, scratch: &mut Scratch<T>) {
        self.attend(field, (&sides.after.0.weights, &sides.after.1.weights), scratch);
        lines::measure_margins(field, sides.after);
    }

    /// The variances after the layer carry the weights, which pairs with other inputs will need.
    fn own(&self, own: &mut Field<T>, _: &Variances<T>, scratch: &mut Scratch<T>) -> Variances<T> {
        let weights = self.weights(own);
        self.attend(own, (&weights, &weights), scratch);
        Variances { weights, ..lines::measure_own(own) }
    }
}
