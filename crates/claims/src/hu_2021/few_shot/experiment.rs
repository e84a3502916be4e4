//! The experiments.

use nalgebra::{DMatrix, DVector};
use overparam_deep_linear::DeepLinearError;
use overparam_deep_linear::shared_representation::relu::Examples;
use overparam_deep_linear::shared_representation::theory::{
    Design, least_squares_risk, representation_bias, second_stage_risk,
};
use overparam_deep_linear::shared_representation::{
    Alternation, Fit, NuclearRepresentation, ReluRepresentation, Setting, SharedRegression, TargetTask,
    Truth, TwoLayerDescent, ball_least_squares, method_of_moments, principal_angles, spectral_start,
};
use overparam_tensor::linalg::matmul;
use overparam_tensor::random::Stream;

use super::{Experiment, Outcome, Risks, Vary};

/// Rows of inputs drawn for all target tasks of one `n2` together.
const TARGET_ROWS: usize = 80_000;
/// Target tasks of one `n2` at most: at `k >= 5` their mean scatters by `sqrt(2 / (300 k)) <= 4%`.
const MOST_TARGETS: usize = 300;

/// Stationarity 1e-8 is far below the noise; without diversity the last direction converges to noise slowly, and 40 sweeps
/// are enough to see that.
const ALTERNATION: Alternation = Alternation { tolerance: 1e-8, max_sweeps: 40 };

pub(super) fn run(experiment: &Experiment, stream: &Stream) -> Result<Outcome, DeepLinearError> {
    match *experiment {
        Experiment::Transfer { vary, ref setting, ref target_examples } => {
            transfer(setting, target_examples, vary == Vary::TargetExamples, stream)
        }
        Experiment::Starts { ref setting, starts } => from_many_starts(setting, starts, stream),
        Experiment::HighDimensional { ref setting, target_examples } => {
            high_dimensional(setting, target_examples, stream)
        }
        Experiment::Relu { dimension, units, tasks, source_examples, target_examples, width, steps } => {
            let teacher = Teacher::draw(dimension, units, &stream.named("teacher"));
            let net = ReluRepresentation { width, weight_decay: 1e-3, learning_rate: 0.02, steps };
            relu(&teacher, &net, [tasks, source_examples, target_examples], stream)
        }
    }
}

fn drawn(setting: &Setting, stream: &Stream) -> Result<(Truth, SharedRegression), DeepLinearError> {
    let truth = Truth::draw(setting, &stream.named("truth"))?;
    let data = truth.source_data(&stream.named("sources"))?;
    Ok((truth, data))
}

/// The first stage from the spectral start.
fn first_stage(data: &SharedRegression, rank: usize) -> Result<Fit, DeepLinearError> {
    ALTERNATION.fit(data, &spectral_start(data, rank)?)
}

fn transfer(
    setting: &Setting,
    target_examples: &[usize],
    alone: bool,
    stream: &Stream,
) -> Result<Outcome, DeepLinearError> {
    let Setting { rank, dimension, noise, .. } = *setting;
    let (truth, data) = drawn(setting, stream)?;
    let fit = first_stage(&data, rank)?;
    let moments = method_of_moments(&data, rank)?;
    // The source data are the largest thing in memory, and no longer needed.
    drop(data);
    let predicted_bias = Some(representation_bias(&truth)?).filter(|b| b.is_finite());
    let mut risks = Vec::new();
    for &n2 in target_examples {
        let count = (TARGET_ROWS / n2.max(1)).clamp(1, MOST_TARGETS).next_multiple_of(rank);
        let targets = stream.named("targets");
        let [shared, oracle, from_moments] = mean_risks(&truth, n2, count, &targets, |task| {
            Ok([
                task.on_representation(&fit.representation)?,
                task.on_representation(&truth.representation)?,
                task.on_representation(&moments)?,
            ])
        })?;
        // In all d directions only where few-shot learning is the question; on the same tasks.
        let single = if alone {
            let ridge = noise * noise * dimension as f64;
            let risks =
                mean_risks(&truth, n2, count, &targets, |task| Ok([task.alone()?, task.ridge(ridge)?]))?;
            Some(risks)
        } else {
            None
        };
        risks.push(Risks {
            target_examples: n2,
            shared,
            predicted: predicted_bias.and_then(|b| second_stage_risk(b, noise, rank, n2)),
            oracle,
            moments: from_moments,
            alone: single.map(|[alone, _]| alone),
            predicted_alone: least_squares_risk(Design::Gaussian, noise, dimension, n2),
            ridge: single.map(|[_, ridge]| ridge),
        });
    }
    Ok(Outcome::Transfer {
        angles: principal_angles(&truth.representation, &fit.representation)?,
        moments_angles: principal_angles(&truth.representation, &moments)?,
        predicted_bias,
        sweeps: fit.iterations,
        converged: fit.converged,
        risks,
    })
}

/// Mean excess risk of `N` estimates over `count` target tasks of `n2` examples.
fn mean_risks<const N: usize>(
    truth: &Truth,
    n2: usize,
    count: usize,
    stream: &Stream,
    estimates: impl Fn(&TargetTask) -> Result<[DVector<f64>; N], DeepLinearError>,
) -> Result<[f64; N], DeepLinearError> {
    let stream = stream.indexed(n2 as u64);
    let heads = truth.target_heads(count, &stream.named("heads"));
    let mut sums = [0.0; N];
    for (i, head) in heads.column_iter().enumerate() {
        let task = truth.target_task(&head.into_owned(), n2, &stream.named("task").indexed(i as u64));
        for (sum, estimate) in sums.iter_mut().zip(estimates(&task)?) {
            *sum += task.excess_risk(&estimate, &truth.target_covariance);
        }
    }
    Ok(sums.map(|sum| sum / count as f64))
}

