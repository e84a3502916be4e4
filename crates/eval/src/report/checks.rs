//! A check as the report tells it: declaration, evidence, every draw.

use serde::Serialize;

use crate::check::{Bound, Check, Kind, Place, Rival};
use crate::decide::{Design, Evidence, Verdict};
use crate::registry::Checks;

/// The checks that the control must fail, by what it did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ControlMust {
    /// All of them.
    pub must_fail: Vec<String>,
    /// It failed these.
    pub failed: Vec<String>,
    /// It passed these: the experiment cannot tell the hypothesis from its absence.
    pub passed: Vec<String>,
}

/// What is known of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was shown to hold.
    Holds,
    /// It was shown to fail.
    Fails,
    /// Neither.
    Undecided,
}

/// A check with everything that decides it, draws included.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// The stable key.
    pub id: String,
    /// What is measured.
    pub quantity: String,
    /// What theory says.
    pub prediction: String,
    /// Why the bound is where it is.
    pub reason: String,
    /// What the draws are taken to show.
    pub kind: Kind,
    /// Where it must lie.
    pub bound: Bound,
    /// The number that theory gives, if it gives one.
    pub target: Option<f64>,
    /// Whether the control must fail it.
    pub must_fail: bool,
    /// What competing theories say, and whether the interval excludes it.
    pub rivals: Vec<RivalReport>,
    /// What is known of it.
    pub state: State,
    /// P values, estimate, interval.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Whether a draw without a value lies outside.
    pub missing_is_outside: bool,
    /// Every draw, place by place.
    pub points: Vec<Place>,
}

/// A value of a competing theory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RivalReport {
    /// The theory.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The interval excludes it.
    pub excluded: bool,
}

impl CheckReport {
    pub(super) fn new(check: &Check, evidence: &Evidence, fails: f64, holds: f64) -> Self {
        let rival = |r: &Rival| RivalReport {
            name: r.name.clone(),
            value: r.value,
            excluded: evidence.excludes(r.value)
                || (evidence.interval.is_none() && evidence.p_yes <= holds && !check.bound.contains(r.value)),
        };
        Self {
            id: check.id.clone(),
            quantity: check.quantity.clone(),
            prediction: check.prediction.clone(),
            reason: check.reason.clone(),
            kind: check.kind,
            bound: check.bound,
            target: check.bound.target(),
            must_fail: check.must_fail,
            rivals: check.rivals.iter().map(rival).collect(),
            state: match (evidence.p_yes <= holds, evidence.p_no <= fails) {
                (true, false) => State::Holds,
                (false, true) => State::Fails,
                _ => State::Undecided,
            },
            evidence: evidence.clone(),
            missing_is_outside: check.missing_is_outside,
            points: check
                .places
                .iter()
                .map(|p| Place { at: p.at.clone(), draws: p.draws[..evidence.n].to_vec() })
                .collect(),
        }
    }
}

pub(super) fn reports(
    checks: &[Check],
    evidence: &[Evidence],
    fails: f64,
    design: &Design,
) -> Vec<CheckReport> {
    checks.iter().zip(evidence).map(|(c, e)| CheckReport::new(c, e, fails, design.alpha_yes)).collect()
}

pub(super) fn control_must(checks: &Checks, verdict: &Verdict, design: &Design) -> ControlMust {
    let mut must = ControlMust::default();
    for check in checks.experiment.iter().filter(|c| c.must_fail) {
        must.must_fail.push(check.id.clone());
        let Some(i) = checks.control.iter().position(|c| c.id == check.id) else { continue };
        if verdict.control[i].p_no <= design.alpha_yes {
            must.failed.push(check.id.clone());
        }
        if verdict.control[i].p_yes <= design.alpha_yes {
            must.passed.push(check.id.clone());
        }
    }
    must
}
