//! Finite networks against neural-tangents: outputs, empirical kernels by every method, expansions. Parameters are given by a
//! formula in the golden file.

use crate::common::{golden, images, network, vectors};
use overparam_ntk::empirical::{EmpiricalNtk, Method, nngp};
use overparam_ntk::linearize::{Linearized, taylor};
use overparam_ntk::network::{Batch, Network, Params};
use overparam_tensor::{Array, Tensor, Tree};
use serde_json::Value;

const METHODS: [Method; 4] = [Method::Auto, Method::Jacobian, Method::Products, Method::Structured];

/// Nested lists of any depth, row by row.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// Within 1e-10 of the largest entry.
fn assert_close(what: &str, ours: &Array<f64>, golden: &Value) {
    let expected = numbers(golden);
    let ours = ours.to_vec();
    assert_eq!(ours.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let error = ours.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / scale;
    println!("{what}: {error:.1e}");
    assert!(error < 1e-10, "{what}: {error:e}");
}

struct Case {
    golden: &'static Value,
    net: Network,
    params: Params<f64>,
    moved: Params<f64>,
    x1: Batch<f64>,
    x2: Batch<f64>,
}

fn cases() -> Vec<Case> {
    let case = |golden: &'static Value| {
        let inputs = &crate::common::golden()["inputs"];
        let (x1, x2) = if golden["id"] == "emp_conv_relu_gap_c5_k2" {
            (images(&inputs["img"]["x1"]["data"]), images(&inputs["img"]["x2"]["data"]))
        } else {
            (vectors(&inputs["fc"]["x1"]["data"]), vectors(&inputs["fc"]["x2"]["data"]))
        };
        let net = Network::new(&network(&golden["layers"]), x1.shape()).unwrap();
        let formula = |name: &str| golden["param_formula"][name].as_f64().unwrap();
        let (alpha, phase, s) = (formula("alpha"), formula("phase"), formula("s"));
        let leaves = golden["param_leaves"].as_array().unwrap().iter().enumerate().map(|(l, leaf)| {
            let mut shape: Vec<usize> = serde_json::from_value(leaf["shape"].clone()).unwrap();
            let bias = shape[..shape.len() - 1].iter().all(|&n| n == 1);
            let count: usize = shape.iter().product();
            if bias {
                shape = vec![count];
            }
            let element = |i| s * (alpha * (i + 1) as f64 + phase * (l + 1) as f64).sin();
            Tensor::from_vec(&shape, (0..count).map(element).collect())
        });
        let params = net.params_from(leaves.collect()).unwrap();
        let moved = params.map(&mut |leaf| leaf.affine(1.02, 0.01));
        assert_eq!(golden["params2"], "1.02*params + 0.01");
        Case { golden, net, params, moved, x1: (&x1).into(), x2: (&x2).into() }
    };
    golden()["empirical"].as_array().unwrap().iter().map(case).collect()
}

#[test]
fn outputs_and_their_expansions() {
    for Case { golden, net, params, moved, x1, x2 } in cases() {
        let apply = |p: &Params<f64>, x: &Batch<f64>| net.apply_batch(p, x).into_array();
        assert_close("f_x1", &apply(&params, &x1), &golden["f_x1"]);
        assert_close("f_x2", &apply(&params, &x2), &golden["f_x2"]);
        assert_close("f_params2_x1", &apply(&moved, &x1), &golden["f_params2_x1"]);
        let linear = Linearized::new(&net, &params, &x1).unwrap().apply(&moved);
        assert_close("linearized_x1", linear.array(), &golden["linearized_x1"]);
        for (order, name) in [(0, "f_x1"), (1, "linearized_x1"), (2, "taylor2_x1")] {
            let expansion = taylor(&net, &params, &moved, &x1, order).unwrap();
            assert_close(name, expansion.array(), &golden[name]);
        }
    }
}

#[test]
fn empirical_kernels_by_every_method() {
    for Case { golden, net, params, x1, x2, .. } in cases() {
        assert_close("nngp_12_full", &nngp(&net, &params, &x1, Some(&x2)).unwrap(), &golden["nngp_12_full"]);
        for method in METHODS {
            let ntk = EmpiricalNtk::new(&net, &params).unwrap().by(method);
            assert_close("ntk_11_full", &ntk.full(&x1, None).unwrap(), &golden["ntk_11_full"]);
            assert_close("ntk_12_full", &ntk.full(&x1, Some(&x2)).unwrap(), &golden["ntk_12_full"]);
            let traced = Array::from(&ntk.trace(&x1, Some(&x2)).unwrap());
            assert_close("ntk_12_traced", &traced, &golden["ntk_12_traced"]);
        }
    }
}
