//! One step of each method.

use super::rule;
use super::schedule::Schedule;
use crate::array::Array;
use crate::autodiff::tree::{Tree, check_same_structure};
use crate::kernel::{PARALLEL, PIECE, zip_in_place};
use crate::linalg::Real;
use crate::tensor::{Tensor, Value};

/// How a gradient becomes an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Gradient descent.
    Descent,
    /// Heavy-ball or Nesterov momentum.
    Momentum {
        /// `mu`, in `[0, 1)`.
        momentum: f64,
        /// Whether the step looks ahead.
        nesterov: bool,
    },
    /// Descent in which every weight is divided by the running root mean square of its own gradient.
    RmsProp {
        /// `beta`, in `[0, 1)`.
        decay: f64,
        /// Added to the root.
        epsilon: f64,
    },
    /// Adam, or AdamW if decoupled.
    Adam {
        /// `beta_1`, of the first moment, in `[0, 1)`.
        beta1: f64,
        /// `beta_2`, of the second moment, in `[0, 1)`.
        beta2: f64,
        /// Added to the root.
        epsilon: f64,
        /// Whether weight decay acts on the parameters instead of the gradient: AdamW.
        decoupled: bool,
    },
}

impl Method {
    /// Adam as published: `beta_1 = 0.9`, `beta_2 = 0.999`, `epsilon = 1e-8`.
    pub const ADAM: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: false };

    /// AdamW as published: as [`Method::ADAM`], weight decay decoupled.
    pub const ADAM_W: Self = Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decoupled: true };

    /// RMSprop with `beta = 0.99`, `epsilon = 1e-8`.
    pub const RMS_PROP: Self = Self::RmsProp { decay: 0.99, epsilon: 1e-8 };
}

/// A method with its learning rates, weight decay and state.
///
/// ```
/// use overparam_tensor::{Tensor, grad, optim::Optimizer};
///
/// let mut w = Tensor::scalar(1.0);
/// let mut descent = Optimizer::descent(0.1);
/// let gradient = grad(|w: &Tensor<f64>| w.square(), &w);
/// descent.step(&mut w, &gradient);
/// assert!((w.item() - 0.8).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Optimizer<T: Real> {
    method: Method,
    schedule: Schedule,
    weight_decay: f64,
    /// One per leaf; empty: all 1.
    multipliers: Vec<f64>,
    step: usize,
    /// Velocity or first moment of each leaf, and second moment; empty until needed.
    first: Vec<Array<T>>,
    second: Vec<Array<T>>,
}

impl<T: Real> Optimizer<T> {
    /// A method with a learning rate or schedule.
    pub fn new(method: Method, schedule: impl Into<Schedule>) -> Self {
        Self {
            method,
            schedule: schedule.into(),
            weight_decay: 0.0,
            multipliers: Vec::new(),
            step: 0,
            first: Vec::new(),
            second: Vec::new(),
        }
    }

    /// Gradient descent.
    pub fn descent(schedule: impl Into<Schedule>) -> Self {
        Self::new(Method::Descent, schedule)
    }

    /// Adds `lambda / 2 |w|^2` to the loss (or decays the parameters directly, for AdamW).
    #[must_use]
    pub fn with_weight_decay(mut self, lambda: f64) -> Self {
        self.weight_decay = lambda;
        self
    }

    /// Multiplies the learning rate of each leaf, in the order of [`Tree::leaves`]: mean-field and NTK parameterisations
    /// are standard ones with such factors.
    #[must_use]
    pub fn with_multipliers(mut self, multipliers: Vec<f64>) -> Self {
        self.multipliers = multipliers;
        self
    }

    /// Steps taken.
    pub fn steps(&self) -> usize {
        self.step
    }

