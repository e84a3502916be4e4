//! The experiment: descent on two layers from a start of given imbalances, written apart from the theory's closed form.

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use super::{Cell, FRACTIONS, MOMENTS, Mode, Moment, Outcome, State};

/// What is learned, and the layers before they learn it.
struct Problem {
    /// `c x d`.
    sigma: DMatrix<f64>,
    net: Net,
    first: Pair,
}

/// A pair of singular vectors with its strengths.
struct Pair {
    left: DMatrix<f64>,
    right: DMatrix<f64>,
    /// In what is learned.
    sigma: f64,
    /// In the start, if the start is aligned.
    start: f64,
}

/// Two linear layers, `h x d` and `c x h`.
#[derive(Clone)]
struct Net {
    first: DMatrix<f64>,
    second: DMatrix<f64>,
}

impl Net {
    fn product(&self) -> DMatrix<f64> {
        matmul(&self.second, &self.first)
    }

    /// `W1^T W1` and `W2 W2^T`.
    fn grams(&self) -> [DMatrix<f64>; 2] {
        [matmul(transposed(&self.first), &self.first), matmul(&self.second, transposed(&self.second))]
    }

    /// A step of descent on `1/2 ||Sigma - W2 W1||^2`.
    fn step(&mut self, sigma: &DMatrix<f64>, rate: f64) {
        let mut error = sigma.clone();
        gemm(-1.0, &self.second, &self.first, 1.0, &mut error);
        let pull = matmul(transposed(&self.second), &error);
        gemm(rate, &error, transposed(&self.first), 1.0, &mut self.second);
        self.first += pull * rate;
    }

    fn is_finite(&self) -> bool {
        self.first.iter().chain(self.second.iter()).all(|w| w.is_finite())
    }
}

/// The net whose kernel is that of the start: what remains of `E = Sigma - f` falls by `W2 W2^T E + E W1^T W1`.
struct Linearised {
    error: DMatrix<f64>,
    grams: [DMatrix<f64>; 2],
}

impl Linearised {
    fn step(&mut self, rate: f64) {
        let mut fall = matmul(&self.grams[1], &self.error);
        gemm(1.0, &self.error, &self.grams[0], 1.0, &mut fall);
        self.error -= fall * rate;
    }
}

/// What both step sizes came past.
struct Trained {
    products: Vec<DMatrix<f64>>,
    grams: Vec<[DMatrix<f64>; 2]>,
    /// The largest distance from the linearised net.
    gap: f64,
}

pub(super) fn train(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    cell.check()?;
    let problem = Problem::draw(cell, context);
    let state = State {
        sigma: entries(&problem.sigma),
        product: entries(&problem.net.product()),
        input_gram: entries(&problem.net.grams()[0]),
        output_gram: entries(&problem.net.grams()[1]),
    };
    let (mut path, mut gap, mut mode) = (None, None, None);
    if cell.aligned {
        mode = problem.mode(cell);
    } else if let Some((moments, apart)) = problem.path(cell) {
        (path, gap) = (Some(moments), Some(apart));
    }
    Ok(Outcome { state, path, gap, mode })
}

fn entries(matrix: &DMatrix<f64>) -> Vec<f64> {
    matrix.iter().copied().collect()
}

/// Numbers between two ends, of any size in between.
fn between(stream: &Stream, count: usize, low: f64, high: f64) -> Vec<f64> {
    let half = 0.5 * (high - low);
    stream.normal_vector::<f64>(count, 1.0).iter().map(|z| low + half * (1.0 + z.tanh())).collect()
}

/// `U diag(s) V^T`.
fn compose(left: &DMatrix<f64>, s: &[f64], right: &DMatrix<f64>) -> DMatrix<f64> {
    let mut scaled = left.columns(0, s.len()).into_owned();
    for (mut column, factor) in scaled.column_iter_mut().zip(s) {
        column *= *factor;
    }
    matmul(&scaled, transposed(&right.columns(0, s.len()).into_owned()))
}

