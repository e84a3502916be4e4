//! What the tests of the talk's judges share: decisions on invented outcomes.

use overparam_eval::claim::{Claim, Scale};
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;
use serde::Serialize;

/// The decision on an experiment and a control.
pub(super) fn decision<C: Claim>(
    claim: &C,
    experiment: &Grid<C::Cell, C::Outcome>,
    control: &Grid<C::Cell, C::Outcome>,
    theory: &Theory,
) -> Decision
where
    C::Cell: Serialize,
{
    let [checks, control] = [experiment, control].map(|grid| claim.judge(&grid.view(), theory));
    decide(&checks, &control, &Design::of(Scale::Smoke, 26)).decision
}

/// The truth holds, no named constant may be 30% off, and neither a wrong world nor the control holds in its place.
pub(super) fn tells_apart<C: Claim>(
    claim: &C,
    truth: &Grid<C::Cell, C::Outcome>,
    control: &Grid<C::Cell, C::Outcome>,
    wrong: &[Grid<C::Cell, C::Outcome>],
) where
    C::Cell: Serialize,
{
    let stated = Theory::as_stated();
    assert_eq!(decision(claim, truth, control, &stated), Decision::Holds);
    for name in stated.constants().keys() {
        for factor in [0.7, 1.3] {
            let mutant = Theory::with(name.as_str(), factor);
            assert_ne!(decision(claim, truth, control, &mutant), Decision::Holds, "{name} x {factor}");
        }
    }
    for (k, wrong) in wrong.iter().chain([control]).enumerate() {
        assert_ne!(decision(claim, wrong, control, &stated), Decision::Holds, "wrong world {k}");
    }
}

/// A number of mean 1 that scatters by this share, different for every seed and place.
pub(super) fn scattered(share: f64, seed: u64, place: usize) -> f64 {
    1.0 + share * (7.3 * seed as f64 + 2.9 * place as f64).sin()
}
