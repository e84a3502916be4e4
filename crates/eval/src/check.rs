//! One comparison of theory with measurement, and the verdict that a claim's checks add up to.

use serde::{Deserialize, Serialize};

use crate::stats::Estimate;

/// Where a measured quantity must lie. Fixed by the theory or the source before anything ran.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Within `target` plus or minus `tolerance`.
    Within {
        /// The predicted value.
        target: f64,
        /// The allowed distance from it.
        tolerance: f64,
    },
}

impl Bound {
    /// The closed interval of allowed values.
    pub fn range(self) -> (f64, f64) {
        match self {
            Bound::AtLeast(low) => (low, f64::INFINITY),
            Bound::AtMost(high) => (f64::NEG_INFINITY, high),
            Bound::Within { target, tolerance } => (target - tolerance, target + tolerance),
        }
    }

    fn contains(self, x: f64) -> bool {
        let (low, high) = self.range();
        low <= x && x <= high
    }
}

/// Whether a check holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// The whole interval lies within the bound.
    Yes,
    /// The whole interval lies outside.
    No,
    /// The interval straddles the bound, or there is none to tell.
    Unclear,
}

/// A quantity, what theory predicts for it, what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is measured, with its unit.
    pub quantity: String,
    /// What the theory says of it, in words.
    pub prediction: String,
    /// The measurement with its interval over seeds; `None` if it could not be measured.
    pub measured: Option<Estimate>,
    /// Where it must lie.
    pub bound: Bound,
    /// Why the bound is where it is.
    pub reason: String,
    /// The comparison's result.
    pub holds: Holds,
}

impl Check {
    /// Compares: [`Holds::Yes`] if the whole interval lies within the bound, [`Holds::No`] if all of it lies outside.
    pub fn new(
        quantity: impl Into<String>,
        prediction: impl Into<String>,
        measured: Option<Estimate>,
        bound: Bound,
        reason: impl Into<String>,
    ) -> Self {
        let holds = measured.as_ref().map_or(Holds::Unclear, |m| compare(m, bound));
        Self {
            quantity: quantity.into(),
            prediction: prediction.into(),
            measured,
            bound,
            reason: reason.into(),
            holds,
        }
    }
}

fn compare(measured: &Estimate, bound: Bound) -> Holds {
    let (low, high) = (measured.interval.low, measured.interval.high);
    let (allowed_low, allowed_high) = bound.range();
    if !measured.value.is_finite() || low.is_nan() || high.is_nan() {
        Holds::Unclear
    } else if bound.contains(low) && bound.contains(high) {
        Holds::Yes
    } else if high < allowed_low || low > allowed_high {
        Holds::No
    } else {
        Holds::Unclear
    }
}

/// What the checks and the control add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every check holds and the control fails at least one of the same checks.
    Reproduced,
    /// A check fails, or the control passes all of them.
    NotReproduced,
    /// An interval straddles a tolerance, or a cell has no outcome.
    Inconclusive,
}

impl Verdict {
    /// Judges a claim by its checks and by the same checks on its control.
    ///
    /// ```
    /// use overparam_eval::{check::{Bound, Check, Verdict}, stats::{Estimate, Interval}};
    ///
    /// let measured = |value| Estimate { value, interval: Interval { low: value - 0.1, high: value + 0.1 }, level: 0.95 };
    /// let check = |value| vec![Check::new("slope", "-1/2", Some(measured(value)), Bound::AtMost(0.0), "theory")];
    /// assert_eq!(Verdict::of(&check(-0.5), &check(0.3)), Verdict::Reproduced);
    /// assert_eq!(Verdict::of(&check(-0.5), &check(-0.5)), Verdict::NotReproduced); // the control passes
    /// assert_eq!(Verdict::of(&check(-0.05), &check(0.3)), Verdict::Inconclusive);
    /// ```
    pub fn of(checks: &[Check], control: &[Check]) -> Self {
        let any = |checks: &[Check], h: Holds| checks.iter().any(|c| c.holds == h);
        if any(checks, Holds::No) {
            Verdict::NotReproduced
        } else if checks.is_empty() || any(checks, Holds::Unclear) {
            Verdict::Inconclusive
        } else if any(control, Holds::No) {
            Verdict::Reproduced
        } else if control.is_empty() || any(control, Holds::Unclear) {
            Verdict::Inconclusive
        } else {
            Verdict::NotReproduced
        }
    }

    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::NotReproduced => "not reproduced",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Check, Holds, Verdict};
    use crate::stats::{Estimate, Interval};

    fn holds(low: f64, value: f64, high: f64, bound: Bound) -> Holds {
        let measured = Estimate { value, interval: Interval { low, high }, level: 0.95 };
        Check::new("q", "p", Some(measured), bound, "r").holds
    }

    #[test]
    fn a_check_is_decided_by_its_interval() {
        let within = Bound::Within { target: 1.0, tolerance: 0.5 };
        assert_eq!(holds(0.6, 1.0, 1.4, within), Holds::Yes);
        assert_eq!(holds(0.5, 1.0, 1.5, within), Holds::Yes);
        assert_eq!(holds(0.4, 1.0, 1.4, within), Holds::Unclear);
        assert_eq!(holds(0.6, 1.0, 1.6, within), Holds::Unclear);
        assert_eq!(holds(1.6, 1.7, 1.8, within), Holds::No);
        assert_eq!(holds(0.1, 0.2, 0.3, within), Holds::No);
        assert_eq!(holds(2.0, 3.0, 4.0, Bound::AtLeast(2.0)), Holds::Yes);
        assert_eq!(holds(2.0, 3.0, 4.0, Bound::AtMost(2.0)), Holds::Unclear);
        assert_eq!(holds(2.1, 3.0, 4.0, Bound::AtMost(2.0)), Holds::No);
        assert_eq!(holds(f64::NAN, 3.0, 4.0, Bound::AtLeast(2.0)), Holds::Unclear);
        assert_eq!(Check::new("q", "p", None, within, "r").holds, Holds::Unclear);
    }

    #[test]
    fn a_claim_needs_its_checks_to_hold_and_its_control_to_fail() {
        let check = |h: Holds| Check { holds: h, ..Check::new("q", "p", None, Bound::AtMost(0.0), "r") };
        let (yes, no, unclear) = (check(Holds::Yes), check(Holds::No), check(Holds::Unclear));
        let of = |a: &[&Check], b: &[&Check]| {
            let owned = |x: &[&Check]| x.iter().map(|c| (*c).clone()).collect::<Vec<_>>();
            Verdict::of(&owned(a), &owned(b))
        };
        assert_eq!(of(&[&yes, &yes], &[&yes, &no]), Verdict::Reproduced);
        assert_eq!(of(&[&yes, &no], &[&no]), Verdict::NotReproduced);
        assert_eq!(of(&[&unclear, &no], &[&no]), Verdict::NotReproduced);
        assert_eq!(of(&[&yes, &unclear], &[&no]), Verdict::Inconclusive);
        assert_eq!(of(&[&yes], &[&yes]), Verdict::NotReproduced);
        assert_eq!(of(&[&yes], &[&unclear]), Verdict::Inconclusive);
        assert_eq!(of(&[&yes], &[]), Verdict::Inconclusive);
        assert_eq!(of(&[], &[&no]), Verdict::Inconclusive);
    }
}
