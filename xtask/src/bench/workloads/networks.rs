//! Training steps and Jacobians of finite networks by automatic differentiation.

use anyhow::Result;
use overparam_tensor::optim::Optimizer;
use overparam_tensor::{Array, Padding, Tensor, Tree, grad, loss, per_example_jacobian};

use super::super::case::{Case, Cost, Precision, Threads, Workload, job};
use super::super::inputs::{dense, images, moments, noise_tensor};

const PACKAGES: &[&str] = &["torch", "numpy"];
const RATE: f64 = 1e-3;

/// Weights and biases, layer by layer.
type Parameters = Vec<(Tensor<f32>, Tensor<f32>)>;

/// Weights of variance `1/(3 fan-in)`, PyTorch's own; biases zero.
fn layer(seed: u32, shape: &[usize]) -> (Tensor<f32>, Tensor<f32>) {
    let (outputs, inputs) = (shape[shape.len() - 1], shape[..shape.len() - 1].iter().product::<usize>());
    (noise_tensor(seed, shape, (3.0 * inputs as f64).sqrt().recip()), Tensor::zeros(&[outputs]))
}

fn norms(p: &Parameters) -> Vec<f64> {
    p.leaves().iter().map(|leaf| moments(leaf.array().to_vec())[1]).collect()
}

struct Training {
    p: Parameters,
    descent: Optimizer<f32>,
    x: Tensor<f32>,
    y: Tensor<f32>,
    apply: fn(&Parameters, &Tensor<f32>) -> Tensor<f32>,
}

impl Training {
    fn new(p: Parameters, x: Tensor<f32>, apply: fn(&Parameters, &Tensor<f32>) -> Tensor<f32>) -> Self {
        let outputs = p.last().map_or(0, |(_, b)| b.len());
        let y = noise_tensor(100, &[x.shape()[0], outputs], 1.0);
        Self { p, descent: Optimizer::descent(RATE), x, y, apply }
    }

    fn step(&mut self) {
        let gradient = grad(|p: &Parameters| loss::squared(&(self.apply)(p, &self.x), &self.y), &self.p);
        self.descent.step(&mut self.p, &gradient);
    }
}

fn training(make: impl Fn() -> Training, steps: usize) -> Box<dyn Workload> {
    let run = move |training: &mut Training| {
        (0..steps).for_each(|_| training.step());
        Ok(())
    };
    job(make(), run, |training: &Training| {
        let outputs = (training.apply)(&training.p, &training.x);
        Ok([&moments(outputs.array().to_vec())[1..], &norms(&training.p)[..1]].concat())
    })
}

fn mlp_apply(p: &Parameters, x: &Tensor<f32>) -> Tensor<f32> {
    let Some((last, hidden)) = p.split_last() else { return x.clone() };
    let h = hidden.iter().fold(x.clone(), |h, (w, b)| (h.matmul(w) + b).relu());
    h.matmul(&last.0) + &last.1
}

fn mlp_training(sizes: &[usize], n: usize) -> Training {
    let p = sizes.windows(2).zip(1u32..).map(|(shape, seed)| layer(seed, shape)).collect();
    let x = Tensor::from(Array::from(&dense(n, sizes[0], 0).map(|x| x as f32)));
    Training::new(p, x, mlp_apply)
}

/// One step of the small network at a time, for counting instructions.
pub(in crate::bench) fn one_step() -> impl FnMut() {
    let mut training = mlp_training(&[64, 128, 128, 1], 64);
    move || training.step()
}

fn mlp(sizes: &'static [usize], n: usize, steps: usize, (target, threads): (f64, Threads)) -> Case {
    let weights: Vec<f64> = sizes.windows(2).map(|w| (w[0] * w[1]) as f64).collect();
    let (all, first): (f64, f64) = (weights.iter().sum(), weights[0]);
    let words: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let words = words.join("-");
    Case {
        name: format!("mlp-{words}"),
        work: format!("{steps} steps of descent on a {words} ReLU network, batch of {n}, f32"),
        packages: PACKAGES,
        target,
        precision: Precision::F32,
        threads,
        cost: Cost {
            flops: steps as f64 * 2.0 * n as f64 * (3.0 * all - first),
            bytes: 4.0 * (n * sizes[0]) as f64 + 8.0 * all,
            counted: "matrix products: forward, by weights, by inputs (not of the first layer)",
        },
        tolerance: 1e-3,
        rounds: 7,
        prepare: Box::new(move || Ok(training(|| mlp_training(sizes, n), steps))),
    }
}

