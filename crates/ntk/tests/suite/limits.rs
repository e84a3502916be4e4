//! What is beyond the numbers of a type, too small for them, or lost to rounding is an error, not a wrong number.

use nalgebra::DMatrix;
use overparam_ntk::activation::{Activation, Numerical};
use overparam_ntk::architecture::dense;
use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule};
use overparam_ntk::{Architecture, Images, Inputs, Kernel, NtkError};
use overparam_tensor::linalg::Real;
use serde_json::{Value, json};

fn ntk<T: Real>(layers: &Value, x: &DMatrix<T>) -> Result<DMatrix<T>, NtkError> {
    let net = Architecture::from_value(json!({ "layers": layers })).unwrap();
    let inputs = Inputs::from(x.clone());
    Kernel::<T>::new(&net, inputs.shape())?.ntk(&inputs, None)
}

fn underflows<T: Real>(result: &Result<DMatrix<T>, NtkError>) -> bool {
    matches!(result, Err(NtkError::Underflow { which: "first inputs", scalar, .. }) if *scalar == T::NAME)
}

/// ReLU of weights of standard deviation one halves the variance in every layer. The second input is the smaller one.
#[test]
fn deep_networks_have_right_digits_or_none() {
    for depth in [2, 20, 80, 100, 101, 120, 140, 300] {
        let layers: Vec<Value> =
            (0..depth).flat_map(|_| [json!({"dense": {"width": 1}}), json!("relu")]).collect();
        let x = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.3, -0.4]);
        let wide = ntk::<f64>(&json!(layers), &x).unwrap();
        match ntk::<f32>(&json!(layers), &x.map(|x| x as f32)) {
            Ok(narrow) => {
                for (i, j) in [(0, 0), (0, 1), (1, 1)] {
                    let scale = (wide[(i, i)] * wide[(j, j)]).sqrt();
                    assert!((f64::from(narrow[(i, j)]) - wide[(i, j)]).abs() < 1e-5 * scale, "{depth}");
                }
                assert!(depth < 100);
            }
            error => assert!(depth >= 100 && underflows(&error), "{depth}"),
        }
    }
    let deep: Vec<Value> = (0..1025).flat_map(|_| [json!({"dense": {"width": 1}}), json!("relu")]).collect();
    let x = DMatrix::from_row_slice(2, 1, &[1e20, 1.0]);
    let error = ntk::<f64>(&json!(deep), &x).unwrap_err();
    assert_eq!(error, NtkError::Underflow { which: "first inputs", input: 1, scalar: "f64" });
    assert!(error.to_string().contains("a variance of input 1 falls to where the numbers of f64"), "{error}");
}

