//! Data read as they are meant: what `kernel` and `predict` say they read, what they warn of, layouts, classes.

mod common;

use std::fs;
use std::path::Path;

use common::npy::{npy, write};
use common::xtask;
use overparam_tensor::Array;
use overparam_tensor::array::read_npz;

fn fill(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let text = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    let wave = |n: usize| (0..n).map(|i| (i as f64 * 0.37).sin()).collect::<Vec<f64>>();
    write(&path("vectors.npy"), &[6, 3], &wave(18));
    write(&path("single.npy"), &[1, 1], &[0.5]);
    write(&path("flat.npy"), &[2, 784], &wave(1568));
    write(&path("colour.npy"), &[1, 3072], &wave(3072));
    write(&path("sequences.npy"), &[4, 10, 3], &wave(120));
    write(&path("images.npy"), &[6, 8, 8, 3], &wave(1152));
    // The same images with their channels first.
    let all = wave(1152);
    let turned: Vec<f64> = (0..6)
        .flat_map(|n| (0..3).flat_map(move |c| (0..64).map(move |p| (n, c, p))))
        .map(|(n, c, p)| all[n * 192 + p * 3 + c])
        .collect();
    write(&path("torch.npy"), &[6, 3, 8, 8], &turned);
    let half: Vec<u8> = [0x3c00u16, 0x0000, 0xc000, 0x3800].iter().flat_map(|b| b.to_le_bytes()).collect();
    fs::write(path("half.npy"), npy("<f2", false, "2, 2", &half)).unwrap();
    let brain: Vec<u8> = [0x3f80u16, 0x0000, 0xc000, 0x3f00].iter().flat_map(|b| b.to_le_bytes()).collect();
    fs::write(path("brain.npy"), npy("|V2", false, "2, 2", &brain)).unwrap();
    write(&path("double.npy"), &[2, 2], &[1.0, 0.0, -2.0, 0.5]);
    fs::write(path("dates.npy"), npy("<M8[ns]", false, "2, 2", &[0; 32])).unwrap();
    fs::write(path("spans.npy"), npy("<m8[s]", false, "2, 2", &[0; 32])).unwrap();
    text("pandas.csv", "Unnamed: 0,a,label\n0,0.5,1\n1,0.25,0\n2,0.125,1\n3,1.5,0\n");
    text("index.csv", ",a\n0,0.5\n1,0.25\n");
    text("bare.csv", "5,0.5\n6,0.25\n7,0.1\n8,0.2\n");
    text("plain.csv", "a,b\n0.5,1\n0.25,0\n");
    text("mlp.json", r#"{"layers": [{"dense": {"width": 4}}, "relu", {"dense": {"width": 1}}]}"#);
    text(
        "conv.json",
        r#"{"layers": [{"conv": {"channels": 4, "filter": [3, 3], "padding": "same"}}, "relu", "flatten", {"dense": {"width": 1}}]}"#,
    );
    text("pool.json", r#"{"layers": ["relu", {"avg_pool": {"window": [2, 2]}}, "flatten"]}"#);
    text(
        "text.json",
        r#"{"layers": [{"conv": {"channels": 4, "filter": [3, 1], "padding": "same"}}, "relu", "flatten", {"dense": {"width": 1}}]}"#,
    );
    write(&path("labels.npy"), &[6], &[2.0, 7.0, 5.0, 2.0, 7.0, 5.0]);
    write(&path("signs.npy"), &[6], &[1.0, -1.0, 1.0, 1.0, -1.0, -1.0]);
    write(&path("targets.npy"), &[6], &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    write(&path("foreign.npy"), &[6], &[2.0, 7.0, 4.0, 2.0, 7.0, 5.0]);
    write(&path("two.npy"), &[6, 2], &[0.0; 12]);
}

/// The architecture, the inputs, further options, the status, and what standard error must contain.
type Case = (&'static str, &'static str, &'static [&'static str], i32, &'static [&'static str]);

const KERNELS: &[Case] = &[
    ("mlp.json", "vectors.npy", &[], 0, &["--x1 vectors.npy: 6 vectors of 3 entries\n"]),
    ("mlp.json", "single.npy", &[], 0, &["--x1 single.npy: 1 vector of 1 entry\n"]),
    ("conv.json", "images.npy", &[], 0, &["--x1 images.npy: 6 images of 8 x 8 pixels, 3 channels\n"]),
    ("conv.json", "torch.npy", &["--layout", "nchw"], 0, &["6 images of 8 x 8 pixels, 3 channels\n"]),
    (
        "conv.json",
        "torch.npy",
        &[],
        0,
        &["6 images of 3 x 8 pixels, 8 channels", "warning: ", "--layout nchw"],
    ),
    ("text.json", "sequences.npy", &[], 0, &["--x1 sequences.npy: 4 sequences of length 10, 3 channels\n"]),
    ("text.json", "sequences.npy", &["--layout", "nchw"], 0, &["4 sequences of length 3, 10 channels\n"]),
    (
        "conv.json",
        "flat.npy",
        &[],
        2,
        &["the layer conv needs images", "vectors of 784 entries", "x.reshape(-1, 28, 28, 1)"],
    ),
    ("conv.json", "colour.npy", &[], 2, &["x.reshape(-1, 32, 32, 3)", "--layout nchw"]),
    (
        "pool.json",
        "vectors.npy",
        &[],
        2,
        &["the layer avg_pool needs images", "x.reshape(-1, height, width, channels)"],
    ),
    ("conv.json", "plain.csv", &[], 2, &["--x1 plain.csv: the layer conv needs images"]),
    ("mlp.json", "half.npy", &[], 0, &["2 vectors of 2 entries"]),
    ("mlp.json", "brain.npy", &[], 0, &["2 vectors of 2 entries"]),
    ("mlp.json", "dates.npy", &[], 2, &["--x1 dates.npy: ", "expected floats or integers"]),
    ("mlp.json", "spans.npy", &[], 2, &["--x1 spans.npy: ", "expected floats or integers"]),
    (
        "mlp.json",
        "pandas.csv",
        &[],
        0,
        &[
            "column 0 (Unnamed: 0) looks like an index of rows",
            "column 2 (label) looks like a label or target",
        ],
    ),
    ("mlp.json", "index.csv", &[], 0, &["warning: --x1 index.csv: column 0 looks like an index of rows"]),
    ("mlp.json", "bare.csv", &[], 0, &["warning: --x1 bare.csv: column 0 looks like an index of rows"]),
    ("mlp.json", "plain.csv", &[], 0, &["2 vectors of 2 entries\n"]),
    ("mlp.json", "vectors.npy", &["--layout", "hwc"], 2, &["invalid value 'hwc' for '--layout <LAYOUT>'"]),
];

/// Cases in which nothing may be doubted.
const CLEAR: [&str; 4] = ["vectors.npy", "images.npy", "sequences.npy", "plain.csv"];

#[test]
fn kernels_say_what_they_read() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    for (arch, x1, more, status, parts) in KERNELS {
        let mut run = xtask();
        run.current_dir(folder.path())
            .args(["kernel", "--arch", arch, "--x1", x1, "--out", "k.npz"])
            .args(*more);
        let output = run.assert().code(*status);
        let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        for part in *parts {
            assert!(text.contains(part), "{arch} {x1} {more:?}: {part:?} in {text}");
        }
        assert!(*status != 2 || !text.contains("warning"), "{text}");
        if CLEAR.contains(x1) && *status == 0 {
            assert!(!text.contains("warning"), "{arch} {x1}: {text}");
        }
    }
}

