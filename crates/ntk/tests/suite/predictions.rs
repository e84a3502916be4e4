//! Closed-form predictions against neural-tangents' float64 values, to 1e-10; its integrated ones to its own tolerance.

use crate::common::{golden, matrix, network, vectors};
use nalgebra::DMatrix;
use overparam_ntk::Kernel;
use overparam_ntk::predict::ensemble::{Gaussian, Prior};
use overparam_ntk::predict::integrate::{Options, SquaredError, coefficients};
use overparam_ntk::predict::squared::SquaredLossDynamics;
use overparam_ntk::predict::{Regularizer, Schedule, gaussian_process};
use serde_json::Value;

struct Case {
    ntk_dd: DMatrix<f64>,
    ntk_td: DMatrix<f64>,
    ntk_tt: DMatrix<f64>,
    nngp_dd: DMatrix<f64>,
    nngp_td: DMatrix<f64>,
    nngp_tt: DMatrix<f64>,
    y: DMatrix<f64>,
    f0: (DMatrix<f64>, DMatrix<f64>),
}

fn case() -> (&'static Value, Case) {
    let p = &golden()["predict"];
    let m = |name: &str| matrix(&p[name]);
    let case = Case {
        ntk_dd: m("ntk_dd"),
        ntk_td: m("ntk_td"),
        ntk_tt: m("ntk_tt"),
        nngp_dd: m("nngp_dd"),
        nngp_td: m("nngp_td"),
        nngp_tt: m("nngp_tt"),
        y: m("y"),
        f0: (m("f0_train"), m("f0_test")),
    };
    (p, case)
}

impl Case {
    fn prior(&self) -> Prior<'_> {
        Prior { dd: &self.nngp_dd, td: &self.nngp_td, tt: &self.nngp_tt }
    }
}

