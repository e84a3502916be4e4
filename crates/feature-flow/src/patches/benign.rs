//! Signal and dense noise: when overfitting is benign (Cao, Chen, Belkin and Gu 2022).
//!
//! An example is `{y mu, xi}` with `xi ~ N(0, s_p^2 (I - mu mu^T / |mu|^2))`, a net is
//!
#![doc = overparam_formula::formula!("f = F_+ - F_-,    F_j = (1/m) sum_r [relu^q(<w_jr, y mu>) + relu^q(<w_jr, xi>)],")]
//!
//! trained by descent on the logistic loss. With `SNR = |mu| / (s_p sqrt d)`, signal is learned before noise if `n SNR^q` is
//! large, and noise before signal if it is small; both reach zero training loss.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

use super::span::SpanDescent;
use super::{logistic, relu_power};
use crate::error::{Error, finite_loss, positive};

/// Sizes of data and network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// `d`, dimension of a patch.
    pub dimension: usize,
    /// `n`.
    pub examples: usize,
    /// `|mu| / (s_p sqrt d)`, with `s_p = 1`.
    pub snr: f64,
    /// `m`, filters of each sign.
    pub filters: usize,
    /// `q`.
    pub power: i32,
    /// Standard deviation of the filters' entries at the start.
    pub start: f64,
    /// Share of the training labels that are drawn at random, whatever the signal says.
    pub shuffled: f64,
}

/// How long to descend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Training {
    /// `eta`.
    pub learning_rate: f64,
    /// Stops when the training loss is at most this.
    pub target: f64,
    /// Stops after this many steps.
    pub steps: usize,
}

/// What descent led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trained {
    /// Mean logistic loss of the training examples.
    pub train_loss: f64,
    /// Share of the training examples with the wrong sign.
    pub train_error: f64,
    /// Share of fresh examples with the wrong sign.
    pub test_error: f64,
    /// Steps made.
    pub steps: usize,
}

/// Labels that examples are trained with, and signs of their signal.
struct Labels {
    trained: Vec<f64>,
    signal: Vec<f64>,
}

/// Draws data and filters, descends, and tests on `test` fresh examples.
///
/// # Errors
/// [`Error::Parameter`] for an SNR, start or learning rate that is not positive; [`Error::Diverged`].
pub fn train(setting: &Setting, training: &Training, test: usize, stream: &Stream) -> Result<Trained, Error> {
    positive("the signal-to-noise ratio", setting.snr)?;
    positive("the scale of the start", setting.start)?;
    positive("the learning rate", training.learning_rate)?;
    let (d, n) = (setting.dimension, setting.examples);
    let labels = labels(setting, stream);
    let mut atoms = noise(&stream.named("noise"), n, d).insert_row(0, 0.0);
    atoms[(0, 0)] = setting.snr * (d as f64).sqrt();
    let start = stream.named("filters").normal_matrix(2 * setting.filters, d, setting.start);
    let mut net = SpanDescent::new(atoms, start);
    let mut coefficients = DMatrix::zeros(2 * setting.filters, n + 1);
    let mut step = 0;
    loop {
        let (train_loss, train_error) = gradient(setting, &labels, net.products(), &mut coefficients);
        finite_loss(step, train_loss, training.learning_rate)?;
        if train_loss <= training.target || step >= training.steps {
            let test_error = test_error(setting, &net.filters(), test, &stream.named("test"));
            return Ok(Trained { train_loss, train_error, test_error, steps: step });
        }
        net.step(training.learning_rate, &coefficients);
        step += 1;
    }
}

/// The signal is along the first axis.
fn noise(stream: &Stream, n: usize, d: usize) -> DMatrix<f64> {
    let mut noise: DMatrix<f64> = stream.normal_matrix(n, d, 1.0);
    noise.column_mut(0).fill(0.0);
    noise
}

fn signs(stream: &Stream, n: usize) -> Vec<f64> {
    let draws: DVector<f64> = stream.normal_vector(n, 1.0);
    draws.iter().map(|x| x.signum()).collect()
}

fn labels(setting: &Setting, stream: &Stream) -> Labels {
    let n = setting.examples;
    let signal = signs(&stream.named("labels"), n);
    let random = signs(&stream.named("shuffled labels"), n);
    let shuffled =
        stream.named("which").sample_indices(n, (setting.shuffled.clamp(0.0, 1.0) * n as f64) as usize);
    let mut trained = signal.clone();
    for i in shuffled {
        trained[i] = random[i];
    }
    Labels { trained, signal }
}

