//! `theory balanced`, `rich`, `finite-width` and `staircase-flow`: the calculators against values computed independently, and one clear
//! error for every bad value.

mod common;

use common::xtask;
use serde_json::Value;

fn file(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The rows of the crates' golden files.
fn balanced() -> Value {
    file(include_str!("../../crates/deep-linear/tests/data/balanced.json"))
}

fn rich() -> Value {
    file(include_str!("../../crates/feature-flow/tests/data/rich_limit.json"))
}

fn finite_width() -> Value {
    file(include_str!("../../crates/ntk/tests/data/finite_width.json"))
}

fn staircase() -> Value {
    file(include_str!("../../crates/feature-flow/tests/data/staircase.json"))
}

fn text(arguments: &[&str]) -> String {
    let output = xtask().arg("theory").args(arguments).assert().success();
    assert!(output.get_output().stderr.is_empty());
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    file(&text(&[arguments, &["--json"]].concat()))
}

fn refusal(arguments: &[&str]) -> String {
    let output = xtask().arg("theory").args(arguments).assert().code(2);
    assert!(output.get_output().stdout.is_empty());
    String::from_utf8_lossy(&output.get_output().stderr).into_owned()
}

/// All numbers in order, whatever lists they stand in.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap_or_else(|| panic!("{other} is no number"))],
    }
}

#[track_caller]
fn close(ours: &Value, theirs: &Value, tolerance: f64) {
    let (ours, theirs) = (numbers(ours), numbers(theirs));
    assert_eq!(ours.len(), theirs.len());
    for (a, b) in ours.iter().zip(&theirs) {
        assert!((a - b).abs() <= tolerance, "{a} against {b}");
    }
}

fn list(value: &Value) -> String {
    numbers(value).iter().map(f64::to_string).collect::<Vec<_>>().join(",")
}

fn matrix(value: &Value) -> String {
    value.as_array().unwrap().iter().map(list).collect::<Vec<_>>().join(";")
}

