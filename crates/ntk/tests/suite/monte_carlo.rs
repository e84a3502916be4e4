//! Random finite networks, drawn and averaged, converge to the kernels: every layer kind and every pair of them.
//!
//! An entry's estimate is the mean over `NETWORKS` networks of width `WIDTH` of `1/k sum_c f_c(x) f_c(y)` (NNGP, `k = WIDTH`
//! outputs) or of the empirical NTK; it should lie within four standard errors of the kernel.
//!
//! *Choice of sizes.* Fluctuations of one network are of relative size `a/sqrt(width)`, the finite-width bias `b/width` with `a` and
//! `b` of order one (of the depth), so bias over standard error is `(b/a) sqrt(NETWORKS/WIDTH)`: a quarter of `b/a` here, below
//! the four standard errors allowed. More networks at this width would measure the bias, not the kernel.

use overparam_ntk::activation::{self, Activation, Numerical};
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::architecture::{Layer, Padding, conv, dense, flatten, global_avg_pool};
use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::layer;
use overparam_ntk::network::{Batch, Network, Params};
use overparam_ntk::{Architecture, Images, Inputs, Kernel, NtkError};
use overparam_tensor::random::Stream;
use rayon::prelude::*;

const WIDTH: usize = 144;
const NETWORKS: u64 = 9;
const INPUTS: usize = 3;
const SHAPE: Shape = Shape { height: 4, width: 4, channels: 2 };

fn wide() -> Layer {
    dense(WIDTH).w_std(1.3).b_std(0.3).into()
}

fn filter(padding: Padding) -> Layer {
    conv(WIDTH, [2, 2]).padding(padding).w_std(1.3).b_std(0.3).into()
}

/// Whatever the table of layers has that has a kernel on images: those after which there are images, and those that end in one
/// pixel.
fn kinds() -> (Vec<Layer>, Vec<Layer>) {
    let all =
        layer::TABLE.iter().flat_map(|entry| (entry.examples)(WIDTH)).chain([Activation::relu().into()]);
    let pixels = |layer: &Layer| {
        let shapes = Architecture::new([filter(Padding::Same), layer.clone()]).shapes(SHAPE);
        assert!(
            shapes.is_ok() || layer.name() == "max_pool",
            "{}: all but maxima have a kernel",
            layer.name()
        );
        shapes.map_or(0, |shapes| shapes[2].pixels())
    };
    let (images, rest): (Vec<_>, Vec<_>) = all.partition(|layer| pixels(layer) > 1);
    (images, rest.into_iter().filter(|layer| pixels(layer) == 1).collect())
}

/// Whatever the table of activations has, and a function of a user.
fn activations() -> Vec<Layer> {
    let root = Numerical::new(
        "cubic root",
        // Its poles are twice as far as those of `1 + x^2`, which 500 nodes do not resolve for the largest of these inputs.
        |x: f64| (4.0 + x * x).cbrt(),
        |x| 2.0 * x / 3.0 * (4.0 + x * x).powf(-2.0 / 3.0),
        60,
    );
    let table = activation::TABLE.iter().flat_map(|entry| (entry.examples)());
    table.chain([Activation::Numerical(root)]).map(Layer::from).collect()
}

fn inputs() -> Inputs<f64> {
    let count = INPUTS * SHAPE.pixels() * SHAPE.channels;
    let numbers = Stream::root(3).normal_vector::<f64>(count, 1.0);
    Images::new(INPUTS, SHAPE, numbers.as_slice().to_vec()).unwrap().into()
}

/// Largest distance of an entry in standard errors, and how many of how many entries are within four.
struct Verdict {
    inside: usize,
    entries: usize,
    worst: f64,
}

/// Sums of an entry's estimates and of their squares.
#[derive(Clone, Copy, Default)]
struct Sums(f64, f64);

impl Sums {
    fn add(&mut self, x: f64) {
        self.0 += x;
        self.1 += x * x;
    }

    /// Distance of the mean from `exact` in standard errors; entries without fluctuations must agree to rounding.
    fn distance(self, exact: f64) -> f64 {
        let n = NETWORKS as f64;
        let mean = self.0 / n;
        let error = ((self.1 / n - mean * mean).max(0.0) / (n - 1.0)).sqrt();
        let rounding = 1e-12 * exact.abs();
        (mean - exact).abs() / (error + rounding).max(f64::MIN_POSITIVE)
    }
}

