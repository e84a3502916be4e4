//! Golden values: a 40-digit reference (`mp40`) and neural-tangents' own float64 (`nt`) for ten architectures and for rows
//! that are duplicate, antipodal, scaled, nearly equal and zero. `golden.json` says how they were made.

use crate::common::{golden, images, layers, matrix, network, vectors};
use nalgebra::DMatrix;
use overparam_ntk::{Inputs, Kernel};
use serde_json::Value;

/// Largest `|a - b| / |b|`, absolute where `b` is zero.
fn relative(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.iter()
        .zip(b)
        .map(|(a, b)| if *b == 0.0 { a.abs() } else { (a - b).abs() / b.abs() })
        .fold(0.0, f64::max)
}

fn inputs(case: &Value, which: &str) -> Inputs<f64> {
    let input = &golden()["inputs"][case["input"].as_str().unwrap()][which];
    if case["input"] == "img" { images(&input["data"]) } else { vectors(&input["data"]) }
}

#[test]
fn ten_architectures_to_forty_digits() {
    for case in golden()["kernels"].as_array().unwrap() {
        let (x1, x2) = (inputs(case, "x1"), inputs(case, "x2"));
        let kernel = Kernel::new(&network(&case["layers"]), x1.shape()).unwrap();
        let own = kernel.both(&x1, None).unwrap();
        let cross = kernel.both(&x1, Some(&x2)).unwrap();
        let results =
            [("nngp_11", &own.nngp), ("ntk_11", &own.ntk), ("nngp_12", &cross.nngp), ("ntk_12", &cross.ntk)];
        for (name, ours) in results {
            let error = relative(ours, &matrix(&case["mp40"][name]));
            println!("{} {name} {error:.1e}", case["id"]);
            assert!(error < 1e-12, "{} {name}: relative error {error:e}", case["id"]);
            let theirs = case["nt_rel_err_vs_mp40"][name].as_f64().unwrap();
            let error = relative(ours, &matrix(&case["nt"][name]));
            assert!(error < 2.0 * theirs + 1e-12, "{} {name}: {error:e} from neural-tangents", case["id"]);
        }
    }
}

#[test]
fn duplicate_antipodal_scaled_close_and_zero_rows_to_forty_digits() {
    let edge = &golden()["edge"];
    let x = vectors(&edge["x"]);
    for case in edge["cases"].as_array().unwrap() {
        let ours = Kernel::new(&network(&case["layers"]), x.shape()).unwrap().both(&x, None).unwrap();
        for (name, ours) in [("nngp", &ours.nngp), ("ntk", &ours.ntk)] {
            let error = relative(ours, &matrix(&case["mp40"][name]));
            println!("edge {} {name} {error:.1e}", case["id"]);
            assert!(error < 1e-12, "{} {name}: relative error {error:e}", case["id"]);
        }
    }
}

/// f32 within 1e-5 of f64, relative to the geometric mean of the diagonal.
#[test]
fn single_precision_follows_double() {
    for case in golden()["kernels"].as_array().unwrap() {
        let x = inputs(case, "x1");
        let narrow = crate::common::narrow(&x);
        let net = network(&case["layers"]);
        let wide = Kernel::new(&net, x.shape()).unwrap().both(&x, None).unwrap();
        let narrow = Kernel::new(&net, x.shape()).unwrap().both(&narrow, None).unwrap();
        for (wide, narrow) in [(wide.nngp, narrow.nngp), (wide.ntk, narrow.ntk)] {
            let error = crate::common::scaled_difference(&narrow.map(f64::from), &wide);
            assert!(error < 1e-5, "{}: {error:e}", case["id"]);
        }
    }
}

#[test]
fn the_tree_survives_its_schema() {
    for case in golden()["kernels"].as_array().unwrap() {
        let net = network(&case["layers"]);
        assert_eq!(layers(&case["layers"]).len(), net.layers.len());
        assert_eq!(overparam_ntk::Architecture::from_json(&net.to_json()).unwrap(), net);
    }
}
