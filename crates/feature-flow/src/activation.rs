//! Activations of the networks in this crate, and loops over them.

use num_traits::Float;
use overparam_tensor::linalg::Real;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A pointwise nonlinearity `h` whose derivative is a function of its value.
///
/// The networks of this crate keep `h(x)` and forget `x`, which halves their memory; that is why these two stand apart from
/// the operations on [`overparam_tensor::Tensor`], which differentiate anything and remember what they need for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `tanh x`, bounded, within 4 units in the last place.
    Tanh,
    /// `max(x, 0)`, unbounded; `h'(0) = 0`.
    Relu,
}

impl Activation {
    /// `out = h(x)`, element by element.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn values<T: Real>(self, x: &[T], out: &mut [T]) {
        assert_eq!(x.len(), out.len(), "Activation::values: {} values into {}", x.len(), out.len());
        match self {
            Self::Tanh => zip(
                x,
                out,
                #[inline(always)]
                |x, o| *o = x.fast_tanh(),
            ),
            Self::Relu => zip(
                x,
                out,
                #[inline(always)]
                |x, o| *o = Float::max(x, T::ZERO),
            ),
        }
    }

    /// `out *= h'(x)`, where `h = h(x)` is given: both activations know their derivative from their value.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn scale_by_derivative<T: Real>(self, h: &[T], out: &mut [T]) {
        assert_eq!(h.len(), out.len(), "Activation::scale_by_derivative: {} values, {}", h.len(), out.len());
        match self {
            Self::Tanh => zip(
                h,
                out,
                #[inline(always)]
                |h, o| *o *= T::ONE - h * h,
            ),
            Self::Relu => zip(
                h,
                out,
                #[inline(always)]
                |h, o| {
                    if h <= T::ZERO {
                        *o = T::ZERO;
                    }
                },
            ),
        }
    }
}

/// `f` on every pair, compiled for this processor's vector instructions; long slices are shared between threads.
#[inline(always)]
pub(crate) fn zip<T: Copy + Send + Sync>(x: &[T], out: &mut [T], f: impl Fn(T, &mut T) + Sync) {
    const PIECE: usize = 1 << 14;
    let piece = |x: &[T], out: &mut [T]| {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || x.iter().zip(out).for_each(|(&x, o)| f(x, o)),
        );
    };
    if x.len() < 4 * PIECE {
        piece(x, out);
    } else {
        x.par_chunks(PIECE).zip(out.par_chunks_mut(PIECE)).for_each(|(x, out)| piece(x, out));
    }
}

#[cfg(test)]
mod tests {
    use super::Activation;

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let x: Vec<f64> = (-40..40).map(|i| f64::from(i) * 0.1 + 0.033).collect();
        for activation in [Activation::Tanh, Activation::Relu] {
            let at = |shift: f64| {
                let moved: Vec<f64> = x.iter().map(|x| x + shift).collect();
                let mut h = vec![0.0; x.len()];
                activation.values(&moved, &mut h);
                h
            };
            let (up, down, mut slope) = (at(1e-6), at(-1e-6), vec![1.0; x.len()]);
            activation.scale_by_derivative(&at(0.0), &mut slope);
            for i in 0..x.len() {
                assert!((slope[i] - (up[i] - down[i]) / 2e-6).abs() < 1e-9, "{activation:?} at {}", x[i]);
            }
        }
    }

    #[test]
    fn tanh_is_the_standard_librarys() {
        let x: Vec<f64> = (-100..100).map(|i| f64::from(i) * 0.07).collect();
        let mut h = vec![0.0; x.len()];
        Activation::Tanh.values(&x, &mut h);
        assert!(x.iter().zip(h).all(|(x, h)| (x.tanh() - h).abs() < 1e-15));
    }
}