fn judge(body: &[Layer], standard: bool, stream: Stream) -> Result<Verdict, NtkError> {
    let network = |outputs: usize| {
        let last = dense(outputs).w_std(1.3).b_std(0.3).into();
        let net = Architecture::new(body.iter().cloned().chain([last]));
        if standard { net.standard() } else { net }
    };
    let x = inputs();
    let exact = Kernel::new(&network(1), SHAPE)?.both(&x, None)?;
    let (many, one) = (Network::new(&network(WIDTH), SHAPE)?, Network::new(&network(1), SHAPE)?);
    let mut sums = [[Sums::default(); 2]; INPUTS * INPUTS];
    for seed in 0..NETWORKS {
        let stream = stream.indexed(seed);
        let (wide, narrow) = (stream.named("nngp"), stream.named("ntk"));
        let batch: Batch<f64> = many.with_masks(&wide.named("masks"), &x);
        let params: Params<f64> = many.init(&wide);
        let f = many.apply_batch(&params, &batch).array().to_matrix();
        let nngp = &f * f.transpose() / WIDTH as f64;
        let batch: Batch<f64> = one.with_masks(&narrow.named("masks"), &x);
        let params: Params<f64> = one.init(&narrow);
        let ntk = EmpiricalNtk::new(&one, &params)?.trace(&batch, None)?;
        for (sums, (&k, &t)) in sums.iter_mut().zip(nngp.iter().zip(&ntk)) {
            sums[0].add(k);
            sums[1].add(t);
        }
    }
    let mut verdict = Verdict { inside: 0, entries: 0, worst: 0.0 };
    for i in 0..INPUTS {
        for j in 0..=i {
            let [nngp, ntk] = sums[j * INPUTS + i];
            for distance in [nngp.distance(exact.nngp[(i, j)]), ntk.distance(exact.ntk[(i, j)])] {
                verdict.entries += 1;
                verdict.inside += usize::from(distance < 4.0);
                verdict.worst = verdict.worst.max(distance);
            }
        }
    }
    Ok(verdict)
}

fn names(body: &[Layer]) -> String {
    body.iter().map(Layer::name).collect::<Vec<_>>().join(" ")
}

/// 99% of all entries within four standard errors.
fn assert_converged(bodies: &[Vec<Layer>], standard: bool, seed: u64) {
    let verdicts: Vec<Verdict> = bodies
        .par_iter()
        .enumerate()
        .map(|(i, body)| judge(body, standard, Stream::root(seed).indexed(i as u64)).unwrap())
        .collect();
    let (mut inside, mut entries) = (0, 0);
    for (body, verdict) in bodies.iter().zip(&verdicts) {
        if verdict.inside < verdict.entries {
            println!(
                "{}: {} of {} inside, worst {:.1}",
                names(body),
                verdict.inside,
                verdict.entries,
                verdict.worst
            );
        }
        inside += verdict.inside;
        entries += verdict.entries;
    }
    println!("{inside} of {entries} entries within four standard errors");
    assert!(inside * 100 >= entries * 99, "{inside} of {entries} entries within four standard errors");
}

#[test]
fn every_activation() {
    let bodies: Vec<_> =
        activations().into_iter().map(|phi| vec![filter(Padding::Same), phi, flatten()]).collect();
    assert_converged(&bodies, false, 20);
}

#[test]
fn every_layer_under_every_head() {
    let (kinds, heads) = kinds();
    let under = |head: &Layer| {
        kinds.iter().map(|kind| vec![filter(Padding::Same), kind.clone(), head.clone()]).collect()
    };
    let bodies: Vec<_> = heads.iter().flat_map(|head| -> Vec<_> { under(head) }).collect();
    assert_converged(&bodies, false, 21);
}

/// The kernel in standard parameterisation takes the widths from the tree, so the same networks test it.
#[test]
fn every_layer_in_standard_parameterisation() {
    let bodies: Vec<_> =
        kinds().0.into_iter().map(|kind| vec![filter(Padding::Same), kind, flatten()]).collect();
    assert_converged(&bodies, true, 22);
}

/// One after the other where the pair has a kernel; with a dense layer between where it has none without.
#[test]
fn every_pair_of_layers() {
    let mut bodies = Vec::new();
    for (i, a) in kinds().0.into_iter().enumerate() {
        for (j, b) in kinds().0.into_iter().enumerate() {
            let head = || if (i + j) % 2 == 0 { flatten() } else { global_avg_pool() };
            let direct = vec![filter(Padding::Same), a.clone(), b.clone(), head()];
            let exists = Kernel::<f64>::new(&Architecture::new(direct.clone()), SHAPE).is_ok();
            bodies.push(if exists {
                direct
            } else {
                vec![filter(Padding::Same), a.clone(), wide(), b, head()]
            });
        }
    }
    assert_converged(&bodies, false, 23);
}