const IMAGES: usize = 50;
const SHAPES: [&[usize]; 4] = [&[3, 3, 3, 64], &[3, 3, 64, 64], &[3, 3, 64, 64], &[64, 10]];
/// Positions at which a layer's weights are used.
const PLACES: [usize; 4] = [64, 64, 64, 1];

fn cnn_parameters() -> Parameters {
    SHAPES.iter().zip(1u32..).map(|(shape, seed)| layer(seed, shape)).collect()
}

fn cnn_images() -> Tensor<f32> {
    Tensor::from(images(IMAGES, 8))
}

fn cnn_apply(p: &Parameters, x: &Tensor<f32>) -> Tensor<f32> {
    let Some((last, convolutions)) = p.split_last() else { return x.clone() };
    let h = convolutions.iter().fold(x.clone(), |h, (w, b)| (h.conv2d(w, [1, 1], Padding::Same) + b).relu());
    h.global_avg_pool().matmul(&last.0) + &last.1
}

/// Multiply-adds of one pass through the net on one image, and those of its first layer.
fn cnn_products() -> (f64, f64) {
    let each = SHAPES.iter().zip(PLACES).map(|(s, places)| (s.iter().product::<usize>() * places) as f64);
    let each: Vec<f64> = each.collect();
    (each.iter().sum(), each[0])
}

fn cnn_step() -> Case {
    const STEPS: usize = 20;
    let (all, first) = cnn_products();
    Case {
        name: "cnn-step".to_owned(),
        work: "20 steps of descent on a CNN of three 3 x 3 convolutions with 64 channels, 50 images of 8 x 8 x 3, f32".to_owned(),
        packages: PACKAGES,
        target: 1.0,
        precision: Precision::F32,
        threads: Threads::All,
        cost: Cost {
            flops: (STEPS * IMAGES) as f64 * 2.0 * (3.0 * all - first),
            bytes: 4.0 * (IMAGES * 192) as f64,
            counted: "convolutions as matrix products: forward, by weights, by inputs (not of the first layer)",
        },
        tolerance: 1e-3,
        rounds: 7,
        prepare: Box::new(|| {
            Ok(training(|| Training::new(cnn_parameters(), cnn_images(), cnn_apply), STEPS))
        }),
    }
}

fn cnn_jacobian() -> Case {
    const OUTPUTS: f64 = 10.0;
    let (all, first) = cnn_products();
    let n = IMAGES as f64;
    let parameters: usize = SHAPES.iter().map(|s| s.iter().product::<usize>() + s[s.len() - 1]).sum();
    let prepare = || -> Result<Box<dyn Workload>> {
        let (p, x) = (cnn_parameters(), cnn_images());
        let run = move |jacobian: &mut Parameters| {
            jacobian.clear();
            *jacobian = per_example_jacobian(cnn_apply, &p, &x);
            Ok(())
        };
        Ok(job(Parameters::new(), run, |jacobian: &Parameters| Ok(norms(jacobian))))
    };
    Case {
        name: "cnn-jacobian".to_owned(),
        work: "Per-example Jacobians of the same CNN by its parameters, 50 images, 10 outputs, f32"
            .to_owned(),
        packages: PACKAGES,
        target: 2.0,
        precision: Precision::F32,
        threads: Threads::All,
        cost: Cost {
            flops: n * 2.0 * (all + OUTPUTS * (2.0 * all - first)),
            bytes: 4.0 * n * OUTPUTS * parameters as f64,
            counted: "convolutions as matrix products: forward once; each output by weights and by inputs (not of the first layer)",
        },
        tolerance: 1e-3,
        rounds: 7,
        prepare: Box::new(prepare),
    }
}

/// Two MLPs and a CNN.
pub(super) fn cases() -> Vec<Case> {
    vec![
        mlp(&[784, 1024, 1024, 10], 1000, 5, (1.0, Threads::All)),
        mlp(&[64, 128, 128, 1], 64, 200, (3.0, Threads::One)),
        cnn_step(),
        cnn_jacobian(),
    ]
}
