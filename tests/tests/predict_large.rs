//! `predict` without the kernel in memory, the real binary: the answers are those of all eigenvalues in memory.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::npy::write;
use common::xtask;
use nalgebra::{Cholesky, DMatrix};
use overparam_tensor::Array;
use overparam_tensor::array::{read_npy, read_npz};
use serde_json::Value;
use tempfile::TempDir;

const TRAIN: usize = 150;
const TEST: usize = 20;

/// Inputs and three outputs, which are no function of a network.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let rows = |n: usize, d: usize, shift: f64| -> Vec<f64> {
            (0..n * d)
                .map(|k| {
                    (0.7 * (k / d) as f64 + 1.3 * (k % d) as f64 + shift + 0.01 * (k * k % 97) as f64).sin()
                })
                .collect()
        };
        write(&desk.path("x.npy"), &[TRAIN, 6], &rows(TRAIN, 6, 0.0));
        write(&desk.path("z.npy"), &[TEST, 6], &rows(TEST, 6, 0.4));
        write(&desk.path("y.npy"), &[TRAIN, 3], &rows(TRAIN, 3, 0.9));
        let net = |width: f64| {
            format!(
                r#"{{"layers": [{{"dense": {{"width": 8, "w_std": {width}, "b_std": 0.1}}}}, "relu", {{"dense": {{"width": 3}}}}]}}"#
            )
        };
        fs::write(desk.path("net.json"), net(1.5)).unwrap();
        fs::write(desk.path("other.json"), net(1.4)).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command in which files of this folder begin with `@`.
    fn command(&self, words: &str) -> assert_cmd::Command {
        let mut command = xtask();
        for word in words.split_whitespace() {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.path(name)),
                None => command.arg(word),
            };
        }
        command
    }

    fn predict(&self, more: &str) -> BTreeMap<String, DMatrix<f64>> {
        self.predict_and_say(&format!("--ridge 0.01 {more}")).0
    }

    /// The arrays, and what was said on standard output.
    fn predict_and_say(&self, more: &str) -> (BTreeMap<String, DMatrix<f64>>, String) {
        let files = "predict --arch @net.json --train-x @x.npy --train-y @y.npy --test-x @z.npy";
        let assert = self.command(&format!("{files} {more} --out @p.npz")).assert().success();
        let arrays = read_npz::<f64>(fs::File::open(self.path("p.npz")).unwrap()).unwrap();
        let matrix = |a: Array<f64>| {
            if a.shape().len() == 1 { DMatrix::from_vec(a.len(), 1, a.to_vec()) } else { a.to_matrix() }
        };
        let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
        (arrays.into_iter().map(|(name, a)| (name, matrix(a))).collect(), said)
    }

    /// The training kernel, and the targets.
    fn system(&self) -> (DMatrix<f64>, DMatrix<f64>) {
        self.command("kernel --arch @net.json --x1 @x.npy --kind ntk --out @k.npz").assert().success();
        let kernel = read_npz::<f64>(fs::File::open(self.path("k.npz")).unwrap()).unwrap();
        let targets: Array<f64> = read_npy(fs::File::open(self.path("y.npy")).unwrap()).unwrap();
        (kernel["ntk"].to_matrix(), targets.to_matrix())
    }

    fn store(&self, name: &str, more: &str) {
        let words = format!("kernel --arch @net.json --x1 @x.npy --tile 32 --out @{name} {more}");
        self.command(&words).assert().success();
    }

    /// What is said of a command that is refused.
    fn refusal(&self, more: &str) -> String {
        let files = "predict --train-x @x.npy --train-y @y.npy --test-x @z.npy";
        let output = self.command(&format!("{files} {more} --out @q.npz")).assert().code(2);
        assert!(!self.path("q.npz").exists());
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    }
}

fn apart(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    (a - b).amax() / b.amax()
}

