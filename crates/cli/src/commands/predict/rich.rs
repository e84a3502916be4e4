//! `predict --richness`: what a two-layer net learns on the same data when its features move, beside the lazy answer.

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args;
use nalgebra::{DMatrix, DVector};
use overparam_feature_flow::rich_limit::{Correction, Nonlinearity, Sampling, Standard, TwoLayer};
use overparam_ntk::activation::{AbRelu, Activation};
use overparam_ntk::architecture::{Dense, Layer};
use overparam_ntk::{Architecture, Kernel, Parameterization};
use overparam_tensor::random::Stream;
use overparam_tensor::{Array, Tensor, jvp};

use super::effect::{Effect, Loss};
use super::task::{Examples, Task};
use super::{PredictOptions, Trained};
use crate::curve::loss;
use crate::evaluate::{Kind, evaluate};
use crate::meter::Meter;

const HEADING: &str = "Features that move (two layers, one output, a finite time)";
/// Independent scramblings of the sampled units.
const REPLICATES: usize = 8;
/// Numbers in memory for each unit and input: the state, three copies of it while it moves, values and slopes.
const COPIES: f64 = 7.0;

/// How rich, and how exactly.
#[derive(Args)]
pub(super) struct RichOptions {
    /// Also predict with moving features: 0 is the tangent kernel's answer, 1 the mean-field scaling, 1/sqrt(m) the NTK scaling of m units. The
    /// result then has the arrays rich_train_mean, rich_test_mean, and their errors rich_train_error, rich_test_error
    #[arg(long, value_name = "GAMMA", value_parser = super::finite, allow_negative_numbers = true, help_heading = HEADING)]
    richness: Option<f64>,
    /// Pairs of sampled units in each of 8 samples: four times as many halve the error, or better [default: 2048]
    #[arg(long, value_name = "PAIRS", requires = "richness", value_parser = clap::value_parser!(u32).range(2..=1 << 22), help_heading = HEADING)]
    richness_pairs: Option<u32>,
    /// Of the sampled units [default: 0]
    #[arg(long, value_name = "SEED", requires = "richness", help_heading = HEADING)]
    richness_seed: Option<u64>,
}

/// A net `a phi(W x + b)` and its data, to be moved.
pub(super) struct Rich {
    gamma: f64,
    phi: Pointwise,
    /// `w_std` of the last layer.
    readout: f64,
    /// `w^2 x.x'/d + b^2` of training, then test inputs.
    kernel: DMatrix<f64>,
    /// `1/2 sum (y - f)^2` reaches in this time what the mean loss does in the time asked for.
    time: f64,
    sampling: Sampling,
    seed: u64,
}

/// What the moving features add.
pub(super) struct RichAnswer {
    gamma: f64,
    correction: Correction,
    readout: f64,
    lazy: DVector<f64>,
    train: usize,
}

impl RichOptions {
    /// Whether features are to move.
    pub(super) fn are_wanted(&self) -> bool {
        self.richness.is_some()
    }

