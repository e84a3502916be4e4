//! Golden values and their networks in our schema; the tests of the programs read them too.

use std::sync::OnceLock;

use nalgebra::DMatrix;
use overparam_ntk::Architecture;
use serde_json::{Value, json};

pub(crate) fn golden() -> &'static Value {
    static GOLDEN: OnceLock<Value> = OnceLock::new();
    GOLDEN.get_or_init(|| serde_json::from_str(include_str!("../../data/golden.json")).unwrap())
}

pub(crate) fn matrix(value: &Value) -> DMatrix<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
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
