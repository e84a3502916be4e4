//! `xtask predict`, the real binary, against neural-tangents' golden values and against formulas written out here.

mod common;
#[path = "../../crates/ntk/tests/suite/common/golden.rs"]
mod golden;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::npy::{write, write_csv};
use common::{root, xtask};
use nalgebra::DMatrix;
use overparam_tensor::array::read_npz;
use serde_json::Value;
use tempfile::TempDir;

type Arrays = BTreeMap<String, DMatrix<f64>>;

fn arrays(path: &Path) -> Arrays {
    let arrays = read_npz::<f64>(fs::File::open(path).unwrap()).unwrap();
    arrays.into_iter().map(|(name, a)| (name, a.to_matrix())).collect()
}

/// The golden task: 12 training and 5 test inputs in 8 dimensions, one output.
struct Desk {
    folder: TempDir,
    y: DMatrix<f64>,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
            y: golden::matrix(&golden::golden()["predict"]["y"]),
        };
        let rows = |i0: usize, n: usize| -> Vec<f64> {
            let entry = |k: usize| {
                let (i, j) = ((i0 + k / 8) as f64, (k % 8) as f64);
                (0.7 * i + 1.3 * j + 0.1 * i * j).sin()
            };
            (0..8 * n).map(entry).collect()
        };
        write(&desk.path("x.npy"), &[12, 8], &rows(0, 12));
        write_csv(&desk.path("z.csv"), 8, &rows(40, 5));
        write(&desk.path("y.npy"), &[12], desk.y.as_slice());
        let net = golden::network(&golden::golden()["predict"]["layers"]);
        fs::write(desk.path("net.json"), net.to_json()).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, command: &str, files: &[(&str, &str)], more: &[&str]) -> Arrays {
        let mut run = xtask();
        run.arg(command).arg("--arch").arg(self.path("net.json"));
        for (option, name) in files {
            run.arg(option).arg(self.path(name));
        }
        run.args(more).arg("--out").arg(self.path("p.npz")).assert().success();
        arrays(&self.path("p.npz"))
    }

    fn predict(&self, more: &[&str]) -> Arrays {
        self.run("predict", &[("--train-x", "x.npy"), ("--train-y", "y.npy"), ("--test-x", "z.csv")], more)
    }

    /// Kernels by name and inputs: `ntk_dd`, `nngp_td` and so on.
    fn kernels(&self) -> Arrays {
        let mut all = Arrays::new();
        for (pair, x1, x2) in [("dd", "x.npy", None), ("td", "z.csv", Some("x.npy")), ("tt", "z.csv", None)] {
            let mut files = vec![("--x1", x1)];
            files.extend(x2.map(|x2| ("--x2", x2)));
            let kernels = self.run("kernel", &files, &[]);
            all.extend(kernels.into_iter().map(|(name, kernel)| (format!("{name}_{pair}"), kernel)));
        }
        all
    }
}

fn time(value: &Value) -> String {
    value.as_f64().map_or_else(|| "inf".to_owned(), |t| t.to_string())
}

fn distance(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    (a - b).amax()
}

/// neural-tangents' own kernels are up to 1e-9 off, and so are its predictions; the formulas are held to 1e-10 below.
#[test]
fn ensembles_are_those_of_neural_tangents() {
    let desk = Desk::new();
    for row in golden::golden()["predict"]["gradient_descent_mse_ensemble"].as_array().unwrap() {
        let (t, kind) = (time(&row["t"]), row["get"].as_str().unwrap());
        let ours = desk.predict(&["--time", &t, "--kind", kind]);
        for (name, theirs) in
            [("train_mean", "mean_train"), ("test_mean", "mean_test"), ("test_covariance", "cov_test")]
        {
            let error = distance(&ours[name], &golden::matrix(&row[theirs]));
            println!("{kind} at {t}: {name} {error:.1e}");
            assert!(error < 1e-8, "{kind} at {t}: {name} {error:e}");
        }
    }
}

#[test]
fn a_relative_ridge_is_diag_reg() {
    let desk = Desk::new();
    for row in golden::golden()["predict"]["gp_inference"].as_array().unwrap() {
        let kind = row["get"].as_str().unwrap();
        if kind == "ntkgp" {
            continue;
        }
        let ridge = row["diag_reg"].as_f64().unwrap().to_string();
        let mut options = vec!["--kind", kind, "--ridge", &ridge];
        if row["diag_reg_absolute_scale"] == false {
            options.push("--relative-ridge");
        }
        let ours = desk.predict(&options);
        for (name, theirs) in [("test_mean", "mean"), ("test_covariance", "cov")] {
            let error = distance(&ours[name], &golden::matrix(&row[theirs]));
            println!("{options:?} {name} {error:.1e}");
            assert!(error < 1e-8, "{options:?} {name} {error:e}");
        }
    }
}

/// `f(lambda)` of a symmetric matrix, by nalgebra's eigen-decomposition rather than ours.
fn function(matrix: &DMatrix<f64>, f: impl Fn(f64) -> f64) -> DMatrix<f64> {
    let eigen = matrix.clone().symmetric_eigen();
    &eigen.eigenvectors * DMatrix::from_diagonal(&eigen.eigenvalues.map(f)) * eigen.eigenvectors.transpose()
}

