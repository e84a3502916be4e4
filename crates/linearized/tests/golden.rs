//! Against values computed independently (numpy and scipy, checked there by simulation): `data/rf_asymptotics.json`.

use nalgebra::{DMatrix, DVector};
use overparam_linearized::activation::{Activation, Standard};
use overparam_linearized::asymptotics::{Energies, FixedPoint, Regime, predict, wide_optimal_lambda_bar};
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::hermite::Profile;
use overparam_linearized::quadratic::{random_features_risk, tangent_risk, trained_risk};
use overparam_linearized::spectrum::{Spectrum, funk_hecke};
use overparam_tensor::sphere::multiplicity;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("data/rf_asymptotics.json")).unwrap()
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"))
}

fn rows<'a>(golden: &'a Value, key: &str) -> &'a [Value] {
    golden[key].as_array().unwrap()
}

fn activation(name: &str) -> Standard {
    match name {
        "relu_shift05" => Standard::ShiftedRelu { shift: 0.5 },
        name => name.parse().unwrap(),
    }
}

#[track_caller]
fn close(ours: f64, theirs: f64, relative: f64, what: &str) {
    assert!((ours - theirs).abs() <= relative * theirs.abs(), "{what}: {ours} against {theirs}");
}

const CLEAN: Energies = Energies { linear: 1.0, nonlinear: 0.0, noise: 0.0 };

#[test]
fn activation_moments() {
    for (name, row) in golden()["activations"].as_object().unwrap() {
        let p = Profile::of(&activation(name)).unwrap();
        for (ours, key) in [
            (p.mean, "mu0"),
            (p.linear, "mu1"),
            (p.quadratic, "mu2"),
            (p.second_moment, "Es2"),
            (p.residual, "mus2"),
            (p.zeta(), "zeta"),
        ] {
            assert!((ours - number(row, key)).abs() < 1e-11, "{name} {key}: {ours} against {}", row[key]);
        }
    }
}

/// The reference's training error is a difference of two numbers near 1, good to about `1e-15`: below that ours stands alone
/// (it is compared with the risk instead in the crate's own properties).
#[test]
fn proportional_asymptotics() {
    let golden = golden();
    for row in rows(&golden, "mei_montanari_grid") {
        let profile = Profile::of(&activation(row["act"].as_str().unwrap())).unwrap();
        let (psi1, psi2, lambda_bar) = (number(row, "psi1"), number(row, "psi2"), number(row, "lam_bar"));
        let energies = Energies { noise: 0.2, ..CLEAN };
        let p = predict(psi1, psi2, &profile, lambda_bar * profile.residual, energies).unwrap();
        for (ours, key) in [
            (p.chi, "chi"),
            (p.bias, "B"),
            (p.variance, "V"),
            (p.risk, "risk_F1=1_tau2=0.2"),
            (p.norm_squared, "normN/d|a|2_F1=1_tau2=0.2"),
        ] {
            close(ours, number(row, key), 1e-9, key);
        }
        let training = number(row, "train_F1=1_tau2=0.2");
        assert!((p.training_error - training).abs() < 1e-9 * training + 2e-15, "{row}");
        let point = FixedPoint::solve(Regime { psi1, psi2, zeta: profile.zeta(), lambda_bar }).unwrap();
        if let (Some((m1, m2)), true) = (point.im_nu(), lambda_bar > 0.0) {
            // The reference's smaller one is a difference, (psi - c) / u.
            close(m1, number(row, "m1"), 1e-6, "m1");
            close(m2, number(row, "m2"), 1e-6, "m2");
        }
    }
}

