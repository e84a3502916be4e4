//! Nets of infinite width at any richness, of two layers and deeper: between the tangent kernel and features that move.
//!
//! `f(x) = 1/(gamma m) sum_i a_i phi(h_i(x))`, `h_i(x) = w_i . x/sqrt d`, from `a_i ~ N(0, 1)`, `w_i ~ N(0, I_d)`, is trained on `P` examples by the
//! flow `d theta/dt = -gamma^2 m dL/d theta` of all weights, `L = 1/2 sum_mu (y_mu - f_mu)^2`: a *sum* over examples, so that
//! time is `1/P` of that of a mean loss. `gamma = 1/sqrt m` is the NTK's scaling, `gamma = 1` the mean-field scaling. With
//! `K = X X^T/d` and `Delta = y - f`, one unit obeys
//!
#![doc = overparam_formula::formula!(
    "da/dt    = gamma sum_nu Delta_nu phi(h_nu)"
    "dh_mu/dt = gamma a sum_nu K_(mu nu) phi'(h_nu) Delta_nu"
)]
//!
//! which follows from the gradient by `d h_mu = d w . x_mu/sqrt d`: the slope is that at the *training* example `nu`. As `m -> infinity` at
//! fixed `gamma`, `f_mu = E a phi(h_mu)/gamma` over the starts `a ~ N(0, 1)`, `h ~ N(0, K)`, and
//!
#![doc = overparam_formula::formula!("df/dt = Theta Delta,    Theta = Phi(t, t) + K o G(t, t),    Phi(t, s) = E phi(h(t)) phi(h(s))^T,    G(t, s) = E g(t) g(s)^T,    g = a phi'(h).")]
//!
//! With one hidden layer there are no response functions: given `Delta`, units are independent, and moving a weighted population
//! of them together is exact. A test point is one more entry of `h`, without a `Delta` of its own. `gamma -> 0` freezes the units: the
//! tangent kernel's closed form ([`lazy_outputs`]).
//!
//! | solver | for | error |
//! |---|---|---|
//! | [`Grid`] | inputs that span at most 3 dimensions, or 1 if `phi` has a kink | exponentially small in the step for analytic `phi` |
//! | [`Sampling`] | any number of examples | standard error over independent scramblings of Sobol's points |
//! | [`Sampling::correction`] | what richness adds to the lazy limit, any number of examples | of each output, with the bias and the time step in it |
//! | [`LinearClosure`] | linear `phi` | a closed equation of moments, exact at finite width too |
//! | [`Solver`] | whichever of these the data allow | that of the one chosen |
//! | [`DeepLinear`] | linear nets of any depth | extrapolation of exact descent with four steps |
//! | [`DeepSampling`] | smooth nets of any depth | standard error over replicates; descent, a few dozen steps on a few points |
//! | [`influence()`] | `m Cov f` of wide nets, smooth `phi` | first order in `1/m`, without a fit |
//!
//! Sources: Mei, Montanari, Nguyen 2018 (arXiv 1804.06561); Chizat, Oyallon, Bach 2019; Bordelon, Pehlevan 2022 (arXiv 2205.09653) and 2023
//! (arXiv 2304.03408).
//!
//! ```
//! use nalgebra::{DMatrix, DVector};
//! use overparam_feature_flow::rich_limit::{Grid, Standard, TwoLayer};
//!
//! let kernel = DMatrix::from_element(1, 1, 1.0);
//! let problem = TwoLayer::new(kernel, DVector::from_element(1, 1.0), 1.0)?;
//! let limit = Grid { step: 0.25, time_step: 0.05 }.solve(&problem, &Standard::Tanh, &[1.0, 4.0])?;
//! assert!((limit.outputs[1][0] - 0.956_209).abs() < 1e-5);
//! # Ok::<(), overparam_feature_flow::Error>(())
//! ```

mod correction;
mod deep;
mod deep_linear;
mod grid;
mod influence;
mod linear;
mod nonlinearity;
mod particles;
mod sampling;
mod sobol;
mod solver;

pub use correction::Correction;
pub use deep::{DeepSamples, DeepSampling};
pub use deep_linear::{DeepLinear, DeepLinearAt, DeepLinearLimit};
pub use grid::{Grid, lazy_kernel, lazy_outputs};
pub use influence::{Fluctuations, influence};
pub use linear::{LinearClosure, LinearMoments};
pub use nonlinearity::{Nonlinearity, Standard};
pub use particles::Particles;
pub use sampling::Sampling;
pub use solver::Solver;

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::symmetric_eigen;

use crate::error::{Error, positive};

/// The data and the richness.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoLayer {
    kernel: DMatrix<f64>,
    targets: DVector<f64>,
    gamma: f64,
    /// `L` with `K = L L^T`, `n x r` of full column rank `r`, the column of the largest eigenvalue first.
    root: DMatrix<f64>,
}

