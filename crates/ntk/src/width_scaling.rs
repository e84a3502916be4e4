//! How variances and learning rates go with the width: standard, NTK and maximal-update parameterisations.
//!
//! A fully connected net of `L` weight matrices, `h^1 = W^1 x`, `h^l = W^l phi(h^(l-1))`, `f = h^L`, has inputs `d`, hidden widths `n` and a base
//! width `n_0`; `r = n/n_0`, `c` is 2 for ReLU and 1 for tanh, `eta` the learning rate at the base width.
//!
//! | | `W^1` | hidden | `W^L` |
//! |---|---|---|---|
//! | standard: variance; rate | `c/d`; `eta` | `c/n`; `eta` | `1/n`; `eta` |
//! | NTK, `W = sqrt(v) omega`, `omega ~ N(0, 1)`: `v`; rate on `omega` | `c/d`; `eta` | `c/n`; `eta` | `1/n`; `eta` |
//! | muP, descent: variance; rate | `c/d`; `eta r` | `c/n`; `eta` | `1/(n r)`; `eta/r` |
//! | muP, Adam: variance; rate | `c/d`; `eta` | `c/n`; `eta/r` | `1/(n r)`; `eta/r` |
//!
//! muP is the one parameterisation in which every layer's features move by an amount that does not depend on the width, and with it the best
//! learning rate of a narrow net is that of a wide one; at `n = n_0` it is the standard one. Hidden biases start at zero and take the rate of
//! `W^1`, the output bias takes `eta`. Adam's epsilon must be negligible against gradients of order `1/n`.
//!
//! [`CoordinateCheck`] measures it: the exponents in `n` of what one small step changes. With `L = 4`, after a step from the start on the linear
//! loss `-1/P sum_p y_p f(x_p)`:
//!
//! | | `h^1` | `h^2`, `h^3` | `f` |
//! |---|---|---|---|
//! | muP, descent and Adam | 0 | 0 | 0 |
//! | NTK, descent | -1/2 | -1/2 | 0 |
//! | NTK, Adam | 0 | 1/2 | 1 |
//! | standard, descent | -1/2 | 1/2 | 1 |
//! | standard, Adam | 0 | 1 | 3/2 |
//!
//! Sources: Yang, Hu 2021 (arXiv 2011.14522); Yang et al. 2022 (arXiv 2203.03466).

mod check;

pub use check::{CoordinateCheck, CoordinateReport, Hidden};

use crate::NtkError;

/// How weights are scaled with the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// Variance `1/fan-in`, one rate for all layers.
    Standard,
    /// Unit variance, the factor `1/sqrt(fan-in)` in the forward pass (Jacot et al. 2018).
    Ntk,
    /// Maximal-update parameterisation, muP (Yang, Hu 2021).
    MaximalUpdate,
}

/// Which rule turns gradients into steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Gradient descent.
    Sgd,
    /// Adam, or any rule whose steps do not depend on the gradient's size.
    Adam,
}

/// Where a weight matrix stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// From the inputs, whose number stays, to the first hidden layer.
    Input,
    /// Between hidden layers.
    Hidden,
    /// From the last hidden layer to the outputs, whose number stays.
    Output,
}

/// A parameterisation, the rule it is for, and the width at which rates are given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WidthScaling {
    scaling: Scaling,
    rule: Rule,
    base_width: usize,
}

/// What the parameterisation does to one weight matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Multipliers {
    /// Variance of an entry at the start.
    pub variance: f64,
    /// What the matrix is multiplied with in the forward pass.
    pub factor: f64,
    /// What the learning rate is multiplied with.
    pub rate: f64,
}

impl WidthScaling {
    /// `base_width` is `n_0`, at least 1; it matters in muP only.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] if it is 0.
    pub fn new(scaling: Scaling, rule: Rule, base_width: usize) -> Result<Self, NtkError> {
        if base_width == 0 {
            return Err(NtkError::parameter("base width", &base_width, "at least 1"));
        }
        Ok(Self { scaling, rule, base_width })
    }

    /// The multipliers of a matrix with `fan_in` inputs in a net of hidden width `width`. `gain` is the `c` of the nonlinearity in front of
    /// it or, for the first matrix, behind it: 2 for ReLU, 1 for tanh and outputs.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] for a fan-in or width of 0 or a gain that is not positive and finite.
    pub fn multipliers(
        &self,
        role: Role,
        fan_in: usize,
        width: usize,
        gain: f64,
    ) -> Result<Multipliers, NtkError> {
        for (name, value) in [("fan-in", fan_in), ("width", width)] {
            if value == 0 {
                return Err(NtkError::parameter(name, &value, "at least 1"));
            }
        }
        if !(gain > 0.0 && gain.is_finite()) {
            return Err(NtkError::parameter("gain", &gain, "positive and finite"));
        }
        let natural = gain / fan_in as f64;
        let r = width as f64 / self.base_width as f64;
        let plain = Multipliers { variance: natural, factor: 1.0, rate: 1.0 };
        Ok(match (self.scaling, self.rule, role) {
            (Scaling::Standard, ..) => plain,
            (Scaling::Ntk, ..) => Multipliers { variance: 1.0, factor: natural.sqrt(), rate: 1.0 },
            (Scaling::MaximalUpdate, _, Role::Output) => {
                Multipliers { variance: natural / r, factor: 1.0, rate: r.recip() }
            }
            (Scaling::MaximalUpdate, Rule::Sgd, Role::Input) => Multipliers { rate: r, ..plain },
            (Scaling::MaximalUpdate, Rule::Adam, Role::Hidden) => Multipliers { rate: r.recip(), ..plain },
            (Scaling::MaximalUpdate, Rule::Sgd, Role::Hidden)
            | (Scaling::MaximalUpdate, Rule::Adam, Role::Input) => plain,
        })
    }

    /// Which rule it is for.
    pub fn rule(&self) -> Rule {
        self.rule
    }
}
