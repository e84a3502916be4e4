//! `predict --richness`, the real binary: against nets of its richness that are trained here on their own loss, against the tangent
//! kernel, and against itself with other samples.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::npy::write;
use common::xtask;
use nalgebra::{DMatrix, DVector};
use overparam_tensor::array::read_npz;
use overparam_tensor::random::Stream;
use serde_json::Value;
use tempfile::TempDir;

const TRAIN: usize = 6;
const TEST: usize = 3;
const SIDE: usize = 4;
const W: f64 = 1.3;
const B: f64 = 0.4;
const READOUT: f64 = 0.8;

/// Some inputs, targets and a net of two layers.
struct Desk {
    folder: TempDir,
    x: DMatrix<f64>,
    y: DVector<f64>,
}

impl Desk {
    fn new(activation: &str) -> Self {
        let stream = Stream::root(11);
        let x: DMatrix<f64> = stream.named("x").normal_matrix(TRAIN + TEST, SIDE, 1.0);
        let y = DVector::from_fn(TRAIN, |i, _| x[(i, 0)] * x[(i, 1)] - 0.3);
        let desk = Self { folder: tempfile::tempdir().unwrap(), x, y };
        let rows = |from: usize, count: usize| -> Vec<f64> {
            (from..from + count).flat_map(|i| desk.x.row(i).iter().copied().collect::<Vec<_>>()).collect()
        };
        write(&desk.path("x.npy"), &[TRAIN, SIDE], &rows(0, TRAIN));
        write(&desk.path("z.npy"), &[TEST, SIDE], &rows(TRAIN, TEST));
        write(&desk.path("y.npy"), &[TRAIN], desk.y.as_slice());
        let truth: Vec<f64> = (TRAIN..TRAIN + TEST).map(|i| desk.x[(i, 0)] * desk.x[(i, 1)] - 0.3).collect();
        write(&desk.path("truth.npy"), &[TEST], &truth);
        desk.net(&format!(
            r#"[{{"dense": {{"width": 1, "w_std": {W}, "b_std": {B}}}}}, "{activation}", {{"dense": {{"width": 1, "w_std": {READOUT}}}}}]"#
        ));
        desk
    }