#[test]
fn infinite_limits_and_the_optimal_ridge() {
    let golden = golden();
    let relu = Profile::of(&Standard::Relu).unwrap();
    for row in rows(&golden, "mm_wide_relu") {
        let lambda = number(row, "lam_bar") * relu.residual;
        let p = predict(f64::INFINITY, number(row, "psi2"), &relu, lambda, CLEAN).unwrap();
        close(p.bias, number(row, "B"), 1e-9, "wide bias");
        close(p.variance, number(row, "V"), 1e-9, "wide variance");
    }
    for row in rows(&golden, "mm_lsamp_relu") {
        let lambda = number(row, "lam_bar") * relu.residual;
        let p = predict(number(row, "psi1"), f64::INFINITY, &relu, lambda, CLEAN).unwrap();
        close(p.bias, number(row, "B"), 1e-9, "large-sample bias");
        assert_eq!(p.variance, 0.0);
    }
    let threshold = golden["mm_rho_star_relu"].as_f64().unwrap();
    close(relu.zeta().powi(2), threshold, 1e-12, "rho_*");
    let at = |rho: f64| Energies { linear: 1.0, nonlinear: 0.0, noise: 1.0 / rho };
    assert_eq!(wide_optimal_lambda_bar(3.0, relu.zeta(), at(1.001 * threshold)).unwrap(), 0.0);
    assert!(wide_optimal_lambda_bar(3.0, relu.zeta(), at(0.999 * threshold)).unwrap() > 0.0);
}

/// Test and training errors along `N / n`. Where the fit nearly interpolates, the reference's training error is a difference of
/// numbers near the labels' variance, good to a rounding of those.
#[test]
fn the_double_descent_curves() {
    let golden = golden();
    let relu = Profile::of(&Standard::Relu).unwrap();
    let curves = [
        ("relu_psi2_3_lam1e8_noiseless", 3.0, 1e-8, 0.0),
        ("relu_psi2_3_lam1e3_noiseless", 3.0, 1e-3, 0.0),
        ("relu_psi2_10_lam1e8_snr5", 10.0, 1e-8, 0.2),
        ("relu_psi2_10_lam1e8_snr01", 10.0, 1e-8, 10.0),
        ("relu_psi2_10_lam1e1_snr01", 10.0, 1e-1, 10.0),
    ];
    let reference = golden["double_descent_curves"].as_object().unwrap();
    assert_eq!(reference.len(), curves.len() + 1, "every curve is checked, \"columns\" aside");
    for (name, psi2, lambda, noise) in curves {
        let rows = rows(&golden["double_descent_curves"], name);
        assert!(rows.len() > 10);
        for row in rows {
            let column = |i: usize| row[i].as_f64().unwrap();
            let energies = Energies { noise, ..CLEAN };
            let p = predict(column(0) * psi2, psi2, &relu, lambda, energies).unwrap();
            close(p.risk, column(1), 1e-9, name);
            let training = column(2);
            let rounding = 1e-15 * (1.0 + noise) + 1e-9 * training;
            assert!((p.training_error - training).abs() < rounding, "{name}: {row} {}", p.training_error);
        }
    }
}

#[test]
fn spherical_spectra() {
    for (d, row) in golden()["harmonics"].as_object().unwrap() {
        let d: usize = d.parse().unwrap();
        let relu = Standard::Relu;
        let lambda = funk_hecke(|x| relu.value(x), &relu.kinks(), d, 6);
        let features = Spectrum::of_random_features(&relu, d, 6).unwrap();
        let tangent = Spectrum::of_tangent_features(&relu, d, 6).unwrap();
        for k in 0..=6 {
            assert_eq!(multiplicity(d, k), row["B"][k].as_f64().unwrap());
            for (ours, key) in [
                (lambda[k], "relu_lambda_dk"),
                (features.eigenvalues()[k], "rf_eigs"),
                (tangent.eigenvalues()[k], "ntk1layer_eigs"),
            ] {
                let theirs = row[key][k].as_f64().unwrap();
                assert!((ours - theirs).abs() < 1e-12, "{d} {key} {k}: {ours} {theirs}");
            }
        }
    }
}

