//! The race of `nt_*`: the same kernels as neural-tangents, in turn with it if `OVERPARAM_PEERS_PYTHON` names a Python that has
//! it and `OVERPARAM_PEERS` the script that runs it.
//!
//! `cargo bench -p overparam-ntk [-- PART_OF_A_NAME]`

use std::process::Command;
use std::time::{Duration, Instant};

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::architecture::{dense as dense_layer, relu};
use overparam_ntk::empirical::EmpiricalNtk;
use overparam_ntk::network::Batch;
use overparam_ntk::predict::{Regularizer, Schedule, krylov::Krylov};
use overparam_ntk::{Architecture, Images, Inputs, Kernel, Network, Params};
use overparam_tensor::linalg::Real;
use overparam_tensor::random::Stream;

fn dense(n: usize, d: usize, i0: usize) -> DMatrix<f64> {
    DMatrix::from_fn(n, d, |i, j| {
        let (i, j) = ((i + i0) as f64, j as f64);
        (0.7 * i + 1.3 * j + 0.1 * i * j).sin()
    })
}

fn images<T: Real>(n: usize, size: usize) -> Inputs<T> {
    let shape = Shape { height: size, width: size, channels: 3 };
    let number = |index: usize| {
        let (c, x, y, i) = (index % 3, index / 3 % size, index / 3 / size % size, index / 3 / size / size);
        let (c, x, y, i) = (c as f64, x as f64, y as f64, i as f64);
        T::of((0.7 * i + 1.3 * y + 0.9 * x + 0.5 * c + 0.1 * i * y * x).sin())
    };
    let data = (0..n * size * size * 3).map(number).collect();
    Images::new(n, shape, data).expect("the count fits").into()
}

fn three(layer: &str, head: &str) -> Architecture {
    let last = r#"{"dense": {"width": 1, "w_std": 1.4142135623730951, "b_std": 0.1}}"#;
    let hidden = format!("{layer}, \"relu\", ").repeat(3);
    Architecture::from_json(&format!(r#"{{"layers": [{hidden}{head}{last}]}}"#)).expect("valid schema")
}

fn fc() -> Architecture {
    three(r#"{"dense": {"width": 1, "w_std": 1.4142135623730951, "b_std": 0.1}}"#, "")
}

fn cnn(head: &str) -> Architecture {
    let conv = r#"{"conv": {"channels": 1, "filter": [3, 3], "padding": "same", "w_std": 1.4142135623730951, "b_std": 0.1}}"#;
    three(conv, &format!("\"{head}\", "))
}

fn ntk<T: Real>(net: &Architecture, x: &Inputs<T>) -> impl Fn() + use<T> {
    let (kernel, x) = (Kernel::<T>::new(net, x.shape()).expect("the shapes fit"), x.clone());
    move || {
        std::hint::black_box(kernel.ntk(&x, None).expect("finite inputs"));
    }
}

fn predict() -> impl Fn() {
    let (x, z) = (Inputs::from(dense(2000, 784, 0)), Inputs::from(dense(500, 784, 3000)));
    let kernel = Kernel::new(&fc(), x.shape()).expect("the shapes fit");
    let (dd, td) = (kernel.ntk(&x, None).expect("finite"), kernel.ntk(&z, Some(&x)).expect("finite"));
    let y = DMatrix::from_fn(2000, 1, |i, _| (1.1 * i as f64).sin());
    let (f0, g0) = (DMatrix::zeros(2000, 1), DMatrix::zeros(500, 1));
    move || {
        let mut training = Krylov::new(&dd, &y, &f0, Regularizer::Relative(1e-6)).expect("finite kernel");
        for time in [1.0, 10.0, 100.0] {
            let outputs = training.test(Schedule::flow(time), &g0, &td);
            std::hint::black_box(outputs.expect("shapes fit"));
        }
    }
}

/// The full empirical NTK of a 512 x 512 network at its initialisation, f32.
fn empirical(outputs: usize) -> impl Fn() {
    let layers =
        [dense_layer(512).into(), relu(), dense_layer(512).into(), relu(), dense_layer(outputs).into()];
    let x = Inputs::from(dense(200, 100, 0).map(|x| x as f32));
    let net = Network::new(&Architecture::new(layers), x.shape()).expect("the widths fit");
    let params: Params<f32> = net.init(&Stream::root(0));
    let batch = Batch::from(&x);
    move || {
        let ntk = EmpiricalNtk::new(&net, &params).expect("its own parameters");
        std::hint::black_box(ntk.full(&batch, None).expect("finite inputs"));
    }
}

type Case = (&'static str, fn() -> Box<dyn Fn()>);

const CASES: [Case; 10] = [
    ("nt_fc_n2000_f64", || Box::new(ntk::<f64>(&fc(), &dense(2000, 784, 0).into()))),
    ("nt_fc_n4000_f64", || Box::new(ntk::<f64>(&fc(), &dense(4000, 784, 0).into()))),
    ("nt_fc_n4000_f32", || Box::new(ntk::<f32>(&fc(), &dense(4000, 784, 0).map(|x| x as f32).into()))),
    ("nt_conv_gap_8x8_n64_f64", || Box::new(ntk::<f64>(&cnn("global_avg_pool"), &images(64, 8)))),
    ("nt_conv_gap_16x16_n32_f32", || Box::new(ntk::<f32>(&cnn("global_avg_pool"), &images(32, 16)))),
    ("nt_conv_gap_32x32_n8_f32", || Box::new(ntk::<f32>(&cnn("global_avg_pool"), &images(8, 32)))),
    ("nt_conv_flatten_32x32_n64_f32", || Box::new(ntk::<f32>(&cnn("flatten"), &images(64, 32)))),
    ("nt_empirical_fc512x2_k1_n200", || Box::new(empirical(1))),
    ("nt_empirical_fc512x2_k10_n200", || Box::new(empirical(10))),
    ("nt_predict_n2000", || Box::new(predict())),
];

fn median(run: &dyn Fn()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[2]
}

/// The better of the peer's medians on one and two threads, in seconds.
fn peer(case: &str) -> Option<f64> {
    let (python, script) =
        (std::env::var("OVERPARAM_PEERS_PYTHON").ok()?, std::env::var("OVERPARAM_PEERS").ok()?);
    let run = |threads: &str| -> Option<f64> {
        let output = Command::new(&python)
            .args([&script, case, "--repeat", "3", "--threads", threads])
            .output()
            .ok()?;
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
        line["median_s"].as_f64()
    };
    [run("1"), run("2")].into_iter().flatten().reduce(f64::min)
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    for (name, prepare) in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let ours = median(&prepare()).as_secs_f64();
        match peer(name) {
            Some(theirs) => println!(
                "{name:32} {:9.2} ms   peer {:9.2} ms   ratio {:.1}",
                ours * 1e3,
                theirs * 1e3,
                theirs / ours
            ),
            None => println!("{name:32} {:9.2} ms", ours * 1e3),
        }
    }
}
