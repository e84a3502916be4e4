//! Wrong theories judged on the same draws: does the verdict notice?
//!
//! Nothing is run again. A *mutant* changes one constant of a prediction by a factor; the constants are those that a judge asks
//! [`Theory`] for, and the target of every check that has one. A *rival* moves the target to what a competing theory says. The
//! *exchange* judges the control in the experiment's place. A claim that still holds under any of them says less than it
//! seems to.

use serde::Serialize;

use crate::check::Check;
use crate::claim::CellError;
use crate::decide::{Decision, Design, decide};
use crate::registry::{AnyClaim, Checks};
use crate::runner::ClaimRuns;
use crate::theory::Theory;

/// The relative changes that are tried, both ways.
pub const CHANGES: [f64; 4] = [0.1, 0.2, 0.3, 0.5];

/// A constant of a prediction and what its changes did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resolution {
    /// The constant's name, or `target of` a check.
    pub constant: String,
    /// Its value in the theory.
    pub value: f64,
    /// The decision on each changed constant: relative change, decision.
    pub mutants: Vec<(f64, Decision)>,
    /// The smallest change that the verdict notices both ways: from it on the claim no longer holds. `None` if it notices none.
    pub resolution: Option<f64>,
}

/// What wrong theories came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mutation {
    /// The claim.
    pub claim: &'static str,
    /// The decision on the theory as it is stated.
    pub stated: Decision,
    /// Constant by constant.
    pub constants: Vec<Resolution>,
    /// Rivals: check, rival, decision.
    pub rivals: Vec<(String, String, Decision)>,
    /// The control in the experiment's place.
    pub exchanged: Decision,
}

/// Judges the runs of a claim under every wrong theory.
///
/// # Errors
/// If the claim cannot judge its runs.
pub fn mutate(claim: &dyn AnyClaim, runs: &ClaimRuns, design: &Design) -> Result<Mutation, CellError> {
    let theory = Theory::as_stated();
    let stated = claim.judge(&runs.experiment, &runs.control, &theory)?;
    let decision = |checks: &Checks| decide(&checks.experiment, &checks.control, design).decision;
    let with = |name: &str, factor: f64| -> Result<Decision, CellError> {
        let checks = match name.strip_prefix(TARGET) {
            Some(id) => retargeted(&stated, id, |target| target * factor),
            None => claim.judge(&runs.experiment, &runs.control, &Theory::with(name, factor))?,
        };
        Ok(decision(&checks))
    };
    let named = theory.constants().into_iter();
    let constants: Vec<(String, f64)> = named.chain(targets(&stated.experiment)).collect();
    let constants = constants.into_iter().map(|(constant, value)| -> Result<Resolution, CellError> {
        let mut mutants = Vec::new();
        for change in CHANGES {
            for signed in [change, -change] {
                mutants.push((signed, with(&constant, 1.0 + signed)?));
            }
        }
        let resolution = resolution(&mutants);
        Ok(Resolution { constant, value, mutants, resolution })
    });
    let constants = constants.collect::<Result<_, _>>()?;
    let rivals = stated.experiment.iter().flat_map(|check| check.rivals.iter().map(move |r| (check, r)));
    let rivals = rivals.filter(|(check, _)| check.bound.target().is_some()).map(|(check, rival)| {
        let checks = retargeted(&stated, &check.id, |_| rival.value);
        (check.id.clone(), rival.name.clone(), decision(&checks))
    });
    Ok(Mutation {
        claim: claim.about().id,
        stated: decision(&stated),
        constants,
        rivals: rivals.collect(),
        exchanged: decide(&stated.control, &stated.experiment, design).decision,
    })
}

const TARGET: &str = "target of ";

/// The targets that a factor changes.
fn targets(checks: &[Check]) -> impl Iterator<Item = (String, f64)> {
    let target = |check: &Check| {
        let value = check.bound.target().filter(|target| *target != 0.0)?;
        Some((format!("{TARGET}{}", check.id), value))
    };
    checks.iter().filter_map(target)
}

/// The checks with another target for one of them, on the experiment and on the control.
fn retargeted(checks: &Checks, id: &str, other: impl Fn(f64) -> f64) -> Checks {
    let change = |check: &Check| match check.bound.target() {
        Some(target) if check.id == id => Check { bound: check.bound.around(other(target)), ..check.clone() },
        _ => check.clone(),
    };
    Checks {
        experiment: checks.experiment.iter().map(change).collect(),
        control: checks.control.iter().map(change).collect(),
    }
}

fn resolution(mutants: &[(f64, Decision)]) -> Option<f64> {
    let noticed = |change: f64| {
        let both = mutants.iter().filter(|(e, _)| e.abs() == change);
        both.clone().count() > 0 && both.into_iter().all(|(_, d)| *d != Decision::Holds)
    };
    // From this change on: one that is noticed below one that is not is luck.
    let unnoticed = CHANGES.iter().rposition(|change| !noticed(*change));
    CHANGES.get(unnoticed.map_or(0, |i| i + 1)).copied()
}

#[cfg(test)]
mod tests {
    use super::{resolution, retargeted};
    use crate::check::{Bound, Check};
    use crate::decide::Decision::{Fails, Holds, Undecided};
    use crate::registry::Checks;

    #[test]
    fn a_constant_is_resolved_from_the_change_on_that_is_noticed_both_ways() {
        let mutants = |small, large| {
            vec![
                (0.1, Holds),
                (-0.1, Fails),
                (0.2, small),
                (-0.2, Fails),
                (0.3, Fails),
                (-0.3, large),
                (0.5, Fails),
                (-0.5, Undecided),
            ]
        };
        assert_eq!(resolution(&mutants(Undecided, Fails)), Some(0.2));
        assert_eq!(resolution(&mutants(Undecided, Holds)), Some(0.5));
        assert_eq!(resolution(&[(0.1, Holds), (-0.1, Holds)]), None);
    }

    #[test]
    fn another_target_keeps_the_tolerance_of_its_check_alone() {
        let check = |id: &str| Check::new(id, id, Bound::Within { target: 1.0, tolerance: 0.1 });
        let checks = Checks { experiment: vec![check("a"), check("b")], control: vec![check("a")] };
        let moved = retargeted(&checks, "a", |t| 2.0 * t);
        assert_eq!(moved.experiment[0].bound.range(), (1.9, 2.1));
        assert_eq!(moved.experiment[1], checks.experiment[1]);
        assert_eq!(moved.control[0].bound.range(), (1.9, 2.1));
    }
}