    /// The options as they are given again to a job.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        let named = [
            ("--richness", self.richness.map(|gamma| format!("{gamma:e}"))),
            ("--richness-pairs", self.richness_pairs.map(|pairs| pairs.to_string())),
            ("--richness-seed", self.richness_seed.map(|seed| seed.to_string())),
        ];
        named.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten()
    }

    /// Checks everything that does not take long, and computes the first layer's covariance.
    pub(super) fn read(&self, options: &PredictOptions, examples: &Examples<f64>) -> Result<Option<Rich>> {
        let Some(gamma) = self.richness else { return Ok(None) };
        ensure!(
            options.time.is_finite(),
            "--richness needs a finite --time: features that move have no closed form at infinity"
        );
        ensure!(
            options.kind == Trained::Ntk && options.ridge == 0.0,
            "--richness is gradient flow of all layers without a ridge: expected --kind ntk and --ridge 0"
        );
        ensure!(
            examples.y.ncols() == 1,
            "--richness: {} outputs; expected one: several outputs share the features that move",
            examples.y.ncols()
        );
        let file = options.arch.display();
        let (first, phi, last) = two_layers(&examples.network).map_err(|e| anyhow!("--arch {file}: {e}"))?;
        let Examples { train, test, .. } = examples;
        let kernel = Kernel::<f64>::new(&first, train.shape()).map_err(|e| anyhow!("--arch {file}: {e}"))?;
        let (n, m) = (train.count(), test.count());
        let pairs = self.richness_pairs.unwrap_or(2048).next_power_of_two() as usize;
        let bytes = COPIES * 8.0 * 2.0 * pairs as f64 * (n + m + 1) as f64 + 24.0 * ((n + m) as f64).powi(2);
        ensure!(
            bytes <= 4e9,
            "--richness: {pairs} pairs of units on {n} training and {m} test inputs take {:.1} GB; expected at most 4: pass fewer \
             inputs or a smaller --richness-pairs",
            bytes / 1e9
        );
        let mut whole = DMatrix::zeros(n + m, n + m);
        for (place, pair, name) in [
            ((0, 0), (train, None), "first layer"),
            ((n, 0), (test, Some(train)), "first layer, test"),
            ((n, n), (test, None), "first layer, test"),
        ] {
            let (_, block) = evaluate(&kernel, Kind::Nngp, pair, name)?.swap_remove(0);
            whole.view_mut(place, block.shape()).copy_from(&block);
        }
        whole.fill_upper_triangle_with_lower_triangle();
        Ok(Some(Rich {
            gamma,
            phi,
            readout: last.w_std,
            kernel: whole,
            // The mean over examples, and the variance of the last layer, which multiplies all rates.
            time: options.time / n as f64 * last.w_std.powi(2),
            sampling: Sampling { pairs, replicates: REPLICATES, time_step: f64::MAX },
            seed: self.richness_seed.unwrap_or(0),
        }))
    }
}

impl Rich {
    /// Moves the units. `lazy` are the outputs of the tangent kernel.
    pub(super) fn solve(&self, task: &Task, lazy: [&DMatrix<f64>; 2]) -> Result<RichAnswer> {
        let train = task.y.nrows();
        let lazy = DVector::from_iterator(self.kernel.nrows(), lazy.into_iter().flatten().copied());
        let targets = task.y.column(0) / self.readout;
        let correction = if self.gamma == 0.0 {
            let zero = DVector::zeros(self.kernel.nrows());
            Correction { runs: vec![zero.clone(); 2], halves: vec![zero; 2], step_error: 0.0, time_step: 0.0 }
        } else {
            let problem = TwoLayer::new(self.kernel.clone(), targets, self.gamma)?;
            let mut meter = Meter::new("moving features", self.sampling.replicates);
            let stream = Stream::root(self.seed).named("richness");
            let found =
                self.sampling.correction(&problem, &self.phi, self.time, &stream, &mut || meter.advance(1));
            found.map_err(|e| anyhow!("--richness {}: {e}", self.gamma))?
        };
        Ok(RichAnswer { gamma: self.gamma, correction, readout: self.readout, lazy, train })
    }
}

impl RichAnswer {
    /// Outputs on training and test inputs, and their errors.
    pub(super) fn arrays(&self) -> Vec<(&'static str, Array<f64>)> {
        let mean = &self.lazy + self.correction.mean() * self.readout;
        let error = self.correction.error() * self.readout.abs();
        let column = |all: &DVector<f64>, from: usize, count: usize| {
            Array::from(&DMatrix::from_column_slice(count, 1, all.rows(from, count).as_slice()))
        };
        let (n, m) = (self.train, self.lazy.len() - self.train);
        vec![
            ("rich_train_mean", column(&mean, 0, n)),
            ("rich_test_mean", column(&mean, n, m)),
            ("rich_train_error", column(&error, 0, n)),
            ("rich_test_error", column(&error, n, m)),
        ]
    }

    /// What moving features do to the losses or, without test targets, to the test outputs.
    pub(super) fn effect(&self, task: &Task) -> Effect {
        let (n, m) = (self.train, self.lazy.len() - self.train);
        let of = |from: usize, count: usize, targets: &DMatrix<f64>| {
            let at = |change: &DVector<f64>| {
                let outputs = self.lazy.rows(from, count) + change.rows(from, count) * self.readout;
                loss(&DMatrix::from_column_slice(count, 1, outputs.as_slice()), targets)
            };
            Loss {
                lazy: at(&DVector::zeros(n + m)),
                rich: at(&self.correction.mean()),
                error: self.correction.error_of(at),
            }
        };
        let (mean, error) = (self.correction.mean(), self.correction.error());
        let largest = (n..n + m).max_by(|&i, &j| mean[i].abs().total_cmp(&mean[j].abs()));
        let at_largest = |of: &DVector<f64>| largest.map_or(0.0, |i| (self.readout * of[i]).abs());
        Effect {
            gamma: self.gamma,
            train: of(0, n, &task.y),
            test: task.test_y.as_ref().map(|y| of(n, m, y)),
            largest_move: at_largest(&mean),
            largest_move_error: at_largest(&error),
        }
    }
}

