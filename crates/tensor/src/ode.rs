//! An adaptive integrator for `y' = f(t, y)`: the embedded Runge-Kutta pair of Dormand and Prince, orders 5(4).
//!
//! The error of a step is estimated by the difference of the two formulas, measured as the root mean square of
//! `e_i / (atol + rtol max(|y_i|, |y_i new|))`; a step is accepted when that is at most 1. Step sizes follow the
//! proportional-integral controller `h <- h 0.9 err^(-0.7/5) err_previous^(0.4/5)` clipped to `[1/5, 5]`, which does not
//! oscillate at the edge of stability, where a gradient flow that converges spends most of its time.
//!
//! Sources: Dormand, Prince 1980, "A family of embedded Runge-Kutta formulae"; Hairer, Norsett, Wanner, "Solving
//! Ordinary Differential Equations I", II.4 (starting step, error norm) and II, IV.2 (PI control).

/// What ends an integration early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OdeError {
    /// A tolerance or a time outside its range.
    #[error("{what} must be {expected}, got {value}")]
    Configuration {
        /// Which number.
        what: &'static str,
        /// Its range in words.
        expected: &'static str,
        /// What was given.
        value: f64,
    },
    /// The equation became too stiff, or singular, for the integrator.
    #[error(
        "integration stalled at time {time}: the step size fell to {step}, below what the time can resolve"
    )]
    StepUnderflow {
        /// Time reached.
        time: f64,
        /// Last step size tried.
        step: f64,
    },
    /// The solution left the finite numbers.
    #[error("integration left the finite numbers at time {time}")]
    NotFinite {
        /// Time reached.
        time: f64,
    },
    /// The steps allowed by [`Tolerance::max_steps`] were used up.
    #[error("integration used up its {steps} steps at time {time}, before time {target}")]
    TooManySteps {
        /// Steps allowed, accepted and rejected together.
        steps: u64,
        /// Time reached.
        time: f64,
        /// Time asked for.
        target: f64,
    },
}

/// Checks that a number is in its range.
fn require(condition: bool, what: &'static str, expected: &'static str, value: f64) -> Result<(), OdeError> {
    if condition { Ok(()) } else { Err(OdeError::Configuration { what, expected, value }) }
}

/// Nodes of the seven stages.
const C: [f64; 7] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// Stage coefficients; the last row is also the solution of order 5 (first same as last).
const A: [&[f64]; 7] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Solution of order 5 minus solution of order 4.
const E: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// How accurately, and how long, to integrate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// Relative error allowed per step, positive.
    pub relative: f64,
    /// Absolute error allowed per step, in units of the state, non-negative.
    pub absolute: f64,
    /// Steps allowed over the life of the integrator, accepted and rejected together.
    pub max_steps: u64,
}

impl Default for Tolerance {
    /// `1e-9` relative, `1e-12` absolute, a million steps.
    fn default() -> Self {
        Self { relative: 1e-9, absolute: 1e-12, max_steps: 1_000_000 }
    }
}

/// A running integration of `y' = f(t, y)` from a start time forwards.
///
/// ```
/// use overparam_tensor::ode::{Integrator, Tolerance};
///
/// let decay = |_t: f64, y: &[f64], dy: &mut [f64]| dy[0] = -y[0];
/// let mut integrator = Integrator::new(0.0, vec![1.0], decay, Tolerance::default())?;
/// integrator.advance_to(2.0)?;
/// assert!((integrator.state()[0] - (-2.0_f64).exp()).abs() < 1e-8);
/// # Ok::<(), overparam_tensor::ode::OdeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Integrator<F> {
    derivative: F,
    tolerance: Tolerance,
    time: f64,
    state: Vec<f64>,
    /// Next step size to try.
    step: f64,
    /// Error of the last accepted step, for the integral part of the controller.
    previous_error: f64,
    steps: u64,
    /// Stages; the first holds `f(time, state)`.
    stages: [Vec<f64>; 7],
    trial: Vec<f64>,
}

