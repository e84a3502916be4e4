//! Inputs of very different sizes, large variances and saturated functions, against a recursion at 60 digits.

use nalgebra::DMatrix;
use overparam_ntk::{Architecture, Inputs, Kernel};
use overparam_tensor::linalg::Real;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    diagonals: Vec<Diagonal>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    arch: Value,
    x1: Vec<Vec<f64>>,
    nngp: Vec<Vec<String>>,
    ntk: Vec<Vec<String>>,
}

/// The kernels of one input of standard deviation `sd`.
#[derive(Deserialize)]
struct Diagonal {
    activation: String,
    sd: f64,
    nngp: String,
    ntk: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../data/hard_cases.json")).unwrap()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap()
}

/// The largest error of an entry, in units of what the two inputs have with themselves.
fn error<T: Real>(found: &DMatrix<T>, expected: &[Vec<String>]) -> f64 {
    let at = |i: usize, j: usize| number(&expected[i][j]);
    let pairs = (0..found.nrows()).flat_map(|i| (0..found.ncols()).map(move |j| (i, j)));
    let errors = pairs.map(|(i, j)| (found[(i, j)].f64() - at(i, j)).abs() / (at(i, i) * at(j, j)).sqrt());
    errors.fold(0.0, |worst, error| if error <= worst { worst } else { error })
}

fn worst<T: Real>(case: &Case) -> f64 {
    let x = DMatrix::from_fn(case.x1.len(), case.x1[0].len(), |i, j| T::of(case.x1[i][j]));
    let inputs = Inputs::from(x);
    let net = Architecture::from_value(case.arch.clone()).unwrap();
    let found = Kernel::<T>::new(&net, inputs.shape()).unwrap().both(&inputs, None).unwrap();
    error(&found.nngp, &case.nngp).max(error(&found.ntk, &case.ntk))
}

/// Fails with every case that is off.
fn check<T: Real>(tolerance: f64) {
    let mut wrong = Vec::new();
    for case in golden().cases {
        let error = worst::<T>(&case);
        println!("{} {error:.1e}", case.id);
        if error.is_nan() || error >= tolerance {
            wrong.push(case.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn hard_cases_have_twelve_digits() {
    check::<f64>(1e-12);
}

#[test]
fn hard_cases_have_five_digits_in_single_precision() {
    check::<f32>(1e-5);
}

#[test]
fn diagonals_have_ten_digits() {
    let mut wrong = Vec::new();
    for Diagonal { activation, sd, nngp, ntk } in golden().diagonals {
        let net = Architecture::from_value(json!({"layers": [{"dense": {"width": 1}}, activation]})).unwrap();
        let inputs = Inputs::from(DMatrix::from_element(1, 1, sd));
        let found = Kernel::<f64>::new(&net, inputs.shape()).unwrap().both(&inputs, None).unwrap();
        let relative = |found: f64, expected: &str| (found / number(expected) - 1.0).abs();
        let error = relative(found.nngp[(0, 0)], &nngp).max(relative(found.ntk[(0, 0)], &ntk));
        println!("{activation} {sd} {error:.1e}");
        if error.is_nan() || error >= 1e-10 {
            wrong.push((activation, sd));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