/// The first layer with what comes before it, the activation, and the last layer.
fn two_layers(network: &Architecture) -> Result<(Architecture, Pointwise, Dense)> {
    let expected = "--richness knows two layers in NTK parameterisation: dense, activation, dense without a bias, perhaps after flatten";
    if network.parameterization != Parameterization::Ntk {
        bail!("{expected}; got standard parameterisation");
    }
    let layers = &network.layers;
    let front = layers.iter().take_while(|layer| matches!(layer, Layer::Flatten(_))).count();
    let [Layer::Dense(_), Layer::Activation(phi), Layer::Dense(last)] = &layers[front..] else {
        let names: Vec<&str> = layers.iter().map(Layer::name).collect();
        bail!("{expected}; got {}", names.join(", "));
    };
    ensure!(last.b_std.is_none_or(|b| b == 0.0), "{expected}; the last layer has a bias");
    ensure!(last.w_std > 0.0, "{expected}; the last layer has w_std 0");
    let first = Architecture::new(layers[..=front].iter().cloned());
    Ok((first, Pointwise::of(phi), last.clone()))
}

/// An activation as the units need it: with its slope.
enum Pointwise {
    /// Those with fast loops of their own.
    Standard(Standard),
    /// Any other, differentiated forward.
    Other(Activation),
}

impl Pointwise {
    fn of(activation: &Activation) -> Self {
        match activation {
            Activation::Erf(_) => Self::Standard(Standard::Erf),
            Activation::AbRelu(AbRelu { a, b }) if (*a, *b) == (0.0, 1.0) => Self::Standard(Standard::Relu),
            other if other.name() == "tanh" => Self::Standard(Standard::Tanh),
            other => Self::Other(other.clone()),
        }
    }
}

impl Nonlinearity for Pointwise {
    fn value_and_slope(&self, x: f64) -> (f64, f64) {
        let (mut value, mut slope) = ([0.0], [0.0]);
        self.evaluate(&[x], &mut value, &mut slope);
        (value[0], slope[0])
    }

    /// Not needed: fluctuations are not asked for.
    fn curvature(&self, x: f64) -> Option<f64> {
        match self {
            Self::Standard(standard) => standard.curvature(x),
            Self::Other(_) => None,
        }
    }

    fn evaluate(&self, x: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        match self {
            Self::Standard(standard) => standard.evaluate(x, values, slopes),
            Self::Other(activation) => {
                let (at, along) = (Tensor::from_vec(&[x.len()], x.to_vec()), Tensor::full(&[x.len()], 1.0));
                let (value, slope) = jvp(|x: &Tensor<f64>| activation.apply(x), &at, &along);
                values.copy_from_slice(&value.array().to_vec());
                slopes.copy_from_slice(&slope.array().to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use overparam_feature_flow::rich_limit::Nonlinearity;
    use overparam_ntk::activation::{Activation, TABLE};

    use super::Pointwise;

    /// Slopes are those of differences, for every activation there is.
    #[test]
    fn slopes_are_derivatives() {
        let all = TABLE.iter().flat_map(|entry| (entry.examples)());
        for activation in all.chain(Activation::numerical("silu", None)) {
            let phi = Pointwise::of(&activation);
            for x in [-1.3, -0.4, 0.7, 1.9] {
                let (_, slope) = phi.value_and_slope(x);
                let at = |x: f64| phi.value_and_slope(x).0;
                let difference = (at(x + 1e-5) - at(x - 1e-5)) / 2e-5;
                let scale = 1.0 + slope.abs();
                assert!(
                    (slope - difference).abs() < 1e-7 * scale,
                    "{activation:?} at {x}: {slope} {difference}"
                );
            }
        }
    }
}
