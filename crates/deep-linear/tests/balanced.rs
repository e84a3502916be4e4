//! The closed forms of two balanced layers and of single modes against an independent integration.

use nalgebra::DMatrix;
use overparam_deep_linear::balanced::{AlignedMode, BalancedFlow, DepthMode};
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
