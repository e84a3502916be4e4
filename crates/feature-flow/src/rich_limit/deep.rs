//! Nets of any depth and infinite width whose features move: sampled two-time fields with their response functions.

mod process;
mod site;

use nalgebra::{DMatrix, DVector};
use overparam_tensor::random::Stream;

use super::{Nonlinearity, TwoLayer, nonlinearity};
use crate::error::{Error, finite_loss, not_negative};
use site::Site;

/// A net of `L` hidden layers, `h^1 = W^1 x/sqrt d`, `h^(l+1) = W^(l+1) phi(h^l)/sqrt N`, `f = w.phi(h^L)/(gamma N)`, from standard normal weights and
/// trained at the rate `gamma^2 N` on `1/2 sum (y - f)^2`, as `N -> infinity` at a fixed `gamma`.
///
/// One unit of each layer obeys, with `g^l = phi'(h^l) z^l` and sources `u^l ~ N(0, Phi^(l-1))`, `r^l ~ N(0, G^(l+1))` that are Gaussian processes in time and
/// example (`Phi^0 = K`, `G^(L+1) = 1`),
///
#[doc = overparam_formula::formula!(
    "h_mu^l(t) = u_mu^l(t) + int_0^t sum_nu (A_(mu nu)^(l-1)(t, s) + gamma Phi_(mu nu)^(l-1)(t, s) Delta_nu(s)) g_nu^l(s) ds"
    "z_mu^l(t) = r_mu^l(t) + int_0^t sum_nu (B_(mu nu)^(l+1)(t, s) + gamma G_(mu nu)^(l+1)(t, s) Delta_nu(s)) phi(h_nu^l(s)) ds"
    "A^l = E delta phi(h^l)/delta r^l,    B^l = E delta g^l/delta u^l,    A^0 = B^(L+1) = 0,    f = E z^L phi(h^L)/gamma"
)]
///
/// Unlike with one hidden layer, units are not independent given `Delta`: a matrix serves forwards and, transposed, backwards, and what it takes
/// back is in the responses. `B` has a part at equal times besides, since `g` depends on `h` at once: for the last layer it is
/// `E phi''(h_mu) z_mu` on the diagonal, and layers below add what comes from above. In steps of descent these equations hold exactly for descent, and
/// everything at one time follows from earlier ones, without iteration. Expectations are means over samples, derivatives those of each sample.
///
/// | what | error |
/// |---|---|
/// | samples | [`DeepSamples::errors`], over independent replicates |
/// | covariances that are estimated from the samples that they move | a bias of order one over the pairs, below the standard error at a thousand pairs and fewer than ten replicates |
/// | steps | none: the limit is that of descent; the flow is at a distance of order `eta` |
///
/// Cost: of order `L S T^3 n^3` operations and `L S (T n)^2` numbers for `S` samples, `T` steps and `n` points. Of linear nets
/// [`DeepLinear`](super::DeepLinear) has the same without samples.
///
/// Source: Bordelon, Pehlevan 2022 (arXiv 2205.09653).
///
/// ```
/// use nalgebra::{DMatrix, DVector};
/// use overparam_feature_flow::rich_limit::{DeepSampling, Standard, TwoLayer};
/// use overparam_tensor::random::Stream;
///
/// let problem = TwoLayer::new(DMatrix::identity(1, 1), DVector::from_element(1, 1.0), 1.0)?;
/// let net = DeepSampling { hidden_layers: 2, pairs: 256, replicates: 2 };
/// let found = net.descent(&problem, &Standard::Tanh, &[0.1; 6], &Stream::root(0))?;
/// assert!(found.outputs[0][0].abs() < 1e-14 && found.outputs[6][0] > 0.2);
/// # Ok::<(), overparam_feature_flow::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepSampling {
    /// `L`, at least 1.
    pub hidden_layers: usize,
    /// Pairs of samples with opposite `r`, at least 1: the outputs at the start are zero.
    pub pairs: usize,
    /// Independent repetitions, at least 2, for a standard error.
    pub replicates: usize,
}

impl Default for DeepSampling {
    /// Two hidden layers, six replicates of 1,024 pairs.
    fn default() -> Self {
        Self { hidden_layers: 2, pairs: 1024, replicates: 6 }
    }
}

/// The net before the first step and after each: one more time than there are steps.
#[derive(Debug, Clone, PartialEq)]
pub struct DeepSamples {
    /// `f`, `n` numbers at each time: first the training examples, then the test points.
    pub outputs: Vec<DVector<f64>>,
    /// Their standard errors over the replicates, `n` numbers at each time.
    pub errors: Vec<DVector<f64>>,
    /// `Phi^l(t, t)` at `[t][l - 1]`, `n x n`.
    pub features: Vec<Vec<DMatrix<f64>>>,
}

/// Numbers that are held at once: 4 GB.
const LARGEST: f64 = 5e8;