#[test]
fn predictions_are_the_formulas_of_the_help_text() {
    let desk = Desk::new();
    let k = desk.kernels();
    for (kind, t, ridge) in [
        ("ntk", 0.7, 0.0),
        ("ntk", 30.0, 0.5),
        ("ntk", f64::INFINITY, 0.0),
        ("ntk", f64::INFINITY, 0.25),
        ("nngp", 5.0, 0.5),
    ] {
        let ours = desk.predict(&["--time", &t.to_string(), "--ridge", &ridge.to_string(), "--kind", kind]);
        let noise = DMatrix::from_diagonal_element(12, 12, ridge);
        let (theta_dd, theta_td) = (&k[&format!("{kind}_dd")], &k[&format!("{kind}_td")]);
        let weights = function(&(theta_dd + &noise), |l| (1.0 - (-l * t / 12.0).exp()) / l);
        let map = theta_td * &weights;
        let prior = if kind == "ntk" { k["nngp_dd"].clone() } else { &k["nngp_dd"] + &noise };
        let cross = &map * k["nngp_td"].transpose();
        let covariance = &k["nngp_tt"] + &map * prior * map.transpose() - &cross - cross.transpose();
        let expected = [
            ("train_mean", theta_dd * &weights * &desk.y),
            ("test_mean", map * &desk.y),
            ("test_covariance", covariance),
        ];
        for (name, expected) in expected {
            let error = distance(&ours[name], &expected);
            assert!(error < 1e-10, "{kind} at {t}, ridge {ridge}: {name} {error:e}");
        }
        assert_eq!(ours["test_covariance"], ours["test_covariance"].transpose());
    }
}

#[test]
fn the_curve_starts_at_zero_and_ends_at_the_prediction() {
    let desk = Desk::new();
    write(&desk.path("test-y.npy"), &[5, 1], &[0.1, -0.2, 0.3, 0.4, 0.0]);
    for (t, rows) in [("inf", 102 * 5), ("20", 101 * 5), ("0", 5)] {
        let curve = desk.path("curve.csv");
        let test_y = desk.path("test-y.npy");
        let (curve_option, test_y) = (curve.to_str().unwrap(), test_y.to_str().unwrap());
        let ours = desk.predict(&["--time", t, "--curve", curve_option, "--test-y", test_y]);
        let text = fs::read_to_string(&curve).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("time,train_loss,test_loss,input,output,test_mean"));
        let table: Vec<Vec<f64>> =
            lines.map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
        assert_eq!(table.len(), rows);
        // Before training all means are zero.
        assert_eq!(table[0][0], 0.0);
        assert!((table[0][1] - desk.y.norm_squared() / 24.0).abs() < 1e-15);
        assert!((table[0][2] - 0.3 / 10.0).abs() < 1e-15);
        // Rounding errors squared are below 1e-25.
        let falls = table.windows(2).all(|w| w[0][0] <= w[1][0] && w[1][1] <= w[0][1] + 1e-25);
        assert!(falls, "times rise and the training loss falls");
        let end = &table[rows - 5..];
        assert!(end.iter().all(|row| row[0] == t.parse::<f64>().unwrap()));
        for (i, row) in end.iter().enumerate() {
            assert_eq!((row[3], row[4]), (i as f64, 0.0));
            // The curve takes many times in one product, whose order of additions is another.
            assert!((row[5] - ours["test_mean"][i]).abs() < 1e-14);
        }
    }
}

/// Several outputs, images, targets in columns of text: each output is learned as if alone, at its own share of the loss.
#[test]
fn outputs_are_learned_side_by_side() {
    let desk = Desk::new();
    let arch = root().join("examples/architectures/cntk.toml");
    let images: Vec<f64> = (0..9 * 5 * 4 * 2).map(|i| (f64::from(i) * 0.83).sin()).collect();
    write(&desk.path("train.npy"), &[6, 5, 4, 2], &images[..240]);
    write(&desk.path("test.npy"), &[3, 5, 4, 2], &images[240..]);
    let y: Vec<f64> = (0..12).map(|i| f64::from(i * i % 7) - 3.0).collect();
    write_csv(&desk.path("both.csv"), 2, &y);
    let columns: Vec<Vec<f64>> = (0..2).map(|j| y.iter().copied().skip(j).step_by(2).collect()).collect();
    write(&desk.path("first.npy"), &[6], &columns[0]);
    write(&desk.path("second.npy"), &[6], &columns[1]);
    let run = |y: &str, t: &str| {
        let mut run = xtask();
        run.arg("predict").arg("--arch").arg(&arch).args(["--time", t]);
        for (option, name) in
            [("--train-x", "train.npy"), ("--train-y", y), ("--test-x", "test.npy"), ("--out", "p.npz")]
        {
            run.arg(option).arg(desk.path(name));
        }
        run.assert().success();
        arrays(&desk.path("p.npz"))
    };
    let both = run("both.csv", "8");
    for (j, name) in ["first.npy", "second.npy"].into_iter().enumerate() {
        let alone = run(name, "4");
        for mean in ["train_mean", "test_mean"] {
            assert!((both[mean].column(j) - alone[mean].column(0)).amax() < 1e-13);
        }
        assert!(distance(&both["test_covariance"], &alone["test_covariance"]) < 1e-13);
    }
}
