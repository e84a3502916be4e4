//! What a claim's checks and its control add up to.

use serde::{Deserialize, Serialize};

use super::design::Design;
use super::evidence::Evidence;
use crate::check::{Check, Kind};

/// What is known of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Every check holds and the control fails what it must fail.
    Holds,
    /// A check is contradicted.
    Fails,
    /// Neither could be shown.
    Undecided,
    /// Every check holds, but a check that the control must fail holds there too.
    NotDiscriminating,
}

/// A decision with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// Further draws cannot change it.
    pub settled: bool,
    /// Why it is what it is, in one line.
    pub reason: String,
    /// The look, from 1, at which it fell; the last one that was complete if it is undecided.
    pub look: usize,
    /// Draws at that look; 0 if not even the first look was complete.
    pub draws: usize,
    /// A check lies in its bound but excludes the number that theory gives.
    pub approximate: bool,
    /// The largest `P_yes` of all checks: for comparing claims, and for corrections over claims.
    pub p_claim: f64,
    /// Check by check.
    pub checks: Vec<Evidence>,
    /// The same on the control, in the control's order.
    pub control: Vec<Evidence>,
}

/// Decides a claim by its checks and by the same checks on its control, look by look; the first decision stands.
///
/// ```
/// use overparam_eval::check::{Bound, Check, Draw};
/// use overparam_eval::claim::Scale;
/// use overparam_eval::decide::{Decision, Design, decide};
///
/// let drawn = |mean: f64| (0..8).map(|seed| Draw { seed, value: Some(mean + 0.1 * (seed as f64).sin()) }).collect();
/// let check = |mean| vec![Check::new("slope", "slope", Bound::AtMost(0.0)).mean().control_fails().draws(drawn(mean))];
/// let design = Design::of(Scale::Smoke, 26);
/// assert_eq!(decide(&check(-0.5), &check(0.5), &design).decision, Decision::Holds);
/// assert_eq!(decide(&check(-0.5), &check(-0.5), &design).decision, Decision::NotDiscriminating);
/// assert_eq!(decide(&check(0.5), &check(0.5), &design).decision, Decision::Fails);
/// assert_eq!(decide(&check(-0.01), &check(0.5), &design).decision, Decision::Undecided);
/// ```
pub fn decide(checks: &[Check], control: &[Check], design: &Design) -> Verdict {
    let fewest = checks.iter().chain(control).map(Check::count).min().unwrap_or(0);
    let complete = design.looks.iter().take_while(|n| **n <= fewest).count();
    for look in 1..=complete {
        let state = State::at(checks, control, design, look);
        if let Some((decision, reason)) = state.decision(design) {
            return state.verdict((decision, true), reason, look, design);
        }
    }
    let state = State::at(checks, control, design, complete);
    let reason = state.open(design, complete);
    state.verdict((Decision::Undecided, false), reason, complete, design)
}

struct State<'a> {
    checks: &'a [Check],
    evidence: Vec<Evidence>,
    control_checks: &'a [Check],
    control: Vec<Evidence>,
}

impl<'a> State<'a> {
    fn at(checks: &'a [Check], control: &'a [Check], design: &Design, look: usize) -> Self {
        let evidence = |checks: &[Check]| checks.iter().map(|c| Evidence::of(c, design, look)).collect();
        Self { checks, evidence: evidence(checks), control_checks: control, control: evidence(control) }
    }

    /// Guards hold or the claim is open, but they are no evidence.
    fn p_claim(&self) -> f64 {
        let checks = self.checks.iter().zip(&self.evidence).filter(|(c, _)| c.kind != Kind::Guard);
        checks.map(|(_, e)| e.p_yes).reduce(f64::max).unwrap_or(1.0)
    }

    /// What the control says of each check that it must fail; `None` where it has no such check.
    fn must_fail(&self) -> impl Iterator<Item = (&Check, Option<&Evidence>)> {
        self.checks.iter().filter(|c| c.must_fail).map(|check| {
            let place = self.control_checks.iter().position(|c| c.id == check.id);
            (check, place.map(|i| &self.control[i]))
        })
    }

