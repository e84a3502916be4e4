//! Inputs that are nearly equal, nearly opposite, or multiples of each other, against a recursion at 50 digits: an angle
//! before a ReLU or a sign has all its digits whatever layers come before it, other than those that mix pixels.

use nalgebra::DMatrix;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, Images, Inputs, Kernel};
use overparam_tensor::linalg::Real;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Golden {
    vec: Array,
    img: Array,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    inputs: String,
    layers: Value,
    /// Lower triangles, row by row.
    nngp: Vec<f64>,
    ntk: Vec<f64>,
}

impl Array {
    fn batch<T: Real>(&self) -> Inputs<T> {
        let data: Vec<T> = self.data.iter().map(|&x| T::of(x)).collect();
        match self.shape[..] {
            [count, channels] => DMatrix::from_row_slice(count, channels, &data).into(),
            [count, height, width, channels] => {
                Images::new(count, Shape { height, width, channels }, data).unwrap().into()
            }
            _ => panic!("vectors or images"),
        }
    }
}

/// The largest error of an entry, in units of what the two inputs have with themselves.
fn error<T: Real>(found: &DMatrix<T>, expected: &[f64]) -> f64 {
    let at = |i: usize, j: usize| expected[i * (i + 1) / 2 + j];
    let pairs = (0..found.nrows()).flat_map(|i| (0..=i).map(move |j| (i, j)));
    let errors = pairs.map(|(i, j)| (found[(i, j)].f64() - at(i, j)).abs() / (at(i, i) * at(j, j)).sqrt());
    errors.fold(0.0, |worst, error| if error <= worst { worst } else { error })
}

fn worst<T: Real>(golden: &Golden, case: &Case) -> f64 {
    let batch = if case.inputs == "vec" { golden.vec.batch::<T>() } else { golden.img.batch() };
    let net = Architecture::from_value(json!({ "layers": case.layers })).unwrap();
    let found = Kernel::<T>::new(&net, batch.shape()).unwrap().both(&batch, None).unwrap();
    error(&found.nngp, &case.nngp).max(error(&found.ntk, &case.ntk))
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../data/nearly_parallel.json")).unwrap()
}

/// After a jump, an error in the angle becomes its square root.
fn jumps(case: &Case) -> bool {
    let layers = case.layers.to_string();
    layers.contains("sign") || layers.contains(r#""degree":0"#)
}

#[test]
fn angles_have_all_their_digits() {
    let golden = golden();
    assert!(golden.cases.len() > 30);
    for case in &golden.cases {
        let error = worst::<f64>(&golden, case);
        assert!(error < if jumps(case) { 3e-13 } else { 1e-14 }, "{}: {error}", case.layers);
    }
}

/// Rounding the inputs to f32 turns them by some 1e-7.
#[test]
fn narrow_angles_have_theirs() {
    let golden = golden();
    for case in &golden.cases {
        let error = worst::<f32>(&golden, case);
        assert!(error < if jumps(case) { 2e-5 } else { 2e-6 }, "{}: {error}", case.layers);
    }
}
