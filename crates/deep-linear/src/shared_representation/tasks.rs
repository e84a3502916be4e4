//! Source and target tasks that share a representation.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use super::{SharedRegression, TargetTask};
use crate::DeepLinearError;
use crate::error::require;

/// What tasks are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// `d`, dimension of the inputs.
    pub dimension: usize,
    /// `k`, dimension of the representation, at most `d`.
    pub rank: usize,
    /// `T`, number of source tasks.
    pub tasks: usize,
    /// `n1`, examples of each source task.
    pub source_examples: usize,
    /// `sigma`, standard deviation of the label noise; the signal has variance about 1.
    pub noise: f64,
    /// From 1 (the source heads load all `k` directions equally) to 0 (they span `k - 1` directions): the energy of the
    /// last direction relative to each of the others.
    pub diversity: f64,
    /// Condition number of the source inputs' covariance, at least 1.
    pub source_condition: f64,
    /// Condition number of the target inputs' covariance, at least 1; its eigenvectors are other than the source's.
    pub target_condition: f64,
}

impl Setting {
    /// Diverse tasks without covariate shift, isotropic inputs, `n1 = 2 d`, `sigma = 1/2`.
    pub fn new(dimension: usize, rank: usize, tasks: usize) -> Self {
        Self {
            dimension,
            rank,
            tasks,
            source_examples: 2 * dimension,
            noise: 0.5,
            diversity: 1.0,
            source_condition: 1.0,
            target_condition: 1.0,
        }
    }

    fn check(&self) -> Result<(), DeepLinearError> {
        let (d, k) = (self.dimension, self.rank);
        let at_least = |what, minimum: usize, given: usize| {
            require(given >= minimum, what, "large enough for the representation", given as f64)
        };
        at_least("the dimension d", k.max(1), d)?;
        at_least("the rank k", 1, k)?;
        at_least("the number T of source tasks", k, self.tasks)?;
        at_least("the number n1 of examples of a source task", k, self.source_examples)?;
        require(
            self.noise >= 0.0 && self.noise.is_finite(),
            "the noise sigma",
            "finite and not negative",
            self.noise,
        )?;
        require((0.0..=1.0).contains(&self.diversity), "the diversity", "in [0, 1]", self.diversity)?;
        for condition in [self.source_condition, self.target_condition] {
            require(
                condition >= 1.0 && condition.is_finite(),
                "a condition number",
                "finite and at least 1",
                condition,
            )?;
        }
        Ok(())
    }
}

/// A covariance of trace `d` with a geometric spectrum in a random basis; the identity at condition number 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    dimension: usize,
    /// `Sigma^(1/2)` and `Sigma^-1`, unless the identity.
    root_and_inverse: Option<(DMatrix<f64>, DMatrix<f64>)>,
}

impl Covariance {
    fn geometric(dimension: usize, condition: f64, stream: &Stream) -> Self {
        if condition == 1.0 || dimension == 1 {
            return Self { dimension, root_and_inverse: None };
        }
        let raw = DVector::from_fn(dimension, |i, _| condition.powf(i as f64 / (dimension - 1) as f64));
        let values = &raw * (dimension as f64 / raw.sum());
        let basis: DMatrix<f64> = stream.orthonormal_matrix(dimension, dimension);
        let with = |f: fn(f64) -> f64| {
            let mut scaled = basis.clone();
            scaled.column_iter_mut().zip(values.iter()).for_each(|(mut c, &v)| c *= f(v));
            matmul(&scaled, transposed(&basis))
        };
        Self { dimension, root_and_inverse: Some((with(f64::sqrt), with(f64::recip))) }
    }

    /// `Sigma^-1`, `d x d`.
    pub fn inverse(&self) -> DMatrix<f64> {
        let identity = || DMatrix::identity(self.dimension, self.dimension);
        self.root_and_inverse.as_ref().map_or_else(identity, |(_, inverse)| inverse.clone())
    }

    /// `v^T Sigma v`: for `v = theta^ - theta` the excess risk.
    ///
    /// # Panics
    /// If `v` is not of length `d`.
    pub fn energy(&self, v: &DVector<f64>) -> f64 {
        assert!(v.len() == self.dimension, "a vector of length {} in dimension {}", v.len(), self.dimension);
        self.root_and_inverse.as_ref().map_or_else(|| v.norm_squared(), |(root, _)| (root * v).norm_squared())
    }

    /// `n x d` Gaussian inputs.
    pub fn sample(&self, n: usize, stream: &Stream) -> DMatrix<f64> {
        let white = stream.normal_matrix(n, self.dimension, 1.0);
        match &self.root_and_inverse {
            None => white,
            Some((root, _)) => matmul(&white, root),
        }
    }
}

