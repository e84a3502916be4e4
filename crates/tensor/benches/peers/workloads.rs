//! The same work as the `torch_*` cases of `peers.py`, on the same inputs (weights and targets aside, which are random
//! on both sides).

use std::hint::black_box;

use overparam_tensor::optim::Optimizer;
use overparam_tensor::random::Stream;
use overparam_tensor::{Padding, Tensor, grad, loss, per_example_jacobian};

/// A workload and the name of the peer's.
pub(crate) struct Case {
    pub(crate) peer: &'static str,
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}

pub(crate) const CASES: &[Case] = &[
    Case {
        peer: "torch_mlp_784_1024_1024_10_n1000_5steps",
        prepare: || mlp(&[784, 1024, 1024, 10], 1000, 5),
    },
    Case { peer: "torch_mlp_64_128_128_1_n64_200steps", prepare: || mlp(&[64, 128, 128, 1], 64, 200) },
    Case { peer: "torch_cnn_step_n50_20steps", prepare: cnn_step },
    Case { peer: "torch_cnn_per_example_jacobian_n50", prepare: cnn_jacobian },
    Case { peer: "torch_resnet_flow_n256_m1024_depth10", prepare: resnet_flow },
];

type Parameters = Vec<(Tensor<f32>, Tensor<f32>)>;

fn dense(n: usize, d: usize) -> Tensor<f32> {
    Tensor::from_fn(&[n, d], |i| {
        let (i, j) = (i[0] as f64, i[1] as f64);
        (0.7 * i + 1.3 * j + 0.1 * i * j).sin() as f32
    })
}

fn mlp(sizes: &[usize], n: usize, steps: usize) -> Box<dyn FnMut()> {
    let stream = Stream::root(0);
    let layer = |(i, w): (usize, &[usize])| {
        let std = (1.0 / (3.0 * w[0] as f64)).sqrt();
        (Tensor::normal(&stream.indexed(i as u64), w, std), Tensor::zeros(&[w[1]]))
    };
    let mut p: Parameters = sizes.windows(2).enumerate().map(layer).collect();
    let x = dense(n, sizes[0]);
    let y = Tensor::normal(&stream.named("y"), &[n, sizes[sizes.len() - 1]], 1.0);
    let mut descent = Optimizer::descent(1e-3);
    let net = move |p: &Parameters| {
        let (last, hidden) = p.split_last().expect("a net has layers");
        let h = hidden.iter().fold(x.clone(), |h, (w, b)| (h.matmul(w) + b).relu());
        loss::squared(&(h.matmul(&last.0) + &last.1), &y)
    };
    Box::new(move || {
        for _ in 0..steps {
            let gradient = grad(&net, &p);
            descent.step(&mut p, &gradient);
        }
        black_box(&p);
    })
}

fn cnn() -> (Parameters, Tensor<f32>) {
    let stream = Stream::root(0);
    let shapes: [&[usize]; 4] = [&[3, 3, 3, 64], &[3, 3, 64, 64], &[3, 3, 64, 64], &[64, 10]];
    let layer = |(i, s): (usize, &&[usize])| {
        let inputs: usize = s[..s.len() - 1].iter().product();
        let std = (1.0 / (3.0 * inputs as f64)).sqrt();
        (Tensor::normal(&stream.indexed(i as u64), s, std), Tensor::zeros(&[s[s.len() - 1]]))
    };
    let images = Tensor::from_fn(&[50, 8, 8, 3], |at| {
        let [i, y, x, c] = [0, 1, 2, 3].map(|k| at[k] as f64);
        (0.7 * i + 1.3 * y + 0.9 * x + 0.5 * c + 0.1 * i * y * x).sin() as f32
    });
    (shapes.iter().enumerate().map(layer).collect(), images)
}

fn cnn_apply(p: &Parameters, x: &Tensor<f32>) -> Tensor<f32> {
    let (last, convolutions) = p.split_last().expect("a net has layers");
    let h = convolutions.iter().fold(x.clone(), |h, (w, b)| (h.conv2d(w, [1, 1], Padding::Same) + b).relu());
    h.global_avg_pool().matmul(&last.0) + &last.1
}

fn cnn_step() -> Box<dyn FnMut()> {
    let (mut p, x) = cnn();
    let y = Tensor::normal(&Stream::root(1), &[50, 10], 1.0);
    let mut descent = Optimizer::descent(1e-3);
    Box::new(move || {
        for _ in 0..20 {
            let gradient = grad(|p: &Parameters| loss::squared(&cnn_apply(p, &x), &y), &p);
            descent.step(&mut p, &gradient);
        }
        black_box(&p);
    })
}

fn cnn_jacobian() -> Box<dyn FnMut()> {
    let (p, x) = cnn();
    Box::new(move || {
        black_box(per_example_jacobian(cnn_apply, &p, &x));
    })
}

/// One scaled gradient step of the residual net of neural feature flow.
fn resnet_flow() -> Box<dyn FnMut()> {
    let (n, m, depth, rate) = (256, 1024, 10, 0.1);
    let stream = Stream::root(0);
    let x = dense(n, 20);
    let y = x.slice(1, 0..1).sin();
    let mut p: (Tensor<f32>, Vec<Tensor<f32>>, Tensor<f32>) = (
        Tensor::normal(&stream.named("v1"), &[20, m], 1.0),
        vec![Tensor::full(&[m, m], 0.0); depth - 1],
        Tensor::normal(&stream.named("u"), &[m, 1], 1.0),
    );
    let width = m as f64;
    let mut scales = vec![width * width; depth + 1];
    (scales[0], scales[depth]) = (width, width);
    let mut descent = Optimizer::descent(rate).with_multipliers(scales);
    Box::new(move || {
        let gradient = grad(
            |(first, blocks, last): &(Tensor<f32>, Vec<Tensor<f32>>, Tensor<f32>)| {
                let start = x.matmul(first).scale(20f32.sqrt().recip());
                let features = blocks
                    .iter()
                    .fold(start, |b, v| &b + (b.tanh().matmul(v).scale((m as f32).recip())).tanh());
                let f = features.tanh().matmul(last).scale((m as f32).recip());
                loss::squared(&f, &y)
            },
            &p,
        );
        descent.step(&mut p, &gradient);
        black_box(&p);
    })
}
