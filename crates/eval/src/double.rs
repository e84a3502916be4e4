//! Twice the size, or twice the horizon: does the number move toward what theory says of the limit?
//!
//! The same seeds are run at the claim's own size and doubled. Per check, the distance of each draw from the target before
//! and after is compared by a paired test, because both share their randomness.

use serde::Serialize;

use crate::check::{Average, Check, Kind};
use crate::claim::{CellError, Doubling};
use crate::decide::p_value::transformed;
use crate::registry::{AnyClaim, Task};
use crate::stats::{self, binomial, student_t};

/// Which way a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trend {
    /// Nearer to the target.
    Toward,
    /// Farther from it.
    Away,
    /// No change that these draws could show.
    Flat,
}

/// How a check changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
            let pairs: Vec<(f64, f64)> =
                pairs.filter_map(|(a, b)| Some((distance(a.value)?, distance(b.value)?))).collect();
            if let Some(change) = compare(check, &old.at, &pairs) {
                changes.push(change);
            }
        }
    }
    changes
}

fn compare(check: &Check, at: &str, pairs: &[(f64, f64)]) -> Option<Change> {
    let n = pairs.len() as f64;
    let differences: Vec<f64> = pairs.iter().map(|(before, after)| after - before).collect();
    let mean = differences.iter().sum::<f64>() / n;
    let p = match (check.kind, stats::standard_error(&differences)) {
        (Kind::Mean { .. }, Ok(error)) if error > 0.0 => {
            2.0 * student_t::upper_tail((mean / error).abs(), n - 1.0).ok()?
        }
        _ => {
            let moved = differences.iter().filter(|d| **d != 0.0).count();
            let nearer = differences.iter().filter(|d| **d < 0.0).count();
            2.0 * binomial::lower_tail(moved, nearer.min(moved - nearer), 0.5)
        }
    };
    let nearer = match check.kind {
        Kind::Mean { .. } => mean < 0.0,
        _ => 2 * differences.iter().filter(|d| **d < 0.0).count() > differences.len(),
    };
    let trend = match (p <= 0.01, nearer) {
        (false, _) => Trend::Flat,
        (true, true) => Trend::Toward,
        (true, false) => Trend::Away,
    };
    let of = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    (!pairs.is_empty()).then(|| Change {
        id: check.id.clone(),
        quantity: check.quantity.clone(),
        at: at.to_owned(),
        before: of(|p| p.0),
        after: of(|p| p.1),
        p: p.min(1.0),
        trend,
    })
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
    }
}
