//! Elementwise nonlinearities and their dual maps.
//!
//! The dual of `phi` takes the covariance `[[q_x, k], [k, q_y]]` of a centred Gaussian pair `(u, v)` to
//!
#![doc = overparam_formula::formula!("kappa = E[phi(u) phi(v)],     kappa' = E[phi'(u) phi'(v)] = dkappa/dk.")]
//!
//! The first carries the NNGP covariance through the layer, the second multiplies the NTK (Jacot et al. 2018). One family
//! a file:
//!
//! | file | activations | `kappa` |
//! |---|---|---|
//! | [`kinked`] | ReLU, leaky ReLU, absolute value, ABReLU | arc-cosine kernel of degree 1 |
//! | [`erf`] | error function | `(2/pi) asin(2k / sqrt((1+2q_x)(1+2q_y)))` |
//! | [`gelu`] | `x Phi(x)` | arcsine and a rational function |
//! | [`wave`] | sine, cosine, RBF features | exponentials of `q_x + q_y -+ 2k` |
//! | [`exponential`] | `a exp(b x)` | `a^2 exp(b^2 (q_x + q_y + 2k) / 2)` |
//! | [`sign`] | sign | `(2/pi) asin c` |
//! | [`rectified`] | `max(x, 0)^d` | arc-cosine kernels of any degree |
//! | [`series`] | polynomials, Hermite series, everything else | Mehler's formula with Gauss-Hermite coefficients |
//!
//! All but the last two run in vectors of the kernel's own precision, with AVX-512 or AVX2 if the processor has them. In f64
//! the arcsines of [`erf`] and [`sign`] and the exponentials of RBF features and of the plain sine are within 4 units in the
//! last place of the correctly rounded value; where terms cancel, within 4 units of what they are for equal inputs.

pub mod arc;
pub mod correlated;
pub mod erf;
pub mod exponential;
pub mod gelu;
pub mod kinked;
pub mod moved;
pub(crate) mod pair;
pub mod rectified;
pub mod series;
pub mod sign;
pub mod wave;

pub use series::Numerical;

/// An elementwise nonlinearity.
#[derive(Debug, Clone, PartialEq)]
pub enum Activation {
    /// `a min(x, 0) + b max(x, 0)`: ReLU is `(0, 1)`, leaky ReLU `(slope, 1)`, the absolute value `(-1, 1)`.
    AbRelu {
        /// Slope for negative arguments.
        a: f64,
        /// Slope for positive arguments.
        b: f64,
    },
    /// The error function `2/sqrt(pi) int_0^x exp(-t^2) dt`.
    Erf,
    /// `x Phi(x)` with the standard normal distribution function.
    Gelu,
    /// `a sin(b x + c)`.
    Sin {
        /// Amplitude.
        a: f64,
        /// Frequency.
        b: f64,
        /// Phase.
        c: f64,
    },
    /// `a cos(b x + c)`.
    Cos {
        /// Amplitude.
        a: f64,
        /// Frequency.
        b: f64,
        /// Phase.
        c: f64,
    },
    /// `sqrt(2) sin(sqrt(2 gamma) x + pi/4)`, the random feature of the kernel `exp(-gamma ||x - y||^2)`.
    Rbf {
        /// Inverse squared length, `> 0`.
        gamma: f64,
    },
    /// `a exp(b x)`.
    Exp {
        /// Factor.
        a: f64,
        /// Rate.
        b: f64,
    },
    /// `-1`, `0` or `1`. Its derivative is zero almost everywhere, so it lets no NTK through.
    Sign,
    /// `x^degree`.
    Monomial {
        /// Degree, at most 20.
        degree: u32,
    },
    /// `max(x, 0)^degree`; degree 0 is the step function.
    RectifiedMonomial {
        /// Degree, at most 20.
        degree: u32,
    },
    /// `sum_j coefficients[j] x^j`.
    Polynomial {
        /// Ascending powers.
        coefficients: Vec<f64>,
    },
    /// `sum_j coefficients[j] He_j(x) / sqrt(j!)`: orthonormal for inputs of unit variance.
    Hermite {
        /// Ascending degrees.
        coefficients: Vec<f64>,
    },
    /// Any function, by Gauss-Hermite quadrature.
    Numerical(Numerical),
}

impl Activation {
    /// `max(x, 0)`.
    pub fn relu() -> Self {
        Self::AbRelu { a: 0.0, b: 1.0 }
    }

    /// `max(x, slope x)` for slopes below one.
    pub fn leaky_relu(slope: f64) -> Self {
        Self::AbRelu { a: slope, b: 1.0 }
    }

    /// `|x|`.
    pub fn abs() -> Self {
        Self::AbRelu { a: -1.0, b: 1.0 }
    }

    /// `tanh`, `sigmoid`, `softplus` or `silu` by quadrature with `nodes` nodes (100 unless given); `None` for other names.
    pub fn numerical(name: &str, nodes: Option<usize>) -> Option<Self> {
        series::named(name, nodes.unwrap_or(series::DEFAULT_NODES)).map(Self::Numerical)
    }

    /// The name in the schema.
    pub fn name(&self) -> &str {
        match self {
            Self::AbRelu { a: 0.0, b: 1.0 } => "relu",
            Self::AbRelu { a: -1.0, b: 1.0 } => "abs",
            Self::AbRelu { b: 1.0, .. } => "leaky_relu",
            Self::AbRelu { .. } => "ab_relu",
            Self::Erf => "erf",
            Self::Gelu => "gelu",
            Self::Sin { .. } => "sin",
            Self::Cos { .. } => "cos",
            Self::Rbf { .. } => "rbf",
            Self::Exp { .. } => "exp",
            Self::Sign => "sign",
            Self::Monomial { .. } => "monomial",
            Self::RectifiedMonomial { .. } => "rectified_monomial",
            Self::Polynomial { .. } => "polynomial",
            Self::Hermite { .. } => "hermite",
            Self::Numerical(numerical) => numerical.name(),
        }
    }
}
