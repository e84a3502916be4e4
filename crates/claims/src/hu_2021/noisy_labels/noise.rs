//! A net that learns from wrong labels, in four ways.

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_eval::data::LabelledImages;
use overparam_ntk::architecture::{Architecture, dense, relu, shape::Shape};
use overparam_ntk::network::{Network, Params};
use overparam_ntk::predict::ridge::KernelRidge;
use overparam_ntk::{Inputs, Kernel, noisy};
use overparam_tensor::Tensor;
use overparam_tensor::linalg::matmul;
use overparam_tensor::optim::{Method, Optimizer, Stop, train};
use overparam_tensor::random::Stream;

use super::{Accuracies, Cell};
use crate::hu_2021::images::{Data, choose, correct, one_hot, unit_rows};

/// Ridges `lambda^2` to choose from.
const RIDGES: [f64; 6] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Most test images.
const TESTS: usize = 2000;

const METHOD: Method = Method::Momentum { momentum: 0.9, nesterov: false };

/// Plain training makes at least so many steps, and at most so many.
const STEPS: [usize; 2] = [1000, 2500];

/// In between it ends when this share of the labels is fitted, right and wrong ones.
const FITTED: f64 = 0.99;

/// RDI and AUX end when the gradient is this share of what it is at the start, or after this many steps.
const SETTLED: (f64, usize) = (1e-3, 400);

/// An image: where it stands.
type Place<'a> = (&'a LabelledImages, usize);

/// Images with clean labels.
struct Labelled {
    x: DMatrix<f64>,
    labels: Vec<u8>,
}

