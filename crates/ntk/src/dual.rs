//! Dual maps: what a nonlinearity makes of the moments of a Gaussian pair, in closed form.
//!
//! | file | functions | `kappa` |
//! |---|---|---|
//! | [`piecewise_linear`] | ReLU, leaky ReLU, absolute value, ABReLU | arc-cosine kernel of degree 1 |
//! | [`erf`] | error function | `(2/pi) asin(2k / sqrt((1+2q_x)(1+2q_y)))` |
//! | [`gelu`] | `x Phi(x)` | arcsine and a rational function |
//! | [`wave`] | sine, cosine, RBF features | exponentials of `q_x + q_y -+ 2k` |
//! | [`exponential`] | `a exp(b x)` | `a^2 exp(b^2 (q_x + q_y + 2k) / 2)` |
//! | [`sign`] | sign | `(2/pi) asin c` |
//! | [`rectified`] | `max(x, 0)^d` | arc-cosine kernels of any degree |
//! | [`logistic`] | tanh, sigmoid, softplus, SiLU | averages of closed forms, summed as series where those are short |
//! | [`series`] | polynomials, Hermite series, everything else | Mehler's formula with Gauss-Hermite coefficients |
//! | [`expansion`] | | maps that need more of an input than its variance |
//! | [`visit`] | | the three ways in which a map is evaluated |
//! | [`arc`], [`increment`], [`correlated`], [`aligned`] | | angles, differences, arcsine kernels and lengths without cancellation |
//!
//! All but [`rectified`], [`logistic`] and [`series`] run in vectors of the kernel's own precision, with AVX-512 or AVX2 if the processor has
//! them. In f64 the arcsines of [`erf`] and [`sign`] and the exponentials of RBF features and of the plain sine are within 4 units
//! in the last place of the correctly rounded value; where terms cancel, within 4 units of what they are for equal inputs.
//!
//! *Invariant: a map knows one pair.* Nothing here knows batches, images or layers.

pub mod aligned;
pub mod arc;
pub mod correlated;
pub mod erf;
pub mod expansion;
pub mod exponential;
pub mod gelu;
pub mod increment;
pub mod logistic;
pub mod piecewise_linear;
pub mod rectified;
pub mod series;
pub mod sign;
pub mod visit;
pub mod wave;
