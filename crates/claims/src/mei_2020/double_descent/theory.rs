//! What the asymptotics say of a cell, with their constants open to change, and what rivals say.

use overparam_eval::theory::Theory;
use overparam_linearized::activation::Standard;
use overparam_linearized::asymptotics::{Energies, predict};
use overparam_linearized::hermite::Profile;

use super::{Cell, ENERGIES, Fit};

/// Theories of the same numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Formulas {
    /// The source's.
    Stated,
    /// The harmonic of higher degree stays unlearned, and disturbs nothing: its energy is left, not `1 + V` times it.
    Harmless,
    /// Those of the other activation.
    OtherActivation,
    /// Those of the other `n / d`, at the same `N / n`.
    OtherSamples,
}

pub(super) const RIVALS: [(Formulas, &str); 3] = [
    (Formulas::Harmless, "the nonlinear part of the target does not act as noise"),
    (Formulas::OtherActivation, "the formulas of the other activation"),
    (Formulas::OtherSamples, "the formulas of the other n / d"),
];

/// The asymptotics at one ridge.
pub(super) fn predicted(cell: &Cell, lambda: f64, formulas: Formulas, theory: &Theory) -> Option<Fit> {
    let name = match (formulas, cell.formulas.as_str()) {
        (Formulas::OtherActivation, "relu") => "tanh",
        (Formulas::OtherActivation, _) => "relu",
        (_, name) => name,
    };
    let mut profile = Profile::of(&name.parse::<Standard>().ok()?).ok()?;
    // The same names at both activations: a factor of one is a factor of the other.
    profile.linear *= theory.constant("mu_1 (of its value)", 1.0);
    profile.residual *= theory.constant("mu_*^2 (of its value)", 1.0);
    let ratio = |size: usize| size as f64 / cell.dimension as f64;
    let (mut psi1, mut psi2) = (ratio(cell.features), ratio(cell.samples));
    if formulas == Formulas::OtherSamples {
        let change = if psi2 < 2.0 { 2.0 } else { 0.5 };
        (psi1, psi2) = (psi1 * change, psi2 * change);
    }
    let counts = match formulas {
        Formulas::Harmless => 0.0,
        _ => theory.constant("share of the nonlinear energy that acts as noise", 1.0),
    };
    let (linear, nonlinear, noise) = ENERGIES;
    let energies = Energies { linear, nonlinear: nonlinear * counts, noise };
    let p = predict(psi1, psi2, &profile, lambda, energies).ok()?;
    Some(Fit {
        lambda,
        optimal: false,
        bias: p.bias,
        variance: p.variance,
        nonlinear: 1.0 + counts * p.variance,
        training_error: p.training_error,
        norm_squared: p.norm_squared,
    })
}
