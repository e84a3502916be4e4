//! How variances and learning rates go with the width: standard, NTK and maximal-update parameterisations.
//!
//! A net has inputs of `d` numbers and hidden widths of order `n`; `n_0` is the base width, `r = n/n_0`, `eta` the learning rate at the base width, `w`
//! the `w_std` of a layer. A weight matrix is an *input* matrix if its fan-in does not grow with `n`, an *output* matrix if its fan-out does not, and
//! *hidden* if both do:
//!
//! | | input | hidden | output |
//! |---|---|---|---|
//! | standard: variance; rate | `w^2/d`; `eta` | `w^2/n`; `eta` | `w^2/n`; `eta` |
//! | NTK, `W = sqrt(v) omega`, `omega ~ N(0, 1)`: `v`; rate on `omega` | `w^2/d`; `eta` | `w^2/n`; `eta` | `w^2/n`; `eta` |
//! | muP, descent: variance; rate | `w^2/d`; `eta r` | `w^2/n`; `eta` | `w^2/(n r)`; `eta/r` |
//! | muP, Adam: variance; rate | `w^2/d`; `eta` | `w^2/n`; `eta/r` | `w^2/(n r)`; `eta/r` |
//!
//! muP is the one parameterisation in which every layer's features move by an amount that does not depend on the width, and with it the best
//! learning rate of a narrow net is that of a wide one; at `n = n_0` it is the standard one. Hidden biases take the rate of an input
//! matrix, output biases take `eta`. Adam's epsilon must be negligible against gradients of order `1/n`.
//!
//! [`WidthScaling::network`] makes the finite network of any [`Architecture`](crate::Architecture) at any width, with its start and its rates.
//! [`CoordinateCheck`] measures whether a parameterisation keeps its promise: the exponents in `n` of what a few small steps change, on the
//! linear loss `-1/P sum_p y_p . f(x_p)`. For fully connected nets with hidden matrices, from the first layer to the output:
//!
//! | | after input matrices | after hidden matrices | output |
//! |---|---|---|---|
//! | muP, descent and Adam | 0 | 0 | 0 |
//! | NTK, descent | -1/2 | -1/2 | 0 |
//! | NTK, Adam | 0 | 1/2 | 1 |
//! | standard, descent | -1/2 | 1/2 | 1 |
//! | standard, Adam | 0 | 1 | 3/2 |
//!
//! Without hidden matrices Adam's outputs change by 1/2 (NTK) and 1 (standard). At the start every layer is of order one, but muP's output, which falls as
//! `n^(-1/2)`.
//!
//! Sources: Yang, Hu 2021 (arXiv 2011.14522); Yang et al. 2022 (arXiv 2203.03466).

mod check;
mod promise;
mod report;
mod scaled;

pub use check::CoordinateCheck;
pub use promise::Promise;
pub use report::{Coordinate, CoordinateReport};
pub use scaled::ScaledNetwork;

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
    /// From channels whose number stays, such as the inputs, to hidden ones.
    Input,
    /// Between hidden layers.
    Hidden,
    /// From hidden channels to some whose number stays, such as the outputs.
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

    /// What the learning rate of a bias is multiplied with: as that of an input matrix if the channels it belongs to are hidden, 1 otherwise.
    fn bias_rate(&self, hidden: bool, width: usize) -> f64 {
        match (self.scaling, self.rule) {
            (Scaling::MaximalUpdate, Rule::Sgd) if hidden => width as f64 / self.base_width as f64,
            _ => 1.0,
        }
    }

    /// The parameterisation.
    pub fn scaling(&self) -> Scaling {
        self.scaling
    }

    /// The width at which rates are given.
    pub fn base_width(&self) -> usize {
        self.base_width
    }

    /// Which rule it is for.
    pub fn rule(&self) -> Rule {
        self.rule
    }
}
