//! `predict` without the kernel in memory, the real binary: the answers are those of all eigenvalues in memory.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::npy::write;
use common::xtask;
use nalgebra::DMatrix;
use overparam_tensor::array::read_npz;
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
        let files = "predict --arch @net.json --train-x @x.npy --train-y @y.npy --test-x @z.npy --ridge 0.01";
        self.command(&format!("{files} {more} --out @p.npz")).assert().success();
        let arrays = read_npz::<f64>(fs::File::open(self.path("p.npz")).unwrap()).unwrap();
        arrays.into_iter().map(|(name, a)| (name, a.to_matrix())).collect()
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
        // The kernel's own rounding, through the condition number of some 1e4.
        ("--kernel @K32.zarr", 1e-2),
    ] {
        let found = desk.predict(how);
        for name in ["train_mean", "test_mean"] {
            let error = apart(&found[name], &expected[name]);
            assert!(error < close, "{how}: {name} is off by {error:e}");
        }
        assert_eq!(found["coefficients"].shape(), (TRAIN, 3));
    }
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
