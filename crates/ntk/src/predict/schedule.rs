//! How much of an eigenmode is left after training for a while.

use crate::NtkError;

/// A training algorithm and how long it runs; `rho(mu)` is what is left of a mode with curvature `mu = lambda / (n c)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// Gradient flow: `rho = exp(-rate time mu)`.
    Flow {
        /// Learning rate, `> 0`.
        rate: f64,
        /// Time, `>= 0`, infinity included.
        time: f64,
    },
    /// Gradient descent: `rho = (1 - rate mu)^steps`.
    Descent {
        /// Learning rate, `> 0`.
        rate: f64,
        /// Number of steps.
        steps: u64,
    },
    /// Descent with heavy-ball momentum, `f_(k+1) = f_k - rate mu (f_k - y) + momentum (f_k - f_(k-1))`, at rest at first.
    HeavyBall {
        /// Learning rate, `> 0`.
        rate: f64,
        /// In `[0, 1)`.
        momentum: f64,
        /// Number of steps.
        steps: u64,
    },
    /// The continuous limit of momentum, `rho'' + (1 - momentum)/sqrt(rate) rho' + mu rho = 0`, `rho(0) = 1`, `rho'(0) = 0`, as in
    /// neural-tangents: one unit of time is `1/sqrt(rate)` steps.
    MomentumFlow {
        /// Learning rate of the descent it is the limit of, `> 0`.
        rate: f64,
        /// In `[0, 1)`.
        momentum: f64,
        /// Time, `>= 0`, infinity included.
        time: f64,
    },
}

impl Schedule {
    /// Gradient flow at rate one.
    pub fn flow(time: f64) -> Self {
        Self::Flow { rate: 1.0, time }
    }

    /// Training to the end.
    pub const CONVERGED: Self = Self::Flow { rate: 1.0, time: f64::INFINITY };

    pub(super) fn check(self) -> Result<Self, NtkError> {
        let (rate, momentum, time) = match self {
            Self::Flow { rate, time } => (rate, 0.0, time),
            Self::Descent { rate, .. } => (rate, 0.0, 0.0),
            Self::HeavyBall { rate, momentum, .. } => (rate, momentum, 0.0),
            Self::MomentumFlow { rate, momentum, time } => (rate, momentum, time),
        };
        if !(rate.is_finite() && rate > 0.0) {
            return Err(NtkError::parameter("learning rate", &rate, "a finite number > 0"));
        }
        if !(0.0..1.0).contains(&momentum) {
            return Err(NtkError::parameter("momentum", &momentum, "a number in [0, 1)"));
        }
        if time.is_nan() || time < 0.0 {
            return Err(NtkError::parameter("time", &time, "a number >= 0, or infinity"));
        }
        Ok(self)
    }

    /// `1 - rho(mu)`, without cancellation for slow modes. A mode with `mu = 0` is never learned.
    pub fn learned(self, mu: f64) -> f64 {
        // An eigenvalue below zero is one of zero with rounding.
        let mu = mu.max(0.0);
        match self {
            Self::Flow { time, .. } | Self::MomentumFlow { time, .. } if time.is_infinite() => {
                if mu > 0.0 {
                    1.0
                } else {
                    0.0
                }
            }
            Self::Flow { rate, time } => -(-rate * time * mu).exp_m1(),
            Self::Descent { rate, steps } => {
                let factor = 1.0 - rate * mu;
                if factor > 0.0 {
                    -(steps as f64 * (-rate * mu).ln_1p()).exp_m1()
                } else {
                    1.0 - power(factor, steps)
                }
            }
            Self::HeavyBall { rate, momentum, steps } => heavy_ball(rate * mu, momentum, steps),
            Self::MomentumFlow { rate, momentum, time } => {
                1.0 - damped((1.0 - momentum) / rate.sqrt(), mu, time)
            }
        }
    }
}

fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut result, mut square) = (1.0, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result *= square;
        }
        square *= square;
        exponent >>= 1;
    }
    result
}

/// `1 - r_steps` for `r_(k+1) = (1 - a + m) r_k - m r_(k-1)`, by squaring the companion matrix.
fn heavy_ball(a: f64, m: f64, mut steps: u64) -> f64 {
    type Square = [[f64; 2]; 2];
    let multiply = |x: Square, y: Square| -> Square {
        std::array::from_fn(|i| std::array::from_fn(|j| x[i][0] * y[0][j] + x[i][1] * y[1][j]))
    };
    let (mut result, mut square) = ([[1.0, 0.0], [0.0, 1.0]], [[1.0 - a + m, -m], [1.0, 0.0]]);
    while steps > 0 {
        if steps & 1 == 1 {
            result = multiply(square, result);
        }
        square = multiply(square, square);
        steps >>= 1;
    }
    1.0 - (result[0][0] + result[0][1])
}

/// `r(t)` of `r'' + a r' + mu r = 0`, `r(0) = 1`, `r'(0) = 0`.
fn damped(a: f64, mu: f64, t: f64) -> f64 {
    let half = a / 2.0;
    let discriminant = half * half - mu;
    let root = discriminant.abs().sqrt();
    let z = root * t;
    if z < 1e-6 {
        // sinh(z)/z and sin(z)/z agree to z^2 here.
        return (-half * t).exp() * (1.0 + half * t + discriminant * t * t / 2.0);
    }
    if discriminant > 0.0 {
        // Both exponents are negative: no overflow, unlike cosh and sinh.
        let (slow, fast) = (mu / (half + root), half + root);
        (fast * (-slow * t).exp() - slow * (-fast * t).exp()) / (2.0 * root)
    } else {
        (-half * t).exp() * (z.cos() + half / root * z.sin())
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::Schedule;

    proptest! {
        #[test]
        fn descent_is_its_own_recursion(rate in 0.01..0.9f64, mu in 0.0..2.0f64, m in 0.0..0.95f64, steps in 0u64..60) {
            let (mut plain, mut ball, mut before) = (1.0, 1.0, 1.0);
            for _ in 0..steps {
                plain *= 1.0 - rate * mu;
                (ball, before) = (ball - rate * mu * ball + m * (ball - before), ball);
            }
            let descent = Schedule::Descent { rate, steps }.learned(mu);
            let momentum = Schedule::HeavyBall { rate, momentum: m, steps }.learned(mu);
            prop_assert!((descent - (1.0 - plain)).abs() < 1e-12);
            prop_assert!((momentum - (1.0 - ball)).abs() < 1e-10);
        }

        /// The damped oscillator against its own equation, by central differences, in all three regimes.
        #[test]
        fn momentum_flow_solves_its_equation(a in 0.1..3.0f64, mu in 0.01..3.0f64, t in 0.1..5.0f64) {
            let momentum = 1.0 - a / 3.5;
            let rate = ((1.0 - momentum) / a).powi(2);
            let r = |t: f64| 1.0 - Schedule::MomentumFlow { rate, momentum, time: t }.learned(mu);
            let h = 1e-3;
            let (first, second) = ((r(t + h) - r(t - h)) / (2.0 * h), (r(t + h) - 2.0 * r(t) + r(t - h)) / (h * h));
            prop_assert!((second + a * first + mu * r(t)).abs() < 1e-4);
        }
    }

    #[test]
    fn slow_steps_become_the_flow() {
        let flow = Schedule::flow(2.0).learned(0.7);
        let descent = Schedule::Descent { rate: 2e-6, steps: 1_000_000 }.learned(0.7);
        assert!((flow - descent).abs() < 1e-5);
    }
}
