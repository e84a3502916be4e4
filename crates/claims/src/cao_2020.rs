//! Yuan Cao, "Over-parameterized deep networks, polylogarithmic width", 2020.

pub mod learnable_functions;
pub mod polylog_width;
pub mod zero_training_error;

use overparam_eval::claim::Talk;

/// The talk's claims.
pub static TALK: Talk = Talk {
    id: "cao-2020",
    title: "Yuan Cao: Over-parameterised deep networks: training, learnable functions, polylogarithmic width",
    fingerprint: env!("OVERPARAM_FINGERPRINT_CAO_2020"),
    claims: &[
        &zero_training_error::ZeroTrainingError,
        &polylog_width::PolylogWidth,
        &learnable_functions::LearnableFunctions,
    ],
};

#[cfg(test)]
mod tests {
    use overparam_eval::check::Kind;
    use overparam_eval::claim::{Claim, Plan, Run, Scale};
    use overparam_eval::decide::{Decision, Design, decide};
    use overparam_eval::inputs::Inputs;
    use overparam_eval::registry::{AnyClaim, RawGrid};
    use overparam_eval::runs::Grid;
    use overparam_eval::seal;
    use overparam_eval::theory::Theory;
    use overparam_tensor::random::Stream;

    use super::TALK;

    /// A standard normal number of its own for every pair.
    pub(super) fn noise(seed: u64, place: u64) -> f64 {
        Stream::root(seed).indexed(place).normal_vector::<f64>(1, 1.0)[0]
    }

    /// The decision of a claim at smoke scale with eight seeds, if cells had these outcomes.
    pub(super) fn decision<C: Claim<Cell: Clone>>(
        claim: &C,
        experiment: impl Fn(&C::Cell) -> C::Outcome,
        control: impl Fn(&C::Cell) -> C::Outcome,
        theory: &Theory,
    ) -> Decision {
        let plan = Plan { scale: Scale::Smoke, seeds: 8, inputs: &Inputs::none() };
        let run = |cell: C::Cell, of: &dyn Fn(&C::Cell) -> C::Outcome| Run { outcome: of(&cell), cell };
        let checks = |cells: Vec<C::Cell>, of: &dyn Fn(&C::Cell) -> C::Outcome| {
            let grid = Grid::finished(cells.into_iter().map(|cell| run(cell, of)).collect());
            claim.judge(&grid.view(), theory)
        };
        let experiment = checks(claim.cells(&plan), &experiment);
        let control = checks(claim.control(&plan), &control);
        let verdict = decide(&experiment, &control, &Design::of(Scale::Smoke, 26));
        eprintln!("{}", verdict.reason);
        verdict.decision
    }

    fn bare(claim: &dyn AnyClaim, plan: &Plan<'_>, control: bool) -> RawGrid {
        let tasks = if control { claim.control_tasks(plan) } else { claim.tasks(plan) };
        RawGrid { cells: tasks.into_iter().map(|task| task.cell).collect(), runs: Vec::new() }
    }

    /// What a declaration needs: every check can be failed, by a rival or by the control, and no rival lies in its bound.
    #[test]
    fn every_check_can_fail_at_every_scale() {
        for claim in TALK.claims {
            for scale in Scale::ALL {
                let plan = Plan { scale, seeds: 1, inputs: &Inputs::none() };
                let grids = [false, true].map(|control| bare(*claim, &plan, control));
                let checks = claim.judge(&grids[0], &grids[1], &Theory::as_stated()).unwrap();
                for check in &checks.experiment {
                    let name = format!("{} {} {}", claim.about().id, scale.name(), check.id);
                    assert_eq!(check.admitted_rival(), None, "{name}");
                    assert!(
                        check.must_fail || !check.rivals.is_empty() || check.kind == Kind::Guard,
                        "{name}"
                    );
                    let on_control = checks.control.iter().any(|c| c.id == check.id);
                    assert!(!check.must_fail || on_control, "{name}");
                }
            }
            seal::hash(*claim).unwrap();
        }
    }
}
