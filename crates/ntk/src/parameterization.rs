//! How weights are scaled: where the `1/sqrt(fan-in)` stands.

/// How weights are scaled: where the `1/sqrt(fan-in)` stands.
///
/// Both give the same network at initialisation; they differ in what gradient descent does, hence in the NTK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parameterization {
    /// `y = w_std / sqrt(fan_in) W x + b_std b` with `W, b ~ N(0, 1)` (Jacot et al. 2018).
    #[default]
    Ntk,
    /// `y = W x + b` with `W ~ N(0, w_std^2 / fan_in)`, `b ~ N(0, b_std^2)`. The NTK grows with the width, so the finite
    /// widths of the tree enter it (Sohl-Dickstein et al. 2020, section 2, with base width 1).
    Standard,
}

/// Factors of an affine map `y = weight W x + bias b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scales {
    pub(crate) weight: f64,
    pub(crate) bias: f64,
}

impl Scales {
    /// `w_std / sqrt(fan_in)` and `b_std` in NTK parameterisation; 1 and 1, the factors being in the draws, in the standard one.
    pub(crate) fn new(
        parameterization: Parameterization,
        w_std: f64,
        fan_in: usize,
        b_std: Option<f64>,
    ) -> Self {
        match parameterization {
            Parameterization::Ntk => {
                Self { weight: w_std / (fan_in as f64).sqrt(), bias: b_std.unwrap_or(0.0) }
            }
            Parameterization::Standard => Self { weight: 1.0, bias: f64::from(u8::from(b_std.is_some())) },
        }
    }
}

/// Standard deviation of the draws, weights and bias: one and one in NTK parameterisation.
pub(crate) fn draws(
    parameterization: Parameterization,
    w_std: f64,
    fan_in: usize,
    b_std: Option<f64>,
) -> (f64, f64) {
    match parameterization {
        Parameterization::Ntk => (1.0, 1.0),
        Parameterization::Standard => (w_std / (fan_in as f64).sqrt(), b_std.unwrap_or(0.0)),
    }
}
