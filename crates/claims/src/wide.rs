//! Fully connected ReLU nets of growing width on a few inputs: what the claims about the kernel regime share.
//!
//! `f(x) = alpha a^T h_L / sqrt m`, `h_(l+1) = relu(sqrt 2 W_l h_l / sqrt(fan_in))`, all layers trained, weights `N(0, 1)`, `depth`
//! weight matrices. Inputs have norm `sqrt d`, so that pre-activations are of order one. Training is full-batch descent on
//! `1/(2n) sum (f - f_0 - y)^2`: the output at the start is subtracted, so that every net starts at residual `-y`.
//!
//! `alpha = 1` is NTK scaling. `alpha = 1 / sqrt m` with rates multiplied by `m` is mean-field scaling (beyond two layers:
//! maximal update, Yang, Hu 2021): outputs move at the same speed, features by order one at any width.

use std::ops::ControlFlow;

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context, Plan};
use overparam_eval::data::digits;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::architecture::{Architecture, Layer, dense, relu};
use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::network::Batch;
use overparam_ntk::predict::{Regularizer, Schedule, squared::SquaredLossDynamics};
use overparam_ntk::{Inputs, Kernel, Network, NtkError, Params};
use overparam_tensor::linalg::{matmul, symmetric_eigen, transposed};
use overparam_tensor::optim::Optimizer;
use overparam_tensor::random::Stream;
use overparam_tensor::{Tensor, Tree, loss, value_and_grad};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How outputs and learning rates depend on the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// `alpha = 1`.
    Ntk,
    /// `alpha = 1 / sqrt m`, rates times `m`.
    MeanField,
}

/// A net's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Form {
    /// Weight matrices, at least 2.
    pub depth: usize,
    /// `m`, neurons a hidden layer.
    pub width: usize,
    /// Of outputs and rates.
    pub scaling: Scaling,
}

impl Form {
    fn alpha(self) -> f64 {
        match self.scaling {
            Scaling::Ntk => 1.0,
            Scaling::MeanField => (self.width as f64).sqrt().recip(),
        }
    }

    /// Multiplications and additions of one step of descent on `n` inputs of dimension `d`, roughly.
    pub(crate) fn flops(self, n: usize, d: usize) -> f64 {
        let m = self.width as f64;
        let weights = m * (d as f64 + (self.depth - 2) as f64 * m + 1.0);
        // Two for a product, three products a step; elementwise work counts like 40 of it a neuron.
        n as f64 * (6.0 * weights + 40.0 * m * (self.depth - 1) as f64) + 20.0 * weights
    }
}

fn architecture(depth: usize, width: usize, alpha: f64) -> Architecture {
    let hidden = |_| [Layer::from(dense(width).w_std(std::f64::consts::SQRT_2)), relu()];
    let layers = (1..depth).flat_map(hidden);
    Architecture::new(layers.chain([Layer::from(dense(1).w_std(alpha))]))
}

/// The limit of the tangent kernel between rows of `x1` and `x2` (`x1` itself if `None`), `depth` weight matrices.
///
/// # Errors
/// [`NtkError::Input`] if inputs are empty, not finite, or of two dimensions.
pub(crate) fn limit_kernel(
    depth: usize,
    x1: &DMatrix<f64>,
    x2: Option<&DMatrix<f64>>,
) -> Result<DMatrix<f64>, NtkError> {
    let inputs = |x: &DMatrix<f64>| Inputs::from(x.clone());
    let kernel = Kernel::new(&architecture(depth, 1, 1.0), Shape::vector(x1.ncols()))?;
    kernel.ntk(&inputs(x1), x2.map(inputs).as_ref())
}

/// Largest and smallest eigenvalue of a symmetric matrix.
pub(crate) fn extreme_eigenvalues(kernel: &DMatrix<f64>) -> Result<(f64, f64), CellError> {
    let values = symmetric_eigen(kernel).map_err(CellError::new)?.values;
    Ok((values.max(), values.min()))
}

