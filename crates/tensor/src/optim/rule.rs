//! Update rules on slices, each one formula: what every optimiser of the workspace ends in.
//!
//! A rule moves parameters `w` along their gradient `g` with learning rate `eta` at step `t = 1, 2, ...`; its state starts at
//! zero and belongs to the caller, who may hold it in tensors, matrices or lists. Coefficients are computed in `f64` and
//! rounded once. Nothing is allocated, and everything runs on the calling thread.
//!
//! | rule | update | state | source |
//! |---|---|---|---|
//! | [`descend`] | `w <- w - eta g` | | |
//! | [`Momentum`] | `v <- mu v + g`, `w <- w - eta v`; Nesterov: `w <- w - eta (g + mu v)` | `v` per weight | Polyak 1964; Sutskever et al. 2013 |
//! | [`RmsProp`] | `s <- beta s + (1 - beta) g^2`, `w <- w - eta g / (sqrt(s) + eps)` | `s` per weight | Tieleman and Hinton 2012 |
//! | [`RmsNormalized`] | `s <- beta s + (1 - beta) \|\|g\|\|^2`, `w <- w - eta g / (sqrt(s / (1 - beta^t)) + eps)` | one `s` for all weights | Arora, Cohen, Hu and Luo 2019 |
//! | [`Adam`] | `m <- b1 m + (1 - b1) g`, `s <- b2 s + (1 - b2) g^2`, `w <- w - eta m' / (sqrt(s') + eps)` with `m' = m / (1 - b1^t)`, `s' = s / (1 - b2^t)` | `m`, `s` per weight | Kingma and Ba 2015 |
//!
//! ```
//! use overparam_tensor::optim::rule::Adam;
//!
//! let (mut w, mut m, mut s) = ([1.0, 1.0], [0.0; 2], [0.0; 2]);
//! Adam::default().step(1, 0.1, &mut w, &[3.0, -1e-3], &mut m, &mut s);
//! assert!((w[0] - 0.9_f64).abs() < 1e-5 && (w[1] - 1.1).abs() < 1e-5); // the first step is eta in every coordinate
//! ```

use num_traits::Float;

use crate::kernel::vectorized;
use crate::linalg::Real;

fn check(rule: &str, weights: usize, others: &[usize]) {
    assert!(
        others.iter().all(|&n| n == weights),
        "{rule}: {weights} weights with {others:?} gradients, state"
    );
}

fn exponent(step: u64) -> i32 {
    i32::try_from(step).unwrap_or(i32::MAX)
}

/// `w <- w - rate g`.
///
/// # Panics
/// If the slices differ in length.
pub fn descend<T: Real>(rate: f64, w: &mut [T], g: &[T]) {
    check("descent", w.len(), &[g.len()]);
    let rate = T::of(rate);
    vectorized(
        #[inline(always)]
        || w.iter_mut().zip(g).for_each(|(w, &g)| *w -= rate * g),
    );
}

/// Heavy-ball momentum, or Nesterov's in the form that needs the gradient at `w` only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// `mu`, in `[0, 1)`.
    pub momentum: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
}

impl Momentum {
    /// One step; `velocity` is `v`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Real>(&self, rate: f64, w: &mut [T], g: &[T], velocity: &mut [T]) {
        check("momentum", w.len(), &[g.len(), velocity.len()]);
        let (rate, mu) = (T::of(rate), T::of(self.momentum));
        let all = w.iter_mut().zip(g).zip(velocity);
        if self.nesterov {
            vectorized(
                #[inline(always)]
                || {
                    for ((w, &g), v) in all {
                        *v = mu * *v + g;
                        *w = *w - rate * (mu * *v) - rate * g;
                    }
                },
            );
        } else {
            vectorized(
                #[inline(always)]
                || {
                    for ((w, &g), v) in all {
                        *v = mu * *v + g;
                        *w -= rate * *v;
                    }
                },
            );
        }
    }
}

/// Descent in which every weight is divided by the running root mean square of its own gradient.
///
/// Not [`RmsNormalized`], which divides all weights by one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// `beta`, in `[0, 1)`.
    pub decay: f64,
    /// `eps > 0`, added to the root.
    pub epsilon: f64,
}

impl Default for RmsProp {
    /// `beta = 0.99`, `eps = 1e-8`.
    fn default() -> Self {
        Self { decay: 0.99, epsilon: 1e-8 }
    }
}

