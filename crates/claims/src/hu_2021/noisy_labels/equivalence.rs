//! RDI, AUX and kernel ridge regression on one network.

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_ntk::architecture::{Architecture, Padding, conv, dense, global_avg_pool, relu, shape::Shape};
use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::linearize::Linearized;
use overparam_ntk::network::{Batch, Network, Params};
use overparam_ntk::noisy;
use overparam_tensor::Tensor;
use overparam_tensor::optim::{Optimizer, Stop};

use super::{Cell, Net, Outcome};
use crate::hu_2021::images::{Task, choose, unit_rows};

/// A network with its data.
pub(super) struct Problem {
    net: Network,
    start: Params<f64>,
    train: Batch<f64>,
    test: Batch<f64>,
    targets: DMatrix<f64>,
}

impl Problem {
    pub(super) fn new(
        cell: &Cell,
        network: Net,
        width: usize,
        examples: usize,
        context: &Context<'_>,
    ) -> Result<Self, CellError> {
        let parts = cell.data.parts(context)?;
        let (rows, columns, channels) = (parts.train.rows, parts.train.columns, parts.train.channels);
        let task = Task::ZeroOrOne;
        // Test images from the same draw as training images: theory is about any inputs.
        let both = choose(&task.members(&parts.train), 2 * examples, &context.shared("images", cell.seed))?;
        let (train, test): (Vec<usize>, Vec<usize>) =
            both.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
        let (layers, shape) = match network {
            Net::Dense => (
                vec![dense(width).w_std(2f64.sqrt()).into(), relu(), dense(1).into()],
                Shape::vector(rows * columns * channels),
            ),
            Net::Convolutional => (
                vec![
                    conv(width, [3, 3]).padding(Padding::Same).w_std(2f64.sqrt()).into(),
                    relu(),
                    global_avg_pool(),
                    dense(1).into(),
                ],
                Shape { height: rows, width: columns, channels },
            ),
        };
        let net = Network::new(&Architecture::new(layers), shape).map_err(CellError::new)?;
        let batch = |chosen: &[usize]| {
            // Numbers of mean square 1.
            let x = unit_rows(&parts.train, chosen) * ((rows * columns * channels) as f64).sqrt();
            let shape = [x.nrows(), shape.height, shape.width, shape.channels];
            Batch::from(Tensor::from(&x).reshape(&shape))
        };
        Ok(Self {
            start: net.init(&context.shared("start", cell.seed).indexed(width as u64)),
            train: batch(&train),
            test: batch(&test),
            targets: DMatrix::from_column_slice(examples, 1, task.signs(&parts.train, &train).as_slice()),
            net,
        })
    }
}

fn column(outputs: &Tensor<f64>) -> DMatrix<f64> {
    outputs.reshape(&[outputs.len(), 1]).array().to_matrix()
}

/// Steps after which training is given up; the factor a step is `1 - lambda^2 / (||K|| + lambda^2)`.
const MOST_STEPS: usize = 20_000;

pub(super) fn run(problem: &Problem, lambda: f64) -> Result<Outcome, CellError> {
    let Problem { net, start, train, test, targets } = problem;
    let ntk = EmpiricalNtk::new(net, start).map_err(CellError::new)?;
    let kernel = ntk.matrix(train, None).map_err(CellError::new)?;
    let cross = ntk.matrix(test, Some(train)).map_err(CellError::new)?;
    let outputs = |params: &Params<f64>, x: &Batch<f64>| column(&net.apply_batch(params, x));
    let expected = noisy::kernel_ridge(
        (&kernel, &outputs(start, train), targets),
        (&cross, &outputs(start, test)),
        lambda,
    )
    .map_err(CellError::new)?;

    let rate = noisy::rate(&kernel, lambda).map_err(CellError::new)?;
    let y = Tensor::from(targets);
    let stop = Stop::after(MOST_STEPS).at_gradient_norm(1e-8);
    let [linear, linear_test] = [train, test].map(|x| Linearized::new(net, start, x).map_err(CellError::new));
    let (linear, linear_test) = (linear?, linear_test?);
    let model = |params: &Params<f64>| linear.apply(params);
    let rdi =
        noisy::rdi(model, start, &y, lambda, &mut Optimizer::descent(rate), stop).map_err(CellError::new)?;
    let aux =
        noisy::aux(model, start, &y, lambda, &mut Optimizer::descent(rate), stop).map_err(CellError::new)?;
    let distance = |params: &Params<f64>| (column(&linear_test.apply(params)) - &expected).amax();

    Ok(Outcome::Equivalence {
        rdi: distance(&rdi.params),
        aux: distance(&aux.params),
        steps: rdi.report.steps,
    })
}
