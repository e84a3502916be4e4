//! What the tests of this talk's judges share: claims decided on outcomes that are made up.

use overparam_eval::check::Check;
use overparam_eval::claim::{Claim, Plan, Run, Scale};
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::inputs::Inputs;
use overparam_eval::runs::Grid;
use overparam_eval::theory::Theory;

/// All looks at smoke scale.
const SEEDS: u64 = 32;

/// Which of a claim's two grids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    Experiment,
    Control,
}

/// The cells at smoke scale.
pub(super) fn cells<C: Claim>(claim: &C, part: Part) -> Vec<C::Cell> {
    let inputs = Inputs::none();
    let plan = Plan { scale: Scale::Smoke, seeds: SEEDS, inputs: &inputs };
    match part {
        Part::Experiment => claim.cells(&plan),
        Part::Control => claim.control(&plan),
    }
}

/// What a theory says of outcomes.
pub(super) fn judged<C: Claim>(
    claim: &C,
    part: Part,
    theory: &Theory,
    outcome: impl Fn(&C::Cell) -> C::Outcome,
) -> Vec<Check>
where
    C::Cell: Clone,
{
    let runs = cells(claim, part).into_iter().map(|cell| Run { outcome: outcome(&cell), cell }).collect();
    claim.judge(&Grid::finished(runs).view(), theory)
}

/// The decision on the checks of experiment and control.
pub(super) fn decision(experiment: &[Check], control: &[Check]) -> Decision {
    decide(experiment, control, &Design::of(Scale::Smoke, 26)).decision
}

/// Whether a check alone is contradicted.
pub(super) fn fails(checks: &[Check], id: &str) -> bool {
    let alone: Vec<Check> = checks.iter().filter(|c| c.id == id).cloned().collect();
    assert_eq!(alone.len(), 1, "{id}: {:?}", checks.iter().map(|c| &c.id).collect::<Vec<_>>());
    decide(&alone, &[], &Design::of(Scale::Smoke, 26)).decision == Decision::Fails
}

/// Every check has a rival or fails on the control, and no rival lies inside its bound.
pub(super) fn is_sharp(checks: &[Check]) {
    use overparam_eval::check::Kind;
    for check in checks {
        assert!(check.kind == Kind::Guard || check.must_fail || !check.rivals.is_empty(), "{}", check.id);
        assert_eq!(check.admitted_rival(), None, "{}", check.id);
    }
}