#[test]
fn a_stored_kernel_and_one_that_is_computed_again_give_the_answer_of_all_eigenvalues() {
    let desk = Desk::new();
    let expected = desk.predict("");
    desk.store("K.zarr", "");
    desk.store("K32.zarr", "--precision f32 --kind ntk");
    for (how, close) in [
        ("--kernel @K.zarr --tolerance 1e-11", 1e-8),
        ("--kernel @K.zarr --method cg --tolerance 1e-11", 1e-8),
        ("--method direct --tolerance 1e-11", 1e-8),
        ("--method cg --tolerance 1e-11", 1e-8),
        ("--kernel @K.zarr --memory 1M --scratch @scratch --tolerance 1e-11", 1e-8),
        // Tiles that are rounded to f32 hold the factor; the residuals are those of the inputs.
        ("--kernel @K32.zarr --tolerance 1e-11", 1e-8),
        // The kernel's own rounding, through the condition number of some 1e4.
        ("--kernel @K32.zarr --refine tiles", 1e-2),
    ] {
        let found = desk.predict(how);
        for name in ["train_mean", "test_mean"] {
            let error = apart(&found[name], &expected[name]);
            assert!(error < close, "{how}: {name} is off by {error:e}");
        }
        assert_eq!(found["coefficients"].shape(), (TRAIN, 3));
    }
}

/// What an f32 store keeps of the kernel is not what is solved, unless it is asked for.
#[test]
fn the_rounding_of_tiles_stays_out_of_the_answer() {
    let desk = Desk::new();
    let expected = desk.predict("");
    desk.store("K32.zarr", "--precision f32 --kind ntk");
    let error = |more: &str| {
        let words = format!("--ridge 0.01 --kernel @K32.zarr --tolerance 1e-11 --json {more}");
        let (found, said) = desk.predict_and_say(&words);
        let event: Value = serde_json::from_str(&said).unwrap();
        (apart(&found["coefficients"], &expected_coefficients(&desk)), event["residual_from"].clone(), found)
    };
    let (of_inputs, from, found) = error("");
    assert_eq!(from, "inputs");
    assert!(of_inputs < 1e-8 && apart(&found["test_mean"], &expected["test_mean"]) < 1e-8, "{of_inputs:e}");
    let (of_tiles, from, _) = error("--refine tiles");
    assert_eq!(from, "tiles");
    assert!(of_tiles > 1e-7, "{of_tiles:e}");
}

/// By another factor, in f64.
fn expected_coefficients(desk: &Desk) -> DMatrix<f64> {
    let (kernel, y) = desk.system();
    Cholesky::new(kernel + DMatrix::identity(TRAIN, TRAIN) * 0.01).unwrap().solve(&y)
}

#[test]
fn the_last_layer_alone_and_a_relative_ridge_are_those_of_all_eigenvalues() {
    let desk = Desk::new();
    desk.store("K.zarr", "");
    let expected = desk.predict("--kind nngp --relative-ridge");
    let found = desk.predict("--kind nngp --relative-ridge --kernel @K.zarr --tolerance 1e-11");
    assert!(apart(&found["test_mean"], &expected["test_mean"]) < 1e-8);
}