#[test]
fn layouts_and_precisions_of_files_do_not_change_a_kernel() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let kernel = |arch: &str, x1: &str, more: &[&str]| {
        let mut run = xtask();
        run.current_dir(folder.path())
            .args(["kernel", "--arch", arch, "--x1", x1, "--out", "k.npz"])
            .args(more);
        run.assert().code(0);
        fs::read(folder.path().join("k.npz")).unwrap()
    };
    assert!(
        kernel("conv.json", "images.npy", &[]) == kernel("conv.json", "torch.npy", &["--layout", "nchw"])
    );
    let double = kernel("mlp.json", "double.npy", &[]);
    assert!(kernel("mlp.json", "half.npy", &[]) == double && kernel("mlp.json", "brain.npy", &[]) == double);
}

/// Training targets, further options, status, what standard error and output must contain.
type Prediction = (&'static str, &'static [&'static str], i32, &'static [&'static str], &'static str);

const PREDICTIONS: &[Prediction] = &[
    (
        "targets.npy",
        &[],
        0,
        &["--train-x vectors.npy: 6 vectors", "--test-x vectors.npy: 6 vectors"],
        "train loss",
    ),
    ("signs.npy", &[], 0, &[], "train loss"),
    ("labels.npy", &[], 0, &["warning: --train-y labels.npy: 3 whole numbers", "--classes"], "train loss"),
    ("labels.npy", &["--classes"], 0, &["--train-y labels.npy: 3 classes"], "train loss"),
    ("labels.npy", &["--classes", "--test-y", "labels.npy"], 0, &[], "6 of 6 test classes right"),
    (
        "labels.npy",
        &["--classes", "--test-y", "foreign.npy"],
        2,
        &["--test-y: row 2 is 4, which is no class"],
        "",
    ),
    ("targets.npy", &["--classes"], 2, &["--classes expects whole numbers, row 0 is 0.1"], ""),
    ("two.npy", &["--classes"], 2, &["--classes expects one label per example, got 2 columns"], ""),
];

#[test]
fn predictions_say_what_they_take_targets_for() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    for (y, more, status, parts, said) in PREDICTIONS {
        let mut run = xtask();
        run.current_dir(folder.path()).args(["predict", "--arch", "mlp.json", "--train-x", "vectors.npy"]);
        run.args(["--train-y", y, "--test-x", "vectors.npy", "--out", "p.npz"]).args(*more);
        let assert = run.assert().code(*status);
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        for part in *parts {
            assert!(text.contains(part), "{y} {more:?}: {part:?} in {text}");
        }
        assert!(String::from_utf8_lossy(&assert.get_output().stdout).contains(said), "{y} {more:?}");
        assert!(more.contains(&"--classes") || *y == "labels.npy" || !text.contains("warning"), "{text}");
    }
}

/// The outputs of classes are those of the centred columns that one would have written oneself.
#[test]
fn classes_are_centred_columns() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let third = 1.0 / 3.0;
    let columns: Vec<f64> = [0, 2, 1, 0, 2, 1]
        .into_iter()
        .flat_map(|class| (0..3).map(move |c| if c == class { 1.0 - third } else { -third }))
        .collect();
    write(&folder.path().join("columns.npy"), &[6, 3], &columns);
    let predict = |y: &str, more: &[&str]| {
        let mut run = xtask();
        run.current_dir(folder.path()).args(["predict", "--arch", "mlp.json", "--train-x", "vectors.npy"]);
        run.args(["--train-y", y, "--test-x", "vectors.npy", "--time", "3", "--out", "p.npz"]).args(more);
        run.assert().code(0);
        read_npz::<f64>(fs::File::open(folder.path().join("p.npz")).unwrap()).unwrap()
    };
    let (ours, own) = (predict("labels.npy", &["--classes"]), predict("columns.npy", &[]));
    assert_eq!(ours["classes"], Array::from_slice(&[3], &[2.0, 5.0, 7.0]));
    assert_eq!(ours["test_class"].shape(), [6, 1]);
    for name in ["train_mean", "test_mean", "test_covariance"] {
        let (ours, own) = (ours[name].to_vec(), own[name].to_vec());
        let gap = ours.iter().zip(&own).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(gap < 1e-12, "{name}: {gap:e}");
    }
}
