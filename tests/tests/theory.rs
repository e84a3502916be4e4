//! `theory`: the calculator against values computed independently, and one clear error for every bad value.

mod common;

use common::xtask;
use serde_json::Value;

/// Values of an independent program: the rows of the crate's golden file.
fn golden() -> Value {
    serde_json::from_str(include_str!("../../crates/linearized/tests/data/rf_asymptotics.json")).unwrap()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"))
}

fn text(arguments: &[&str]) -> String {
    let output = xtask().arg("theory").args(arguments).assert().success();
    assert!(output.get_output().stderr.is_empty());
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&text(&[arguments, &["--json"]].concat())).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = xtask().arg("theory").args(arguments).assert().code(2);
    assert!(output.get_output().stdout.is_empty());
    String::from_utf8_lossy(&output.get_output().stderr).into_owned()
}

#[track_caller]
fn close(ours: f64, theirs: f64, relative: f64, what: &str) {
    assert!((ours - theirs).abs() <= relative * theirs.abs(), "{what}: {ours} against {theirs}");
}

#[test]
fn random_features_have_every_digit() {
    let golden = golden();
    let rows = golden["mei_montanari_grid"].as_array().unwrap();
    for row in rows.iter().step_by(9) {
        let activation = row["act"].as_str().unwrap().replace("relu_shift05", "relu-0.5");
        let [psi1, psi2, lambda] = ["psi1", "psi2", "lam_bar"].map(|key| row[key].to_string());
        let tau = 0.2f64.sqrt().to_string();
        let found = json(&[
            "random-features",
            "--psi1",
            &psi1,
            "--psi2",
            &psi2,
            "--lambda-bar",
            &lambda,
            "--activation",
            &activation,
            "--tau",
            &tau,
        ]);
        for (ours, theirs) in [
            ("chi", "chi"),
            ("bias", "B"),
            ("variance", "V"),
            ("risk", "risk_F1=1_tau2=0.2"),
            ("norm", "normN/d|a|2_F1=1_tau2=0.2"),
        ] {
            close(number(&found["results"], ours), number(row, theirs), 1e-9, ours);
        }
        // The reference's is a difference of numbers near 1.
        let training = number(row, "train_F1=1_tau2=0.2");
        let ours = number(&found["results"], "training_error");
        assert!((ours - training).abs() < 1e-9 * training + 2e-15, "{row}");
    }
}

#[test]
fn staircases_have_every_digit() {
    let golden = golden();
    for row in golden["staircase"]["rows"].as_array().unwrap().iter().step_by(7) {
        let d = row["d"].to_string();
        let size = number(row, "n");
        let parameters = size * number(row, "d");
        let (size, parameters) = (size.to_string(), parameters.to_string());
        for (key, kernel, option, size, degree) in [
            ("rfN_f2", "relu", "--features", &size, "6"),
            ("ntN_f2", "tangent:relu", "--features", &parameters, "8"),
            ("krr_ntk_f2", "ntk", "--samples", &size, "6"),
        ] {
            let arguments = [
                "staircase",
                "--kernel",
                kernel,
                "--d",
                &d,
                option,
                size,
                "--energies",
                "0,0,1",
                "--degree",
                degree,
            ];
            let found = number(&json(&arguments)["results"], "risk");
            assert!((found - number(row, key)).abs() < 1e-8, "{key}: {found} {row}");
        }
    }
    let found = json(&[
        "staircase",
        "--kernel",
        "exp",
        "--d",
        "1000",
        "--samples",
        "40000",
        "--energies",
        "0,.5,.3,.2",
    ]);
    assert_eq!(number(&found["results"], "plateau"), 0.5);
    assert_eq!(found["degrees"].as_array().map(Vec::len), Some(5));
    assert_eq!(number(&found["degrees"][2], "multiplicity"), 500_499.0);
}

/// Degree 2 has 11 cyclic-invariant harmonics in dimension 23, and degree 3 has 2,277 / 23.
#[test]
fn a_symmetry_leaves_fewer_harmonics() {
    let of = |samples: &'static str, more: &[&'static str]| {
        let common = ["staircase", "--kernel", "exp", "--d", "23", "--energies", "0,0,.5,.5", "--samples"];
        json(&[&common[..], &[samples], more].concat())
    };
    let (cyclic, plain) = (of("60", &["--cyclic"]), of("60", &[]));
    let counts = |sheet: &Value| [2, 3].map(|k| number(&sheet["degrees"][k], "multiplicity"));
    assert_eq!((counts(&cyclic), counts(&plain)), ([11.0, 99.0], [275.0, 2_277.0]));
    let learned = |sheet: &Value| number(&sheet["degrees"][2], "learnability");
    assert!(learned(&cyclic) > 0.8 && learned(&plain) < 0.2);
    let both = ["staircase", "--kernel", "exp", "--d", "9", "--energies", "1", "--features", "9", "--cyclic"];
    let refused = refusal(&both);
    assert!(refused.contains("--cyclic") && refused.contains("--features"), "{refused}");
}