/// A net at its start, with the inputs that it is trained on.
pub(crate) struct Net {
    pub(crate) network: Network,
    pub(crate) start: Params<f64>,
    /// `n x d`.
    pub(crate) x: Tensor<f64>,
    /// `f_0` on them, `n x 1`.
    origin: Tensor<f64>,
    /// `alpha^2`.
    gain: f64,
    width: usize,
}

impl Net {
    /// Draws the weights.
    ///
    /// # Errors
    /// The network's, if depth or width is 0.
    pub(crate) fn new(form: Form, inputs: &DMatrix<f64>, stream: &Stream) -> Result<Self, CellError> {
        let architecture = architecture(form.depth, form.width, form.alpha());
        let network = Network::new(&architecture, Shape::vector(inputs.ncols())).map_err(CellError::new)?;
        let start = network.init(stream);
        let x = Tensor::from(inputs);
        let origin = network.apply(&start, &x);
        Ok(Self { network, start, x, origin, gain: form.alpha().powi(2), width: form.width })
    }

    /// The empirical tangent kernel on the training inputs, in units in which its limit is that of NTK scaling.
    ///
    /// # Errors
    /// If the parameters are another net's.
    pub(crate) fn kernel(&self, params: &Params<f64>) -> Result<DMatrix<f64>, CellError> {
        let ntk = EmpiricalNtk::new(&self.network, params).map_err(CellError::new)?;
        let matrix = ntk.matrix(&Batch::from(&self.x), None).map_err(CellError::new)?;
        Ok(matrix / self.gain)
    }

    /// The same between other inputs and the training inputs, at the start.
    ///
    /// # Errors
    /// If the inputs have another dimension.
    pub(crate) fn kernel_to(&self, x: &Tensor<f64>) -> Result<DMatrix<f64>, CellError> {
        let ntk = EmpiricalNtk::new(&self.network, &self.start).map_err(CellError::new)?;
        let matrix = ntk.matrix(&Batch::from(x), Some(&Batch::from(&self.x))).map_err(CellError::new)?;
        Ok(matrix / self.gain)
    }

    /// `f_0 + y`, `n x 1`: what outputs are to become.
    pub(crate) fn goal(&self, targets: &[f64]) -> Tensor<f64> {
        Tensor::from_vec(&[targets.len(), 1], targets.to_vec()) + &self.origin
    }

    /// Descent on the squared loss towards `targets` (`n` numbers), `rate` in units of NTK scaling. Before every step and
    /// after the last `look` sees the number of steps taken, the loss and the parameters, and may stop.
    ///
    /// # Errors
    /// A loss that is not finite, with its step.
    pub(crate) fn train(
        &self,
        targets: &[f64],
        rate: f64,
        steps: usize,
        look: impl FnMut(usize, f64, &Params<f64>) -> ControlFlow<()>,
    ) -> Result<Params<f64>, CellError> {
        let goal = self.goal(targets);
        let objective = |_: usize, p: &Params<f64>| loss::squared(&self.network.apply(p, &self.x), &goal);
        self.descend(objective, rate, steps, look)
    }

    /// Descent on any loss of step and parameters; otherwise as [`Self::train`].
    ///
    /// # Errors
    /// As [`Self::train`].
    pub(crate) fn descend(
        &self,
        objective: impl Fn(usize, &Params<f64>) -> Tensor<f64>,
        rate: f64,
        steps: usize,
        mut look: impl FnMut(usize, f64, &Params<f64>) -> ControlFlow<()>,
    ) -> Result<Params<f64>, CellError> {
        let mut params = self.start.clone();
        let mut descent = Optimizer::descent(rate / self.gain);
        for step in 0..=steps {
            let (value, gradient) = value_and_grad(|p: &Params<f64>| objective(step, p), &params);
            let value = value.item();
            if !value.is_finite() {
                return Err(CellError(format!("training diverged at step {step}: loss {value}")));
            }
            if look(step, value, &params).is_break() || step == steps {
                break;
            }
            descent.step(&mut params, &gradient);
        }
        Ok(params)
    }