/// What all inputs have together is nothing that a kernel computes.
#[test]
fn large_inputs_are_refused_one_by_one() {
    let net = json!([{"dense": {"width": 1}}, "relu", {"dense": {"width": 1}}]);
    let row = |large: f32| DMatrix::from_fn(4, 3, |i, _| if i == 2 { large } else { 1e19 });
    assert!(ntk::<f32>(&net, &row(-1e19)).is_ok());
    for (large, why) in [
        (1.1e19, "the squared norm of input 2 overflows f32"),
        (f32::INFINITY, "input 2, entry 0 is inf"),
        (f32::NAN, "input 2, entry 0 is NaN"),
    ] {
        let error = ntk::<f32>(&net, &row(large)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn tiny_inputs_are_refused_and_zeros_are_not() {
    let sign = json!([{"dense": {"width": 1}}, "sign", {"dense": {"width": 1}}]);
    for tiny in [1e-155, 1e-200, 5e-324] {
        let x = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, tiny, tiny]);
        assert!(underflows(&ntk::<f64>(&sign, &x)), "{tiny}");
    }
    assert!(underflows(&ntk::<f32>(&sign, &DMatrix::from_row_slice(2, 1, &[1.0, 1e-30]))));
    let zero = DMatrix::from_row_slice(2, 1, &[1.0, 0.0]);
    assert_eq!(ntk::<f64>(&sign, &zero).unwrap()[(1, 1)], 0.0);
    // A layer that is zero makes zeros.
    let nothing = json!([{"dense": {"width": 1, "w_std": 0.0}}, "relu", {"dense": {"width": 1}}]);
    assert_eq!(ntk::<f64>(&nothing, &zero).unwrap()[(0, 0)], 0.0);
    // What jumps over the small numbers in one step has fallen as well.
    let steep = json!([{"dense": {"width": 1, "w_std": 1e-200}}, {"dense": {"width": 1}}]);
    assert!(ntk::<f64>(&steep, &zero).is_err());
    let product = json!([{"parallel": {"branches": [[], [{"dense": {"width": 1}}]], "combine": "product"}}, {"dense": {"width": 1}}]);
    assert!(underflows(&ntk::<f64>(&product, &DMatrix::from_row_slice(2, 1, &[1.0, 1e-100]))));
}

#[test]
fn a_norm_without_eps_is_not_taken_of_what_is_lost() {
    let layers = |depth: usize| {
        let mut layers: Vec<Value> =
            (0..depth).flat_map(|_| [json!({"dense": {"width": 1, "w_std": 0.1}}), json!("relu")]).collect();
        layers.extend([json!({"dense": {"width": 1}}), json!({"layer_norm": {"eps": 0.0}})]);
        json!(layers)
    };
    let x = DMatrix::from_row_slice(2, 1, &[2.0f32, 1.0]);
    assert!(underflows(&ntk::<f32>(&layers(30), &x)));
    assert!(ntk::<f32>(&layers(8), &x).is_ok());
}

/// One tiny pixel is nothing beside the others; an image of tiny pixels is refused.
#[test]
fn images_are_refused_as_a_whole() {
    let net = Architecture::from_value(json!({"layers": [
        {"conv": {"channels": 1, "filter": [1, 1]}}, "relu", "flatten", {"dense": {"width": 1}}]}));
    let shape = Shape { height: 2, width: 2, channels: 1 };
    let kernel = Kernel::<f32>::new(&net.unwrap(), shape).unwrap();
    let of = |pixels: [f32; 4]| {
        let batch: Inputs<f32> = Images::new(1, shape, pixels.to_vec()).unwrap().into();
        kernel.ntk(&batch, None)
    };
    assert_eq!(of([1.0, 1e-30, 0.0, 2.0]).unwrap(), of([1.0, 0.0, 0.0, 2.0]).unwrap());
    assert!(matches!(of([1e-30, 1e-30, 0.0, 0.0]), Err(NtkError::Underflow { input: 0, .. })));
}

/// A function of a user agrees with the closed form of the same function wherever it is not refused.
#[test]
fn functions_that_nodes_do_not_resolve_are_refused() {
    let of = |activation: Activation, x: f64| {
        let net = Architecture::new([dense(1).into(), activation.into(), dense(1).into()]);
        let inputs = Inputs::from(DMatrix::from_row_slice(2, 2, &[x, 0.0, 0.9 * x, 0.1 * x]));
        Kernel::<f64>::new(&net, inputs.shape())?.both(&inputs, None)
    };
    let theirs = || Activation::from(Numerical::new("my tanh", f64::tanh, |x| 1.0 - x.tanh().powi(2), 40));
    let mut refused = 0;
    for exponent in -12..=12 {
        let x = 10f64.powf(f64::from(exponent) / 4.0);
        let ours = of(Activation::numerical("tanh", None).unwrap(), x).unwrap();
        match of(theirs(), x) {
            Ok(found) => {
                for (found, ours) in [(found.nngp, ours.nngp), (found.ntk, ours.ntk)] {
                    assert!((found - &ours).amax() < 1e-9 * ours.amax(), "{x}");
                }
            }
            Err(error) => {
                assert_eq!(error, NtkError::Unresolved { which: "first inputs", input: 0 });
                refused += 1;
            }
        }
    }
    assert!((3..12).contains(&refused), "{refused}");
    let kink = Numerical::new("my relu", |x| x.max(0.0), |x| f64::from(u8::from(x > 0.0)), 500);
    assert!(matches!(of(kink.into(), 1.0), Err(NtkError::Unresolved { .. })));
    assert!(matches!(theirs().dual(400.0, 1.0, 0.0), Err(NtkError::Unresolved { input: 0, .. })));
}

/// Two equal inputs with different targets: both predictions are the mean, however the eigenvalue zero was rounded.
#[test]
fn repeated_inputs_learn_the_mean() {
    let net = Architecture::from_value(
        json!({"layers": [{"dense": {"width": 1}}, "relu", {"dense": {"width": 1}}]}),
    );
    let net = net.unwrap();
    let mut seen = 0;
    for case in 0..72u32 {
        let (n, d) = (3 + case as usize % 6, 2 + case as usize % 5);
        let mut x = DMatrix::from_fn(n, d, |i, j| {
            (1.7 * (case + 1) as f64 + 3.1 * i as f64 + 0.7 * (j * j) as f64).sin()
        });
        let repeated = x.row(0).into_owned();
        x.set_row(1, &repeated);
        let inputs = Inputs::from(x);
        let kernel = Kernel::<f64>::new(&net, inputs.shape()).unwrap().ntk(&inputs, None).unwrap();
        let y = DMatrix::from_fn(n, 1, |i, _| [1.5, -0.9, 0.3, 2.0][i % 4]);
        let dynamics = SquaredLossDynamics::new(&kernel, &y, Regularizer::NONE).unwrap();
        let start = DMatrix::zeros(n, 1);
        let end = dynamics.predict_train(Schedule::CONVERGED, &start).unwrap();
        assert!((end[0] - end[1]).abs() < 1e-7, "{case}: {} and {}", end[0], end[1]);
        let loss = (&end - &y).norm_squared() / (2.0 * n as f64);
        let least = dynamics.least_loss(&start).unwrap();
        assert!(dynamics.rank() < n);
        assert!(loss >= 1.2f64.powi(2) * 2.0 / (2.0 * n as f64) - 1e-9, "{case}: {loss}");
        assert!((loss - least).abs() < 1e-9 * (1.0 + loss), "{case}: {loss} {least}");
        seen += usize::from(dynamics.eigenvalues()[0] != 0.0);
    }
    assert!(seen > 0, "some zero is a rounding error");
}

/// Numbers next to the largest one make errors, never NaN.
#[test]
fn predictions_are_finite_or_errors() {
    let kernel = DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 1.0]);
    let huge = DMatrix::from_row_slice(2, 1, &[1.7e308, -1.7e308]);
    let small = DMatrix::from_row_slice(2, 1, &[1.0, -1.0]);
    let zero = DMatrix::zeros(2, 1);
    for (y, ridge) in [(&huge, 0.0), (&huge, 1.7e308), (&small, 1.7e308), (&small, 1e-320), (&huge, 1.0)] {
        let Ok(dynamics) = SquaredLossDynamics::new(&kernel, y, Regularizer::Absolute(ridge)) else {
            continue;
        };
        for time in [0.0, 5e-324, 1.0, 1e308, f64::INFINITY] {
            let schedule = Schedule::flow(time);
            let results = [
                dynamics.fitted(schedule, &zero),
                dynamics.predict_train(schedule, &zero),
                dynamics.predict_train(schedule, &-y),
                dynamics.predict_test(schedule, (&zero, &zero), &kernel),
                dynamics.predict_test(schedule, (&zero, &zero), &(&kernel * 1e100)),
            ];
            for result in results.into_iter().flatten() {
                assert!(result.iter().all(|x| x.is_finite()), "{ridge} {time}: {result}");
            }
        }
    }
    let many = DMatrix::from_element(2, 2, 1.7e308);
    assert!(SquaredLossDynamics::new(&many, &small, Regularizer::Absolute(1.7e308)).is_err());
}
