//! `kernels-all`: the tangent kernel of a small network around every activation and every layer, at two sizes.
//!
//! The peer has no closed form for tanh, sigmoid, softplus and SiLU: there it integrates numerically, and the results differ by what that
//! leaves out.

use anyhow::Result;
use overparam_ntk::Architecture;

use super::super::case::{Case, Cost, Precision, Threads, Workload};
use super::super::inputs::dense;
use super::kernels::{PACKAGES, ntk, pictures};

/// What all names begin with; `bench` runs these cases when they are asked for.
pub(crate) const PREFIX: &str = "kernels-all";

const DENSE: &str = r#"{"dense": {"width": 1, "w_std": 1.1, "b_std": 0.1}}"#;
const CONV: &str =
    r#"{"conv": {"channels": 1, "filter": [3, 3], "padding": "same", "w_std": 1.1, "b_std": 0.1}}"#;

/// Name and layer; each stands twice, behind a dense layer.
const ACTIVATIONS: &[(&str, &str)] = &[
    ("relu", r#""relu""#),
    ("leaky-relu", r#"{"leaky_relu": {"slope": 0.2}}"#),
    ("abs", r#""abs""#),
    ("ab-relu", r#"{"ab_relu": {"a": 0.2, "b": 1.3}}"#),
    ("erf", r#""erf""#),
    ("gelu", r#""gelu""#),
    ("sin", r#"{"sin": {"a": 1.0, "b": 1.0, "c": 0.3}}"#),
    ("cos", r#"{"cos": {"a": 1.0, "b": 1.0, "c": 0.3}}"#),
    ("rbf", r#"{"rbf": {"gamma": 0.7}}"#),
    ("exp", r#"{"exp": {"a": 0.5, "b": 0.5}}"#),
    ("sign", r#""sign""#),
    ("monomial-2", r#"{"monomial": {"degree": 2}}"#),
    ("monomial-3", r#"{"monomial": {"degree": 3}}"#),
    ("rectified-monomial-2", r#"{"rectified_monomial": {"degree": 2}}"#),
    ("polynomial", r#"{"polynomial": {"coefficients": [0.3, -1.0, 0.5, 0.2]}}"#),
    ("hermite-3", r#"{"hermite": {"coefficients": [0.0, 0.0, 0.0, 1.0]}}"#),
    ("tanh", r#""tanh""#),
    ("sigmoid", r#""sigmoid""#),
    ("softplus", r#""softplus""#),
    ("silu", r#""silu""#),
];

/// Name and what stands between a dense layer and the last one.
const ON_VECTORS: &[(&str, &str)] = &[
    ("layer-norm", r#"{"layer_norm": {"eps": 1e-12}}, "relu""#),
    ("dropout", r#""relu", {"dropout": {"keep": 0.8}}"#),
    ("residual", r#""relu", {"residual": [{"dense": {"width": 1, "w_std": 1.1, "b_std": 0.1}}, "relu"]}"#),
];

/// Name and what stands between a convolution and the last dense layer.
const ON_IMAGES: &[(&str, &str)] = &[
    ("flatten", r#""relu", "flatten""#),
    ("avg-pool", r#""relu", {"avg_pool": {"window": [2, 2], "strides": [2, 2]}}, "flatten""#),
    ("sum-pool", r#""relu", {"sum_pool": {"window": [2, 2], "strides": [2, 2]}}, "flatten""#),
    ("global-avg-pool", r#""relu", "global_avg_pool""#),
    ("global-sum-pool", r#""relu", "global_sum_pool""#),
    (
        "conv-valid",
        r#""relu", {"conv": {"channels": 1, "filter": [3, 3], "padding": "valid", "w_std": 1.1, "b_std": 0.1}}, "relu", "flatten""#,
    ),
    (
        "attention",
        r#""relu", {"global_self_attention": {"channels": 1, "heads": 1, "w_query_std": 1.2, "w_key_std": 0.9, "w_value_std": 1.0, "w_out_std": 1.0, "b_std": 0.1}}, "global_avg_pool""#,
    ),
];

fn network(layers: &[&str]) -> Result<Architecture> {
    Ok(Architecture::from_json(&format!(r#"{{"layers": [{}]}}"#, layers.join(", ")))?)
}

/// What the peer leaves out.
fn tolerance(name: &str) -> f64 {
    if ["tanh", "sigmoid", "softplus", "silu"].contains(&name) { 5e-3 } else { 1e-7 }
}

/// The case of `name` at a size, which is `of` something.
fn case(
    name: &str,
    (size, of): (String, &str),
    cost: Cost,
    prepare: impl Fn() -> Result<Box<dyn Workload>> + Sync + 'static,
) -> Case {
    Case {
        name: format!("{PREFIX}-{name}-{size}"),
        work: format!("NTK of a small network with {name}, {of}, f64"),
        packages: PACKAGES,
        target: 1.0,
        precision: Precision::F64,
        threads: Threads::All,
        cost,
        tolerance: tolerance(name),
        rounds: 5,
        prepare: Box::new(prepare),
    }
}

fn on_vectors(name: &'static str, layers: Vec<&'static str>, n: usize) -> Case {
    const D: usize = 64;
    let pairs = (n * (n + 1)) as f64 / 2.0;
    let cost = Cost {
        flops: pairs * (2.0 * D as f64 + 2.0 * layers.len() as f64),
        bytes: 8.0 * (n * D + n * n) as f64,
        counted: "half of the Gram product; on half of the pairs two operations a layer",
    };
    let of = format!("{n} inputs of dimension {D}");
    case(name, (n.to_string(), &of), cost, move || ntk::<f64>(&network(&layers)?, dense(n, D, 0).into()))
}

fn on_images(name: &'static str, layers: Vec<&'static str>, size: usize) -> Case {
    const N: usize = 8;
    let pixels = (size * size) as f64;
    let pairs = (N * (N + 1)) as f64 / 2.0 * if name == "flatten" { pixels } else { pixels * pixels };
    let cost = Cost {
        flops: pairs * (6.0 + 2.0 * layers.len() as f64),
        bytes: 8.0 * (N as f64 * pixels * 3.0 + (N * N) as f64),
        counted: "on half of the pairs of images and each pair of pixels (flatten: equal pixels) six operations of the inputs' products and two \
                  a layer",
    };
    let of = format!("{N} images of {size} x {size} x 3");
    case(name, (format!("{size}x{size}"), &of), cost, move || {
        ntk::<f64>(&network(&layers)?, pictures(N, size)?)
    })
}

/// Activations, layers between vectors, layers between images.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for n in [500, 2000] {
        cases.extend(
            ACTIVATIONS.iter().map(|&(name, phi)| on_vectors(name, vec![DENSE, phi, DENSE, phi, DENSE], n)),
        );
        cases
            .extend(ON_VECTORS.iter().map(|&(name, layers)| on_vectors(name, vec![DENSE, layers, DENSE], n)));
    }
    for size in [8, 14] {
        cases
            .extend(ON_IMAGES.iter().map(|&(name, layers)| on_images(name, vec![CONV, layers, DENSE], size)));
    }
    cases
}