    /// Moves the parameters by one step, in place.
    ///
    /// # Panics
    /// If parameters and gradient, or the parameters of two steps, differ in structure or shapes; if there are multipliers
    /// but not one per leaf; or inside a transformation, where parameters are not plain data.
    pub fn step<P: Tree<T>>(&mut self, parameters: &mut P, gradient: &P) {
        check_same_structure("Optimizer::step", parameters, gradient);
        let gradients = gradient.leaves();
        assert!(
            self.multipliers.is_empty() || self.multipliers.len() == gradients.len(),
            "Optimizer::step: {} multipliers for {} leaves",
            self.multipliers.len(),
            gradients.len()
        );
        let rate = self.schedule.at(self.step);
        self.step += 1;
        let mut leaf = 0;
        parameters.visit_mut(&mut |w| {
            let (Value::Data(w), Value::Data(g)) = (&mut w.0, &gradients[leaf].0) else {
                panic!("Optimizer::step: parameters and gradients must be plain data, not watched by a transformation");
            };
            let multiplier = self.multipliers.get(leaf).copied().unwrap_or(1.0);
            self.update(leaf, w, g, rate * multiplier);
            leaf += 1;
        });
    }

    fn update(&mut self, leaf: usize, w: &mut Array<T>, g: &Array<T>, rate: f64) {
        let decoupled = matches!(self.method, Method::Adam { decoupled: true, .. });
        let g =
            if decoupled { g.contiguous() } else { with_decay(g, w, T::of(self.weight_decay)).contiguous() };
        let mut none = [];
        let first = match self.method {
            Method::Momentum { .. } | Method::Adam { .. } => state(&mut self.first, leaf, &g).make_mut(),
            _ => &mut none,
        };
        let mut none = [];
        let second = match self.method {
            Method::RmsProp { .. } | Method::Adam { .. } => state(&mut self.second, leaf, &g).make_mut(),
            _ => &mut none,
        };
        let kept = T::ONE - T::of(rate) * T::of(self.weight_decay);
        let (method, step) = (self.method, self.step as u64);
        let update = |w: &mut [T], g: &[T], first: &mut [T], second: &mut [T]| match method {
            Method::Descent => rule::descend(rate, w, g),
            Method::Momentum { momentum, nesterov } => {
                rule::Momentum { momentum, nesterov }.step(rate, w, g, first);
            }
            Method::RmsProp { decay, epsilon } => rule::RmsProp { decay, epsilon }.step(rate, w, g, second),
            Method::Adam { beta1, beta2, epsilon, decoupled } => {
                if decoupled {
                    w.iter_mut().for_each(|w| *w = kept * *w);
                }
                rule::Adam { beta1, beta2, epsilon }.step(step, rate, w, g, first, second);
            }
        };
        let (w, g) = (w.make_mut(), &g.strided()[..g.len()]);
        if w.len() < PARALLEL { update(w, g, first, second) } else { in_pieces(w, g, first, second, &update) }
    }
}

/// `f` on pieces of parameters, gradient and state (of which there may be none), on as many threads as there are.
fn in_pieces<T: Real>(
    w: &mut [T],
    g: &[T],
    first: &mut [T],
    second: &mut [T],
    f: &(impl Fn(&mut [T], &[T], &mut [T], &mut [T]) + Sync),
) {
    if w.len() <= PIECE {
        return f(w, g, first, second);
    }
    let half = (w.len() / 2).next_multiple_of(PIECE);
    let (w, w_rest) = w.split_at_mut(half);
    let (g, g_rest) = g.split_at(half);
    let (first, first_rest) = first.split_at_mut(half.min(first.len()));
    let (second, second_rest) = second.split_at_mut(half.min(second.len()));
    rayon::join(
        || in_pieces(w, g, first, second, f),
        || in_pieces(w_rest, g_rest, first_rest, second_rest, f),
    );
}

/// `g + lambda w`.
fn with_decay<T: Real>(g: &Array<T>, w: &Array<T>, lambda: T) -> Array<T> {
    let mut g = g.clone();
    if lambda != T::ZERO {
        zip_in_place("weight decay", &mut g, w, |g, w| g + lambda * w);
    }
    g
}

/// The state of a leaf, zero at first.
fn state<'a, T: Real>(states: &'a mut Vec<Array<T>>, leaf: usize, like: &Array<T>) -> &'a mut Array<T> {
    while states.len() <= leaf {
        states.push(Tensor::zeros(like.shape()).into_array());
    }
    &mut states[leaf]
}