    fn net(&self, layers: &str) {
        fs::write(self.path("net.json"), format!(r#"{{"layers": {layers}}}"#)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> assert_cmd::Command {
        let mut run = xtask();
        run.arg("predict").arg("--arch").arg(self.path("net.json"));
        for (option, name) in [("--train-x", "x.npy"), ("--train-y", "y.npy"), ("--test-x", "z.npy")] {
            run.arg(option).arg(self.path(name));
        }
        run.arg("--out").arg(self.path("p.npz")).args(more);
        run
    }

    /// The arrays, training over test, and what was printed.
    fn predict(&self, more: &[&str]) -> (BTreeMap<String, DMatrix<f64>>, String) {
        let output = self.command(more).assert().success().get_output().stdout.clone();
        let arrays = read_npz::<f64>(fs::File::open(self.path("p.npz")).unwrap()).unwrap();
        let arrays = arrays.into_iter().map(|(name, a)| (name, a.to_matrix())).collect();
        (arrays, String::from_utf8(output).unwrap())
    }

    /// `rich_mean` and its errors, or `mean`, on training and test inputs.
    fn outputs(arrays: &BTreeMap<String, DMatrix<f64>>, [train, test]: [&str; 2]) -> DVector<f64> {
        DVector::from_iterator(TRAIN + TEST, arrays[train].iter().chain(arrays[test].iter()).copied())
    }
}

const RICH: [&str; 2] = ["rich_train_mean", "rich_test_mean"];
const ERROR: [&str; 2] = ["rich_train_error", "rich_test_error"];
const LAZY: [&str; 2] = ["train_mean", "test_mean"];

/// An activation and its derivative.
type WithSlope = (fn(f64) -> f64, fn(f64) -> f64);

/// Outputs of a net `r/(gamma m) sum_i a_i phi(W w_i.x/sqrt d + B b_i)`, started in pairs, after gradient flow of all weights on the mean
/// loss `1/(2n) sum (f - y)^2` at the rate `gamma^2 m`, by Runge-Kutta's method of order 4.
fn trained(
    desk: &Desk,
    (phi, slope): WithSlope,
    gamma: f64,
    m: usize,
    time: f64,
    stream: &Stream,
) -> DVector<f64> {
    let half = m / 2;
    // Columns: read-out, weights, bias.
    let drawn: DMatrix<f64> = stream.normal_matrix(half, SIDE + 2, 1.0);
    let mut theta = DMatrix::from_fn(m, SIDE + 2, |i, k| {
        drawn[(i % half, k)] * if k == 0 && i >= half { -1.0 } else { 1.0 }
    });
    let inputs = DMatrix::from_fn(SIDE + 1, TRAIN + TEST, |k, i| {
        if k < SIDE { W * desk.x[(i, k)] / (SIDE as f64).sqrt() } else { B }
    });
    let outputs = |theta: &DMatrix<f64>| {
        let hidden = (theta.columns(1, SIDE + 1) * &inputs).map(phi);
        hidden.tr_mul(&theta.column(0)) * (READOUT / (gamma * m as f64))
    };
    // -gamma^2 m dL/dtheta.
    let speed = |theta: &DMatrix<f64>| {
        let h = theta.columns(1, SIDE + 1) * inputs.columns(0, TRAIN);
        let missing = (&desk.y - outputs(theta).rows(0, TRAIN)) * (gamma * READOUT / TRAIN as f64);
        let mut speed = DMatrix::zeros(m, SIDE + 2);
        speed.column_mut(0).copy_from(&(h.map(phi) * &missing));
        let pull = DMatrix::from_fn(m, TRAIN, |i, mu| theta[(i, 0)] * slope(h[(i, mu)]) * missing[mu]);
        speed.columns_mut(1, SIDE + 1).copy_from(&(pull * inputs.columns(0, TRAIN).transpose()));
        speed
    };
    let steps = 60;
    let h = time / f64::from(steps);
    for _ in 0..steps {
        let k1 = speed(&theta);
        let k2 = speed(&(&theta + &k1 * (0.5 * h)));
        let k3 = speed(&(&theta + &k2 * (0.5 * h)));
        let k4 = speed(&(&theta + &k3 * h));
        theta += (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0);
    }
    outputs(&theta)
}

/// The mean of wide nets within four standard errors, theirs and the stated one, and a bias of order 1/m.
#[test]
fn rich_nets_learn_what_is_predicted() {
    let (m, nets, time) = (1024, 24, "9");
    let functions: [(&str, WithSlope); 2] = [
        ("tanh", (f64::tanh, |x| 1.0 - x.tanh().powi(2))),
        ("relu", (|x| x.max(0.0), |x| f64::from(u8::from(x > 0.0)))),
    ];
    for (activation, functions) in functions {
        let desk = Desk::new(activation);
        for gamma in [0.5, 1.5] {
            let (arrays, _) = desk.predict(&["--time", time, "--richness", &gamma.to_string()]);
            let [predicted, error, lazy] = [RICH, ERROR, LAZY].map(|names| Desk::outputs(&arrays, names));
            let runs: Vec<DVector<f64>> = (0..nets)
                .map(|i| trained(&desk, functions, gamma, m, 9.0, &Stream::root(2).indexed(i)))
                .collect();
            let mean = runs.iter().sum::<DVector<f64>>() / nets as f64;
            let mut seen: f64 = 0.0;
            for i in 0..TRAIN + TEST {
                let spread = runs.iter().map(|r| (r[i] - mean[i]).powi(2)).sum::<f64>();
                let standard = (spread / (nets * (nets - 1)) as f64).sqrt();
                let off = (mean[i] - predicted[i]).abs();
                println!(
                    "{activation} gamma {gamma} at {i}: {:.4} off {off:.1e}, errors {standard:.1e} and {:.1e}, lazy {:.4}",
                    predicted[i], error[i], lazy[i]
                );
                assert!(off < 4.0 * standard.hypot(error[i]) + 4.0 / m as f64, "{activation} {gamma} {i}");
                seen = seen.max((lazy[i] - mean[i]).abs() / (standard.hypot(error[i]) + 4.0 / m as f64));
            }
            // The frozen kernel would not have passed.
            assert!(gamma < 1.0 || seen > 4.0, "{activation} {gamma}: {seen}");
        }
    }
}

/// Time, ridge, scales and biases are those of the lazy answer: it is the limit, at a distance of order gamma^2.
#[test]
fn little_richness_is_the_lazy_answer() {
    for activation in ["erf", "silu"] {
        let desk = Desk::new(activation);
        let at = |gamma: &str| {
            let (arrays, _) = desk.predict(&["--time", "5", "--richness", gamma]);
            (Desk::outputs(&arrays, RICH) - Desk::outputs(&arrays, LAZY)).amax()
        };
        let (far, near) = (at("0.1"), at("0.05"));
        assert!(near > 1e-6 && near < 1e-2, "{activation} {near:e}");
        assert!(((far / near).log2() - 2.0).abs() < 0.1, "{activation}: {far:e} {near:e}");
        assert_eq!(at("0"), 0.0);
    }
}

/// Other samples agree within the errors, more samples have smaller ones, and the same command gives the same bits.
#[test]
fn the_error_is_one() {
    let desk = Desk::new("relu");
    let run = |more: &[&str]| desk.predict(&[&["--time", "9", "--richness", "1"], more].concat());
    let few = |seed: &str| run(&["--richness-pairs", "256", "--richness-seed", seed]).0;
    let (one, many) = (few("1"), run(&["--richness-pairs", "8192"]).0);
    assert_eq!(one, few("1"));
    let (error, small) = (Desk::outputs(&one, ERROR), Desk::outputs(&many, ERROR));
    for other in [&few("2"), &few("3"), &many] {
        let errors = error.zip_map(&Desk::outputs(other, ERROR), f64::hypot);
        let off = (Desk::outputs(&one, RICH) - Desk::outputs(other, RICH)).abs();
        assert!(off.iter().zip(&errors).all(|(off, error)| *off < 4.0 * error), "{off} {errors}");
    }
    assert!(small.sum() < 0.5 * error.sum(), "{small} {error}");
}

#[test]
fn losses_are_compared() {
    let desk = Desk::new("tanh");
    let (arrays, text) = desk.predict(&["--time", "9", "--richness", "1"]);
    assert!(
        text.contains("\nrichness 1: train loss ") && text.contains("test outputs move by up to"),
        "{text}"
    );
    let truth = desk.path("truth.npy");
    let (_, text) =
        desk.predict(&["--time", "9", "--richness", "1", "--test-y", &truth.display().to_string()]);
    assert!(text.contains("features that move"), "{text}");
    let after = text.split("richness 1: train loss ").nth(1).unwrap();
    let stated: f64 = after.split(' ').next().unwrap().parse().unwrap();
    let loss = (&arrays["rich_train_mean"] - &desk.y).norm_squared() / (2.0 * TRAIN as f64);
    assert!((stated / loss - 1.0).abs() < 1e-5, "{text} {loss}");
}

/// With `--json` every number of the sentence has a field.
#[test]
fn the_event_has_numbers() {
    let desk = Desk::new("tanh");
    let truth = desk.path("truth.npy").display().to_string();
    let event = |more: &[&str]| -> Value {
        let (_, text) = desk.predict(&[&["--time", "9", "--richness", "1", "--json"], more].concat());
        let mut events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["event"] == "richness").unwrap()
    };
    let with = event(&["--test-y", &truth]);
    let number = |key: &str| with[key].as_f64().unwrap_or_else(|| panic!("{key} in {with}"));
    let arrays = read_npz::<f64>(fs::File::open(desk.path("p.npz")).unwrap()).unwrap();
    let matrix = |name: &str| arrays[name].to_matrix();
    let truth = DMatrix::from_fn(TEST, 1, |i, _| desk.x[(TRAIN + i, 0)] * desk.x[(TRAIN + i, 1)] - 0.3);
    let y = DMatrix::from_column_slice(TRAIN, 1, desk.y.as_slice());
    for (key, outputs, targets) in [
        ("train_loss", "rich_train_mean", &y),
        ("lazy_train_loss", "train_mean", &y),
        ("test_loss", "rich_test_mean", &truth),
        ("lazy_test_loss", "test_mean", &truth),
    ] {
        let loss = (matrix(outputs) - targets).norm_squared() / (2.0 * targets.len() as f64);
        assert!((number(key) / loss - 1.0).abs() < 1e-9, "{key} {loss} in {with}");
    }
    let change = number("test_loss") / number("lazy_test_loss") - 1.0;
    assert!((number("relative_change") - change).abs() < 1e-12);
    let moved = (matrix("rich_test_mean") - matrix("test_mean")).amax();
    assert!((number("largest_move") - moved).abs() < 1e-12);
    assert!(
        ["train_loss_error", "test_loss_error", "largest_move_error"].iter().all(|key| number(key) > 0.0)
    );
    assert_eq!(number("gamma"), 1.0);
    assert!(with["features"].is_string() && with["summary"].is_string());
    let without = event(&[]);
    assert!(without["test_loss"].is_null() && without["features"].is_null(), "{without}");
}

#[test]
fn what_has_no_rich_limit_is_refused() {
    let desk = Desk::new("relu");
    let refusal = |more: &[&str]| {
        let output = desk.command(more).assert().code(2);
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    };
    for (more, part) in [
        (&["--richness", "1"][..], "finite --time"),
        (&["--richness", "-1", "--time", "1"], "--richness"),
        (&["--richness", "1", "--time", "1", "--ridge", "0.1"], "--ridge 0"),
        (&["--richness", "1", "--time", "1", "--kind", "nngp"], "--kind ntk"),
        (&["--richness", "1", "--time", "1", "--method", "cg"], "larger than memory"),
        (&["--richness-pairs", "64", "--time", "1"], "--richness"),
        (&["--richness", "1", "--time", "1", "--richness-pairs", "1"], "2"),
        (&["--richness", "1", "--time", "1", "--richness-pairs", "4000000"], "GB"),
    ] {
        let message = refusal(more);
        assert!(message.contains(part), "{more:?}: {message}");
    }
    write(&desk.path("y.npy"), &[TRAIN, 2], &[0.5; 2 * TRAIN]);
    assert!(refusal(&["--richness", "1", "--time", "1"]).contains("2 outputs"));
    write(&desk.path("y.npy"), &[TRAIN], desk.y.as_slice());
    let dense = r#"{"dense": {"width": 1, "w_std": 1.0}}"#;
    for (layers, part) in [
        (format!(r#"[{dense}, "relu", {dense}, "relu", {dense}]"#), "two layers"),
        (format!("[{dense}]"), "two layers"),
        (format!(r#"[{dense}, "relu", {{"dense": {{"width": 1, "w_std": 1.0, "b_std": 0.1}}}}]"#), "bias"),
        (format!(r#"[{dense}, "relu", {{"dense": {{"width": 1, "w_std": 0.0}}}}]"#), "w_std 0"),
    ] {
        desk.net(&layers);
        let message = refusal(&["--richness", "1", "--time", "1"]);
        assert!(message.contains("net.json") && message.contains(part), "{layers}: {message}");
    }
    fs::write(
        desk.path("net.json"),
        format!(r#"{{"parameterization": "standard", "layers": [{dense}, "relu", {dense}]}}"#),
    )
    .unwrap();
    assert!(refusal(&["--richness", "1", "--time", "1"]).contains("NTK parameterisation"));
}

/// A job is asked for all that was asked for here.
#[test]
fn a_job_gets_the_richness() {
    let more =
        ["--time", "9", "--richness", "0.5", "--richness-seed", "7", "--launcher", "slurm", "--dry-run"];
    let output = Desk::new("tanh").command(&more).assert().success().get_output().stdout.clone();
    let script = String::from_utf8(output).unwrap();
    assert!(
        script.contains("--richness") && script.contains("5e-1") && script.contains("--richness-seed"),
        "{script}"
    );
}
