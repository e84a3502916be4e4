//! The law of linearisation, from one neuron at a time.
//!
//! As the width grows the residuals on the training inputs follow the limit kernel `K`: `e(t + 1) = (1 - eta K / n) e(t)`,
//! `e(0) = -y`. A neuron `(a, w)` of a net of width `m` contributes `c(x, t) = a h(x) / sqrt m`, and driven by these
//! residuals it moves by a step that is known. What its contribution differs by from `1/m` of the limit's `f(x, t)`, or from
//! its own linearisation, is a number `D(x, t)` per neuron; neurons are independent, so that the sum over `m` of them has variance
//! `m Var D` and mean `m E D`. A deviation `G` on the training inputs changes the residuals and comes back:
//!
//! `G(x, t) = sum of D(x, t) - (eta / n) sum over s < t of K(x, X) G(X, s)`,
//!
//! which is linear, and therefore applied neuron by neuron. To leading order this is the law at every width: against the limit
//! `D` is of order `1/m`, that is `m^(-1/2)` for the net; against the own linearisation it has parts that are odd in `a`: of order
//! `m^(-3/2)`, and where the neuron's kink passes an input (a share `m^(-1/2)` of the neurons) `m^(-1)`. For the net: `1/m`
//! and `m^(-3/4)`.
//!
//! Nothing here is shared with the nets: no layers, no differentiation, no empirical kernel.

use std::f64::consts::{PI, SQRT_2};

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, transposed};
use overparam_tensor::random::Stream;

/// Two-layer ReLU nets of one width under full-batch descent.
pub(super) struct Setting<'a> {
    /// Training inputs, `n x d`.
    pub(super) x: &'a DMatrix<f64>,
    /// Test inputs.
    pub(super) test: &'a DMatrix<f64>,
    /// Targets.
    pub(super) y: &'a [f64],
    /// The learning rate, on `1/(2n)` of the squared error.
    pub(super) rate: f64,
    pub(super) steps: usize,
    pub(super) width: usize,
}

/// Root mean squares over nets, test inputs and steps 1 to the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gaps {
    /// To the net's own linearisation.
    pub(super) own: f64,
    /// To the limit's dynamics.
    pub(super) limit: f64,
}

/// Neurons that are followed at once.
const CHUNK: usize = 512;

/// `E relu(u) relu(u') + E a^2 step(u) step(u') 2 <x, x'> / d` for `u = sqrt(2 / d) <w, x>` and rows of norm `sqrt d`.
fn limit_kernel(x: &DMatrix<f64>, other: &DMatrix<f64>) -> DMatrix<f64> {
    let cosines = matmul(x, transposed(other)) / x.ncols() as f64;
    cosines.map(|t| {
        let angle = t.clamp(-1.0, 1.0).acos();
        (angle.sin() + 2.0 * (PI - angle) * t) / PI
    })
}

/// The law, from pairs of neurons `(a, w)`, `(-a, w)`.
pub(super) fn predict(setting: &Setting<'_>, pairs: usize, stream: &Stream) -> Gaps {
    let &Setting { x, test, y, rate, steps, width } = setting;
    let (n, m, d) = (x.nrows(), width as f64, x.ncols());
    let all = DMatrix::from_fn(n + test.nrows(), d, |i, j| if i < n { x[(i, j)] } else { test[(i - n, j)] });
    let kernel = limit_kernel(&all, x) * (rate / n as f64);
    // Residuals, and the limit's outputs, before each step and after the last.
    let mut residuals = vec![DVector::from_iterator(n, y.iter().map(|y| -y))];
    let mut outputs = vec![DVector::zeros(all.nrows())];
    for t in 0..steps {
        outputs.push(&outputs[t] - &kernel * &residuals[t]);
        residuals.push(outputs[t + 1].rows(0, n) - DVector::from_column_slice(y));
    }
    let inputs = &all * (SQRT_2 / (d as f64).sqrt());
    let back = kernel.transpose();
    let mut sums = Sums::default();
    for chunk in 0..pairs.div_ceil(CHUNK) {
        let weights = stream.named("w").indexed(chunk as u64).normal_matrix::<f64>(CHUNK, d, 1.0);
        let readout = stream.named("a").indexed(chunk as u64).normal_vector::<f64>(CHUNK, 1.0);
        let limit =
            |_: &DMatrix<f64>, t: usize| DMatrix::from_fn(CHUNK, all.nrows(), |_, j| outputs[t][j] / m);
        let own = |lin: &DMatrix<f64>, _: usize| lin.clone();
        let follow = |sign: f64| {
            let neurons =
                Neurons::new(&weights, &(&readout * sign), &inputs, n, rate / (n as f64 * m.sqrt()));
            let paths = neurons.paths(&residuals, m);
            [returned(&paths, &back, n, own), returned(&paths, &back, n, limit)]
        };
        sums.add(&follow(1.0), &follow(-1.0), n);
    }
    sums.gaps(m)
}

