//! Reading golden values, and small helpers.

mod difference;
pub(crate) mod double;
pub(crate) mod golden;
pub(crate) mod recursion;

pub(crate) use difference::scaled_difference;
pub(crate) use golden::{golden, layers, matrix, network};
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Images, Inputs};
use serde_json::Value;

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

pub(crate) fn narrow(x: &Inputs<f64>) -> Inputs<f32> {
    match x {
        Inputs::Vectors(x) => x.map(|x| x as f32).into(),
        Inputs::Images(x) => x.map(|x| x as f32).into(),
    }
}