impl Labelled {
    /// Rows of mean square 1, as the kernel's normalisation wants.
    fn of(places: &[Place<'_>]) -> Self {
        let rows: Vec<_> = places
            .iter()
            .map(|(images, i)| {
                let row = unit_rows(images, &[*i]);
                let scale = (row.ncols() as f64).sqrt();
                (row * scale).row(0).into_owned()
            })
            .collect();
        Self {
            x: DMatrix::from_rows(&rows),
            labels: places.iter().map(|(images, i)| images.labels[*i]).collect(),
        }
    }

    fn accuracy(&self, outputs: &DMatrix<f64>) -> f64 {
        correct(outputs, &self.labels)
    }
}

/// Images with noisy labels to learn from, and clean ones to judge by.
pub(super) struct Problem {
    x: DMatrix<f64>,
    /// Some of them wrong.
    labels: Vec<u8>,
    /// The same as numbers.
    targets: DMatrix<f64>,
    validation: Labelled,
    test: Labelled,
}

impl Problem {
    pub(super) fn new(
        cell: &Cell,
        [examples, validation]: [usize; 2],
        flipped: u32,
        context: &Context<'_>,
    ) -> Result<Self, CellError> {
        let parts = cell.data.parts(context)?;
        let (train, test): (&LabelledImages, &LabelledImages) = (&parts.train, &parts.test);
        let mut pool: Vec<Place> = (0..train.len()).map(|i| (train, i)).collect();
        // The digits are few, and their two parts are of different writers. The theory's examples are all of one distribution: so
        // these are drawn from both parts, and tested on is what is neither trained nor validated on.
        let digits = cell.data == Data::Digits;
        if digits {
            pool.extend((0..test.len()).map(|i| (test, i)));
        }
        let chosen = choose(
            &(0..pool.len()).collect::<Vec<_>>(),
            examples + validation,
            &context.shared("images", cell.seed),
        )?;
        let order = context.shared("order", cell.seed).permutation(chosen.len());
        let picked =
            |range: std::ops::Range<usize>| order[range].iter().map(|&i| pool[chosen[i]]).collect::<Vec<_>>();
        let (trained, validation) = (picked(0..examples), picked(examples..examples + validation));
        let tested: Vec<Place> = if digits {
            let mut used = vec![false; pool.len()];
            chosen.iter().for_each(|&i| used[i] = true);
            pool.iter().zip(used).filter(|(_, used)| !used).map(|(place, _)| *place).collect()
        } else {
            (0..test.len().min(TESTS)).map(|i| (test, i)).collect()
        };
        let clean = Labelled::of(&trained);
        let noisy = flip(&clean.labels, f64::from(flipped) / 1000.0, &context.shared("noise", cell.seed));
        Ok(Self {
            x: clean.x,
            targets: one_hot(&noisy),
            labels: noisy,
            validation: Labelled::of(&validation),
            test: Labelled::of(&tested),
        })
    }
}

/// A share `p` of the labels moved to a random other class. What is moved at some `p` is so at every larger one.
fn flip(labels: &[u8], p: f64, stream: &Stream) -> Vec<u8> {
    let n = labels.len();
    // Ranks in a random order: a share p of them is below p n, and they fall into nine classes evenly.
    let [whether, shift] = ["whether", "where"].map(|name| stream.named(name).permutation(n));
    let flipped = labels.iter().zip(whether.into_iter().zip(shift)).map(|(&label, (rank, shift))| {
        if (rank as f64 + 0.5) < p * n as f64 { (label + (shift % 9) as u8 + 1) % 10 } else { label }
    });
    flipped.collect()
}

/// Two layers, ReLU.
fn architecture(width: usize, outputs: usize) -> Architecture {
    Architecture::new([dense(width).w_std(2f64.sqrt()).into(), relu(), dense(outputs).into()])
}

pub(super) fn run(problem: &Problem, width: usize, stream: &Stream) -> Result<Accuracies, CellError> {
    let shape = Shape::vector(problem.x.ncols());
    let Problem { x, targets, validation, test, .. } = problem;

    // The theory's choice of lambda, and what it expects.
    let kernel = Kernel::new(&architecture(1, 1), shape).map_err(CellError::new)?;
    let inputs = Inputs::from(x.clone());
    let cross =
        |of: &Labelled| kernel.ntk(&Inputs::from(of.x.clone()), Some(&inputs)).map_err(CellError::new);
    let own = kernel.ntk(&inputs, None).map_err(CellError::new)?;
    let regression = KernelRidge::new(&own, targets).map_err(CellError::new)?;
    let (to_validation, to_test) = (cross(validation)?, cross(test)?);
    let accuracy = |cross: &DMatrix<f64>, of: &Labelled, ridge: f64| -> Result<f64, CellError> {
        let fit = regression.fit(ridge).map_err(CellError::new)?;
        Ok(of.accuracy(&matmul(cross, &fit.coefficients)))
    };
    let mut best = (f64::NEG_INFINITY, 0.0);
    for ridge in RIDGES {
        let score = accuracy(&to_validation, validation, ridge)?;
        if score > best.0 {
            best = (score, ridge);
        }
    }
    let lambda = best.1.sqrt();

    // Shares of right answers do not need more digits than single precision has.
    let net = Network::new(&architecture(width, 10), shape).map_err(CellError::new)?;
    let start: Params<f32> = net.init(stream);
    let single = |x: &DMatrix<f64>| Tensor::from(&x.map(|x| x as f32));
    let [train_x, validation_x, test_x] = [x, &validation.x, &test.x].map(single);
    let y = single(targets);
    // The theory's outputs are 0 at the start: so are these.
    let offset = |x: &Tensor<f32>| net.apply(&start, x);
    let [train_offset, validation_offset, test_offset] = [&train_x, &validation_x, &test_x].map(offset);
    let model = |params: &Params<f32>| net.apply(params, &train_x) - &train_offset;
    let score = |params: &Params<f32>, of: &Labelled, x: &Tensor<f32>, offset: &Tensor<f32>| {
        of.accuracy(&(net.apply(params, x) - offset).array().to_matrix().map(f64::from))
    };
    let on_test = |params: &Params<f32>| score(params, test, &test_x, &test_offset);
    let on_validation = |params: &Params<f32>| score(params, validation, &validation_x, &validation_offset);

    let mut params = start.clone();
    let rate = noisy::rate(&own, 0.0).map_err(CellError::new)?;
    let mut optimizer = Optimizer::new(METHOD, rate);
    let (mut steps, mut fitted, mut stopped) = (0, 0.0, (f64::NEG_INFINITY, 0.0, 0));
    while steps < STEPS[0] || (fitted < FITTED && steps < STEPS[1]) {
        // Every step at first, then every eighth part of the steps taken.
        let next = 1 + steps / 8;
        let plain = |_: usize, p: &Params<f32>| noisy::rdi_loss(&model(p), &y, p, &start, 0.0);
        train(&mut params, &mut optimizer, Stop::after(next), plain).map_err(CellError::new)?;
        steps += next;
        fitted = correct(&model(&params).array().to_matrix().map(f64::from), &problem.labels);
        let score = on_validation(&params);
        if score > stopped.0 {
            stopped = (score, on_test(&params), steps);
        }
    }

    let rate = noisy::rate(&own, lambda).map_err(CellError::new)?;
    // The gradient at the start is J^T y, of norm sqrt(y^T K y).
    let gradient = targets.dot(&matmul(&own, targets)).sqrt();
    let stop = Stop::after(SETTLED.1).at_gradient_norm(SETTLED.0 * gradient);
    let optimizer = || Optimizer::new(METHOD, rate);
    let rdi = noisy::rdi(model, &start, &y, lambda, &mut optimizer(), stop).map_err(CellError::new)?;
    let aux = noisy::aux(model, &start, &y, lambda, &mut optimizer(), stop).map_err(CellError::new)?;
    Ok(Accuracies {
        plain: on_test(&params),
        stopped: stopped.1,
        rdi: on_test(&rdi.params),
        aux: on_test(&aux.params),
        ridge: accuracy(&to_test, test, best.1)?,
        ridgeless: accuracy(&to_test, test, 0.0)?,
        lambda,
        steps,
        fitted,
        stopped_at: stopped.2,
    })
}

#[cfg(test)]
mod tests {
    use overparam_eval::data;