    /// `f - f_0` on inputs `k x d`, as a function of the parameters.
    pub(crate) fn change<'a>(&'a self, x: &'a Tensor<f64>) -> impl Fn(&Params<f64>) -> DMatrix<f64> + 'a {
        let before = self.network.apply(&self.start, x);
        move |params| (self.network.apply(params, x) - &before).array().to_matrix()
    }

    /// `max over layers of ||W_l - W_l(0)||_F / sqrt m`: movement relative to the spectral norm of the hidden layers' weights,
    /// between `sqrt m` and `2 sqrt m`.
    pub(crate) fn movement(&self, params: &Params<f64>) -> f64 {
        let change = params.zip_map(&self.start, &mut |to, from| to - from);
        let norm = |leaf: &&Tensor<f64>| leaf.square().sum().item().sqrt();
        change.leaves().iter().map(norm).fold(0.0, f64::max) / (self.width as f64).sqrt()
    }
}

/// Descent on the squared loss with a kernel that stays as it is, from residual `-y`: what theory predicts.
pub(crate) struct LinearDynamics {
    training: SquaredLossDynamics,
    targets: DMatrix<f64>,
    rate: f64,
}

impl LinearDynamics {
    /// # Errors
    /// If the kernel is not finite or not of the targets' size.
    pub(crate) fn new(kernel: &DMatrix<f64>, targets: &[f64], rate: f64) -> Result<Self, CellError> {
        let targets = DMatrix::from_column_slice(targets.len(), 1, targets);
        let training =
            SquaredLossDynamics::new(kernel, &targets, Regularizer::NONE).map_err(CellError::new)?;
        Ok(Self { training, targets, rate })
    }

    /// Share of the squared error that is left after so many steps.
    ///
    /// # Errors
    /// If the rate is not positive.
    pub(crate) fn left(&self, steps: usize) -> Result<f64, CellError> {
        let schedule = Schedule::Descent { rate: self.rate, steps: steps as u64 };
        let fitted = self.training.predict_train(schedule, &(&self.targets * 0.0)).map_err(CellError::new)?;
        Ok((fitted - &self.targets).norm_squared() / self.targets.norm_squared())
    }

    /// The first step at which at most this share is left: doubling, then bisection.
    ///
    /// # Errors
    /// If a million steps are not enough.
    pub(crate) fn steps_to(&self, share: f64) -> Result<usize, CellError> {
        let (mut low, mut high) = (0, 1);
        while self.left(high)? > share {
            if high > 1 << 20 {
                return Err(CellError("the limit kernel is too singular: over a million steps".into()));
            }
            (low, high) = (high, 2 * high);
        }
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.left(middle)? > share { low = middle } else { high = middle }
        }
        Ok(high)
    }

    /// Outputs on test inputs, given the kernel between them and the training inputs, after 0 to `steps` steps.
    ///
    /// # Errors
    /// If the kernel does not fit.
    pub(crate) fn test_curve(
        &self,
        to_test: &DMatrix<f64>,
        steps: usize,
    ) -> Result<Vec<DMatrix<f64>>, CellError> {
        let start = (&self.targets * 0.0, DMatrix::zeros(to_test.nrows(), 1));
        let at = |steps| {
            let schedule = Schedule::Descent { rate: self.rate, steps };
            self.training.predict_test(schedule, (&start.0, &start.1), to_test).map_err(CellError::new)
        };
        (0..=steps as u64).map(at).collect()
    }
}

/// `||a - b||_F / ||b||_F`.
pub(crate) fn relative_distance(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).norm() / b.norm()
}

/// Which images a cell draws from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    /// The embedded 8 x 8 digits.
    Digits,
    /// Images that the user brought: the training part of MNIST or Fashion-MNIST.
    Brought {
        /// Name on the command line.
        name: String,
        /// Of the files.
        digest: String,
    },
}

