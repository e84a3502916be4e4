//! Real nets: three weight matrices, a loss, its gradient. Nothing here knows of a limit.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{gemm, matmul, transposed};
use overparam_tensor::random::Stream;

use super::{BASE, Cell, EXAMPLES, INPUTS, MOVED, Outcome, RATES, TARGETS, Table};

/// Standard deviations of the entries at the start, and learning rates in units of `eta`: input, hidden and output matrix.
pub(super) struct Scales {
    pub(super) deviations: [f64; 3],
    pub(super) rates: [f64; 3],
}

impl Table {
    /// The table for nets of `d` inputs and width `n`. The inputs have as many dimensions as the base width has units, `d = n_0`.
    pub(super) fn scales(self, width: usize) -> Scales {
        let (d, n, r) = (BASE as f64, width as f64, width as f64 / BASE as f64);
        let plain = [d.sqrt().recip(), n.sqrt().recip(), n.sqrt().recip()];
        match self {
            Table::Standard => Scales { deviations: plain, rates: [1.0; 3] },
            // A factor sqrt(v) in front of a standard normal matrix multiplies its rate by v; at n = n_0 all tables are one.
            Table::Ntk => Scales { deviations: plain, rates: [1.0, r.recip(), r.recip()] },
            Table::MaximalUpdate => {
                Scales { deviations: [plain[0], plain[1], plain[2] / r.sqrt()], rates: [r, 1.0, r.recip()] }
            }
        }
    }

    /// `eta` for the rate `c`, which is the one that its own theory says does not depend on the width.
    pub(super) fn eta(self, c: f64, width: usize) -> f64 {
        match self {
            Table::MaximalUpdate | Table::Ntk => c / BASE as f64,
            Table::Standard => c / width as f64,
        }
    }
}

/// `f(x) = w . W_2 W_1 x`, counted from its start.
#[derive(Clone)]
pub(super) struct Net {
    pub(super) matrices: [DMatrix<f64>; 3],
    start: DMatrix<f64>,
}

/// What runs through a net: `h^1`, `h^2`, and the outputs.
struct Pass {
    first: DMatrix<f64>,
    second: DMatrix<f64>,
    outputs: DMatrix<f64>,
}

/// The inputs as columns.
pub(super) fn inputs() -> DMatrix<f64> {
    DMatrix::from_fn(BASE, EXAMPLES, |i, example| INPUTS[example][i])
}

impl Net {
    pub(super) fn new(table: Table, width: usize, x: &DMatrix<f64>, stream: &Stream) -> Self {
        let Scales { deviations: [first, second, third], .. } = table.scales(width);
        let matrices = [
            stream.named("first").normal_matrix(width, BASE, first),
            stream.named("second").normal_matrix(width, width, second),
            stream.named("third").normal_matrix(width, 1, third),
        ];
        let mut net = Self { matrices, start: DMatrix::zeros(1, EXAMPLES) };
        net.start = net.pass(x).outputs;
        net
    }

    fn pass(&self, x: &DMatrix<f64>) -> Pass {
        let [w1, w2, w3] = &self.matrices;
        let first = matmul(w1, x);
        let second = matmul(w2, &first);
        let outputs = matmul(transposed(w3), &second) - &self.start;
        Pass { first, second, outputs }
    }

    fn missing(outputs: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(1, EXAMPLES, |_, example| TARGETS[example] - outputs[example])
    }

    /// `1/2 sum_mu (y_mu - f_mu)^2`.
    pub(super) fn loss(&self, x: &DMatrix<f64>) -> f64 {
        0.5 * Self::missing(&self.pass(x).outputs).norm_squared()
    }

    /// One step of descent at these rates of the three matrices.
    pub(super) fn descend(&mut self, x: &DMatrix<f64>, rates: [f64; 3]) {
        let Pass { first, second, outputs } = self.pass(x);
        let missing = Self::missing(&outputs);
        let above = matmul(&self.matrices[2], &missing);
        let below = matmul(transposed(&self.matrices[1]), &above);
        gemm(rates[0], &below, transposed(x), 1.0, &mut self.matrices[0]);
        gemm(rates[1], &above, transposed(&first), 1.0, &mut self.matrices[1]);
        gemm(rates[2], &second, transposed(&missing), 1.0, &mut self.matrices[2]);
    }

    /// `y^T H y / |y|^2` of both hidden layers, `H = h^T h/n` their matrix of products over the examples.
    pub(super) fn features(&self, x: &DMatrix<f64>) -> [f64; 2] {
        let Pass { first, second, .. } = self.pass(x);
        let targets = DMatrix::from_column_slice(EXAMPLES, 1, &TARGETS);
        [first, second]
            .map(|h| matmul(&h, &targets).norm_squared() / (h.nrows() as f64 * targets.norm_squared()))
    }
}

/// The nets of a cell at every rate.
pub(super) fn train(cell: &Cell, starts: &Stream) -> Outcome {
    let x = inputs();
    let scales = cell.trained.scales(cell.width);
    let (mut logarithms, mut moved) = ([0.0; RATES.len()], [0.0; 2]);
    for draw in 0..cell.nets {
        let stream = starts.indexed(cell.width as u64).indexed(draw as u64);
        let start = Net::new(cell.trained, cell.width, &x, &stream);
        let before = start.loss(&x);
        for (place, c) in RATES.iter().map(|log| log.exp2()).enumerate() {
            let eta = cell.trained.eta(c, cell.width);
            let mut net = start.clone();
            (0..cell.steps).for_each(|_| net.descend(&x, scales.rates.map(|rate| rate * eta)));
            // What has diverged has learned nothing; `min` also takes the start's loss in the place of NaN.
            logarithms[place] += net.loss(&x).min(before).ln();
            if place == MOVED {
                let (end, first) = (net.features(&x), start.features(&x));
                moved.iter_mut().zip(end).zip(first).for_each(|((sum, end), first)| *sum += end - first);
            }
        }
    }
    let count = cell.nets as f64;
    Outcome {
        losses: logarithms.map(|sum| (sum / count).exp()).to_vec(),
        moved: moved.iter().all(|sum| sum.is_finite()).then(|| moved.map(|sum| sum / count)),
    }
}
