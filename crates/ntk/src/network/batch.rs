//! Inputs of a finite network, with the dropout masks of each.

use overparam_tensor::random::Stream;
use overparam_tensor::{Real, Tensor, tree};

use super::{Network, shape_of};
use crate::NtkError;
use crate::inputs::Inputs;

/// Inputs `[n, ...]`, and for networks with dropout in training mode one mask `[n, ...]` per dropout layer. Without masks dropout
/// is the identity.
#[derive(Debug, Clone)]
pub struct Batch<T: Real> {
    /// The inputs.
    pub x: Tensor<T>,
    /// `0` or `1/keep`, in the order in which the layers run; empty in evaluation.
    pub masks: Vec<Tensor<T>>,
}

tree!(Batch { x, masks });

impl<T: Real> From<Tensor<T>> for Batch<T> {
    fn from(x: Tensor<T>) -> Self {
        Self { x, masks: Vec::new() }
    }
}

impl<T: Real> From<&Tensor<T>> for Batch<T> {
    fn from(x: &Tensor<T>) -> Self {
        x.clone().into()
    }
}

impl<T: Real> From<&Inputs<T>> for Batch<T> {
    fn from(inputs: &Inputs<T>) -> Self {
        let n = inputs.count();
        let elements = (0..n).flat_map(|i| inputs.row(i)).collect();
        Tensor::from_vec(&shape_of(n, inputs.shape()), elements).into()
    }
}

impl<T: Real> Batch<T> {
    /// Number of examples.
    pub fn count(&self) -> usize {
        self.x.shape().first().copied().unwrap_or(0)
    }
}

impl Network {
    /// The batch with dropout masks drawn from `stream`: every unit of every example on its own, kept with the layer's
    /// probability.
    pub fn with_masks<T: Real>(&self, stream: &Stream, x: impl Into<Batch<T>>) -> Batch<T> {
        let batch = x.into();
        let n = batch.count();
        let masks = self.masks.iter().enumerate().map(|(i, &(shape, keep))| {
            // Uniform numbers as probabilities of normal ones: the streams draw normals.
            let normal = Tensor::<f64>::normal(&stream.indexed(i as u64), &shape_of(n, shape), 1.0);
            let uniform = normal.scale(std::f64::consts::FRAC_1_SQRT_2).erf().affine(0.5, 0.5);
            let kept = uniform
                .array()
                .elements()
                .iter()
                .map(|&u| T::of(if u < keep { 1.0 / keep } else { 0.0 }))
                .collect();
            Tensor::from_vec(uniform.shape(), kept)
        });
        Batch { masks: masks.collect(), x: batch.x }
    }

    /// Refuses a batch this network cannot take.
    ///
    /// # Errors
    /// [`NtkError::Input`] if it is empty, has another shape or an entry that is not finite, or masks that do not fit.
    pub fn check_batch<T: Real>(&self, which: &'static str, batch: &Batch<T>) -> Result<(), NtkError> {
        let n = batch.count();
        if n == 0 {
            return Err(NtkError::input(which, "the batch is empty"));
        }
        let expected = shape_of(n, self.input);
        let full = [n, self.input.height, self.input.width, self.input.channels];
        if batch.x.shape() != expected && batch.x.shape() != full {
            return Err(NtkError::input(which, format!("expected {expected:?}, got {:?}", batch.x.shape())));
        }
        if !batch.x.array().is_finite() {
            return Err(NtkError::input(which, "there is an entry that is not finite"));
        }
        let fits = batch.masks.is_empty()
            || batch.masks.len() == self.masks.len()
                && batch.masks.iter().zip(&self.masks).all(|(m, (s, _))| m.shape() == shape_of(n, *s));
        if !fits {
            let expected: Vec<_> = self.masks.iter().map(|(s, _)| shape_of(n, *s)).collect();
            return Err(NtkError::input(which, format!("the dropout masks should have shapes {expected:?}")));
        }
        Ok(())
    }
}
