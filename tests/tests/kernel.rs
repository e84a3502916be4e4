//! `xtask kernel`, the real binary, against the golden values of `crates/ntk` and against itself on other files.

mod common;
#[path = "../../crates/ntk/tests/suite/common/difference.rs"]
mod difference;
#[path = "../../crates/ntk/tests/suite/common/golden.rs"]
mod golden;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::npy::{npy, write, write_csv};
use common::{root, xtask};
use nalgebra::DMatrix;
use overparam_ntk::{Inputs, Kernel};
use overparam_tensor::array::{read_npz, write_npz};
use overparam_tensor::{Array, Real};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with the files of one test.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn array(&self, name: &str, shape: &[usize], numbers: &[f64]) -> PathBuf {
        write(&self.path(name), shape, numbers);
        self.path(name)
    }

    /// Runs `kernel` and returns the bytes it wrote.
    fn kernel(&self, arch: &Path, x1: &Path, more: &[&str]) -> Vec<u8> {
        let out = self.path("k.npz");
        let run = xtask()
            .arg("kernel")
            .arg("--arch")
            .arg(arch)
            .arg("--x1")
            .arg(x1)
            .args(more)
            .arg("--out")
            .arg(&out)
            .assert()
            .success();
        let said = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
        assert!(said.starts_with(out.to_str().unwrap()), "{said}");
        let names: Vec<_> = fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|n| !n.to_string_lossy().ends_with(".tmp")), "{names:?}");
        fs::read(&out).unwrap()
    }
}