impl RmsProp {
    /// One step; `second` is `s`. There is no correction of the bias of early steps, as in the original.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Real>(&self, rate: f64, w: &mut [T], g: &[T], second: &mut [T]) {
        check("RMSprop", w.len(), &[g.len(), second.len()]);
        let (rate, epsilon) = (T::of(rate), T::of(self.epsilon));
        let (kept, new) = (T::of(self.decay), T::of(1.0 - self.decay));
        let all = w.iter_mut().zip(g).zip(second);
        vectorized(
            #[inline(always)]
            || {
                for ((w, &g), s) in all {
                    *s = kept * *s + new * g * g;
                    *w -= rate * (g / (Float::sqrt(*s) + epsilon));
                }
            },
        );
    }
}

/// Descent at a rate divided by the running root mean square of the whole gradient's norm: one second moment for all weights.
///
/// The direction is the gradient's, as in gradient flow; only the speed adapts, so that plateaus of a deep network are crossed
/// in bounded time. Compute the rate of a step once, then [`descend`] with it in every block of weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsNormalized {
    /// `beta`, in `[0, 1)`.
    pub decay: f64,
    /// `eps > 0`, added to the root.
    pub epsilon: f64,
}

impl Default for RmsNormalized {
    /// The paper's `beta = 0.99`, `eps = 1e-4`.
    fn default() -> Self {
        Self { decay: 0.99, epsilon: 1e-4 }
    }
}

impl RmsNormalized {
    /// The rate `eta / (sqrt(s / (1 - beta^t)) + eps)` of step `t = 1, 2, ...`, for a gradient with this sum of squares over all
    /// weights ([`sum_of_squares`]); `second` is `s`.
    pub fn rate(&self, step: u64, rate: f64, square: f64, second: &mut f64) -> f64 {
        *second = self.decay * *second + (1.0 - self.decay) * square;
        let root = (*second / (1.0 - self.decay.powi(exponent(step)))).sqrt();
        rate / (root + self.epsilon)
    }
}

/// Adam. AdamW is the same after `w <- (1 - eta lambda) w`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// `b1`, of the first moment, in `[0, 1)`.
    pub beta1: f64,
    /// `b2`, of the second moment, in `[0, 1)`.
    pub beta2: f64,
    /// `eps > 0`, added to the root.
    pub epsilon: f64,
}