/// The shared representation, the source tasks' heads and both covariances.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// What it was drawn from.
    pub setting: Setting,
    /// `B`, `d x k`, orthonormal columns, uniformly distributed.
    pub representation: DMatrix<f64>,
    /// `W`, `k x T`, mean squared norm of a column 1 (if `k` divides `T`).
    pub heads: DMatrix<f64>,
    /// Of the source inputs.
    pub source_covariance: Covariance,
    /// Of the target inputs.
    pub target_covariance: Covariance,
}

impl Truth {
    /// Draws representation, heads and covariances.
    ///
    /// The heads are `W = D [U_1 U_2 ...]` with random orthogonal `k x k` blocks (the last one cut if `k` does not divide
    /// `T`) and `D = c diag(1, ..., 1, sqrt(diversity))`, `||D||_F^2 = k`: then `W W^T = (T / k) D^2` exactly.
    ///
    /// # Errors
    /// [`DeepLinearError::Configuration`] for a number outside its range.
    pub fn draw(setting: &Setting, stream: &Stream) -> Result<Self, DeepLinearError> {
        setting.check()?;
        let Setting { dimension, rank, .. } = *setting;
        let mut heads = union_of_bases(rank, setting.tasks, &stream.named("heads"));
        // One direction alone cannot be less than the others.
        let last = if rank == 1 { 1.0 } else { setting.diversity };
        let scale = (rank as f64 / (rank as f64 - 1.0 + last)).sqrt();
        heads *= scale;
        heads.row_mut(rank - 1).scale_mut(last.sqrt());
        let covariance = |name, condition| Covariance::geometric(dimension, condition, &stream.named(name));
        Ok(Self {
            setting: *setting,
            representation: stream.named("representation").orthonormal_matrix(dimension, rank),
            heads,
            source_covariance: covariance("source covariance", setting.source_condition),
            target_covariance: covariance("target covariance", setting.target_condition),
        })
    }

    /// `B W`, `d x T`: a column a source task.
    pub fn source_parameters(&self) -> DMatrix<f64> {
        matmul(&self.representation, &self.heads)
    }

    /// Inputs `n1 x d` and labels of source task `t`.
    ///
    /// # Panics
    /// If there is no task `t`.
    pub fn source_examples(&self, task: usize, stream: &Stream) -> (DMatrix<f64>, DVector<f64>) {
        let theta = &self.representation * self.heads.column(task);
        let stream = stream.indexed(task as u64);
        examples(&self.source_covariance, self.setting.source_examples, &theta, self.setting.noise, &stream)
    }

    /// All source tasks, reduced one by one to their sufficient statistics.
    ///
    /// # Errors
    /// Those of [`SharedRegression::push`]; none for a drawn truth.
    pub fn source_data(&self, stream: &Stream) -> Result<SharedRegression, DeepLinearError> {
        let mut data = SharedRegression::new(self.setting.dimension)?;
        for task in 0..self.setting.tasks {
            let (x, y) = self.source_examples(task, stream);
            data.push(&x, &y)?;
        }
        Ok(data)
    }

    /// Heads of target tasks, `k x count`: unit vectors in random orthonormal bases, so that `k` of them average exactly
    /// over all directions of the representation.
    pub fn target_heads(&self, count: usize, stream: &Stream) -> DMatrix<f64> {
        union_of_bases(self.setting.rank, count, stream)
    }

    /// A target task with this head and `n2` examples.
    ///
    /// # Panics
    /// If the head is not of length `k`.
    pub fn target_task(&self, head: &DVector<f64>, n2: usize, stream: &Stream) -> TargetTask {
        let parameter = &self.representation * head;
        let (inputs, labels) = examples(&self.target_covariance, n2, &parameter, self.setting.noise, stream);
        TargetTask { inputs, labels, parameter }
    }
}

fn examples(
    covariance: &Covariance,
    n: usize,
    theta: &DVector<f64>,
    noise: f64,
    stream: &Stream,
) -> (DMatrix<f64>, DVector<f64>) {
    let x = covariance.sample(n, &stream.named("inputs"));
    let y = &x * theta + stream.named("noise").normal_vector::<f64>(n, noise);
    (x, y)
}

/// The first `count` columns of random orthogonal `k x k` matrices side by side.
fn union_of_bases(k: usize, count: usize, stream: &Stream) -> DMatrix<f64> {
    let bases: Vec<DMatrix<f64>> =
        (0..count.div_ceil(k)).map(|i| stream.indexed(i as u64).orthonormal_matrix(k, k)).collect();
    DMatrix::from_fn(k, count, |i, t| bases[t / k][(i, t % k)])
}