/// Random features and tangent neurons with unlimited samples, and the two-layer tangent kernel `t k0 + k1` on `n` samples,
/// pure degrees; the reference cuts its spectra at degrees 6, 8 and 6.
#[test]
fn staircase_curves() {
    let golden = golden();
    for row in rows(&golden["staircase"], "rows") {
        let d = row["d"].as_u64().unwrap() as usize;
        let size = number(row, "n");
        let random = Spectrum::of_random_features(&Standard::Relu, d, 6).unwrap();
        let tangent = Spectrum::of_tangent_features(&Standard::Relu, d, 8).unwrap();
        let infinite = f64::INFINITY;
        let kernel = two_layer_kernel(d, 6);
        for k in [1usize, 2, 4] {
            let mut energies = vec![0.0; k + 1];
            energies[k] = 1.0;
            let risk = |spectrum: &Spectrum, samples: f64, features: f64| {
                let sizes = Sizes { samples, features, ridge: 0.0 };
                equivalent(spectrum, &energies, 0.0, sizes).unwrap().risk
            };
            for (ours, key) in [
                (risk(&random, infinite, size), "rfN"),
                (risk(&tangent, infinite, size * d as f64), "ntN"),
                (risk(&kernel, size, infinite), "krr_ntk"),
            ] {
                let theirs = number(row, &format!("{key}_f{k}"));
                assert!((ours - theirs).abs() < 1e-8, "{key} d {d} size {size} degree {k}: {ours} {theirs}");
            }
        }
    }
}

/// `t k0 + k1`, twice the kernels of ReLU tangent and random features.
fn two_layer_kernel(d: usize, degree: usize) -> Spectrum {
    let random = Spectrum::of_random_features(&Standard::Relu, d, degree).unwrap();
    let tangent = Spectrum::of_tangent_features(&Standard::Relu, d, degree).unwrap();
    let pairs = random.eigenvalues().iter().zip(tangent.eigenvalues());
    let eigenvalues = pairs.map(|(a, b)| 2.0 * (a + b)).collect();
    Spectrum::new(d, eigenvalues, 2.0 * (random.tail() + tangent.tail())).unwrap()
}

#[test]
fn quadratic_targets() {
    let relu = Profile::of(&Standard::Relu).unwrap();
    let quadratic = Profile::of(&Standard::Quadratic).unwrap();
    for row in golden()["limitations_qf"].as_array().unwrap() {
        let d = row["d"].as_u64().unwrap() as usize;
        let rho = number(row, "rho");
        let spread = (0..d).map(|i| 0.5 + i as f64 / (d - 1) as f64);
        let b = DMatrix::from_diagonal(&DVector::from_iterator(d, spread));
        let isotropic = DMatrix::identity(d, d) / d as f64;
        let random = |profile| random_features_risk(profile, rho, &b, &isotropic).unwrap();
        close(random(&quadratic), number(row, "rf_quad"), 1e-9, "quadratic features");
        close(random(&relu), number(row, "rf_relu"), 1e-9, "relu features");
        close(1.0 + tangent_risk(rho, &b).unwrap(), 1.0 + number(row, "nt"), 1e-9, "tangent");
        let neurons = (rho * d as f64).round_ties_even() as usize;
        close(1.0 + trained_risk(neurons, &b).unwrap(), 1.0 + number(row, "nn"), 1e-9, "trained");
    }
}

/// The whole range anyone could ask for: 10,000 points, no failure, no wrong branch, residual below `1e-12`.
#[test]
fn the_fixed_point_holds_on_ten_thousand_points() {
    let mut worst = 0f64;
    let decade =
        |i: usize, n: usize, low: f64, high: f64| 10f64.powf(low + (high - low) * i as f64 / (n - 1) as f64);
    for i in 0..10 {
        for j in 0..10 {
            for k in 0..10 {
                for l in 0..10 {
                    let lambda_bar = if l == 0 { 0.0 } else { decade(l - 1, 9, -9.0, 3.0) };
                    let regime = Regime {
                        psi1: decade(i, 10, -3.0, 3.0),
                        psi2: decade(j, 10, -3.0, 3.0),
                        zeta: decade(k, 10, -1.0, 1.0),
                        lambda_bar,
                    };
                    let point = FixedPoint::solve(regime).unwrap();
                    assert!(point.x > 0.0 && (0.0..1.0).contains(&point.learned), "{regime:?}");
                    if let Some((m1, m2)) = point.im_nu() {
                        assert!(m1 > 0.0 && m2 > 0.0, "{regime:?}");
                    }
                    worst = worst.max(point.residual());
                }
            }
        }
    }
    assert!(worst < 1e-12, "{worst:e}");
}