    fn decision(&self, design: &Design) -> Option<(Decision, String)> {
        let held = |e: &Evidence| e.p_yes <= design.alpha_yes;
        let all = self.p_claim() <= design.alpha_yes && self.evidence.iter().all(held);
        let level = design.alpha_no / self.checks.len().max(1) as f64;
        let failed = self.checks.iter().zip(&self.evidence).find(|(_, e)| e.p_no <= level);
        let blind = self.must_fail().find(|(_, e)| e.is_some_and(held)).map(|(check, _)| check);
        let works = self.must_fail().all(|(_, e)| e.is_some_and(|e| e.p_no <= design.alpha_yes));
        match (failed, all) {
            (Some((check, _)), true) => Some((
                Decision::Undecided,
                format!("the looks contradict each other: {} both holds and fails", check.quantity),
            )),
            (Some((check, _)), false) => Some((Decision::Fails, format!("fails: {}", check.quantity))),
            (None, true) => {
                let checks = self.checks.len();
                let count = if checks == 1 {
                    "the check holds".to_owned()
                } else {
                    format!("all {checks} checks hold")
                };
                match blind {
                    Some(check) => Some((
                        Decision::NotDiscriminating,
                        format!("{count}, but the control holds as well: {}", check.quantity),
                    )),
                    None if works => Some((Decision::Holds, self.held(&count))),
                    None => None,
                }
            }
            (None, false) => None,
        }
    }

    fn held(&self, count: &str) -> String {
        match self.must_fail().count() {
            0 => format!("{count}, and exclude what competing theories say"),
            1 => format!("{count}; the control fails the one that it must fail"),
            n => format!("{count}; the control fails the {n} that it must fail"),
        }
    }

    /// Why nothing was decided after `looks` complete looks.
    fn open(&self, design: &Design, looks: usize) -> String {
        if looks == 0 {
            let given = self.checks.iter().chain(self.control_checks).map(Check::count).min().unwrap_or(0);
            return format!(
                "{given} draws are too few: the first look takes {}",
                design.looks.first().unwrap_or(&0)
            );
        }
        let open = self.checks.iter().zip(&self.evidence).filter(|(_, e)| e.p_yes > design.alpha_yes);
        let open: Vec<&Check> = open.map(|(check, _)| check).collect();
        let blunt = self.must_fail().find(|(_, e)| e.is_none_or(|e| e.p_no > design.alpha_yes));
        match (open.first(), blunt) {
            (Some(first), _) => {
                format!(
                    "{} of {} checks could not be decided: {}",
                    open.len(),
                    self.checks.len(),
                    first.quantity
                )
            }
            (None, Some((check, None))) => format!("the control does not measure: {}", check.quantity),
            (None, Some((check, Some(_)))) => {
                format!("the control neither fails nor holds: {}", check.quantity)
            }
            (None, None) => "there is nothing to decide".to_owned(),
        }
    }

    fn verdict(
        self,
        (decision, settled): (Decision, bool),
        reason: String,
        look: usize,
        design: &Design,
    ) -> Verdict {
        Verdict {
            decision,
            settled,
            reason,
            look,
            draws: look.checked_sub(1).map_or(0, |i| design.looks[i]),
            approximate: self.evidence.iter().any(|e| e.bias.is_some()),
            p_claim: self.p_claim(),
            checks: self.evidence,
            control: self.control,
        }
    }
}

/// Holm's adjustment of the claims' p values: the level at which each could be picked out of all of them.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut least) = (vec![1.0; p.len()], 0f64);
    for (rank, &i) in order.iter().enumerate() {
        least = least.max((p[i] * (p.len() - rank) as f64).min(1.0));
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::holm;

    /// By hand: 0.01 x 3, 0.02 x 2 and not below, 0.9 x 1.
    #[test]
    fn holm_steps_down() {
        assert_eq!(holm(&[0.02, 0.01, 0.9]), [0.04, 0.03, 0.9]);
        assert_eq!(holm(&[0.5, 0.5]), [1.0, 1.0]);
    }
}