/// Contributions less those at the start, and their linearisation, after each step.
type Paths = Vec<(DMatrix<f64>, DMatrix<f64>)>;

/// A chunk of neurons at their start.
struct Neurons<'a> {
    weights: &'a DMatrix<f64>,
    readout: DVector<f64>,
    /// Rows scaled such that pre-activations are products: training inputs, then test inputs.
    inputs: &'a DMatrix<f64>,
    train: usize,
    /// `eta / (n sqrt m)`.
    step: f64,
}

impl<'a> Neurons<'a> {
    fn new(
        weights: &'a DMatrix<f64>,
        readout: &DVector<f64>,
        inputs: &'a DMatrix<f64>,
        train: usize,
        step: f64,
    ) -> Self {
        Self { weights, readout: readout.clone(), inputs, train, step }
    }

    /// `-step x sum_i e_i d(a h)/d(a, w)` of neurons with these pre-activations.
    fn force(&self, u: &DMatrix<f64>, a: &DVector<f64>, e: &DVector<f64>) -> (DVector<f64>, DMatrix<f64>) {
        let active = |scale: &dyn Fn(f64, f64) -> f64| {
            DMatrix::from_fn(u.nrows(), self.train, |r, i| scale(u[(r, i)], e[i]))
        };
        let for_readout = active(&|u, e| u.max(0.0) * e).column_sum() * -self.step;
        let train = self.inputs.rows(0, self.train).into_owned();
        let mut for_weights = matmul(&active(&|u, e| if u > 0.0 { e } else { 0.0 }), &train);
        for (mut row, a) in for_weights.row_iter_mut().zip(a.iter()) {
            row *= -self.step * a;
        }
        (for_readout, for_weights)
    }

    fn paths(&self, residuals: &[DVector<f64>], m: f64) -> Paths {
        let start = matmul(self.weights, transposed(self.inputs));
        let outputs = |u: &DMatrix<f64>, a: &DVector<f64>| {
            DMatrix::from_fn(u.nrows(), u.ncols(), |r, j| a[r] * u[(r, j)].max(0.0) / m.sqrt())
        };
        let first = outputs(&start, &self.readout);
        let (mut weights, mut a) = (self.weights.clone(), self.readout.clone());
        let mut moved = (DVector::zeros(a.len()), DMatrix::zeros(weights.nrows(), weights.ncols()));
        let mut u = start.clone();
        let mut paths = Vec::new();
        for e in &residuals[..residuals.len() - 1] {
            let (da, dw) = self.force(&u, &a, e);
            a += da;
            weights += dw;
            let (da, dw) = self.force(&start, &self.readout, e);
            moved.0 += da;
            moved.1 += dw;
            u = matmul(&weights, transposed(self.inputs));
            let along = matmul(&moved.1, transposed(self.inputs));
            let linear = DMatrix::from_fn(u.nrows(), u.ncols(), |r, j| {
                let kept = if start[(r, j)] > 0.0 { self.readout[r] * along[(r, j)] } else { 0.0 };
                (moved.0[r] * start[(r, j)].max(0.0) + kept) / m.sqrt()
            });
            paths.push((outputs(&u, &a) - &first, linear));
        }
        paths
    }
}