#[test]
fn another_kernel_is_refused_with_what_differs() {
    let desk = Desk::new();
    desk.store("K.zarr", "--kind nngp");
    desk.command("kernel --arch @net.json --x1 @z.npy --tile 32 --out @Z.zarr").assert().success();
    desk.command("kernel --arch @net.json --x1 @z.npy --x2 @x.npy --tile 32 --out @ZX.zarr")
        .assert()
        .success();
    for (more, part) in [
        ("--arch @net.json --kernel @K.zarr", "it has no ntk"),
        ("--arch @other.json --kind nngp --kernel @K.zarr", "another architecture"),
        ("--arch @net.json --kernel @Z.zarr", "other inputs"),
        ("--arch @net.json --kernel @ZX.zarr", "between two batches"),
        ("--arch @net.json --kernel @x.npy", "x.npy"),
        ("--arch @net.json --method cg --time 3", "no other time than inf"),
        ("--arch @net.json --method cg --curve @c.csv", "no curve"),
        ("--arch @net.json --method cg --tolerance 2", "between 0 and 1"),
        ("--arch @net.json --method direct --memory 10K", "memory"),
        (
            "--arch @net.json --kind nngp --kernel @K.zarr --method cg --refine inputs",
            "expected --method direct",
        ),
        ("--arch @net.json --method direct --refine tiles", "--kernel"),
    ] {
        let text = desk.refusal(more);
        assert!(text.contains(part), "{more}: {text}");
    }
    remove_a_tile(&desk.path("K.zarr"));
    let text = desk.refusal("--arch @net.json --kind nngp --kernel @K.zarr");
    assert!(text.contains("of 15 tiles are missing or damaged"), "{text}");
}

fn remove_a_tile(store: &Path) {
    fs::remove_file(store.join("nngp/c/2/1")).unwrap();
}

/// Every input's outputs from solving without it, one after the other, with another factor in f64.
fn left_out(kernel: &DMatrix<f64>, y: &DMatrix<f64>, ridge: f64) -> DMatrix<f64> {
    let n = kernel.nrows();
    let mut outputs = DMatrix::zeros(n, y.ncols());
    for i in 0..n {
        let others = kernel.clone().remove_row(i).remove_column(i) + DMatrix::identity(n - 1, n - 1) * ridge;
        let coefficients = Cholesky::new(others).unwrap().solve(&y.clone().remove_row(i));
        outputs.set_row(i, &(kernel.row(i).into_owned().remove_column(i) * coefficients).row(0));
    }
    outputs
}

fn loss(outputs: &DMatrix<f64>, y: &DMatrix<f64>) -> f64 {
    (outputs - y).norm_squared() / (2 * y.len()) as f64
}

#[test]
fn leaving_one_out_is_solving_without_it() {
    let desk = Desk::new();
    let (kernel, y) = desk.system();
    let expected = left_out(&kernel, &y, 0.01);
    desk.store("K.zarr", "");
    for how in ["--kernel @K.zarr", "", "--kernel @K.zarr --memory 2M --scratch @scratch"] {
        let (found, said) = desk.predict_and_say(&format!("--ridge 0.01 --leave-one-out --json {how}"));
        // The condition number is some 1e4, and the diagonal of the inverse is in f32.
        let error = apart(&found["leave_one_out"], &expected);
        assert!(error < 1e-3, "{how}: off by {error:e}");
        let event: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        let told = event["leave_one_out_loss"].as_f64().unwrap();
        assert!((told / loss(&expected, &y) - 1.0).abs() < 1e-3, "{event}");
        assert!(event["leave_one_out_error"].as_f64().unwrap() < 1e-3, "{event}");
        assert!(event["residual"].as_f64().unwrap() <= 1e-6 && event["time"].is_null(), "{event}");
    }
}

#[test]
fn the_ridge_of_a_path_is_the_one_with_the_least_leave_one_out_loss() {
    let desk = Desk::new();
    let (kernel, y) = desk.system();
    desk.store("K.zarr", "");
    let scale = kernel.diagonal().mean();
    for (how, factor) in [("--kernel @K.zarr", 1.0), ("--relative-ridge", scale)] {
        let ridges = [0.01, 0.1, 1.0, 100.0];
        let path = format!("--ridge-path 0.01,0.1,1,100 --tolerance 1e-11 {how}");
        let (found, said) = desk.predict_and_say(&path);
        let expected = ridges.map(|ridge| loss(&left_out(&kernel, &y, ridge * factor), &y));
        for (i, &ridge) in ridges.iter().enumerate() {
            assert!((found["ridges"][i] / (ridge * factor) - 1.0).abs() < 1e-12);
            assert!((found["leave_one_out_loss"][i] / expected[i] - 1.0).abs() < 1e-3, "{how}: {expected:?}");
        }
        let best = (0..4).min_by(|&i, &j| expected[i].total_cmp(&expected[j])).unwrap();
        assert!(
            said.lines()
                .any(|line| line.contains("<- chosen")
                    && line.contains(&format!("{:.6e}", found["ridges"][best]))),
            "{said}"
        );
        // The prediction is the one with that ridge, by all eigenvalues in memory.
        let ridge = ridges[best] * factor;
        let alone = desk.predict_and_say(&format!("--ridge {ridge:e}")).0;
        assert!(apart(&found["test_mean"], &alone["test_mean"]) < 1e-8, "{how}");
    }
}