#[test]
fn lazy_limits_have_every_digit() {
    let golden = golden();
    for row in golden["limitations_qf"].as_array().unwrap() {
        assert_eq!(row["d"].as_u64(), Some(450));
        let rho = row["rho"].to_string();
        let found = |activation: &str| {
            json(&["lazy-limits", "--rho", &rho, "--spectrum", "0.5..1.5/450", "--activation", activation])
        };
        let (relu, quadratic) = (found("relu"), found("quadratic"));
        close(number(&relu["results"], "random_features"), number(row, "rf_relu"), 1e-9, "relu");
        close(number(&quadratic["results"], "random_features"), number(row, "rf_quad"), 1e-9, "quadratic");
        close(1.0 + number(&relu["results"], "tangent"), 1.0 + number(row, "nt"), 1e-9, "tangent");
        close(1.0 + number(&relu["results"], "trained"), 1.0 + number(row, "nn"), 1e-9, "trained");
    }
    // Delta = 0.2 I in dimension 4, all of it explained: 1 / (1 + ||Delta||_F^2 / 2) = 1 / 1.08.
    let found = json(&["lazy-limits", "--rho", "1", "--spectrum", "0.2x4", "--mixture"]);
    close(number(&found["results"], "mixture_trained"), 1.0 / 1.08, 1e-12, "mixture");
}

#[test]
fn people_read_an_aligned_table() {
    let table =
        text(&["random-features", "--psi1", "4", "--psi2", "3", "--lambda-bar", "0.1", "--tau", "0.5"]);
    for line in ["  chi               -1.3465480  nu_1 nu_2\n", "  bias              0.21175808  B: "] {
        assert!(table.contains(line), "{table}");
    }
    let table =
        text(&["staircase", "--kernel", "relu", "--d", "30", "--features", "90", "--energies", "0,1"]);
    assert!(table.contains("  degree  multiplicity"), "{table}");
    // Infinity is a value like any other.
    let ridgeless = ["random-features", "--psi1", "3", "--psi2", "3", "--lambda-bar", "0"];
    let table = text(&ridgeless);
    let risk = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert!(risk.into_iter().any(|words| words.starts_with(&["risk", "inf"])), "{table}");
    assert_eq!(json(&ridgeless)["results"]["risk"], Value::Null);
    assert!(
        number(
            &json(&["random-features", "--psi1", "inf", "--psi2", "3", "--lambda-bar", "0"])["results"],
            "risk"
        ) < 1.0
    );
}

#[test]
fn bad_values_are_named() {
    let random = |psi1: &str, lambda: &str, more: &[&str]| {
        let all = ["random-features", "--psi1", psi1, "--psi2", "3", "--lambda-bar", lambda];
        refusal(&[&all[..], more].concat())
    };
    for (message, parts) in [
        (random("-4", "0.1", &[]), &["psi1", "-4", "positive"][..]),
        (random("nan", "0.1", &[]), &["psi1", "NaN"]),
        (random("x", "0.1", &[]), &["--psi1", "x"]),
        (random("4", "-0.1", &[]), &["lambda", "at least 0"]),
        (random("4", "0.1", &["--tau", "-1"]), &["--tau", "-1"]),
        (random("4", "0.1", &["--f1", "inf"]), &["--f1", "inf"]),
        (random("4", "0.1", &["--activation", "gelu"]), &["gelu", "relu, step, tanh"]),
        (refusal(&["random-features", "--psi1", "4"]), &["--psi2", "--lambda-bar"]),
        (refusal(&["staircase", "--kernel", "rbf", "--d", "9", "--energies", "1"]), &["rbf", "exp"]),
        (refusal(&["staircase", "--kernel", "relu", "--d", "1", "--energies", "1"]), &["--d", "1"]),
        (
            refusal(&["staircase", "--kernel", "relu", "--d", "9", "--energies", "1"]),
            &["--samples", "--features"],
        ),
        (
            refusal(&["staircase", "--kernel", "relu", "--d", "9", "--samples", "0", "--energies", "1"]),
            &["samples", "positive"],
        ),
        (
            refusal(&["staircase", "--kernel", "relu", "--d", "9", "--samples", "5", "--energies", "1,-1"]),
            &["energy", "-1"],
        ),
        (refusal(&["lazy-limits", "--rho", "-1", "--spectrum", "1x9"]), &["--rho", "-1"]),
        (refusal(&["lazy-limits", "--rho", "1", "--spectrum", "1..2"]), &["1..2", "FROM..TO/COUNT"]),
        (refusal(&["lazy-limits", "--rho", "1", "--spectrum", "1,-2"]), &["-2", "at least 0"]),
        (refusal(&["lazy-limits", "--rho", "1", "--spectrum", "0x3"]), &["zero"]),
        (refusal(&["lazy-limits", "--rho", "1", "--spectrum", "2x3", "--mixture"]), &["at most 1"]),
        (refusal(&["lazylimits"]), &["lazy-limits"]),
    ] {
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} in {message}");
    }
}
