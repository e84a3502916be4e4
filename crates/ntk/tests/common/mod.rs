//! Reading golden values, and small helpers.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod recursion;

use std::sync::OnceLock;

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs};
use serde_json::{Value, json};

pub(crate) fn golden() -> &'static Value {
    static GOLDEN: OnceLock<Value> = OnceLock::new();
    GOLDEN.get_or_init(|| serde_json::from_str(include_str!("../golden.json")).unwrap())
}

pub(crate) fn matrix(value: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

pub(crate) fn vectors(value: &Value) -> Inputs<f64> {
    matrix(value).into()
}

pub(crate) fn images(value: &Value) -> Inputs<f64> {
    let data: Vec<Vec<Vec<Vec<f64>>>> = serde_json::from_value(value.clone()).unwrap();
    let shape = Shape { height: data[0].len(), width: data[0][0].len(), channels: data[0][0][0].len() };
    let count = data.len();
    let flat = data.into_iter().flatten().flatten().flatten().collect();
    Images::new(count, shape, flat).unwrap().into()
}

/// The golden file's layers in our schema.
pub(crate) fn layers(value: &Value) -> Vec<Value> {
    value.as_array().unwrap().iter().map(layer).collect()
}

fn layer(value: &Value) -> Value {
    let affine = |extra: Value| {
        let mut body = extra;
        body["w_std"] = value["W_std"].clone();
        body["b_std"] = value["b_std"].clone();
        body
    };
    match value["op"].as_str().unwrap() {
        "Dense" => json!({"dense": affine(json!({"width": value["out"]}))}),
        "Conv" => json!({"conv": affine(json!({
            "channels": value["out"], "filter": value["filter"], "strides": value["strides"],
            "padding": value["padding"],
        }))}),
        "Relu" => json!("relu"),
        "Erf" => json!("erf"),
        "Gelu" => json!("gelu"),
        "Flatten" => json!("flatten"),
        "GlobalAvgPool" => json!("global_avg_pool"),
        "Residual" => json!({"residual": layers(&value["branch"])}),
        other => panic!("no such layer in the golden file: {other}"),
    }
}

pub(crate) fn network(value: &Value) -> Architecture {
    let standard = value.as_array().unwrap().iter().any(|layer| layer["param"] == "standard");
    let parameterization = if standard { "standard" } else { "ntk" };
    Architecture::from_value(json!({"parameterization": parameterization, "layers": layers(value)})).unwrap()
}

pub(crate) fn narrow(x: &Inputs<f64>) -> Inputs<f32> {
    match x {
        Inputs::Vectors(x) => x.map(|x| x as f32).into(),
        Inputs::Images(x) => x.map(|x| x as f32).into(),
    }
}

/// Largest `|a - b|_ij / sqrt(b_ii b_jj)`.
pub(crate) fn scaled_difference(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let mut worst = 0.0f64;
    for i in 0..b.nrows() {
        for j in 0..b.ncols() {
            let scale = (b[(i, i)] * b[(j, j)]).sqrt().max(1e-300);
            worst = worst.max((a[(i, j)] - b[(i, j)]).abs() / scale);
        }
    }
    worst
}