impl Problem {
    fn draw(cell: &Cell, context: &Context<'_>) -> Self {
        let (d, h, c) = (cell.inputs, cell.hidden, cell.outputs);
        let stream = |name| context.shared(name, cell.seed);
        let frame = |name, side| stream(name).orthonormal_matrix::<f64>(side, d.min(c));
        let (left, right) = (frame("left of the data", c), frame("right of the data", d));
        let mut strengths = between(&stream("strengths of the data"), d.min(c), 1.0, 2.0);
        strengths.sort_by(|a, b| b.total_cmp(a));
        let sigma = compose(&left, &strengths, &right);

        let units = h.min(d).min(c);
        let starts = between(&stream("strengths of the start"), units, 0.01, 0.05);
        // Layers of their own frames, or of the data's.
        let (outer, inner) = if cell.aligned {
            (left.clone(), right.clone())
        } else {
            (frame("left of the start", c), frame("right of the start", d))
        };
        let hidden: DMatrix<f64> = stream("hidden frame").orthonormal_matrix(h, h);
        // Layers a and b of a unit with a b = p and b^2 - a^2 = its imbalance.
        let unit = |i: usize| {
            let (p, imbalance) = (starts[i], cell.imbalance_of(i, units));
            let large = (0.5 * ((imbalance * imbalance + 4.0 * p * p).sqrt() + imbalance.abs())).sqrt();
            if imbalance < 0.0 { (large, p / large) } else { (p / large, large) }
        };
        let (firsts, seconds): (Vec<f64>, Vec<f64>) = (0..units).map(unit).unzip();
        let net =
            Net { first: compose(&hidden, &firsts, &inner), second: compose(&outer, &seconds, &hidden) };
        let column = |frame: &DMatrix<f64>| frame.columns(0, 1).into_owned();
        let first =
            Pair { left: column(&left), right: column(&right), sigma: strengths[0], start: starts[0] };
        Self { sigma, net, first }
    }

    /// Descent, `halvings` times as slow as the cell says, with the states at all moments; `None` if it diverges.
    fn descend(&self, cell: &Cell, halvings: i32) -> Option<Trained> {
        let rate = cell.rate() / 2f64.powi(halvings);
        let mut net = self.net.clone();
        let mut linear = Linearised { error: &self.sigma - net.product(), grams: net.grams() };
        let (mut products, mut grams, mut gap) = (Vec::new(), Vec::new(), 0f64);
        let mut done = 0;
        for moment in 1..=MOMENTS {
            let steps = cell.steps(moment) << halvings;
            for _ in done..steps {
                net.step(&self.sigma, rate);
                linear.step(rate);
            }
            done = steps;
            if !net.is_finite() {
                return None;
            }
            let product = net.product();
            gap = gap.max((&self.sigma - &product - &linear.error).norm());
            products.push(product);
            grams.push(net.grams());
        }
        gap.is_finite().then_some(Trained { products, grams, gap })
    }

    /// The moments of both step sizes, and the gap to the linearised net at the smaller one, relative to what is learned.
    fn path(&self, cell: &Cell) -> Option<(Vec<Moment>, f64)> {
        let (coarse, fine) = (self.descend(cell, 0)?, self.descend(cell, 1)?);
        let moment = |i: usize| {
            let gram = |layer: usize| entries(&(&fine.grams[i][layer] * 2.0 - &coarse.grams[i][layer]));
            Moment {
                time: cell.steps(i + 1) as f64 * cell.rate(),
                coarse: entries(&coarse.products[i]),
                fine: entries(&fine.products[i]),
                input_gram: gram(0),
                output_gram: gram(1),
            }
        };
        Some(((0..MOMENTS).map(moment).collect(), fine.gap / self.sigma.norm()))
    }

    /// When the strongest mode has come so far, at step 0; `None` if it does not in the cell's time.
    fn mode(&self, cell: &Cell) -> Option<Mode> {
        let (coarse, fine) = (self.crossings(cell, 0)?, self.crossings(cell, 1)?);
        let times = [0, 1, 2].map(|k| 2.0 * fine[k] - coarse[k]);
        Some(Mode { start: self.first.start, sigma: self.first.sigma, times })
    }

    fn crossings(&self, cell: &Cell, halvings: i32) -> Option<[f64; 3]> {
        let rate = cell.rate() / 2f64.powi(halvings);
        let mut net = self.net.clone();
        let learned = |net: &Net| {
            let seen = matmul(&net.product(), &self.first.right);
            self.first.left.dot(&seen) / self.first.sigma
        };
        let (mut times, mut before) = (Vec::new(), learned(&net));
        for step in 0..cell.steps(MOMENTS) << halvings {
            net.step(&self.sigma, rate);
            let now = learned(&net);
            while let Some(fraction) = FRACTIONS.get(times.len()).filter(|f| now >= **f) {
                times.push(rate * (step as f64 + (fraction - before) / (now - before)));
            }
            before = now;
        }
        times.try_into().ok().filter(|t: &[f64; 3]| t.iter().all(|t| t.is_finite()))
    }
}