/// A ridge of zero and an input that stands twice, with two targets.
#[test]
fn a_ridge_that_is_too_small_is_passed_over_and_said() {
    let desk = Desk::new();
    let mut x: Vec<f64> = (0..40 * 6).map(|k| f64::from(k * k % 97).sin()).collect();
    x.copy_within(0..6, 6);
    write(&desk.path("x.npy"), &[40, 6], &x);
    write(&desk.path("y.npy"), &[40, 1], &(0..40).map(f64::from).collect::<Vec<_>>());
    let (found, said) = desk.predict_and_say("--ridge-path 0,0.1");
    assert!(found["leave_one_out_loss"][0].is_nan() && found["leave_one_out_loss"][1].is_finite());
    assert!(said.contains("passed over") && said.contains("ridge 1.000000e-1: leave-one-out loss"), "{said}");
    let error = desk.refusal("--arch @net.json --ridge-path 0");
    assert!(error.contains("none of the 1 ridges"), "{error}");
    for (more, part) in [
        ("--ridge-path 1 --ridge 2", "cannot be used with"),
        ("--ridge-path 1,-2", "finite number >= 0"),
        ("--ridge-path 1 --method cg", "expected --method direct"),
        ("--leave-one-out --method cg", "expected --method direct"),
        ("--leave-one-out --time 3", "no other time than inf"),
        ("--relative-ridge", "--ridge"),
    ] {
        let error = desk.refusal(&format!("--arch @net.json {more}"));
        assert!(error.contains(part), "{more}: {error}");
    }
}

#[test]
fn a_job_waits_for_the_tiles_of_its_kernel() {
    let desk = Desk::new();
    desk.store("K.zarr", "");
    let words = "--arch @net.json --kernel @K.zarr --ridge-path 0.1,1 --refine tiles --launcher slurm --dry-run --mem 8G --time-limit 5";
    let job = format!("predict --train-x @x.npy --train-y @y.npy --test-x @z.npy {words} --out @p.npz");
    let script = || {
        let output = desk.command(&job).assert().success();
        String::from_utf8_lossy(&output.get_output().stdout).into_owned()
    };
    let whole = script();
    for word in [
        "--time=5",
        "--mem=8G",
        "--requeue",
        "--ridge-path 1e-1,1e0",
        "--refine tiles",
        "p.npz.slurm/scratch",
        "SLURM_CPUS_PER_TASK",
    ] {
        assert!(whole.contains(word), "{word} in {whole}");
    }
    assert!(!whole.contains("--dependency"), "{whole}");
    remove_a_tile(&desk.path("K.zarr"));
    let error = desk.refusal(words);
    assert!(error.contains("1 of 15 tiles are missing, and no job is queued"), "{error}");
    fs::create_dir(desk.path("K.zarr.slurm")).unwrap();
    fs::write(desk.path("K.zarr.slurm/arrays.txt"), "17\n23\n").unwrap();
    assert!(script().contains("--dependency=afterany:17:23 "));
    assert!(!desk.path("p.npz.slurm").exists());
    let error = desk.refusal(&format!("{words} --method cg"));
    assert!(error.contains("expected --method direct"), "{error}");
}