impl DeepSampling {
    /// Gradient descent by steps of these sizes: a rate `eta` moves all weights by `-eta gamma^2 N` times the gradient.
    ///
    /// # Errors
    /// [`Error::Parameter`] for counts out of range, a negative or infinite rate, a `phi` with a kink (whose responses are not means over samples), or a
    /// problem of more than 4 GB; [`Error::Diverged`].
    pub fn descent(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        rates: &[f64],
        stream: &Stream,
    ) -> Result<DeepSamples, Error> {
        for (name, value, least, expected) in [
            ("the number of hidden layers", self.hidden_layers, 1, "at least 1"),
            ("the number of pairs", self.pairs, 1, "at least 1"),
            ("the number of replicates", self.replicates, 2, "at least 2, for a standard error"),
        ] {
            if value < least {
                return Err(Error::Parameter { name, value: value as f64, expected });
            }
        }
        rates.iter().try_for_each(|&rate| not_negative("a learning rate", rate))?;
        nonlinearity::curvature(phi, 0.0)?;
        let side = (rates.len() + 1) as f64 * problem.points() as f64;
        let value = 4.0 * self.hidden_layers as f64 * 2.0 * self.pairs as f64 * side * side;
        if value > LARGEST {
            let name = "the count of numbers in memory, 8 layers x pairs x (steps x points)^2,";
            let expected = "at most 5e8: take fewer pairs and more replicates, fewer steps or fewer points";
            return Err(Error::Parameter { name, value, expected });
        }
        let runs: Vec<Run> = (0..self.replicates)
            .map(|i| self.one(problem, phi, rates, &stream.indexed(i as u64)))
            .collect::<Result<_, _>>()?;
        let count = runs.len() as f64;
        let times = 0..=rates.len();
        let mean = |k: usize| runs.iter().map(|run| &run.outputs[k]).sum::<DVector<f64>>() / count;
        let outputs: Vec<DVector<f64>> = times.clone().map(mean).collect();
        let error = |k: usize| {
            let spread = runs.iter().map(|run| (&run.outputs[k] - &outputs[k]).map(|v| v * v));
            (spread.sum::<DVector<f64>>() / (count * (count - 1.0))).map(f64::sqrt)
        };
        let errors = times.clone().map(error).collect();
        let layers = 0..self.hidden_layers;
        let feature =
            |k: usize, l: usize| runs.iter().map(|run| &run.features[k][l]).sum::<DMatrix<f64>>() / count;
        let features = times.map(|k| layers.clone().map(|l| feature(k, l)).collect()).collect();
        Ok(DeepSamples { outputs, errors, features })
    }

    fn one(
        &self,
        problem: &TwoLayer,
        phi: &impl Nonlinearity,
        rates: &[f64],
        stream: &Stream,
    ) -> Result<Run, Error> {
        let (n, count, last) = (problem.points(), rates.len() + 1, self.hidden_layers - 1);
        let mut sites: Vec<Site> = (0..=last)
            .map(|l| Site::new(problem, [l == 0, l == last], self.pairs, count, &stream.indexed(l as u64)))
            .collect();
        let mut run = Run { outputs: Vec::new(), features: Vec::new() };
        // gamma eta Delta at each time, zero at test points.
        let mut pulls: Vec<DVector<f64>> = Vec::new();
        let inputs = vec![problem.kernel().clone(); count];
        let readout = vec![DMatrix::from_element(n, n, 1.0); count];
        for k in 0..count {
            for l in 0..=last {
                let (below, above) = sites.split_at_mut(l);
                match below.last() {
                    None => above[0].forward(k, &memory(&[], &inputs, &pulls), &[], phi)?,
                    Some(below) => {
                        let weights = memory(&below.feature_responses[k], &below.features[k], &pulls);
                        above[0].forward(k, &weights, &below.features[k], phi)?;
                    }
                }
            }
            for l in (0..=last).rev() {
                let (below, above) = sites.split_at_mut(l + 1);
                match above.first() {
                    None => below[l].backward(k, &memory(&[], &readout, &pulls), &[]),
                    Some(above) => {
                        let weights = memory(&above.gradient_responses[k], &above.gradients[k], &pulls);
                        below[l].backward(k, &weights, &above.gradients[k]);
                    }
                }
            }
            let outputs = sites[last].output(k) / problem.gamma();
            let missing = problem.missing(outputs.as_slice());
            let rate = rates.get(k).copied().unwrap_or(0.0);
            finite_loss(k, missing.iter().map(|d| d * d).sum(), rate)?;
            let mut pull = DVector::zeros(n);
            missing.iter().zip(pull.iter_mut()).for_each(|(d, p)| *p = problem.gamma() * rate * d);
            pulls.push(pull);
            run.outputs.push(outputs);
            run.features.push(sites.iter().map(|site| site.features[k][k].clone()).collect());
        }
        Ok(run)
    }
}

/// One replicate.
struct Run {
    outputs: Vec<DVector<f64>>,
    features: Vec<Vec<DMatrix<f64>>>,
}

/// What fields at earlier times are multiplied with: responses, and covariances times `gamma eta Delta` where a step has been. Responses at the time
/// itself have no step.
fn memory(
    responses: &[DMatrix<f64>],
    covariances: &[DMatrix<f64>],
    pulls: &[DVector<f64>],
) -> Vec<DMatrix<f64>> {
    let count = pulls.len().max(responses.len());
    let one = |j: usize| {
        let mut block = match pulls.get(j) {
            Some(pull) => &covariances[j] * DMatrix::from_diagonal(pull),
            None => DMatrix::zeros(responses[j].nrows(), responses[j].ncols()),
        };
        if let Some(response) = responses.get(j) {
            block += response;
        }
        block
    };
    (0..count).map(one).collect()
}