impl<F: FnMut(f64, &[f64], &mut [f64])> Integrator<F> {
    /// An integration from `state` at `time`; `derivative(t, y, dy)` writes `f(t, y)` into `dy`.
    ///
    /// # Errors
    /// [`OdeError::Configuration`] for a tolerance out of range; [`OdeError::NotFinite`] if the state or
    /// its derivative is not finite.
    pub fn new(time: f64, state: Vec<f64>, derivative: F, tolerance: Tolerance) -> Result<Self, OdeError> {
        let Tolerance { relative, absolute, .. } = tolerance;
        let positive = relative.is_finite() && relative > 0.0;
        require(positive, "the relative tolerance of an integration", "positive and finite", relative)?;
        let non_negative = absolute.is_finite() && absolute >= 0.0;
        require(
            non_negative,
            "the absolute tolerance of an integration",
            "non-negative and finite",
            absolute,
        )?;
        require(time.is_finite(), "the start time of an integration", "finite", time)?;
        let zeros = vec![0.0; state.len()];
        let mut integrator = Self {
            derivative,
            tolerance,
            time,
            step: 0.0,
            previous_error: 1.0,
            steps: 0,
            stages: std::array::from_fn(|_| zeros.clone()),
            trial: zeros,
            state,
        };
        let Self { derivative, stages, state, .. } = &mut integrator;
        derivative(time, state, &mut stages[0]);
        if !state.iter().chain(&stages[0]).all(|x| x.is_finite()) {
            return Err(OdeError::NotFinite { time });
        }
        integrator.step = integrator.starting_step();
        Ok(integrator)
    }

    /// Time reached.
    pub fn time(&self) -> f64 {
        self.time
    }

    /// State at [`Integrator::time`].
    pub fn state(&self) -> &[f64] {
        &self.state
    }

    /// Derivative at [`Integrator::time`].
    pub fn derivative(&self) -> &[f64] {
        &self.stages[0]
    }

    /// Steps made, accepted and rejected together.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Integrates exactly to `target`; nothing happens if it is already reached.
    ///
    /// # Errors
    /// [`OdeError::StepUnderflow`], [`OdeError::NotFinite`], [`OdeError::TooManySteps`]; the
    /// integrator then stands at the last accepted step. [`OdeError::Configuration`] for a target that is not
    /// finite.
    pub fn advance_to(&mut self, target: f64) -> Result<(), OdeError> {
        require(target.is_finite(), "the target time of an integration", "finite", target)?;
        while self.time < target {
            self.advance_towards(target)?;
        }
        Ok(())
    }

    /// One accepted step, not beyond `target`.
    ///
    /// # Errors
    /// As [`Integrator::advance_to`].
    pub fn advance_towards(&mut self, target: f64) -> Result<(), OdeError> {
        while self.time < target {
            if self.steps >= self.tolerance.max_steps {
                return Err(OdeError::TooManySteps { steps: self.steps, time: self.time, target });
            }
            self.steps += 1;
            let remaining = target - self.time;
            let last = self.step >= remaining;
            let h = if last { remaining } else { self.step };
            let error = self.attempt(h);
            if error <= 1.0 {
                self.time = if last { target } else { self.time + h };
                std::mem::swap(&mut self.state, &mut self.trial);
                self.stages.swap(0, 6);
                let error = error.max(1e-4);
                let factor = (0.9 * error.powf(-0.14) * self.previous_error.powf(0.08)).clamp(0.2, 5.0);
                // A step cut short to hit the target says nothing against the longer one.
                self.step = if last { self.step.max(h * factor) } else { h * factor };
                self.previous_error = error;
                return Ok(());
            }
            // A NaN error fails the comparison above and shrinks the step fivefold.
            let shrunk = h * if error.is_finite() { (0.9 * error.powf(-0.2)).max(0.2) } else { 0.2 };
            if shrunk <= 4.0 * f64::EPSILON * self.time.abs().max(f64::MIN_POSITIVE) {
                return Err(if error.is_finite() {
                    OdeError::StepUnderflow { time: self.time, step: shrunk }
                } else {
                    OdeError::NotFinite { time: self.time }
                });
            }
            self.step = shrunk;
        }
        Ok(())
    }