#[cfg(test)]
mod tests {
    use super::{Method, Optimizer};
    use crate::autodiff::grad;
    use crate::tensor::Tensor;

    fn run(mut optimizer: Optimizer<f64>, steps: usize) -> (f64, f64) {
        // Half the squared distance to (1, 2), the second coordinate 10 times as steep.
        let mut w = (Tensor::scalar(0.0), Tensor::scalar(0.0));
        for _ in 0..steps {
            let g = grad(
                |(a, b): &(Tensor<f64>, Tensor<f64>)| (a - 1.0).square() * 0.5 + (b - 2.0).square() * 5.0,
                &w,
            );
            optimizer.step(&mut w, &g);
        }
        (w.0.item(), w.1.item())
    }

    /// Two steps of every method against the recursions worked out by hand in scalar arithmetic.
    #[test]
    fn methods_follow_their_recursions() {
        let gradient = |w: [f64; 2]| [w[0] - 1.0, 10.0 * (w[1] - 2.0)];
        let eta = 0.05;
        let simulate = |update: &mut dyn FnMut(usize, usize, f64, f64) -> f64| {
            let mut w = [0.0; 2];
            for t in 1..=2 {
                let g = gradient(w);
                w = std::array::from_fn(|i| update(t, i, w[i], g[i]));
            }
            w
        };
        let mut v = [0.0; 2];
        let mut s = [0.0; 2];
        let heavy_ball = simulate(&mut |_, i, w, g| {
            v[i] = 0.9 * v[i] + g + 0.01 * w;
            w - eta * v[i]
        });
        v = [0.0; 2];
        let nesterov = simulate(&mut |_, i, w, g| {
            v[i] = 0.9 * v[i] + g + 0.01 * w;
            w - eta * (g + 0.01 * w + 0.9 * v[i])
        });
        let rms = simulate(&mut |_, i, w, g| {
            let g = g + 0.01 * w;
            s[i] = 0.99 * s[i] + 0.01 * g * g;
            w - eta * g / (s[i].sqrt() + 1e-8)
        });
        (v, s) = ([0.0; 2], [0.0; 2]);
        let adam_w = simulate(&mut |t, i, w, g| {
            let t = i32::try_from(t).unwrap();
            v[i] = 0.9 * v[i] + 0.1 * g;
            s[i] = 0.999 * s[i] + 0.001 * g * g;
            let step = v[i] / (1.0 - 0.9f64.powi(t)) / ((s[i] / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
            w - eta * 0.01 * w - eta * step
        });
        for (method, [a, b]) in [
            (Method::Momentum { momentum: 0.9, nesterov: false }, heavy_ball),
            (Method::Momentum { momentum: 0.9, nesterov: true }, nesterov),
            (Method::RMS_PROP, rms),
            (Method::ADAM_W, adam_w),
        ] {
            let (x, y) = run(Optimizer::new(method, eta).with_weight_decay(0.01), 2);
            assert!(
                (x - a).abs() < 1e-14 && (y - b).abs() < 1e-14,
                "{method:?}: ({x}, {y}) against ({a}, {b})"
            );
        }
    }

    #[test]
    fn every_method_finds_the_minimum() {
        for method in [
            Method::Descent,
            Method::Momentum { momentum: 0.5, nesterov: true },
            Method::ADAM,
            Method::ADAM_W,
        ] {
            let (x, y) = run(Optimizer::new(method, 0.05), 2000);
            assert!((x - 1.0).abs() < 1e-6 && (y - 2.0).abs() < 1e-6, "{method:?}: ({x}, {y})");
        }
    }

    #[test]
    fn multipliers_scale_each_leaf() {
        let (x, y) = run(Optimizer::descent(0.1).with_multipliers(vec![2.0, 0.5]), 1);
        assert!((x - 0.2).abs() < 1e-15 && (y - 1.0).abs() < 1e-15);
    }

    #[test]
    #[should_panic(expected = "1 multipliers for 2 leaves")]
    fn multipliers_must_be_one_per_leaf() {
        run(Optimizer::descent(0.1).with_multipliers(vec![2.0]), 1);
    }
}