#[test]
fn balanced_starts_have_every_digit() {
    let golden = balanced();
    for case in golden["aligned_mode"].as_array().unwrap() {
        let [s0, sigma, lambda, t] = ["s0", "sigma", "lam", "t"].map(|key| list(&case[key]));
        let found = json(&["balanced", "--s0", &s0, "--sigma", &sigma, "--lambda", &lambda, "--t", &t]);
        let strengths: Value =
            found["times"].as_array().unwrap().iter().map(|row| row["s"].clone()).collect();
        close(&strengths, &case["s"], 1e-10);
    }
    let case = &golden["two_layers"][1];
    let [w1, w2, sigma] = ["W1", "W2", "Sigma"].map(|key| matrix(&case[key]));
    let moments = case["trajectory"].as_array().unwrap();
    let times: Vec<String> = moments.iter().map(|m| list(&m["t"])).collect();
    let times = times.join(",");
    let found = json(&["balanced", "--w1", &w1, "--w2", &w2, "--correlations", &sigma, "--t", &times]);
    for (ours, theirs) in found["times"].as_array().unwrap().iter().zip(moments) {
        for key in ["W2W1", "W1tW1", "W2W2t"] {
            close(&ours[key], &theirs[key], 1e-9);
        }
    }
    close(&found["results"]["lambda"], &case["lam"], 1e-10);
    close(&found["results"]["limit_W2W1"], &case["limit_W2W1"], 1e-9);
    for case in golden["depth"].as_array().unwrap().iter().step_by(7) {
        let [depth, s0, sigma, t] = ["N", "s0", "sigma", "t"].map(|key| list(&case[key]));
        let found = json(&["balanced", "--s0", &s0, "--sigma", &sigma, "--depth", &depth, "--t", &t]);
        let reached = found["times"][0]["s"].as_f64().unwrap() / case["sigma"].as_f64().unwrap();
        assert!((reached / case["fraction"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn richness_has_its_digits() {
    let golden = rich();
    let case = &golden["grid"][6];
    let [kernel, y, gamma, t] =
        [matrix(&case["K"]), list(&case["y"]), list(&case["gamma"]), list(&case["t"])];
    let arguments = ["rich", "--kernel", &kernel, "--targets", &y, "--t", &t];
    let found = json(&[&arguments[..], &["--gamma", &gamma, "--fluctuations"]].concat());
    let error = found["results"]["f_error"].as_f64().unwrap();
    assert!(error > 0.0 && error < 1e-4, "{error}");
    for (i, row) in found["times"].as_array().unwrap().iter().enumerate() {
        close(&row["f"], &case["f"][i], 3e-6);
        close(&row["Phi"], &case["Phi"][i][i], 1e-4);
        close(&row["m_cov_f"], &golden["fluctuations"][1]["m_times_cov_f"][i], 1e-4);
    }
    // No richness is the tangent kernel, close to a little richness.
    let lazy = json(&[&arguments[..], &["--gamma", "0"]].concat());
    for (i, row) in lazy["times"].as_array().unwrap().iter().enumerate() {
        close(&row["f"], &golden["grid"][4]["f"][i], 5e-3);
    }
    let table = text(&[&arguments[..], &["--gamma", "1", "--step", "0.6"]].concat());
    assert!(table.contains("  f_error") && table.contains("Phi"), "{table}");
}

#[test]
fn finite_width_has_every_digit() {
    let golden = finite_width();
    for case in golden["two_layer"].as_array().unwrap() {
        let found = json(&["finite-width", "--cosine", &list(&case["t"])]);
        for key in ["mean", "n_times_variance"] {
            close(&found["results"][key], &case[key], 1e-10);
        }
    }
    for case in golden["deep"].as_array().unwrap() {
        let found = json(&["finite-width", "--widths", &list(&case["widths"])]);
        for key in ["mean", "second_moment", "f2", "f4"] {
            close(&found["results"][key], &case[key], 1e-9);
        }
    }
    let case = &golden["second_order"][0];
    let [kernel, y, t] = [matrix(&case["K"]), list(&case["y"]), list(&case["t"])];
    let found = json(&["finite-width", "--kernel", &kernel, "--targets", &y, "--t", &t]);
    close(&found["results"]["Theta0"], &case["Theta0"], 1e-9);
    for (i, row) in found["times"].as_array().unwrap().iter().enumerate() {
        for key in ["f0", "Theta2"] {
            close(&row[key], &case[key][i], 1e-9);
        }
        // The last of these golden values is off by 2.4e-9: ours is the same whatever the step and the integrator.
        close(&row["f2"], &case["f2"][i], 5e-9);
    }
}

#[test]
fn staircases_have_their_digits() {
    let golden = staircase();
    for (case, target) in golden["flows"].as_array().unwrap().iter().zip([
        "z1 + z1z2 + z1z2z3",
        "z1+z1z2z3",
        "z1*z2",
        "z1+0.7z1z2+0.5z1z2z3",
    ]) {
        let t = list(&case["t"]);
        let found = json(&["staircase-flow", "--target", target, "--t", &t]);
        for (i, row) in found["times"].as_array().unwrap().iter().enumerate() {
            close(&row["risk"], &case["risk"][i], 1e-6);
            for (set, coefficient) in case["fourier"][i].as_object().unwrap() {
                close(&row["fourier"][set], coefficient, 1e-6);
            }
        }
    }
    let leap = json(&["staircase-flow", "--target", "z1+z1z2z3", "--t", "0", "--d", "30", "--units", "50"]);
    assert_eq!(leap["results"]["leap"], 2);
    assert_eq!(leap["inputs"]["d"], 30);
}

/// Lists and matrices may begin with a negative number.
#[test]
fn negative_numbers_come_first() {
    let layers = ["--w1", "-0.1,0", "--w2", "-0;0.1", "--correlations", "-3,0;0,1", "--t", "1"];
    assert!(json(&[&["balanced"][..], &layers].concat())["times"][0]["W2W1"].is_array());
    let data = ["--kernel", "1,-0.3;-0.3,1", "--targets", "-1,0.5", "--t", "1"];
    let rich = json(&[&["rich", "--gamma", "1", "--step", "0.6"][..], &data].concat());
    assert!(rich["times"][0]["f"][0].as_f64().unwrap() < 0.0);
    let drift = json(&[&["finite-width"][..], &data].concat());
    assert!(drift["times"][0]["f0"][0].as_f64().unwrap() < 0.0);
    let flow = json(&["staircase-flow", "--target", "-z1+0.5z1z2", "--t", "2"]);
    assert!(flow["times"][0]["fourier"]["0"].as_f64().unwrap() < 0.0);
}

#[test]
fn deep_linear_limits_have_their_numbers() {
    let data = ["rich", "--kernel", "1,0.3;0.3,0.8", "--targets", "1,-0.5", "--activation", "linear"];
    let at = |more: &[&str]| json(&[&data[..], more].concat());
    let found = at(&["--gamma", "1", "--t", "0.5,1", "--hidden-layers", "2"]);
    let error = found["results"]["f_error"].as_f64().unwrap();
    assert!(error > 0.0 && error < 1e-4, "{error}");
    // Extrapolated by another program from the same four steps.
    close(&found["times"][1]["f"], &serde_json::json!([0.968_519_01, -0.445_954_31]), 1e-6);
    assert_eq!(found["times"][0]["H"].as_array().unwrap().len(), 2);
    // Without richness: the tangent kernel (L + 1) K.
    let lazy = at(&["--gamma", "0", "--t", "1", "--hidden-layers", "3"]);
    close(&lazy["results"]["ntk"], &serde_json::json!([[4.0, 1.2], [1.2, 3.2]]), 1e-12);
    let message = refusal(&[
        "rich",
        "--kernel",
        "1",
        "--targets",
        "1",
        "--gamma",
        "1",
        "--t",
        "1",
        "--hidden-layers",
        "2",
    ]);
    assert!(message.contains("--hidden-layers 2") && message.contains("linear"), "{message}");
    let linear = ["--gamma", "1", "--t", "1", "--hidden-layers"];
    let refused = |more: &[&str]| refusal(&[&data[..], &linear, more].concat());
    assert!(refused(&["2", "--step", "0.3"]).contains("--step"));
    assert!(refused(&["0"]).contains("--hidden-layers is 0"));
}

#[test]
fn coordinates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.json");
    let layers = r#"[{"dense": {"width": 16, "w_std": 1.4}}, "relu", {"residual": [{"dense": {"width": 16}}, "relu", {"dense": {"width": 16}}]}, {"dense": {"width": 1}}]"#;
    std::fs::write(&path, format!(r#"{{"layers": {layers}}}"#)).unwrap();
    let net = path.display().to_string();
    let data = ["coordinate-check", "--arch", &net, "--input", "5", "--base-width", "16", "--seeds", "8"];
    let found = json(&[&data[..], &["--widths", "32,64,128,256", "--tolerance", "0.25"]].concat());
    assert_eq!(found["results"]["as_promised"], true, "{found}");
    let names: Vec<&str> =
        found["layers"].as_array().unwrap().iter().map(|l| l["layer"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["layers[0]", "layers[2].branches[0][0]", "layers[2].branches[0][2]", "layers[3]", "output"]
    );
    assert_eq!(found["layers"][4]["changes"].as_array().unwrap().len(), 4);
    let standard =
        json(&[&data[..], &["--widths", "32,64,128,256", "--parameterization", "standard"]].concat());
    assert_eq!(standard["layers"][4]["promised_change"], 1.0);
    assert!(standard["layers"][4]["change_error"].as_f64().unwrap() > 0.0);
    assert!((standard["layers"][4]["change_exponent"].as_f64().unwrap() - 1.0).abs() < 0.25, "{standard}");
    let table = text(&[&data[..], &["--widths", "32,64"]].concat());
    assert!(table.contains("promised_change") && table.contains("layers[2].branches[0][2]"), "{table}");
    for (more, part) in [
        (&["--widths", "32"][..], "widths"),
        (&["--widths", "32,64", "--rate", "0"], "rate"),
        (&["--widths", "32,64", "--examples", "0"], "--examples"),
        (&["--widths", "32,64", "--tolerance", "-1"], "--tolerance"),
    ] {
        let message = refusal(&[&data[..], more].concat());
        assert!(message.contains(part), "{part}: {message}");
    }
    let uneven =
        ["coordinate-check", "--arch", &net, "--input", "5", "--widths", "33,65", "--base-width", "32"];
    assert!(refusal(&uneven).contains("its width 16 times 33/32"));
    let message = refusal(&[
        "coordinate-check",
        "--arch",
        &net,
        "--input",
        "5,5",
        "--widths",
        "32,64",
        "--base-width",
        "16",
    ]);
    assert!(message.contains("--input has 2 numbers"), "{message}");
}

#[test]
fn bad_values_are_named() {
    for (message, parts) in [
        (refusal(&["balanced", "--s0", "0.1", "--t", "1"]), &["--sigma"][..]),
        (refusal(&["balanced", "--t", "1"]), &["--s0", "--w1"]),
        (refusal(&["balanced", "--s0", "0.1", "--sigma", "1", "--t", "2,1"]), &["--t", "ascending"]),
        (refusal(&["balanced", "--s0", "0.1", "--sigma", "1", "--t", "-2,1"]), &["--t", "at least 0"]),
        (
            refusal(&["balanced", "--s0", "2", "--sigma", "1", "--depth", "3", "--t", "1"]),
            &["start", "sigma", "2"],
        ),
        (
            refusal(&[
                "balanced",
                "--w1",
                "1,0;0,2",
                "--w2",
                "1,0;0,1",
                "--correlations",
                "1,0;0,1",
                "--t",
                "1",
            ]),
            &["lambda-balanced"],
        ),
        (
            refusal(&[
                "balanced",
                "--w1",
                "1,0;0",
                "--w2",
                "1,0;0,1",
                "--correlations",
                "1,0;0,1",
                "--t",
                "1",
            ]),
            &["--w1", "row 2"],
        ),
        (
            refusal(&["rich", "--kernel", "1", "--targets", "1", "--gamma", "-1", "--t", "1"]),
            &["--gamma", "-1"],
        ),
        (
            refusal(&["rich", "--kernel", "1,2;2,1", "--targets", "1", "--gamma", "1", "--t", "1"]),
            &["eigenvalue"],
        ),
        (
            refusal(&[
                "rich",
                "--kernel",
                "1",
                "--targets",
                "1",
                "--gamma",
                "1",
                "--t",
                "1",
                "--activation",
                "x",
            ]),
            &["tanh, relu, erf"],
        ),
        (
            refusal(&[
                "rich",
                "--kernel",
                "1",
                "--targets",
                "1",
                "--gamma",
                "1",
                "--t",
                "1",
                "--activation",
                "relu",
                "--fluctuations",
            ]),
            &["kink"],
        ),
        (refusal(&["finite-width"]), &["--cosine", "--widths", "--kernel"]),
        (refusal(&["finite-width", "--cosine", "1.5"]), &["cosine", "1.5"]),
        (refusal(&["finite-width", "--widths", "4,0"]), &["widths", "at least 1"]),
        (refusal(&["staircase-flow", "--target", "z1+y2", "--t", "1"]), &["z1+y2"]),
        (refusal(&["staircase-flow", "--target", "z1+z1", "--t", "1"]), &["once"]),
        (refusal(&["staircase-flow", "--target", "z1", "--t", "1", "--eta", "0.3"]), &["multiple"]),
    ] {
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} in {message}");
    }
}
