//! Against values computed independently (numpy and scipy, checked there by simulation): `data/rf_asymptotics.json`.

use overparam_linearized::activation::{Activation, Standard};
use overparam_linearized::asymptotics::{Energies, FixedPoint, Regime, predict, wide_optimal_lambda_bar};
use overparam_linearized::equivalents::{Sizes, equivalent};
use overparam_linearized::harmonics::multiplicity;
use overparam_linearized::hermite::Profile;
use overparam_linearized::spectrum::{Spectrum, funk_hecke};
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

#[test]
fn proportional_asymptotics() {
    let golden = golden();
    let mut worst = 0f64;
    for row in rows(&golden, "mei_montanari_grid") {
        let profile = Profile::of(&activation(row["act"].as_str().unwrap())).unwrap();
        let (psi1, psi2, lambda_bar) = (number(row, "psi1"), number(row, "psi2"), number(row, "lam_bar"));
        let lambda = lambda_bar * profile.residual;
        let p = predict(psi1, psi2, &profile, lambda, Energies { noise: 0.2, ..CLEAN }).unwrap();
        for (ours, key) in [
            (p.chi, "chi"),
            (p.bias, "B"),
            (p.variance, "V"),
            (p.risk, "risk_F1=1_tau2=0.2"),
            (p.training_error, "train_F1=1_tau2=0.2"),
            (p.norm_squared, "normN/d|a|2_F1=1_tau2=0.2"),
        ] {
            let theirs = number(row, key);
            let gap = (ours - theirs).abs() / theirs.abs().max(1e-300);
            if gap > 1e-9 {
                println!("{gap:e} {key} {ours} {row}");
            }
            worst = worst.max(gap);
        }
    }
    println!("worst {worst:e}");
}
