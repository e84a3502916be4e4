//! The coordinate check: how large each layer is, and how far a few steps move it, by width.

use nalgebra::DMatrix;
use overparam_tensor::random::Stream;
use overparam_tensor::{Tensor, grad};

use super::report::{Coordinate, CoordinateReport, Trend};
use super::{Promise, Role, ScaledNetwork, WidthScaling};
use crate::layer::Layer;
use crate::network::{Batch, Params};
use crate::{Architecture, Inputs, NtkError};

/// Nets of several widths, each moved by small steps from its start on the loss `-1/P sum_p y_p . f(x_p)`: linear, so that the random output at the
/// start does not enter.
///
/// ```
/// use nalgebra::DMatrix;
/// use overparam_ntk::prelude::*;
/// use overparam_ntk::width_scaling::{CoordinateCheck, Rule, Scaling, WidthScaling};
///
/// let check = CoordinateCheck {
///     architecture: serial![dense(32).w_std(1.4), relu(), residual(serial![dense(32).w_std(1.4), relu(), dense(32)]), dense(1)],
///     scaling: WidthScaling::new(Scaling::MaximalUpdate, Rule::Sgd, 32)?,
///     widths: vec![32, 64, 128],
///     rate: 1e-5,
///     steps: 1,
///     seeds: 3,
/// };
/// let stream = Stream::root(0);
/// let inputs = stream.named("x").normal_matrix(16, 4, 1.0).into();
/// let report = check.run(&inputs, &DMatrix::from_element(16, 1, 1.0), &stream)?;
/// assert_eq!(report.coordinates[1].name, "layers[2].branches[0][0]");
/// assert!(report.is_as_promised(0.3));
/// # Ok::<(), NtkError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CoordinateCheck {
    /// Any architecture; its widths are those at the base width.
    pub architecture: Architecture,
    /// The parameterisation, its rule and the base width.
    pub scaling: WidthScaling,
    /// At least two widths, ascending: at `n`, every hidden width of the architecture is multiplied by `n` over the base width.
    pub widths: Vec<usize>,
    /// `eta > 0`: small, so that changes are linear in it.
    pub rate: f64,
    /// Steps, at least 1. The promises are those of the first; later ones keep them where the change stays small.
    pub steps: usize,
    /// Nets at each width, at least 1; from 2 on, errors of the exponents are known.
    pub seeds: usize,
}

impl CoordinateCheck {
    /// Runs on `P` inputs and their targets, `P x c` for an output of `c` numbers.
    ///
    /// # Errors
    /// [`NtkError::Parameter`] for a configuration out of range, [`NtkError::Input`] for data that do not fit or are not finite, and those
    /// of [`WidthScaling::network`].
    pub fn run(
        &self,
        inputs: &Inputs<f64>,
        targets: &DMatrix<f64>,
        stream: &Stream,
    ) -> Result<CoordinateReport, NtkError> {
        self.check()?;
        let batch = Batch::from(inputs);
        // Mean squares: by width, by seed, at the start and of the change.
        let (mut squares, mut nets) = (Vec::new(), Vec::new());
        for &width in &self.widths {
            let net = self.scaling.network(&self.architecture, width, inputs.shape())?;
            net.network().check_batch("inputs", &batch)?;
            let expected = (inputs.count(), net.network().outputs());
            if targets.shape() != expected || targets.iter().any(|y| !y.is_finite()) {
                let given = targets.shape();
                let reason = format!("expected {expected:?} finite numbers, got a matrix of {given:?}");
                return Err(NtkError::input("targets", reason));
            }
            let seeds = (0..self.seeds).map(|seed| {
                let own = stream.indexed(width as u64).indexed(seed as u64);
                self.one(&net, &batch, targets, &own)
            });
            squares.push(seeds.collect::<Vec<[Vec<f64>; 2]>>());
            nets.push(net);
        }
        if squares.iter().flatten().flatten().flatten().any(|v| !v.is_finite()) {
            return Err(NtkError::parameter("rate", &self.rate, "so small that all layers stay finite"));
        }
        let coordinates = self.promises(&nets[0]).into_iter().enumerate().map(|(i, (name, size, change))| {
            let [start, moved] = [0, 1].map(|of| {
                let at =
                    |seeds: &Vec<[Vec<f64>; 2]>| -> Vec<f64> { seeds.iter().map(|s| s[of][i]).collect() };
                Trend::of(&self.widths, &squares.iter().map(at).collect::<Vec<_>>())
            });
            Coordinate {
                name,
                sizes: start.sizes,
                changes: moved.sizes,
                size_exponent: start.exponent,
                size_error: start.error,
                change_exponent: moved.exponent,
                change_error: moved.error,
                promised_size: size,
                promised_change: change,
            }
        });
        Ok(CoordinateReport { widths: self.widths.clone(), coordinates: coordinates.collect() })
    }

