//! Forward pass, backward pass and update, in buffers that are used again.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{Real, gemm, transposed};

use super::{Architecture, Network};
use crate::activation::{Activation, zip};
use crate::error::{Error, finite_loss, same};

/// A network on its training set, with the buffers of a step. Layers are `m x N`: an example a column.
#[derive(Debug, Clone)]
pub struct Flow<T: Real> {
    network: Network<T>,
    /// `X`, `N x d`.
    inputs: DMatrix<T>,
    /// `y`, `N x 1`.
    targets: DMatrix<T>,
    /// `th^l` or `b^l`.
    features: Vec<DMatrix<T>>,
    /// `h` of the features.
    values: Vec<DMatrix<T>>,
    /// ResNet: `h(alpha^l)`, of which the next layer's feature is the sum with this layer's.
    branches: Vec<DMatrix<T>>,
    /// `f`, then `(f - y) / N`.
    outputs: DMatrix<T>,
    residual: DMatrix<T>,
    /// Derivatives by features, by branches, and by values.
    by_features: DMatrix<T>,
    by_branch: DMatrix<T>,
    by_values: DMatrix<T>,
    steps: usize,
}

impl<T: Real> Flow<T> {
    /// A network on examples (rows of `inputs`) with one target each.
    ///
    /// # Errors
    /// [`Error::Count`] if the numbers of examples and targets, or of inputs and first weights, differ.
    pub fn new(network: Network<T>, inputs: DMatrix<T>, targets: DMatrix<T>) -> Result<Self, Error> {
        same("targets", targets.len(), inputs.nrows())?;
        same("inputs", inputs.ncols(), network.first.nrows())?;
        let (n, m, depth) = (inputs.nrows(), network.width(), network.hidden.len() + 1);
        let layers = |count: usize| vec![DMatrix::zeros(m, n); count];
        let branches = if network.architecture == Architecture::ResNet { depth - 1 } else { 0 };
        let mut flow = Self {
            features: layers(depth),
            values: layers(depth),
            branches: layers(branches),
            outputs: DMatrix::zeros(n, 1),
            residual: DMatrix::zeros(n, 1),
            by_features: DMatrix::zeros(m, n),
            by_branch: DMatrix::zeros(if branches > 0 { m } else { 0 }, n),
            by_values: DMatrix::zeros(m, n),
            steps: 0,
            network,
            inputs,
            targets,
        };
        flow.forward();
        Ok(flow)
    }

    /// The network.
    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    /// The features of each layer on the training set, before the activation, `m x N`: a unit a row, an example a column.
    pub fn features(&self) -> &[DMatrix<T>] {
        &self.features
    }

    /// `h` of [`Flow::features`].
    pub fn values(&self) -> &[DMatrix<T>] {
        &self.values
    }

    /// `f` on the training set, `N x 1`.
    pub fn outputs(&self) -> &DMatrix<T> {
        &self.outputs
    }

    /// `1/(2N) sum (f - y)^2`.
    pub fn loss(&self) -> f64 {
        let n = self.targets.len() as f64;
        let squares = self.outputs.iter().zip(self.targets.iter()).map(|(f, y)| (f.f64() - y.f64()).powi(2));
        squares.sum::<f64>() / (2.0 * n)
    }

    /// Makes features, values and outputs those of the weights.
    fn forward(&mut self) {
        let Network { architecture, scaling, activation, ref first, ref hidden, ref last } = self.network;
        let sum = T::of(scaling.sum(last.nrows()));
        let scale = T::of((self.inputs.ncols() as f64).sqrt().recip());
        gemm(scale, transposed(first), transposed(&self.inputs), T::ZERO, &mut self.features[0]);
        for (l, weights) in hidden.iter().enumerate() {
            let (before, after) = self.features.split_at_mut(l + 1);
            activation.values(before[l].as_slice(), self.values[l].as_mut_slice());
            gemm(sum, transposed(weights), &self.values[l], T::ZERO, &mut after[0]);
            if architecture == Architecture::ResNet {
                let branch = self.branches[l].as_mut_slice();
                activation.values(after[0].as_slice(), branch);
                add(before[l].as_slice(), branch, after[0].as_mut_slice());
            }
        }
        let top = hidden.len();
        activation.values(self.features[top].as_slice(), self.values[top].as_mut_slice());
        gemm(sum, transposed(&self.values[top]), last, T::ZERO, &mut self.outputs);
    }