/// The limit at the times asked for, with what is known of its error.
#[derive(Debug, Clone, PartialEq)]
pub struct RichLimit {
    /// The times.
    pub times: Vec<f64>,
    /// `f` at each time, `n` numbers: first the training examples, then the test points.
    pub outputs: Vec<DVector<f64>>,
    /// `Phi(t, s)` at `[t][s]`, `n x n`.
    pub features: Vec<Vec<DMatrix<f64>>>,
    /// `G(t, s)` at `[t][s]`, `n x n`.
    pub gradients: Vec<Vec<DMatrix<f64>>>,
    /// Estimate of the largest error of an output: of a grid, twice its largest distance from two coarser ones; of samples, the largest standard
    /// error.
    pub output_error: f64,
    /// The same for `Phi` and `G`.
    pub kernel_error: f64,
    /// How many units were moved, for all estimates together.
    pub units: usize,
}

impl TwoLayer {
    /// `kernel` is `K = X X^T/d` of the training examples followed by test points (`n x n`), `targets` the `P <= n` training
    /// targets, `gamma` the richness.
    ///
    /// # Errors
    /// [`Error::Count`] if the kernel is not square, [`Error::Parameter`] if it is not a symmetric positive semi-definite matrix of
    /// finite numbers, if `P` is 0 or above `n`, if a target is not finite or `gamma` not positive; [`Error::Linalg`].
    pub fn new(kernel: DMatrix<f64>, targets: DVector<f64>, gamma: f64) -> Result<Self, Error> {
        let n = kernel.nrows();
        crate::error::same("columns of the kernel", kernel.ncols(), n)?;
        positive("the richness gamma", gamma)?;
        let count = targets.len();
        if count == 0 || count > n {
            let expected = "at least 1 and at most the rows of the kernel";
            return Err(Error::Parameter { name: "the number of targets", value: count as f64, expected });
        }
        for (name, values) in
            [("an entry of the kernel", kernel.as_slice()), ("a target", targets.as_slice())]
        {
            if let Some(&value) = values.iter().find(|v| !v.is_finite()) {
                return Err(Error::Parameter { name, value, expected: "finite" });
            }
        }
        let skew = (&kernel - kernel.transpose()).amax();
        if skew > 1e-10 * kernel.amax() {
            let name = "the kernel's largest difference from its transpose";
            return Err(Error::Parameter { name, value: skew, expected: "0: kernels are symmetric" });
        }
        let eigen = symmetric_eigen(&kernel)?;
        let least = eigen.values.min();
        if least < -1e-9 * kernel.amax() {
            let name = "the kernel's least eigenvalue";
            return Err(Error::Parameter { name, value: least, expected: "at least 0" });
        }
        let large: Vec<usize> =
            (0..n).rev().filter(|&i| eigen.values[i] > 1e-12 * eigen.values[n - 1].max(0.0)).collect();
        let root = DMatrix::from_fn(n, large.len(), |i, j| {
            eigen.vectors[(i, large[j])] * eigen.values[large[j]].sqrt()
        });
        Ok(Self { kernel, targets, gamma, root })
    }

    /// `K`, `n x n`.
    pub fn kernel(&self) -> &DMatrix<f64> {
        &self.kernel
    }

    /// `y`, `P` numbers.
    pub fn targets(&self) -> &DVector<f64> {
        &self.targets
    }

    /// `gamma`.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// `n`: training examples and test points together.
    pub fn points(&self) -> usize {
        self.kernel.nrows()
    }

    /// `Delta`: what is missing on the training examples.
    fn missing(&self, outputs: &[f64]) -> Vec<f64> {
        self.targets.iter().zip(outputs).map(|(y, f)| y - f).collect()
    }
}

impl RichLimit {
    /// `Theta(t) = Phi(t, t) + K o G(t, t)` at the `i`-th time.
    ///
    /// # Panics
    /// If there is no `i`-th time.
    pub fn tangent_kernel(&self, problem: &TwoLayer, i: usize) -> DMatrix<f64> {
        &self.features[i][i] + problem.kernel.component_mul(&self.gradients[i][i])
    }

    /// Largest differences of outputs and of kernels from those of another solution at the same times.
    fn distance(&self, other: &Self) -> (f64, f64) {
        let outputs = self.outputs.iter().zip(&other.outputs).map(|(a, b)| (a - b).amax());
        let pairs = |a: &Self, b: &Self| -> f64 {
            let mine = a.features.iter().chain(&a.gradients).flatten();
            let theirs = b.features.iter().chain(&b.gradients).flatten();
            mine.zip(theirs).map(|(x, y)| (x - y).amax()).fold(0.0, f64::max)
        };
        (outputs.fold(0.0, f64::max), pairs(self, other))
    }
}

/// Refuses times that are not finite, negative, or descending.
fn check_times(times: &[f64]) -> Result<(), Error> {
    let mut last = 0.0;
    for &value in times {
        if !(value.is_finite() && value >= last) {
            let expected = "finite, at least 0 and ascending";
            return Err(Error::Parameter { name: "a time", value, expected });
        }
        last = value;
    }
    Ok(())
}
