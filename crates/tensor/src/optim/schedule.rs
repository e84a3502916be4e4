//! Learning rates over time.

/// The learning rate at each step, counted from 0.
///
/// ```
/// use overparam_tensor::optim::Schedule;
///
/// let halving = Schedule::Steps { initial: 0.8, factor: 0.5, every: 10 };
/// assert_eq!(halving.at(25), 0.2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant(f64),
    /// `initial factor^floor(step / every)`.
    Steps {
        /// At step 0.
        initial: f64,
        /// By which the rate is multiplied.
        factor: f64,
        /// Steps between multiplications; 0 counts as 1.
        every: usize,
    },
    /// `last + (initial - last) (1 + cos(pi min(step / steps, 1))) / 2`.
    Cosine {
        /// At step 0.
        initial: f64,
        /// At step `steps` and after.
        last: f64,
        /// Steps of the decay; 0 counts as 1.
        steps: usize,
    },
    /// `initial / (1 + step / scale)^power`: the rates of stochastic approximation.
    InverseTime {
        /// At step 0.
        initial: f64,
        /// Steps after which the rate has fallen by `2^power`.
        scale: f64,
        /// Exponent of the decay.
        power: f64,
    },
    /// A linear ramp from 0 over the first steps, then another schedule, which counts from there.
    WarmUp {
        /// Steps of the ramp.
        steps: usize,
        /// What follows; its first rate is the top of the ramp.
        then: Box<Schedule>,
    },
}

impl Schedule {
    /// The learning rate of this step.
    pub fn at(&self, step: usize) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Steps { initial, factor, every } => {
                let exponent = i32::try_from(step / (*every).max(1)).unwrap_or(i32::MAX);
                initial * factor.powi(exponent)
            }
            Self::Cosine { initial, last, steps } => {
                let progress = (step as f64 / (*steps).max(1) as f64).min(1.0);
                last + (initial - last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
            Self::InverseTime { initial, scale, power } => initial / (1.0 + step as f64 / scale).powf(*power),
            Self::WarmUp { steps, then } => match step.checked_sub(*steps) {
                Some(after) => then.at(after),
                None => then.at(0) * (step + 1) as f64 / (*steps + 1) as f64,
            },
        }
    }
}

impl From<f64> for Schedule {
    fn from(rate: f64) -> Self {
        Self::Constant(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn cosine_goes_from_first_to_last_and_stays() {
        let cosine = Schedule::Cosine { initial: 1.0, last: 0.25, steps: 100 };
        assert_eq!((cosine.at(0), cosine.at(100), cosine.at(1000)), (1.0, 0.25, 0.25));
        assert!((cosine.at(50) - 0.625).abs() < 1e-15);
    }

    #[test]
    fn warm_up_meets_what_follows() {
        let rates = Schedule::WarmUp { steps: 3, then: Box::new(0.4.into()) };
        let rates: Vec<f64> = (0..5).map(|step| rates.at(step)).collect();
        for (rate, expected) in rates.iter().zip([0.1, 0.2, 0.3, 0.4, 0.4]) {
            assert!((rate - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn inverse_time_halves_after_its_scale() {
        let rates = Schedule::InverseTime { initial: 1.0, scale: 10.0, power: 1.0 };
        assert_eq!(rates.at(10), 0.5);
    }
}