    /// One step of descent with learning rate `eta` (times the scaling's factors), and the loss before it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite.
    pub fn step(&mut self, learning_rate: f64) -> Result<f64, Error> {
        let loss = self.loss();
        finite_loss(self.steps, loss, learning_rate)?;
        self.steps += 1;
        self.backward(learning_rate);
        self.forward();
        Ok(loss)
    }

    /// Back-propagates and updates each layer's weights as soon as nothing below depends on them.
    fn backward(&mut self, learning_rate: f64) {
        let Network { architecture, scaling, activation, ref mut first, ref mut hidden, ref mut last } =
            self.network;
        let m = last.nrows();
        let sum = scaling.sum(m);
        let rate = |layers: i32, chain: f64| T::of(-learning_rate * scaling.rate(m, layers) * chain);
        let n = T::of(self.targets.len() as f64);
        let residuals = self.residual.iter_mut().zip(self.outputs.iter().zip(self.targets.iter()));
        residuals.for_each(|(r, (f, y))| *r = (*f - *y) / n);
        let top = hidden.len();
        gemm(T::of(sum), &*last, transposed(&self.residual), T::ZERO, &mut self.by_features);
        gemm(rate(1, sum), &self.values[top], &self.residual, T::ONE, last);
        through(activation, &self.values[top], &mut self.by_features);
        for l in (0..top).rev() {
            // The derivative by the product of this layer's values with its weights.
            let by_product = if architecture == Architecture::ResNet {
                self.by_branch.copy_from(&self.by_features);
                through(activation, &self.branches[l], &mut self.by_branch);
                &mut self.by_branch
            } else {
                &mut self.by_features
            };
            gemm(T::of(sum), &hidden[l], &*by_product, T::ZERO, &mut self.by_values);
            gemm(rate(2, sum), &self.values[l], transposed(by_product), T::ONE, &mut hidden[l]);
            through(activation, &self.values[l], &mut self.by_values);
            if architecture == Architecture::ResNet {
                self.by_features += &self.by_values;
            } else {
                std::mem::swap(&mut self.by_features, &mut self.by_values);
            }
        }
        let chain = (self.inputs.ncols() as f64).sqrt().recip();
        gemm(rate(1, chain), transposed(&self.inputs), transposed(&self.by_features), T::ONE, first);
    }
}

/// Multiplies by `h'`, known from `h`.
fn through<T: Real>(activation: Activation, values: &DMatrix<T>, derivative: &mut DMatrix<T>) {
    activation.scale_by_derivative(values.as_slice(), derivative.as_mut_slice());
}