fn arrays<T: Real>(bytes: &[u8]) -> Vec<(String, DMatrix<T>)> {
    let arrays = read_npz::<T>(std::io::Cursor::new(bytes)).unwrap();
    arrays.into_iter().map(|(name, a)| (name, a.to_matrix())).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn shape(value: &Value) -> Vec<usize> {
    let mut shape = Vec::new();
    let mut value = value;
    while let Value::Array(values) = value {
        shape.push(values.len());
        value = &values[0];
    }
    shape
}

/// Largest `|a - b| / |b|`.
fn relative(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.zip_map(b, |a, b| ((a - b) / b).abs()).max()
}

#[test]
fn ten_architectures_to_forty_digits() {
    let desk = Desk::new();
    for case in golden::golden()["kernels"].as_array().unwrap() {
        let input = &golden::golden()["inputs"][case["input"].as_str().unwrap()];
        let file = |which: &str| {
            let data = &input[which]["data"];
            desk.array(&format!("{which}.npy"), &shape(data), &numbers(data))
        };
        let (x1, x2) = (file("x1"), file("x2"));
        let arch = desk.path("net.json");
        fs::write(&arch, golden::network(&case["layers"]).to_json()).unwrap();
        let own = arrays::<f64>(&desk.kernel(&arch, &x1, &[]));
        let cross = arrays::<f64>(&desk.kernel(&arch, &x1, &["--x2", x2.to_str().unwrap()]));
        assert_eq!(own.len() + cross.len(), 4);
        for (results, which) in [(&own, "11"), (&cross, "12")] {
            for (name, ours) in results {
                let error = relative(ours, &golden::matrix(&case["mp40"][format!("{name}_{which}")]));
                assert!(error < 1e-12, "{} {name}_{which}: relative error {error:e}", case["id"]);
            }
        }
        let narrow = arrays::<f32>(&desk.kernel(&arch, &x1, &["--precision", "f32"]));
        for ((name, narrow), (_, wide)) in narrow.iter().zip(&own) {
            let error = difference::scaled_difference(&narrow.map(f64::from), wide);
            assert!(error < 1e-5, "{} {name} in f32: {error:e}", case["id"]);
        }
    }
}

/// 7 vectors of 3 entries, short enough for f32.
fn vectors() -> Vec<f64> {
    (0..21).map(|i| f64::from(i * i % 17) / 8.0 - 1.0).collect()
}

fn example(name: &str) -> PathBuf {
    root().join("examples/architectures").join(name)
}

#[test]
fn formats_of_architectures_and_inputs_do_not_matter() {
    let desk = Desk::new();
    let x = vectors();
    let expected = desk.kernel(&example("mlp.json"), &desk.array("x.npy", &[7, 3], &x), &[]);
    assert_eq!(arrays::<f64>(&expected).len(), 2);
    let check = |arch: &str, path: &Path| {
        assert!(desk.kernel(&example(arch), path, &[]) == expected, "{arch} {}", path.display());
    };
    check("mlp.toml", &desk.path("x.npy"));
    write_csv(&desk.path("x.csv"), 3, &x);
    check("mlp.json", &desk.path("x.csv"));
    let text = fs::read_to_string(desk.path("x.csv")).unwrap();
    fs::write(desk.path("heading.CSV"), format!("a,b,c\n{text}")).unwrap();
    check("mlp.json", &desk.path("heading.CSV"));
    // Columns first, single precision, big-endian.
    let turned: Vec<f64> =
        (0..3).flat_map(|j| (0..7).map(move |i| (i, j))).map(|(i, j)| x[3 * i + j]).collect();
    let little: Vec<u8> = turned.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
    fs::write(desk.path("f.npy"), npy("<f4", true, "7, 3", &little)).unwrap();
    check("mlp.json", &desk.path("f.npy"));
    let big: Vec<u8> = x.iter().flat_map(|x| x.to_be_bytes()).collect();
    fs::write(desk.path("b.npy"), npy(">f8", false, "7, 3", &big)).unwrap();
    check("mlp.json", &desk.path("b.npy"));
    // Archives: the only array, or a named one.
    let (array, other) = (Array::from_slice(&[7, 3], &x), Array::<f64>::identity(3));
    write_npz(File::create(desk.path("one.npz")).unwrap(), [("x", &array)]).unwrap();
    check("mlp.json", &desk.path("one.npz"));
    write_npz(File::create(desk.path("two.npz")).unwrap(), [("x", &array), ("z", &other)]).unwrap();
    check("mlp.json", &desk.path("two.npz:x"));
}

#[test]
fn integers_are_numbers() {
    let desk = Desk::new();
    let x: Vec<i16> = (0..8).map(|i| i * i - 9).collect();
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let expected = desk.kernel(&example("mlp.json"), &desk.array("x.npy", &[4, 2], &wide), &[]);
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(desk.path("i.npy"), npy("<i2", false, "4, 2", &bytes)).unwrap();
    assert!(desk.kernel(&example("mlp.json"), &desk.path("i.npy"), &[]) == expected);
}

#[test]
fn one_kind_is_half_of_both() {
    let desk = Desk::new();
    let x = desk.array("x.npy", &[7, 3], &vectors());
    let both = arrays::<f64>(&desk.kernel(&example("branches.toml"), &x, &["--kind", "both"]));
    for (name, kernel) in &both {
        let one = arrays::<f64>(&desk.kernel(&example("branches.toml"), &x, &["--kind", name]));
        assert_eq!(one, [(name.clone(), kernel.clone())]);
    }
}

/// Forty images go through in several blocks of rows; the library takes them in one.
#[test]
fn blocks_of_rows_give_the_bits_of_the_whole() {
    let desk = Desk::new();
    let numbers: Vec<f64> = (0..40 * 4 * 4 * 2).map(|i| (f64::from(i) * 0.37).sin()).collect();
    let shape = overparam_ntk::architecture::shape::Shape { height: 4, width: 4, channels: 2 };
    let images: Inputs<f64> = overparam_ntk::Images::new(40, shape, numbers.clone()).unwrap().into();
    let x = desk.array("x.npy", &[40, 4, 4, 2], &numbers);
    for name in ["resnet.json", "attention.json"] {
        let text = fs::read_to_string(example(name)).unwrap();
        let net = overparam_ntk::Architecture::from_json(&text).unwrap();
        let whole = Kernel::new(&net, shape).unwrap().both(&images, None).unwrap();
        let both = arrays::<f64>(&desk.kernel(&example(name), &x, &[]));
        assert_eq!(both, [("nngp".to_owned(), whole.nngp), ("ntk".to_owned(), whole.ntk)]);
    }
}

#[test]
fn an_existing_result_is_replaced() {
    let desk = Desk::new();
    fs::write(desk.path("k.npz"), "old").unwrap();
    let x = desk.array("x.npy", &[7, 3], &vectors());
    assert_eq!(arrays::<f32>(&desk.kernel(&example("mlp.toml"), &x, &["--precision", "f32"])).len(), 2);
}

#[test]
fn help_has_examples() {
    for command in ["kernel", "predict"] {
        let run = xtask().args([command, "--help"]).assert().success();
        let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
        assert!(text.contains("Examples:") && text.contains("examples/architectures/"), "{text}");
    }
}