    fn check(&self) -> Result<(), NtkError> {
        let ascending =
            self.widths.len() >= 2 && self.widths[0] > 0 && self.widths.is_sorted_by(|a, b| a < b);
        if !ascending {
            let given = format!("{:?}", self.widths);
            return Err(NtkError::parameter("widths", &given, "at least two, ascending and positive"));
        }
        for (name, count) in [("seeds", self.seeds), ("steps", self.steps)] {
            if count == 0 {
                return Err(NtkError::parameter(name, &count, "at least 1"));
            }
        }
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            return Err(NtkError::parameter("rate", &self.rate, "positive and finite"));
        }
        Ok(())
    }

    /// Mean squares of one net, affine map by affine map and of the output: at the start, and of the change.
    fn one(
        &self,
        net: &ScaledNetwork,
        batch: &Batch<f64>,
        targets: &DMatrix<f64>,
        stream: &Stream,
    ) -> [Vec<f64>; 2] {
        let (network, mut params) = (net.network(), net.init(stream));
        let run = |params: &Params<f64>| {
            let mut all = Vec::new();
            let mut look = |_: &Tensor<f64>, y: Tensor<f64>| {
                all.push(y.clone());
                y
            };
            let output = network.run(params, &batch.x, &[], &mut look);
            all.push(output);
            all
        };
        let before = run(&params);
        let (n, c) = targets.shape();
        let weights = Tensor::from_fn(&[n, c], |i| -targets[(i[0], i[1])] / n as f64);
        let mut optimizer = net.optimizer(self.rate);
        for _ in 0..self.steps {
            let loss =
                |params: &Params<f64>| (network.apply_batch(params, batch).reshape(&[n, c]) * &weights).sum();
            let gradient = grad(loss, &params);
            optimizer.step(&mut params, &gradient);
        }
        let mean = |x: &Tensor<f64>| x.array().to_vec().iter().map(|v| v * v).sum::<f64>() / x.len() as f64;
        let after = run(&params);
        let changes = before.iter().zip(&after).map(|(b, a)| mean(&(a - b)));
        [before.iter().map(mean).collect(), changes.collect()]
    }

    /// Names of the affine maps and of the output, what is promised of their sizes and of their changes.
    fn promises(&self, net: &ScaledNetwork) -> Vec<(String, Option<Promise>, Option<Promise>)> {
        let maps = net.maps();
        let has_hidden = maps.iter().any(|(_, role)| *role == Some(Role::Hidden));
        // Where the width narrows amid the net, what follows moves with what comes before, and only muP is known.
        let narrow = |role: &Option<Role>| matches!(role, Some(Role::Output) | None);
        let tail = maps.iter().skip_while(|(_, role)| !narrow(role)).all(|(_, role)| narrow(role));
        let known = tail && maps.iter().all(|(_, role)| role.is_some())
            || self.scaling.scaling() == super::Scaling::MaximalUpdate;
        let mut all: Vec<_> = maps
            .into_iter()
            .map(|(name, role)| {
                let size = role.filter(|_| known).map(|role| Promise::Exactly(self.scaling.size(role)));
                let change = role.filter(|_| known).map(|role| match role {
                    // At the start the logits of attention do not know the targets: they may move less than other layers.
                    _ if name.ends_with(".key") => Promise::AtMost(self.scaling.change(role)),
                    Role::Output => Promise::Exactly(self.scaling.output_change(has_hidden)),
                    _ => Promise::Exactly(self.scaling.change(role)),
                });
                (name, size, change)
            })
            .collect();
        let change = Promise::Exactly(self.scaling.output_change(has_hidden));
        // Inputs may be added to the output, or it may be scaled: its size is known if nothing comes after the last matrix.
        let ends = matches!(
            self.architecture.layers.last(),
            Some(Layer::Dense(_) | Layer::Conv(_) | Layer::GlobalSelfAttention(_))
        );
        let size = all.last().and_then(|(_, size, _)| *size).filter(|_| ends);
        all.push(("output".to_owned(), size, known.then_some(change)));
        all
    }
}