/// Deviations from `reference` with what the residuals make of them, after each step.
fn returned(
    paths: &Paths,
    back: &DMatrix<f64>,
    train: usize,
    reference: impl Fn(&DMatrix<f64>, usize) -> DMatrix<f64>,
) -> Vec<DMatrix<f64>> {
    let rows = paths.first().map_or(0, |p| p.0.nrows());
    let mut before = DMatrix::zeros(rows, train);
    let mut all = Vec::new();
    for (t, (moved, linear)) in paths.iter().enumerate() {
        let deviation = moved - reference(linear, t + 1) - matmul(&before, back);
        before += deviation.columns(0, train);
        all.push(deviation);
    }
    all
}

/// Sums over pairs, test inputs and steps, of the two gaps.
#[derive(Default)]
struct Sums {
    count: f64,
    squares: [f64; 2],
    /// Per test input and step: the sum over pairs of the pair's mean.
    means: [Vec<f64>; 2],
    squared_means: [f64; 2],
}

impl Sums {
    fn add(&mut self, plus: &[Vec<DMatrix<f64>>; 2], minus: &[Vec<DMatrix<f64>>; 2], train: usize) {
        for k in 0..2 {
            let mut place = 0;
            for (p, q) in plus[k].iter().zip(&minus[k]) {
                for j in train..p.ncols() {
                    let (p, q) = (p.column(j), q.column(j));
                    self.squares[k] += 0.5 * (p.norm_squared() + q.norm_squared());
                    let pair = (p + q) * 0.5;
                    self.squared_means[k] += pair.norm_squared();
                    if self.means[k].len() == place {
                        self.means[k].push(0.0);
                    }
                    self.means[k][place] += pair.sum();
                    place += 1;
                }
            }
        }
        self.count += plus[0].first().map_or(0, DMatrix::nrows) as f64;
    }

    fn gaps(&self, m: f64) -> Gaps {
        let [own, limit] = [0, 1].map(|k| {
            let places = self.means[k].len() as f64;
            let second = self.squares[k] / (self.count * places);
            let of_means = self.means[k].iter().map(|s| (s / self.count).powi(2)).sum::<f64>() / places;
            // Less what the scatter of pairs adds to the square of a mean.
            let scatter = (self.squared_means[k] / (self.count * places) - of_means) / (self.count - 1.0);
            let mean = (of_means - scatter).max(0.0);
            // Against the limit the mean is of higher order, and lost in the scatter of neurons.
            let square = m * (second - mean) + if k == 0 { m * m * mean } else { 0.0 };
            square.max(0.0).sqrt()
        });
        Gaps { own, limit }
    }
}

#[cfg(test)]
mod tests {
    use overparam_tensor::random::Stream;

    use super::{Setting, limit_kernel, predict};
    use crate::wide::sphere;

    #[test]
    fn the_kernel_is_the_mean_over_neurons() {
        let x = sphere(3, 4, &Stream::root(0));
        let w = Stream::root(1).normal_matrix::<f64>(200_000, 4, (2.0f64 / 4.0).sqrt());
        let u = &w * x.transpose();
        let at = |i: usize, j: usize| {
            let both = u.row_iter().map(|u| {
                let on = f64::from(u[i] > 0.0 && u[j] > 0.0);
                on * (u[i] * u[j] + 2.0 * x.row(i).dot(&x.row(j)) / 4.0)
            });
            both.sum::<f64>() / 200_000.0
        };
        let kernel = limit_kernel(&x, &x);
        assert!((kernel[(0, 1)] - at(0, 1)).abs() < 0.02 && (kernel[(2, 2)] - at(2, 2)).abs() < 0.02);
    }

    /// Against the limit the law is `m^(-1/2)`; against the own linearisation between `1/m` and `m^(-3/4)`.
    #[test]
    fn exponents_of_the_law() {
        let (x, test) = (sphere(8, 6, &Stream::root(2)), sphere(5, 6, &Stream::root(3)));
        let y = [1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0];
        let at = |width| {
            let setting = Setting { x: &x, test: &test, y: &y, rate: 2.0, steps: 8, width };
            predict(&setting, 2048, &Stream::root(4))
        };
        let (narrow, wide) = (at(256), at(4096));
        let slope = |a: f64, b: f64| (b / a).ln() / 16f64.ln();
        assert!((slope(narrow.limit, wide.limit) + 0.5).abs() < 0.03, "{narrow:?} {wide:?}");
        let own = slope(narrow.own, wide.own);
        assert!(own < -0.72 && own > -1.03, "{own}");
    }
}