fn time(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

fn close(ours: &DMatrix<f64>, theirs: &Value, tolerance: f64, what: &str) {
    let theirs = matrix(theirs);
    assert_eq!(ours.shape(), theirs.shape());
    let error = (ours - theirs).amax();
    assert!(error < tolerance, "{what}: {error:e}");
}

#[test]
fn outputs_during_training() {
    let (p, case) = case();
    for row in p["gradient_descent_mse"].as_array().unwrap() {
        let ridge = Regularizer::Relative(row["diag_reg"].as_f64().unwrap());
        let schedule = Schedule::Flow { rate: row["learning_rate"].as_f64().unwrap(), time: time(&row["t"]) };
        let training = SquaredLossDynamics::new(&case.ntk_dd, &case.y, ridge).unwrap();
        let train = training.predict_train(schedule, &case.f0.0).unwrap();
        let test = training.predict_test(schedule, (&case.f0.0, &case.f0.1), &case.ntk_td).unwrap();
        close(&train, &row["f_train"], 1e-10, &format!("train {schedule:?} {ridge:?}"));
        close(&test, &row["f_test"], 1e-10, &format!("test {schedule:?} {ridge:?}"));
    }
}

#[test]
fn outputs_with_momentum_and_by_integration() {
    let (p, case) = case();
    let training = SquaredLossDynamics::new(&case.ntk_dd, &case.y, Regularizer::NONE).unwrap();
    for row in p["gradient_descent_ode"]["cases"].as_array().unwrap() {
        let (rate, time) = (row["learning_rate"].as_f64().unwrap(), time(&row["t"]));
        let schedule = match row["momentum"].as_f64() {
            Some(momentum) => Schedule::MomentumFlow { rate, momentum, time },
            None => Schedule::Flow { rate, time },
        };
        let train = training.predict_train(schedule, &case.f0.0).unwrap();
        let test = training.predict_test(schedule, (&case.f0.0, &case.f0.1), &case.ntk_td).unwrap();
        close(&train, &row["f_train"], 1e-6, &format!("train {schedule:?}"));
        close(&test, &row["f_test"], 1e-6, &format!("test {schedule:?}"));
        if matches!(schedule, Schedule::Flow { .. }) {
            let a =
                coefficients(&case.ntk_dd, &case.y, &case.f0.0, &SquaredError, &[time], Options::default());
            let a = &a.unwrap()[0];
            assert!((&case.f0.0 + &case.ntk_dd * a - train).amax() < 1e-8);
            assert!((&case.f0.1 + &case.ntk_td * a - test).amax() < 1e-8);
        }
    }
}

fn agree(ours: &Gaussian, row: &Value, on: &str, tolerance: f64, what: &str) {
    close(&ours.mean, &row[format!("mean{on}")], tolerance, what);
    close(&ours.covariance, &row[format!("cov{on}")], tolerance, what);
}

#[test]
fn ensembles_during_training() {
    let (p, case) = case();
    for row in p["gradient_descent_mse_ensemble"].as_array().unwrap() {
        let schedule = Schedule::flow(time(&row["t"]));
        let (dd, td) = match row["get"].as_str().unwrap() {
            "ntk" => (&case.ntk_dd, &case.ntk_td),
            _ => (&case.nngp_dd, &case.nngp_td),
        };
        let training = SquaredLossDynamics::new(dd, &case.y, Regularizer::NONE).unwrap();
        let what = format!("{} {schedule:?}", row["get"]);
        agree(&training.ensemble(schedule, td, case.prior()).unwrap(), row, "_test", 1e-10, &what);
        agree(&training.ensemble_on_training(schedule, &case.nngp_dd).unwrap(), row, "_train", 1e-10, &what);
    }
}

#[test]
fn posteriors() {
    let (p, case) = case();
    for row in p["gp_inference"].as_array().unwrap() {
        let amount = row["diag_reg"].as_f64().unwrap();
        let absolute = row["diag_reg_absolute_scale"].as_bool().unwrap();
        let noise = if absolute { Regularizer::Absolute(amount) } else { Regularizer::Relative(amount) };
        let tangent = Prior { dd: &case.ntk_dd, td: &case.ntk_td, tt: &case.ntk_tt };
        let ours = match row["get"].as_str().unwrap() {
            "nngp" => gaussian_process::posterior(case.prior(), &case.y, noise),
            "ntkgp" => gaussian_process::posterior(tangent, &case.y, noise),
            _ => SquaredLossDynamics::new(&case.ntk_dd, &case.y, noise).unwrap().ensemble(
                Schedule::CONVERGED,
                &case.ntk_td,
                case.prior(),
            ),
        };
        agree(&ours.unwrap(), row, "", 1e-10, &format!("{} {noise:?}", row["get"]));
    }
}

#[test]
fn stable_learning_rates() {
    let (p, case) = case();
    let training = SquaredLossDynamics::new(&case.ntk_dd, &case.y, Regularizer::NONE).unwrap();
    for (momentum, name) in [(0.0, "momentum0"), (0.9, "momentum0_9")] {
        let expected = p["max_learning_rate"][name].as_f64().unwrap();
        assert!((training.max_learning_rate(momentum) / expected - 1.0).abs() < 1e-12);
    }
}

/// The kernels behind the predictions are ours too.
#[test]
fn kernels_of_the_predictions() {
    let (p, case) = case();
    let formula = |i0: usize, n: usize| {
        DMatrix::from_fn(n, 8, |i, j| {
            let (i, j) = ((i + i0) as f64, j as f64);
            (0.7 * i + 1.3 * j + 0.1 * i * j).sin()
        })
    };
    let known = vectors(&golden()["inputs"]["fc"]["x1"]["data"]);
    assert_eq!(known.count(), 6);
    let (x, z) = (formula(0, 12).into(), formula(40, 5).into());
    let kernel = Kernel::new(&network(&p["layers"]), known.shape()).unwrap();
    let (own, cross) = (kernel.both(&x, None).unwrap(), kernel.both(&z, Some(&x)).unwrap());
    let pairs = [
        (&own.ntk, &case.ntk_dd),
        (&own.nngp, &case.nngp_dd),
        (&cross.ntk, &case.ntk_td),
        (&cross.nngp, &case.nngp_td),
    ];
    for (ours, theirs) in pairs {
        assert!((ours - theirs).amax() < 1e-8, "neural-tangents' diagonal is 1e-9 off");
    }
}