impl Images {
    /// What the user brought, the digits otherwise.
    pub(crate) fn of(plan: &Plan<'_>) -> Self {
        let brought = |name: &str| {
            let set = plan.inputs.images(name)?;
            Some(Self::Brought { name: name.into(), digest: set.digest.clone() })
        };
        brought("mnist").or_else(|| brought("fashion-mnist")).unwrap_or(Self::Digits)
    }

    /// `count` different images, reduced to their first `dimension` principal components, each scaled to variance one, as rows of
    /// norm `sqrt d`; and labels: 1 for classes 0 to 4, -1 for 5 to 9.
    ///
    /// Whitening makes the directions between images about random, as the theory's separation of inputs wants; raw pixels are
    /// all positive, and their kernels' condition numbers in the thousands.
    ///
    /// # Errors
    /// If the data set is missing or too small, or has fewer pixels than `dimension`.
    pub(crate) fn draw(
        &self,
        count: usize,
        dimension: usize,
        stream: &Stream,
        context: &Context<'_>,
    ) -> Result<(DMatrix<f64>, Vec<f64>), CellError> {
        let (pixels, classes) = match self {
            Self::Digits => {
                let all = digits();
                (all.images, all.labels)
            }
            Self::Brought { name, .. } => {
                let set = context.inputs().images(name);
                let all = &set.ok_or_else(|| CellError(format!("the data set {name} is not loaded")))?.train;
                let some: Vec<usize> = (0..all.len().min(POPULATION)).collect();
                (all.matrix(&some), all.labels[..some.len()].to_vec())
            }
        };
        if count > classes.len() || dimension > pixels.ncols() {
            let (n, d) = pixels.shape();
            let wanted = format!("{count} images of {dimension} components wanted");
            return Err(CellError(format!("{wanted}, the data set has {n} of {d} pixels")));
        }
        let white = whitened(pixels, dimension)?;
        let chosen = stream.sample_indices(classes.len(), count);
        let mut x = white.select_rows(&chosen);
        for mut row in x.row_iter_mut() {
            let length = row.norm();
            row *= (dimension as f64).sqrt() / length;
        }
        Ok((x, chosen.iter().map(|&i| if classes[i] < 5 { 1.0 } else { -1.0 }).collect()))
    }
}

/// Of large data sets, as many images are drawn from and define the principal components.
const POPULATION: usize = 2000;

/// The first `dimension` principal components of the rows, each with variance one.
fn whitened(mut rows: DMatrix<f64>, dimension: usize) -> Result<DMatrix<f64>, CellError> {
    let mean = rows.row_mean();
    rows.row_iter_mut().for_each(|mut row| row -= &mean);
    let covariance = matmul(transposed(&rows), &rows) / rows.nrows() as f64;
    let eigen = symmetric_eigen(&covariance).map_err(CellError::new)?;
    // Ascending: the last are the first components.
    let skipped = rows.ncols() - dimension;
    let mut directions = eigen.vectors.columns(skipped, dimension).into_owned();
    for (mut direction, variance) in directions.column_iter_mut().zip(&eigen.values.as_slice()[skipped..]) {
        direction /= variance.sqrt();
    }
    Ok(matmul(&rows, &directions))
}

/// `N(0, 1)` rows scaled to norm `sqrt d`: uniform on the sphere.
pub(crate) fn sphere(count: usize, dimension: usize, stream: &Stream) -> DMatrix<f64> {
    let mut x: DMatrix<f64> = stream.normal_matrix(count, dimension, 1.0);
    for mut row in x.row_iter_mut() {
        let length = row.norm();
        row *= (dimension as f64).sqrt() / length;
    }
    x
}

/// Fair coins, 1 or -1.
pub(crate) fn coins(count: usize, stream: &Stream) -> Vec<f64> {
    stream.normal_vector::<f64>(count, 1.0).iter().map(|z| z.signum()).collect()
}