fn from_many_starts(setting: &Setting, starts: u64, stream: &Stream) -> Result<Outcome, DeepLinearError> {
    let rank = setting.rank;
    let (_, data) = drawn(setting, stream)?;
    let exact = Alternation::default();
    let reference = exact.fit(&data, &spectral_start(&data, rank)?)?;
    let (mut alternation, mut descent, mut largest_angle) = (Vec::new(), Vec::new(), 0.0f64);
    let distance = |fit: &Fit| (fit.objective / reference.objective - 1.0).abs();
    for i in 0..starts {
        let stream = stream.named("start").indexed(i);
        let start: DMatrix<f64> = stream.named("B").orthonormal_matrix(setting.dimension, rank);
        alternation.push(distance(&exact.fit(&data, &start)?));
        let descended = TwoLayerDescent::default().fit(&data, rank, &stream.named("network"))?;
        descent.push(distance(&descended));
        let angles = principal_angles(&reference.representation, &descended.representation)?;
        largest_angle = angles.into_iter().fold(largest_angle, f64::max);
    }
    Ok(Outcome::Starts { alternation, descent, largest_angle })
}

fn high_dimensional(
    setting: &Setting,
    target_examples: usize,
    stream: &Stream,
) -> Result<Outcome, DeepLinearError> {
    const TARGETS: usize = 100;
    let Setting { rank, dimension, noise, .. } = *setting;
    let (truth, data) = drawn(setting, stream)?;
    let nuclear = NuclearRepresentation::at_noise_level(&data, noise)?.fit(&data)?;
    let joint = first_stage(&data, rank)?;
    let risks = mean_risks(&truth, target_examples, TARGETS, &stream.named("targets"), |task| {
        let features = matmul(&task.inputs, &nuclear.representation);
        let head = ball_least_squares(&features, &task.labels, nuclear.radius())?;
        Ok([
            &nuclear.representation * head,
            task.on_representation(&joint.representation)?,
            task.ridge(noise * noise * dimension as f64)?,
            task.on_representation(&truth.representation)?,
        ])
    })?;
    let names = ["nuclear norm, head in a ball", "joint least squares of rank k", "ridge alone", "oracle"];
    Ok(Outcome::Variant { risks: names.map(str::to_owned).into_iter().zip(risks).collect() })
}

/// Tasks `y = relu(x . U) w + noise` that share the units `U`.
struct Teacher {
    units: DMatrix<f64>,
}

impl Teacher {
    const NOISE: f64 = 0.1;

    fn draw(dimension: usize, units: usize, stream: &Stream) -> Self {
        Self { units: stream.orthonormal_matrix(dimension, units) }
    }

    /// `n` examples with noise, and the noiseless labels.
    fn task(&self, n: usize, stream: &Stream) -> (Examples, DVector<f64>) {
        let (d, k) = self.units.shape();
        let x: DMatrix<f64> = stream.named("x").normal_matrix(n, d, 1.0);
        let head: DVector<f64> = stream.named("head").normal_vector(k, 1.0);
        let clean = matmul(&x, &self.units).map(|h| h.max(0.0)) * head;
        let noisy = &clean + stream.named("noise").normal_vector::<f64>(n, Self::NOISE);
        ((x, noisy), clean)
    }
}

fn relu(
    teacher: &Teacher,
    net: &ReluRepresentation,
    [tasks, n1, n2]: [usize; 3],
    stream: &Stream,
) -> Result<Outcome, DeepLinearError> {
    const TARGETS: u64 = 5;
    const FRESH: usize = 1_000;
    let source = |t: usize| teacher.task(n1, &stream.named("source").indexed(t as u64)).0;
    let sources: Vec<Examples> = (0..tasks).map(source).collect();
    let shared = net.fit(&sources, &stream.named("shared"))?;
    let (mut with, mut without, mut nothing) = (0.0, 0.0, 0.0);
    for t in 0..TARGETS {
        let ((x, y), clean) = teacher.task(n2 + FRESH, &stream.named("target").indexed(t));
        let (seen, labels) = (x.rows(0, n2).into_owned(), y.rows(0, n2).into_owned());
        let (fresh, truth) = (x.rows(n2, FRESH).into_owned(), clean.rows(n2, FRESH).into_owned());
        let head = shared.target_head(&seen, &labels)?;
        let alone = net.fit(&[(seen, labels)], &stream.named("alone").indexed(t))?;
        let share = 1.0 / (TARGETS as f64 * FRESH as f64);
        with += share * (shared.features(&fresh) * head - &truth).norm_squared();
        without += share * (alone.features(&fresh) * alone.heads.column(0) - &truth).norm_squared();
        nothing += share * truth.norm_squared();
    }
    let names = ["shared ReLU representation, head in a ball", "the same net alone", "predicting 0"];
    let risks = names.map(str::to_owned).into_iter().zip([with, without, nothing]).collect();
    Ok(Outcome::Variant { risks })
}
