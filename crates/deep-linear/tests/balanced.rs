//! The closed forms of two balanced layers and of single modes against an independent integration.

use nalgebra::DMatrix;
use overparam_deep_linear::balanced::{AlignedMode, BalancedFlow, DepthMode};
use overparam_tensor::random::Stream;
use serde_json::Value;

fn golden(key: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("data/balanced.json")).unwrap();
    all[key].as_array().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn matrix(value: &Value) -> DMatrix<f64> {
    let rows = value.as_array().unwrap();
    DMatrix::from_fn(rows.len(), rows[0].as_array().unwrap().len(), |i, j| number(&rows[i][j]))
}

#[test]
fn two_layers_follow_the_closed_form() {
    let (mut worst, mut late): (f64, f64) = (0.0, 0.0);
    for case in golden("two_layers") {
        let [w1, w2, sigma] = ["W1", "W2", "Sigma"].map(|key| matrix(&case[key]));
        let flow = BalancedFlow::new(&w1, &w2, &sigma).unwrap();
        assert!((flow.imbalance() - number(&case["lam"])).abs() < 1e-12);
        for moment in case["trajectory"].as_array().unwrap() {
            let state = flow.at(number(&moment["t"])).unwrap();
            for (ours, key) in
                [(&state.product, "W2W1"), (&state.input_gram, "W1tW1"), (&state.output_gram, "W2W2t")]
            {
                worst = worst.max((ours - matrix(&moment[key])).amax());
            }
            let loss = number(&moment["loss"]);
            assert!((flow.loss(&state) - loss).abs() < 1e-9 * (1.0 + loss));
        }
        let limit = flow.limit().unwrap().product;
        late = late.max((&limit - matrix(&case["limit_W2W1"])).amax());
        late = late.max((flow.at(1e5).unwrap().product - limit).amax());
    }
    println!("largest error {worst:.1e}, late {late:.1e}");
    assert!(worst < 1e-9 && late < 1e-9, "{worst:e} {late:e}");
}

#[test]
fn aligned_modes_follow_the_closed_form() {
    let mut worst: f64 = 0.0;
    for case in golden("aligned_mode") {
        let [s0, sigma, lambda] = ["s0", "sigma", "lam"].map(|key| number(&case[key]));
        let mode = AlignedMode::new(s0, sigma, lambda).unwrap();
        for (t, s) in case["t"].as_array().unwrap().iter().zip(case["s"].as_array().unwrap()) {
            worst = worst.max((mode.at(number(t)).unwrap() - number(s)).abs());
        }
    }
    println!("largest error {worst:.1e}");
    assert!(worst < 1e-11, "{worst:e}");
}

#[test]
fn depth_sets_the_time() {
    let mut worst: f64 = 0.0;
    for case in golden("depth") {
        let [s0, sigma, fraction, time] = ["s0", "sigma", "fraction", "t"].map(|key| number(&case[key]));
        let mode = DepthMode::new(case["N"].as_u64().unwrap() as usize, s0, sigma).unwrap();
        let found = mode.time_to_fraction(fraction).unwrap();
        worst = worst.max((found / time - 1.0).abs());
        assert!((mode.at(found).unwrap() / (fraction * sigma) - 1.0).abs() < 1e-12);
    }
    println!("largest relative error {worst:.1e}");
    assert!(worst < 1e-11, "{worst:e}");
}

/// Layers of 256 to 4,096 hidden units, balanced with `lambda = 0`, moved by Runge-Kutta steps on the loss of their own weights. Those steps are
/// of order 4 and err by 2e-10 at most: a sixteenth of the 2e-9 that steps of twice the size have.
#[test]
fn wide_layers_follow_the_closed_form() {
    let (d, c) = (3, 2);
    let stream = Stream::root(12);
    let sigma: DMatrix<f64> = stream.named("sigma").normal_matrix(c, d, 0.7);
    for h in [256, 1024, 4096] {
        let hidden: DMatrix<f64> = stream.named("hidden").indexed(h as u64).orthonormal_matrix(h, c);
        let right: DMatrix<f64> = stream.named("right").orthonormal_matrix(d, c);
        let left: DMatrix<f64> = stream.named("left").orthonormal_matrix(c, c);
        let roots = DMatrix::from_diagonal(&nalgebra::DVector::from_vec(vec![0.3, 0.1]));
        let mut w1 = &hidden * &roots * right.transpose();
        let mut w2 = &left * &roots * hidden.transpose();
        let flow = BalancedFlow::new(&w1, &w2, &sigma).unwrap();
        let speed = |w1: &DMatrix<f64>, w2: &DMatrix<f64>| {
            let missing = &sigma - w2 * w1;
            (w2.tr_mul(&missing), &missing * w1.transpose())
        };
        let (mut worst, step): (f64, f64) = (0.0, 0.005);
        for count in 1..=800 {
            let k1 = speed(&w1, &w2);
            let k2 = speed(&(&w1 + &k1.0 * (0.5 * step)), &(&w2 + &k1.1 * (0.5 * step)));
            let k3 = speed(&(&w1 + &k2.0 * (0.5 * step)), &(&w2 + &k2.1 * (0.5 * step)));
            let k4 = speed(&(&w1 + &k3.0 * step), &(&w2 + &k3.1 * step));
            w1 += (k1.0 + (k2.0 + k3.0) * 2.0 + k4.0) * (step / 6.0);
            w2 += (k1.1 + (k2.1 + k3.1) * 2.0 + k4.1) * (step / 6.0);
            if count % 200 == 0 {
                let state = flow.at(f64::from(count) * step).unwrap();
                worst = worst.max((&state.product - &w2 * &w1).amax());
                worst = worst.max((&state.input_gram - w1.tr_mul(&w1)).amax());
                worst = worst.max((&state.output_gram - &w2 * w2.transpose()).amax());
            }
        }
        println!("{h} hidden units: {worst:.1e}");
        assert!(worst < 1e-9, "{h}: {worst:e}");
    }
}