/// Fills the derivatives of the mean loss by the products; returns mean loss and error rate.
fn gradient(
    setting: &Setting,
    labels: &Labels,
    products: &DMatrix<f64>,
    out: &mut DMatrix<f64>,
) -> (f64, f64) {
    let (m, q, n) = (setting.filters, setting.power, setting.examples);
    // Of the patch with the signal there are only two kinds: `mu` and `-mu`.
    let signal = [1.0, -1.0].map(|s| products.column(0).map(|a| relu_power(s * a, q)));
    let sign = |r: usize| if r < m { 1.0 } else { -1.0 };
    let signal_outputs = signal
        .each_ref()
        .map(|responses| responses.iter().enumerate().map(|(r, (value, _))| sign(r) * value).sum::<f64>());
    // Derivatives by the products of an output with noise alone; the outputs themselves.
    let mut outputs = vec![0.0; n];
    pulp::Arch::new().dispatch(Noise { q, products, slopes: out, outputs: &mut outputs });
    for (output, signal) in outputs.iter_mut().zip(&labels.signal) {
        *output += signal_outputs[usize::from(*signal < 0.0)];
    }
    // The losses' derivatives by the outputs, summed over examples of either kind.
    let mut signal_slopes = [0.0; 2];
    let (mut loss, mut errors) = (0.0, 0);
    for (i, f) in outputs.into_iter().enumerate() {
        let (y, kind) = (labels.trained[i], usize::from(labels.signal[i] < 0.0));
        let (value, slope) = logistic(y * f / m as f64);
        loss += value / n as f64;
        errors += usize::from(y * f <= 0.0);
        let scale = slope * y / (m * n) as f64;
        signal_slopes[kind] += scale;
        let mut slopes = out.column_mut(i + 1);
        slopes.rows_mut(0, m).scale_mut(scale);
        slopes.rows_mut(m, m).scale_mut(-scale);
    }
    for (r, out) in out.column_mut(0).iter_mut().enumerate() {
        *out = sign(r) * (signal_slopes[0] * signal[0][r].1 - signal_slopes[1] * signal[1][r].1);
    }
    (loss, errors as f64 / n as f64)
}

/// Outputs of the examples' noise, the columns after the first, and their derivatives by the products.
struct Noise<'a> {
    q: i32,
    products: &'a DMatrix<f64>,
    slopes: &'a mut DMatrix<f64>,
    outputs: &'a mut [f64],
}

impl Noise<'_> {
    #[inline(always)]
    fn fill(self, power: impl Fn(f64) -> (f64, f64)) {
        let rows = self.products.nrows();
        let columns = self.products.as_slice().chunks_exact(rows);
        let columns = columns.zip(self.slopes.as_mut_slice().chunks_exact_mut(rows));
        for ((a, slopes), output) in columns.skip(1).zip(self.outputs) {
            for (slope, a) in slopes.iter_mut().zip(a) {
                *slope = power(*a).1;
            }
            // relu^q is relu times its derivative over q.
            let ((a, b), (da, db)) = (a.split_at(rows / 2), slopes.split_at(rows / 2));
            let sum = |a: &[f64], slopes: &[f64]| -> f64 {
                a.iter().zip(slopes).map(|(a, slope)| a.max(0.0) * slope).sum()
            };
            *output = (sum(a, da) - sum(b, db)) / f64::from(self.q);
        }
    }
}

impl pulp::WithSimd for Noise<'_> {
    type Output = ();

    /// The powers in use are constants of a loop each; the bits are those of any vector length.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        match self.q {
            2 => self.fill(|a| relu_power(a, 2)),
            3 => self.fill(|a| relu_power(a, 3)),
            q => self.fill(|a| relu_power(a, q)),
        }
    }
}

fn test_error(setting: &Setting, filters: &DMatrix<f64>, count: usize, stream: &Stream) -> f64 {
    let (m, q) = (setting.filters, setting.power);
    let length = setting.snr * (setting.dimension as f64).sqrt();
    let noise = matmul(&noise(&stream.named("noise"), count, setting.dimension), transposed(filters));
    let signs = signs(&stream.named("labels"), count);
    let wrong = (0..count).filter(|&i| {
        let f: f64 = (0..2 * m)
            .map(|r| {
                let response =
                    relu_power(signs[i] * length * filters[(r, 0)], q).0 + relu_power(noise[(i, r)], q).0;
                if r < m { response } else { -response }
            })
            .sum();
        signs[i] * f <= 0.0
    });
    wrong.count() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{Setting, Training, gradient, labels, train};

    const SETTING: Setting =
        Setting { dimension: 200, examples: 20, snr: 1.0, filters: 10, power: 3, start: 0.01, shuffled: 0.0 };
    const TRAINING: Training = Training { learning_rate: 0.1, target: 0.01, steps: 20_000 };

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let labels = labels(&Setting { shuffled: 0.5, ..SETTING }, &Stream::root(1));
        let products: DMatrix<f64> = Stream::root(2).normal_matrix(20, 21, 1.0);
        let mut slopes = DMatrix::zeros(20, 21);
        gradient(&SETTING, &labels, &products, &mut slopes);
        for k in 0..products.len() {
            let at = |shift: f64| {
                let mut moved = products.clone();
                moved[k] += shift;
                gradient(&SETTING, &labels, &moved, &mut DMatrix::zeros(20, 21)).0
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - slopes[k]).abs() < 1e-8, "{k}: {slope} {}", slopes[k]);
        }
    }

    /// At `n SNR^q` of 20 and of 2e-4, far from the boundary near 2.
    #[test]
    fn a_strong_signal_is_learned_and_a_weak_one_is_not() {
        let strong = train(&SETTING, &TRAINING, 1000, &Stream::root(3)).unwrap();
        let weak = train(&Setting { snr: 0.02, ..SETTING }, &TRAINING, 1000, &Stream::root(3)).unwrap();
        assert!(strong.train_loss <= 0.01 && weak.train_loss <= 0.01);
        assert!(strong.test_error < 0.01 && weak.test_error > 0.35, "{strong:?} {weak:?}");
    }
}
