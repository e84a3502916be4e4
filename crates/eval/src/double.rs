//! Twice the size, or twice the horizon: does the number move toward what theory says of the limit?
//!
//! The same seeds are run at the claim's own size and doubled. Per check, the distance of each draw from the target before
//! and after is compared by a paired test, because both share their randomness.

use serde::{Deserialize, Serialize};

use crate::check::{Average, Check, Kind};
use crate::claim::{CellError, Doubling};
use crate::decide::p_value::transformed;
use crate::registry::{AnyClaim, Task};
use crate::stats::{self, binomial, student_t};

/// Which way a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// Nearer to the target.
    Toward,
    /// Farther from it.
    Away,
    /// No change that these draws could show.
    Flat,
}

/// What the draws' changes are tested by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Test {
    /// Student's, of the mean change.
    Student,
    /// Of how many draws came nearer.
    Sign,
}

/// How a check changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The check.
    pub id: String,
    /// Its quantity.
    pub quantity: String,
    /// The place of a curve; empty if there is one only.
    pub at: String,
    /// Mean distance from the target before (of logarithms where the kind says so).
    pub before: f64,
    /// And after.
    pub after: f64,
    /// Of the change, two-sided.
    pub p: f64,
    /// The verdict at 0.01.
    pub trend: Trend,
    /// What says so.
    pub test: Test,
    /// Distance before and after, a draw an entry: all of the above follows from them.
    pub distances: Vec<[f64; 2]>,
}

/// The doubled cells of a grid; `None` if the claim doubles none of them.
///
/// # Errors
/// If a cell does not have the claim's type.
pub fn doubled(claim: &dyn AnyClaim, tasks: &[Task], what: Doubling) -> Result<Option<Vec<Task>>, CellError> {
    let tasks: Result<Vec<Option<Task>>, CellError> =
        tasks.iter().map(|t| claim.doubled(&t.cell, what)).collect();
    let tasks: Vec<Task> = tasks?.into_iter().flatten().collect();
    Ok((!tasks.is_empty()).then_some(tasks))
}

/// The paired change of every check that has a target, place by place. Checks are matched by identifier, places by order.
pub fn changes(before: &[Check], after: &[Check]) -> Vec<Change> {
    let mut changes = Vec::new();
    for check in before {
        let (Some(target), Some(twin)) = (check.bound.target(), after.iter().find(|c| c.id == check.id))
        else {
            continue;
        };
        let average = match check.kind {
            Kind::Mean { average, .. } => average,
            _ => Average::Arithmetic,
        };
        let distance =
            |value: Option<f64>| Some((transformed(average, value?)? - transformed(average, target)?).abs());
        for (old, new) in check.places.iter().zip(&twin.places) {
            let pairs = old.draws.iter().zip(&new.draws);
            let pairs: Vec<[f64; 2]> =
                pairs.filter_map(|(a, b)| Some([distance(a.value)?, distance(b.value)?])).collect();
            let test = if matches!(check.kind, Kind::Mean { .. }) { Test::Student } else { Test::Sign };
            changes.extend(Change::of(check, &old.at, test, pairs));
        }
    }
    changes
}

impl Change {
    fn of(check: &Check, at: &str, test: Test, distances: Vec<[f64; 2]>) -> Option<Self> {
        let found = Found::by(test, &distances)?;
        Some(Self {
            id: check.id.clone(),
            quantity: check.quantity.clone(),
            at: at.to_owned(),
            before: found.before,
            after: found.after,
            p: found.p,
            trend: found.trend,
            test,
            distances,
        })
    }

    /// Whether means, p value and verdict follow from the distances.
    #[must_use]
    pub fn follows(&self) -> bool {
        let said = Found { before: self.before, after: self.after, p: self.p, trend: self.trend };
        Found::by(self.test, &self.distances).is_some_and(|found| found == said)
    }
}

/// What distances say.
#[derive(PartialEq)]
struct Found {
    before: f64,
    after: f64,
    p: f64,
    trend: Trend,
}

impl Found {
    /// `None` without distances.
    fn by(test: Test, distances: &[[f64; 2]]) -> Option<Self> {
        if distances.is_empty() {
            return None;
        }
        let n = distances.len() as f64;
        let differences: Vec<f64> = distances.iter().map(|[before, after]| after - before).collect();
        let mean = differences.iter().sum::<f64>() / n;
        let closer = differences.iter().filter(|d| **d < 0.0).count();
        let p = match (test, stats::standard_error(&differences)) {
            (Test::Student, Ok(error)) if error > 0.0 => {
                2.0 * student_t::upper_tail((mean / error).abs(), n - 1.0).ok()?
            }
            _ => {
                let moved = differences.iter().filter(|d| **d != 0.0).count();
                2.0 * binomial::lower_tail(moved, closer.min(moved - closer), 0.5)
            }
        };
        let nearer = match test {
            Test::Student => mean < 0.0,
            Test::Sign => 2 * closer > differences.len(),
        };
        let trend = match (p <= 0.01, nearer) {
            (false, _) => Trend::Flat,
            (true, true) => Trend::Toward,
            (true, false) => Trend::Away,
        };
        let of = |which: usize| distances.iter().map(|pair| pair[which]).sum::<f64>() / n;
        Some(Self { before: of(0), after: of(1), p: p.min(1.0), trend })
    }
}

#[cfg(test)]
mod tests {
    use super::{Trend, changes};
    use crate::check::{Bound, Check, Draw};

    fn check(values: impl Fn(u64) -> f64) -> Vec<Check> {
        let draws = (0..8).map(|seed| Draw { seed, value: Some(values(seed)) }).collect();
        vec![Check::new("slope", "slope", Bound::Within { target: 1.0, tolerance: 0.5 }).mean().draws(draws)]
    }

    #[test]
    fn a_bias_that_halves_goes_toward_the_target() {
        let at = |bias: f64| move |seed: u64| 1.0 + bias + 0.01 * (seed as f64).sin();
        let trend = |a: f64, b: f64| changes(&check(at(a)), &check(at(b)))[0].trend;
        assert_eq!(trend(0.2, 0.1), Trend::Toward);
        assert_eq!(trend(0.1, -0.2), Trend::Away);
        assert_eq!(changes(&check(at(0.2)), &check(|seed| at(0.2)(7 - seed)))[0].trend, Trend::Flat);
        assert!(changes(&check(at(0.1)), &[]).is_empty());
        let mut change = changes(&check(at(0.2)), &check(at(0.1))).remove(0);
        assert!(change.follows());
        change.distances[3][1] += 0.5;
        assert!(!change.follows());
    }
}