    /// Tries a step `h` into `trial` and the last stage; returns the scaled error (NaN if anything was not finite).
    fn attempt(&mut self, h: f64) -> f64 {
        for s in 1..7 {
            let (known, rest) = self.stages.split_at_mut(s);
            for (i, trial) in self.trial.iter_mut().enumerate() {
                let slope: f64 = A[s].iter().zip(known.iter()).map(|(a, k)| a * k[i]).sum();
                *trial = self.state[i] + h * slope;
            }
            (self.derivative)(self.time + C[s] * h, &self.trial, &mut rest[0]);
        }
        let mut sum = 0.0;
        for (i, (y, new)) in self.state.iter().zip(&self.trial).enumerate() {
            let error: f64 = E.iter().zip(&self.stages).map(|(e, k)| e * k[i]).sum();
            sum += (h * error / self.scale(y.abs().max(new.abs()))).powi(2);
        }
        (sum / self.state.len().max(1) as f64).sqrt()
    }

    fn scale(&self, magnitude: f64) -> f64 {
        // The smallest normal number keeps 0/0 out where both the state and the absolute tolerance vanish.
        (self.tolerance.absolute + self.tolerance.relative * magnitude).max(f64::MIN_POSITIVE)
    }

    /// A step over which an explicit Euler step changes the state by a hundredth of its own scaled size.
    fn starting_step(&self) -> f64 {
        let rms = |x: &[f64]| {
            let sum: f64 = x.iter().zip(&self.state).map(|(x, y)| (x / self.scale(y.abs())).powi(2)).sum();
            (sum / x.len().max(1) as f64).sqrt()
        };
        let (size, speed) = (rms(&self.state), rms(&self.stages[0]));
        let step = 0.01 * size / speed;
        if step.is_finite() && step > 0.0 { step } else { 1e-6 }
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{A, C, E, Integrator, OdeError, Tolerance};

    fn tolerance(relative: f64) -> Tolerance {
        Tolerance { relative, absolute: 1e-3 * relative, ..Tolerance::default() }
    }

    #[test]
    fn coefficients_satisfy_the_order_conditions() {
        for (a, c) in A.iter().zip(C) {
            assert!((a.iter().sum::<f64>() - c).abs() < 1e-14);
        }
        // sum_i b_i c_i^k = 1 / (k + 1) for k up to 4; the embedded formula agrees up to k = 3 and not at 4.
        for k in 0..5 {
            let b: f64 = A[6].iter().zip(C).map(|(b, c)| b * c.powi(k)).sum();
            assert!((b - 1.0 / f64::from(k + 1)).abs() < 1e-14);
            let e: f64 = E.iter().zip(C).map(|(e, c)| e * c.powi(k)).sum();
            assert_eq!(e.abs() < 1e-14, k < 4, "{k}: {e}");
        }
    }

    proptest! {
        /// Where `y' = a y`, a step `h` changes every `y` by `a h` of itself: a hundredth at `h = 0.01 / a`.
        #[test]
        fn the_first_step_is_a_hundredth_of_the_time_scale(
            rate in 0.01f64..100.0, state in prop::collection::vec(0.1f64..10.0, 1..4), digits in 2i32..11,
        ) {
            let f = |_: f64, y: &[f64], dy: &mut [f64]| dy.iter_mut().zip(y).for_each(|(d, y)| *d = -rate * y);
            let step = Integrator::new(0.0, state, f, tolerance(10f64.powi(-digits))).unwrap().starting_step();
            prop_assert!((step * rate - 0.01).abs() < 1e-12, "{step}");
        }

        /// `y' = a y (1 - y)`, solved by the logistic curve, to within a few times the tolerance.
        #[test]
        fn logistic_curve(rate in 0.1f64..5.0, start in 0.01f64..0.9, end in 0.1f64..10.0, digits in 5i32..11) {
            let relative = 10f64.powi(-digits);
            let f = |_: f64, y: &[f64], dy: &mut [f64]| dy[0] = rate * y[0] * (1.0 - y[0]);
            let mut integrator = Integrator::new(0.0, vec![start], f, tolerance(relative)).unwrap();
            integrator.advance_to(end / 2.0).unwrap();
            integrator.advance_to(end).unwrap();
            let growth = (rate * end).exp();
            let exact = start * growth / (1.0 - start + start * growth);
            prop_assert_eq!(integrator.time(), end);
            prop_assert!((integrator.state()[0] - exact).abs() < 100.0 * relative);
        }

        /// The harmonic oscillator with explicit time: both arguments of `f` arrive.
        #[test]
        fn forced_motion(omega in 0.5f64..3.0) {
            // y'' = -omega^2 y + cos t (omega != 1): y = (cos t - cos omega t) / (omega^2 - 1) from rest.
            prop_assume!((omega - 1.0).abs() > 0.05);
            let f = |t: f64, y: &[f64], dy: &mut [f64]| {
                dy[0] = y[1];
                dy[1] = t.cos() - omega * omega * y[0];
            };
            let mut integrator = Integrator::new(0.0, vec![0.0, 0.0], f, tolerance(1e-9)).unwrap();
            integrator.advance_to(5.0).unwrap();
            let exact = (5f64.cos() - (5.0 * omega).cos()) / (omega * omega - 1.0);
            prop_assert!((integrator.state()[0] - exact).abs() < 1e-6);
        }
    }

    /// On a circle all steps are alike: once the controller has found their size it does not miss it again.
    #[test]
    fn steps_are_rejected_seldom() {
        let f = |_: f64, y: &[f64], dy: &mut [f64]| (dy[0], dy[1]) = (y[1], -y[0]);
        for digits in [6, 8, 10] {
            let relative = 10f64.powi(-digits);
            let tolerance = Tolerance { relative, absolute: relative, ..Tolerance::default() };
            let mut integrator = Integrator::new(0.0, vec![1.0, 0.0], f, tolerance).unwrap();
            let mut accepted = 0;
            while integrator.time() < 60.0 {
                integrator.advance_towards(60.0).unwrap();
                accepted += 1;
            }
            assert!(accepted > 100, "{accepted}");
            assert!(20 * (integrator.steps() - accepted) < accepted, "{} for {accepted}", integrator.steps());
        }
    }

    #[test]
    fn a_singularity_is_an_error_with_its_time() {
        // y' = y^2 from 1 reaches infinity at t = 1.
        let f = |_: f64, y: &[f64], dy: &mut [f64]| dy[0] = y[0] * y[0];
        let error = Integrator::new(0.0, vec![1.0], f, tolerance(1e-8)).unwrap().advance_to(2.0).unwrap_err();
        let (OdeError::StepUnderflow { time, .. } | OdeError::NotFinite { time }) = error else {
            panic!("{error}")
        };
        assert!((time - 1.0).abs() < 1e-6);
    }

    #[test]
    fn nonsense_is_an_error() {
        let f = |_: f64, y: &[f64], dy: &mut [f64]| dy[0] = y[0].sqrt();
        assert!(matches!(
            Integrator::new(0.0, vec![-1.0], f, tolerance(1e-8)),
            Err(OdeError::NotFinite { .. })
        ));
        assert!(Integrator::new(0.0, vec![1.0], f, tolerance(0.0)).is_err());
        let short = Tolerance { max_steps: 3, ..tolerance(1e-12) };
        let mut integrator = Integrator::new(0.0, vec![1.0], f, short).unwrap();
        assert!(matches!(integrator.advance_to(100.0), Err(OdeError::TooManySteps { steps: 3, .. })));
        assert!(integrator.advance_to(f64::NAN).is_err());
    }
}