/// `out = a + b`.
fn add<T: Real>(a: &[T], b: &[T], out: &mut [T]) {
    zip(
        a,
        out,
        #[inline(always)]
        |a, o| *o = a,
    );
    zip(
        b,
        out,
        #[inline(always)]
        |b, o| *o += b,
    );
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Flow;
    use crate::activation::Activation;
    use crate::flow::{Architecture, Network, Scaling, Start};

    fn flow(seed: u64, architecture: Architecture, scaling: Scaling, start: Start, m: usize) -> Flow<f64> {
        let stream = Stream::root(seed);
        let inputs: DMatrix<f64> = stream.named("x").normal_matrix(4, 3, 1.0);
        let targets = stream.named("y").normal_matrix(4, 1, 1.0);
        let kind = (architecture, scaling, Activation::Tanh);
        let network = Network::new(kind, (4, m), start, &inputs, &stream.named("weights")).unwrap();
        Flow::new(network, inputs, targets).unwrap()
    }

    fn kinds() -> impl Strategy<Value = (Architecture, Scaling)> {
        (
            prop_oneof![Just(Architecture::Dnn), Just(Architecture::ResNet)],
            prop_oneof![Just(Scaling::MeanField), Just(Scaling::Ntk)],
        )
    }

    /// All weights, with the factor of their learning rates.
    fn weights(network: &mut Network<f64>) -> Vec<(f64, &mut DMatrix<f64>)> {
        let (m, scaling) = (network.width(), network.scaling);
        let mut all = vec![(scaling.rate(m, 1), &mut network.first), (scaling.rate(m, 1), &mut network.last)];
        all.extend(network.hidden.iter_mut().map(|w| (scaling.rate(m, 2), w)));
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A step's displacement is minus rate times factor times the loss's slope, for every kind of weight.
        #[test]
        fn a_step_follows_the_gradient(seed in any::<u64>(), (architecture, scaling) in kinds()) {
            let before = flow(seed, architecture, scaling, Start::Independent, 6);
            let mut after = before.clone();
            after.step(1e-3).unwrap();
            let loss = |network: &Network<f64>| {
                Flow::new(network.clone(), before.inputs.clone(), before.targets.clone()).unwrap().loss()
            };
            let layers = weights(&mut before.network.clone()).len();
            for layer in 0..layers {
                for k in [0, 5] {
                    let at = |shift: f64| {
                        let mut network = before.network.clone();
                        weights(&mut network)[layer].1[k] += shift;
                        loss(&network)
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    let (mut old, mut new) = (before.network.clone(), after.network.clone());
                    let (factor, old) = (weights(&mut old)[layer].0, weights(&mut old)[layer].1[k]);
                    let moved = weights(&mut new)[layer].1[k] - old;
                    prop_assert!((moved + 1e-3 * factor * slope).abs() < 1e-9 * (1.0 + factor), "{moved} {slope}");
                }
            }
        }

        #[test]
        fn permuting_units_permutes_the_flow(seed in any::<u64>(), (architecture, scaling) in kinds()) {
            let mut one = flow(seed, architecture, scaling, Start::Independent, 7);
            let mut other = one.clone();
            let order = Stream::root(seed).named("order").permutation(7);
            // In a ResNet all layers share their units: the same order everywhere.
            let network = &mut other.network;
            network.first = network.first.select_columns(&order);
            network.hidden.iter_mut().for_each(|w| *w = w.select_rows(&order).select_columns(&order));
            network.last = network.last.select_rows(&order);
            other.forward();
            for _ in 0..10 {
                one.step(0.05).unwrap();
                other.step(0.05).unwrap();
            }
            prop_assert!((one.outputs() - other.outputs()).amax() < 1e-10);
            for (a, b) in one.features().iter().zip(other.features()) {
                prop_assert!((a.select_rows(&order) - b).amax() < 1e-10);
            }
        }

        #[test]
        fn small_steps_do_not_raise_the_loss(seed in any::<u64>(), (architecture, scaling) in kinds()) {
            let mut flow = flow(seed, architecture, scaling, Start::Zero, 30);
            let mut last = f64::INFINITY;
            for _ in 0..50 {
                let loss = flow.step(0.02).unwrap();
                prop_assert!(loss <= last);
                last = loss;
            }
        }

        /// The regression reproduces features of order 1 where independent weights let them collapse.
        #[test]
        fn the_regression_start_keeps_the_features(seed in any::<u64>()) {
            let top = |start: Start| {
                let flow = flow(seed, Architecture::Dnn, Scaling::MeanField, start, 200);
                flow.features()[3].norm() / (4.0f64 * 200.0).sqrt()
            };
            prop_assert!(top(Start::Regression) > 0.1, "{}", top(Start::Regression));
            prop_assert!(top(Start::Independent) < 0.1 * top(Start::Regression));
        }
    }
}