impl Default for Adam {
    /// As published: `b1 = 0.9`, `b2 = 0.999`, `eps = 1e-8`.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

impl Adam {
    /// Step number `step = 1, 2, ...`; `first` and `second` are `m` and `s`.
    ///
    /// # Panics
    /// If the slices differ in length.
    pub fn step<T: Real>(
        &self,
        step: u64,
        rate: f64,
        w: &mut [T],
        g: &[T],
        first: &mut [T],
        second: &mut [T],
    ) {
        check("Adam", w.len(), &[g.len(), first.len(), second.len()]);
        let unbiased = |beta: f64| (1.0 - beta.powi(exponent(step))).recip();
        let (rate, unbiased) = (T::of(rate * unbiased(self.beta1)), T::of(unbiased(self.beta2)));
        let (kept1, new1) = (T::of(self.beta1), T::of(1.0 - self.beta1));
        let (kept2, new2) = (T::of(self.beta2), T::of(1.0 - self.beta2));
        let epsilon = T::of(self.epsilon);
        let all = w.iter_mut().zip(g).zip(first.iter_mut().zip(second));
        vectorized(
            #[inline(always)]
            || {
                for ((w, &g), (m, s)) in all {
                    *m = kept1 * *m + new1 * g;
                    *s = kept2 * *s + new2 * g * g;
                    *w -= rate * *m / (Float::sqrt(unbiased * *s) + epsilon);
                }
            },
        );
    }
}

/// `sum x^2` in `f64`: squares of `f32` gradients below `1e-19` would vanish or turn subnormal, and slow, in `f32`.
///
/// Eight interleaved sums, combined in a fixed order, let the compiler vectorise without changing bits between runs.
pub fn sum_of_squares<T: Real>(x: &[T]) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = x.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|x| x.f64() * x.f64()).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x.f64() * x.f64();
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Adam, Momentum, RmsNormalized, RmsProp, descend, sum_of_squares};
    use crate::random::Stream;

    /// The formulas of the page, once more, for one weight with its state.
    #[derive(Clone, Copy)]
    enum By {
        Descent,
        Momentum(Momentum),
        RmsProp(RmsProp),
        RmsNormalized(RmsNormalized),
        Adam(Adam),
    }

    /// `state` is `(v or m, s)`; `square` is the sum of squares of the whole gradient.
    fn moved(by: By, t: f64, eta: f64, g: f64, square: f64, (v, s): &mut (f64, f64)) -> f64 {
        match by {
            By::Descent => eta * g,
            By::Momentum(Momentum { momentum, nesterov }) => {
                *v = momentum * *v + g;
                eta * if nesterov { g + momentum * *v } else { *v }
            }
            By::RmsProp(RmsProp { decay, epsilon }) => {
                *s = decay * *s + (1.0 - decay) * g * g;
                eta * g / (s.sqrt() + epsilon)
            }
            By::RmsNormalized(RmsNormalized { decay, epsilon }) => {
                *s = decay * *s + (1.0 - decay) * square;
                eta * g / ((*s / (1.0 - decay.powf(t))).sqrt() + epsilon)
            }
            By::Adam(Adam { beta1, beta2, epsilon }) => {
                *v = beta1 * *v + (1.0 - beta1) * g;
                *s = beta2 * *s + (1.0 - beta2) * g * g;
                eta * (*v / (1.0 - beta1.powf(t))) / ((*s / (1.0 - beta2.powf(t))).sqrt() + epsilon)
            }
        }
    }

    proptest! {
        #[test]
        fn rules_follow_their_formulas(seed in any::<u64>(), n in 1usize..40, steps in 1u64..20, eta in 1e-3..0.5, decay in 0.0..0.999) {
            let rules = [
                By::Descent,
                By::Momentum(Momentum { momentum: decay, nesterov: false }),
                By::Momentum(Momentum { momentum: decay, nesterov: true }),
                By::RmsProp(RmsProp { decay, epsilon: 1e-3 }),
                By::RmsNormalized(RmsNormalized { decay, epsilon: 1e-4 }),
                By::Adam(Adam { beta1: 0.8, beta2: decay, epsilon: 1e-8 }),
            ];
            let stream = Stream::root(seed);
            for by in rules {
                let mut w: Vec<f64> = stream.normal_vector(n, 1.0).as_slice().to_vec();
                let mut expected = w.clone();
                let (mut first, mut second, mut global) = (vec![0.0; n], vec![0.0; n], 0.0);
                let mut state = vec![(0.0, 0.0); n];
                for t in 1..=steps {
                    let g: Vec<f64> = stream.indexed(t).normal_vector(n, 1.0).as_slice().to_vec();
                    let square: f64 = g.iter().map(|g| g * g).sum();
                    match by {
                        By::Descent => descend(eta, &mut w, &g),
                        By::Momentum(rule) => rule.step(eta, &mut w, &g, &mut first),
                        By::RmsProp(rule) => rule.step(eta, &mut w, &g, &mut second),
                        By::RmsNormalized(rule) => {
                            let rate = rule.rate(t, eta, sum_of_squares(&g), &mut global);
                            descend(rate, &mut w, &g);
                        }
                        By::Adam(rule) => rule.step(t, eta, &mut w, &g, &mut first, &mut second),
                    }
                    for ((w, g), state) in expected.iter_mut().zip(&g).zip(&mut state) {
                        *w -= moved(by, t as f64, eta, *g, square, state);
                    }
                }
                for (a, b) in w.iter().zip(&expected) {
                    prop_assert!((a - b).abs() < 1e-11 * (1.0 + b.abs()), "{a} {b}");
                }
            }
        }

        #[test]
        fn squares_are_summed(x in prop::collection::vec(-1e3f64..1e3, 0..50)) {
            let expected: f64 = x.iter().map(|x| x * x).sum();
            prop_assert!((sum_of_squares(&x) - expected).abs() <= 1e-13 * expected);
        }
    }

    /// Gradients whose squares are below the smallest positive `f32` still drive a normalised step.
    #[test]
    fn tiny_f32_gradients_do_not_vanish() {
        assert!(sum_of_squares(&[1e-30f32; 4]) > 3.9e-60);
    }

    #[test]
    #[should_panic(expected = "Adam: 2 weights")]
    fn slices_must_agree_in_length() {
        Adam::default().step(1, 0.1, &mut [0.0; 2], &[0.0; 3], &mut [0.0; 2], &mut [0.0; 2]);
    }
}