    use super::*;

    /// Share of wrong labels; accuracy in percent, ridgeless and with the best ridge: rows 0 to 1199 of the digits to train on,
    /// 1,200 to 1,796 to test on, means of 5 draws, computed once by an independent NumPy program. Without noise 97.49.
    const REFERENCE: [(f64, f64, f64); 3] = [(0.2, 91.5, 94.3), (0.4, 80.1, 92.0), (0.6, 54.7, 86.7)];

    /// Standard deviations between draws in another such program, 20 draws: 1.3, 2.9, 4.1 ridgeless and 0.9, 1.3, 1.9. Two means of
    /// five draws differ by no more than twice `sqrt(2/5)` of that in 95 of 100 cases.
    const SCATTER: [(f64, f64); 3] = [(1.3, 0.9), (2.9, 1.3), (4.1, 1.9)];

    #[test]
    fn kernel_ridge_regression_agrees_with_independent_numbers() {
        let digits = data::digits();
        let mut images = digits.images.clone();
        images.row_iter_mut().for_each(|mut row| row *= 8.0 / row.norm());
        let inputs = [images.rows(0, 1200), images.rows(1200, 597)].map(|x| Inputs::from(x.into_owned()));
        let kernel = Kernel::new(&architecture(1, 1), Shape::vector(64)).unwrap();
        let own = kernel.ntk(&inputs[0], None).unwrap();
        let cross = kernel.ntk(&inputs[1], Some(&inputs[0])).unwrap();
        // All draws are columns of one regression; the first has no noise.
        let mut draws = vec![one_hot(&digits.labels[..1200])];
        for (p, _, _) in REFERENCE {
            let draw = |seed| one_hot(&flip(&digits.labels[..1200], p, &Stream::root(seed)));
            draws.extend((0..5).map(draw));
        }
        let columns: Vec<_> = draws.iter().flat_map(|draw| draw.column_iter()).collect();
        let regression = KernelRidge::new(&own, &DMatrix::from_columns(&columns)).unwrap();
        let accuracies = |ridge: f64| -> Vec<f64> {
            let outputs = matmul(&cross, &regression.fit(ridge).unwrap().coefficients);
            let draw =
                |k: usize| 100.0 * correct(&outputs.columns(10 * k, 10).into_owned(), &digits.labels[1200..]);
            (0..draws.len()).map(draw).collect()
        };
        let ridgeless = accuracies(0.0);
        let ridges = RIDGES.map(accuracies);
        assert!((ridgeless[0] - 97.49).abs() < 0.01, "{}", ridgeless[0]);
        let mean = |of: &[f64], level: usize| of[1 + 5 * level..][..5].iter().sum::<f64>() / 5.0;
        for (level, (p, without, with)) in REFERENCE.into_iter().enumerate() {
            let best = ridges.iter().map(|of| mean(of, level)).fold(0.0, f64::max);
            let plain = mean(&ridgeless, level);
            println!("{p}: ridgeless {plain:.1} ({without}), best ridge {best:.1} ({with})");
            let (a, b) = SCATTER[level];
            let allowed = 2.0 * 0.4f64.sqrt();
            assert!((plain - without).abs() < allowed * a && (best - with).abs() < allowed * b);
        }
    }

    /// Nested, of the share asked, never to the label itself, evenly to the others.
    #[test]
    fn labels_are_flipped_at_the_share_asked() {
        let labels = vec![3; 900];
        let stream = Stream::root(3);
        let at = |p: f64| flip(&labels, p, &stream);
        assert_eq!(at(0.0), labels);
        let count = |labels: &[u8], class: u8| labels.iter().filter(|&&l| l == class).count();
        assert_eq!((count(&at(0.2), 3), count(&at(0.6), 3)), (720, 360));
        assert!(at(0.2).iter().zip(at(0.6)).all(|(&few, many)| few == 3 || few == many));
        let everything = at(1.0);
        assert!((0..10).all(|class| count(&everything, class) == if class == 3 { 0 } else { 100 }));
    }
}
