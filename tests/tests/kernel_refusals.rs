//! Wrong files and options for `kernel` and `predict`: one line, exit status 2, nothing written.

mod common;

use std::fs;
use std::path::Path;

use common::npy::{npy, write};
use common::{root, xtask};

/// Fills a folder with good and bad files.
fn fill(folder: &Path) {
    let path = |name: &str| folder.join(name);
    let text = |name: &str, text: &str| fs::write(path(name), text).unwrap();
    let net = |name: &str, layers: &str| text(name, &format!(r#"{{"layers": [{layers}]}}"#));
    write(&path("x.npy"), &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.5, -0.5]);
    write(&path("y.npy"), &[3], &[1.0, 0.0, -1.0]);
    write(&path("y2.npy"), &[2, 1], &[1.0, 0.0]);
    write(&path("z.npy"), &[1, 3], &[1.0, 2.0, 3.0]);
    write(&path("nan.npy"), &[2, 2], &[1.0, 0.0, 0.0, f64::NAN]);
    write(&path("inf.npy"), &[3], &[1.0, f64::INFINITY, 0.0]);
    write(&path("huge.npy"), &[2, 2], &[1.0, 0.0, 1e200, 0.0]);
    write(&path("wide.npy"), &[1, 2], &[1e25, 0.0]);
    write(&path("empty.npy"), &[0, 2], &[]);
    write(&path("narrow.npy"), &[2, 0], &[]);
    write(&path("cube.npy"), &[2, 2, 2], &[0.5; 8]);
    write(&path("five.npy"), &[1, 1, 2, 2, 2], &[0.5; 8]);
    write(&path("image.npy"), &[2, 4, 4, 1], &[0.5; 32]);
    fs::write(path("cut.npy"), npy("<f8", false, "1000000, 2", &[0; 24])).unwrap();
    let absurd = "4000000000000, 4000000000000";
    fs::write(path("absurd.npy"), npy("<f8", false, absurd, &[0; 24])).unwrap();
    fs::write(path("text.npy"), npy("<U4", false, "1, 2", &[0; 32])).unwrap();
    fs::write(path("complex.npy"), npy("<c16", false, "1, 2", &[0; 32])).unwrap();
    text("bytes.npy", "this is no array");
    text("bytes.npz", "this is no archive");
    text("x.txt", "1 2");
    text("ragged.csv", "1,2\n3\n");
    text("letters.csv", "1,2\n3,four\n");
    text("empty.csv", "");
    let two =
        [("a", &overparam_tensor::Array::<f64>::identity(2)), ("b", &overparam_tensor::Array::identity(2))];
    overparam_tensor::array::write_npz(fs::File::create(path("two.npz")).unwrap(), two).unwrap();
    net("net.json", r#"{"dense": {"width": 4}}, "relu", {"dense": {"width": 1}}"#);
    net("field.json", r#""flatten", {"dense": {"width": 8, "wstd": 1.5}}"#);
    net("missing.json", r#"{"conv": {"channels": 8}}"#);
    net("value.json", r#"{"dense": {"width": 0}}"#);
    net("name.json", r#"{"residual": ["rleu"]}"#);
    net("filter.json", r#"{"conv": {"channels": 8, "filter": [3, 5]}}, "flatten""#);
    net(
        "endless.json",
        r#"{"conv": {"channels": 8, "filter": [18446744073709551615, 3], "padding": "same"}}, "flatten""#,
    );
    net(
        "max.json",
        r#"{"conv": {"channels": 8, "filter": [3, 3]}}, "relu", {"max_pool": {"window": [2, 2]}}, "flatten""#,
    );
    net("image.json", r#"{"conv": {"channels": 8, "filter": [3, 3]}}"#);
    net("none.json", "");
    text("broken.json", "{\"layers\": [\"relu\",]}");
    text("broken.toml", "layers = [\n  \"relu\",\n  {dense = }\n]\n");
    text("net.yaml", "layers: []");
    text("top.json", r#"{"layers": ["relu"], "layer": 3}"#);
    fs::create_dir(path("folder.npz")).unwrap();
}

/// Options, and what the message must contain besides.
type Case = (&'static [&'static str], &'static [&'static str]);

/// Runs every case in a filled folder; later options of a case replace the good ones of the same name.
fn refuse(command: &str, good: &[(&str, &str)], cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let listing = || {
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = listing();
    for (options, parts) in cases {
        let mut run = xtask();
        run.current_dir(folder.path()).arg(command);
        for (option, value) in good.iter().filter(|(option, _)| !options.contains(option)) {
            run.args([option, value]);
        }
        let output = run.args(*options).assert().code(2);
        let output = output.get_output();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty() && message.starts_with("error: "), "{options:?}: {message}");
        // clap adds the words it knows and a hint at --help to its own line.
        let clap =
            |line: &str| line.starts_with("For more information") || line.starts_with("  [possible values");
        let lines = message.lines().filter(|line| !line.is_empty() && !clap(line)).count();
        assert_eq!(lines, 1, "{options:?}: {message}");
        for part in *parts {
            assert!(message.contains(part), "{options:?}: {part:?} in {message}");
        }
        assert_eq!(listing(), before, "{options:?} wrote a file");
    }
}

const IMAGE: &str = "image.npy";

#[test]
fn kernel_refuses_wrong_inputs() {
    let good = [("--arch", "net.json"), ("--x1", "x.npy"), ("--out", "k.npz")];
    refuse(
        "kernel",
        &good,
        &[
            (&["--x1", "no.npy"], &["--x1 no.npy: cannot read: No such file"]),
            (
                &["--x1", "x.txt"],
                &["--x1 x.txt: expected a file ending in .npy, .npz (or .npz:name) or .csv"],
            ),
            (&["--x1", "nan.npy"], &["--x1 nan.npy: input 1, entry 1 is NaN: expected finite numbers"]),
            (&["--x1", "huge.npy"], &["--x1 huge.npy: the squared norm of input 1 overflows f64"]),
            (
                &["--x1", "wide.npy", "--precision", "f32"],
                &["--x1 wide.npy: the squared norm of input 0 overflows f32"],
            ),
            (&["--x1", "empty.npy"], &["--x1 empty.npy: there are no inputs: the shape is 0 x 2"]),
            (&["--x1", "narrow.npy"], &["--x1 narrow.npy: there are no inputs: the shape is 2 x 0"]),
            (&["--x1", "empty.csv"], &["--x1 empty.csv: there are no inputs"]),
            (&["--x1", "y.npy"], &["--x1 y.npy: expected 2 axes", "or 4", "got shape 3"]),
            (
                &["--x1", "five.npy"],
                &["--x1 five.npy: expected 2 axes", "or 4", "got shape 1 x 1 x 2 x 2 x 2"],
            ),
            (
                &["--x1", "cut.npy"],
                &["--x1 cut.npy: no .npy file, or one cut short: it ends before its numbers do"],
            ),
            (&["--x1", "absurd.npy"], &["--x1 absurd.npy: ", "shape [4000000000000, 4000000000000]"]),
            (&["--x1", "text.npy"], &["--x1 text.npy: ", "elements of type", "expected floats or integers"]),
            (
                &["--x1", "complex.npy"],
                &["--x1 complex.npy: ", "elements of type", "expected floats or integers"],
            ),
            (&["--x1", "bytes.npy"], &["--x1 bytes.npy: "]),
            (&["--x1", "bytes.npz"], &["--x1 bytes.npz: "]),
            (
                &["--x1", "two.npz"],
                &["--x1 two.npz: there are several arrays (a, b): choose one as two.npz:NAME"],
            ),
            (&["--x1", "two.npz:c"], &["--x1 two.npz:c: there is no array `c`; there is: a, b"]),
            (&["--x1", "ragged.csv"], &["--x1 ragged.csv: ", "line: 2"]),
            (
                &["--x1", "letters.csv"],
                &["--x1 letters.csv: line 2, column 2: expected a number, got \"four\""],
            ),
            (
                &["--x2", "z.npy"],
                &["--x2 z.npy: expected vectors of 2 entries as in --x1 x.npy, got vectors of 3 entries"],
            ),
            (
                &["--x2", IMAGE],
                &[
                    "--x2 image.npy: expected vectors of 2 entries as in --x1 x.npy, got images of 4 x 4 pixels, 1 channel",
                ],
            ),
            (&["--x2", "nan.npy"], &["--x2 nan.npy: input 1"]),
        ],
    );
}

#[test]
fn kernel_refuses_wrong_architectures_and_places() {
    let good = [("--arch", "net.json"), ("--x1", "x.npy"), ("--out", "k.npz")];
    refuse(
        "kernel",
        &good,
        &[
            (&["--arch", "no.json"], &["--arch no.json: cannot read: No such file"]),
            (&["--arch", "net.yaml"], &["--arch net.yaml: expected a file ending in .json or .toml"]),
            (&["--arch", "broken.json"], &["--arch broken.json: ", "not valid JSON", "line 1"]),
            (&["--arch", "broken.toml"], &["--arch broken.toml: ", "not valid TOML", "line 3"]),
            (&["--arch", "field.json"], &["--arch field.json: layer 2 (dense): unknown field `wstd`"]),
            (&["--arch", "top.json"], &["--arch top.json: architecture: unknown field `layer`"]),
            (
                &["--arch", "missing.json"],
                &["--arch missing.json: layer 1 (conv): field `filter` is missing"],
            ),
            (
                &["--arch", "value.json"],
                &["--arch value.json: layer 1 (dense), field `width`: expected an integer >= 1, got 0"],
            ),
            (
                &["--arch", "name.json"],
                &[
                    "--arch name.json: layer 1 (residual), layer 1: there is no layer or activation called \"rleu\"",
                    "did you mean relu?",
                ],
            ),
            (&["--arch", "none.json"], &["--arch none.json: architecture: there are no layers"]),
            (
                &["--arch", "filter.json", "--x1", IMAGE],
                &["--arch filter.json: layer 1 (conv): the 3 x 5 window is larger than the 4 x 4 image"],
            ),
            (
                &["--arch", "filter.json"],
                &["--x1 x.npy: the layer conv needs images, and these are vectors of 2 entries"],
            ),
            (
                &["--arch", "endless.json", "--x1", IMAGE],
                &["--arch endless.json: layer 1 (conv)", "18446744073709551615"],
            ),
            (
                &["--arch", "max.json", "--x1", IMAGE],
                &["--arch max.json: layer 3 (max_pool) has no infinite-width kernel"],
            ),
            (
                &["--arch", "image.json", "--x1", IMAGE],
                &["--arch image.json: layer 1 (the last): the output is still an image"],
            ),
            (&["--out", "k.npy"], &["--out k.npy: a .npy file has one array", "--kind nngp or --kind ntk"]),
            (&["--out", "no/k.npz"], &["--out no/k.npz: cannot write: No such file"]),
            (&["--out", "folder.npz"], &["--out folder.npz: cannot write: there is a folder of that name"]),
            (&["--kind", "gram"], &["invalid value 'gram' for '--kind <KIND>'"]),
            (&["--precision", "f16"], &["invalid value 'f16' for '--precision <PRECISION>'"]),
        ],
    );
}

#[test]
fn predict_refuses_what_does_not_fit() {
    let good = [
        ("--arch", "net.json"),
        ("--train-x", "x.npy"),
        ("--train-y", "y.npy"),
        ("--test-x", "x.npy"),
        ("--out", "p.npz"),
    ];
    refuse(
        "predict",
        &good,
        &[
            (
                &["--train-y", "y2.npy"],
                &["--train-y y2.npy: expected 3 x 1 numbers for --train-x x.npy, got 2 x 1"],
            ),
            (
                &["--train-y", "inf.npy"],
                &["--train-y inf.npy: row 1, entry 0 is inf: expected finite numbers"],
            ),
            (
                &["--train-y", "cube.npy"],
                &["--train-y cube.npy: expected n x c or n numbers", "got shape 2 x 2 x 2"],
            ),
            (&["--train-y", "no.csv"], &["--train-y no.csv: cannot read"]),
            (&["--train-x", "nan.npy"], &["--train-x nan.npy: input 1, entry 1 is NaN"]),
            (
                &["--test-x", "z.npy"],
                &["--test-x z.npy: expected vectors of 2 entries as in --train-x x.npy, got vectors of 3"],
            ),
            (
                &["--test-y", "z.npy"],
                &[
                    "--test-y z.npy: expected 3 x 1 numbers for --test-x x.npy and the training targets, got 1 x 3",
                ],
            ),
            (&["--time", "-1"], &["invalid value '-1' for '--time <T>': expected a number >= 0, or inf"]),
            (&["--time", "nan"], &["invalid value 'nan' for '--time <T>'"]),
            (&["--time", "later"], &["invalid value 'later' for '--time <T>'"]),
            (
                &["--ridge", "-0.5"],
                &["invalid value '-0.5' for '--ridge <R>': expected a finite number >= 0"],
            ),
            (&["--ridge", "inf"], &["invalid value 'inf' for '--ridge <R>'"]),
            (&["--curve", "c.txt"], &["--curve c.txt: expected a file ending in .csv"]),
            (&["--curve", "no/c.csv"], &["--curve no/c.csv: cannot write: No such file"]),
            (&["--out", "p.csv"], &["--out p.csv: expected a file ending in .npz"]),
            (&["--arch", "field.json"], &["--arch field.json: layer 2 (dense): unknown field `wstd`"]),
        ],
    );
}

#[test]
fn every_example_is_an_architecture() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("examples/architectures")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let read = match path.extension().and_then(|e| e.to_str()) {
            Some("json") => overparam_ntk::Architecture::from_json(&text),
            _ => overparam_ntk::Architecture::from_toml(&text),
        };
        let net = read.unwrap();
        assert_eq!(overparam_ntk::Architecture::from_json(&net.to_json()).unwrap(), net);
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn every_example_of_the_reference_is_an_architecture() {
    let page = fs::read_to_string(root().join("docs/architectures.md")).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let open = format!("```{language}\n");
        page.split(&open).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
    };
    let json: Vec<_> =
        blocks("json").iter().map(|b| overparam_ntk::Architecture::from_json(b).unwrap()).collect();
    let toml: Vec<_> =
        blocks("toml").iter().map(|b| overparam_ntk::Architecture::from_toml(b).unwrap()).collect();
    assert_eq!((json.len(), toml.len()), (2, 3));
    assert_eq!(json[0], toml[0], "the two formats of the first example");
}
