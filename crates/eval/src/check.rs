//! One comparison of theory with measurement: what a claim declares about a number, and the number drawn by drawn.
//!
//! A judge says *what* is compared (bound, kind, rivals) and hands over one value per seed. Whether that is enough to say
//! that the check holds is not its business: [`decide`](crate::decide) alone makes p values, intervals and decisions.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::table::number;

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
    /// Between `target / factor` and `target * factor`, both positive: for ratios, judged on their logarithms.
    Factor {
        /// The predicted value.
        target: f64,
        /// The allowed factor, above 1.
        factor: f64,
    },
}

impl Bound {
    /// The closed interval of allowed values.
    pub fn range(self) -> (f64, f64) {
        match self {
            Bound::AtLeast(low) => (low, f64::INFINITY),
            Bound::AtMost(high) => (f64::NEG_INFINITY, high),
            Bound::Within { target, tolerance } => (target - tolerance, target + tolerance),
            Bound::Factor { target, factor } => (target / factor, target * factor),
        }
    }

    /// Whether a value is allowed. NaN never is.
    pub fn contains(self, x: f64) -> bool {
        let (low, high) = self.range();
        low <= x && x <= high
    }

    /// The number that theory gives, if the bound is around one.
    pub fn target(self) -> Option<f64> {
        match self {
            Bound::Within { target, .. } | Bound::Factor { target, .. } => Some(target),
            Bound::AtLeast(_) | Bound::AtMost(_) => None,
        }
    }

    /// The same tolerance around another target. One-sided bounds have none and stay as they are.
    pub(crate) fn around(self, other: f64) -> Self {
        match self {
            Bound::Within { tolerance, .. } => Bound::Within { target: other, tolerance },
            Bound::Factor { factor, .. } => Bound::Factor { target: other, factor },
            one_sided => one_sided,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bound::AtLeast(x) => write!(f, "at least {}", number(x)),
            Bound::AtMost(x) => write!(f, "at most {}", number(x)),
            Bound::Within { target, tolerance } => {
                write!(f, "{} \u{b1} {}", number(target), number(tolerance))
            }
            Bound::Factor { target, factor } => {
                write!(f, "{} up to a factor {}", number(target), number(factor))
            }
        }
    }
}

/// Which mean over draws is compared with the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// Of the values: for slopes and accuracies.
    Arithmetic,
    /// Of their logarithms: for ratios, errors, distances and times. Values must be positive.
    Geometric,
}

/// What the draws of a check are taken to show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An identity, or an inequality that no draw may violate.
    Exact,
    /// A draw lies inside the bound with at least this probability; 1/2 says "a typical draw does". Counts are valid for any
    /// distribution, with ties, outliers and failures.
    Share {
        /// `p0`, strictly between 0 and 1.
        at_least: f64,
    },
    /// The mean over draws lies inside. For draws that are not far from normal, as those of a calibration showed.
    Mean {
        /// Which mean.
        average: Average,
        /// The step of the grid on which the quantity lives (0 if it is continuous): scatter is taken to be at least that of
        /// rounding to it.
        resolution: f64,
    },
    /// A stopping rule or sanity value that cannot be evidence, but must hold in every draw.
    Guard,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kind::Exact => f.write_str("in every draw"),
            Kind::Guard => f.write_str("in every draw, a guard and no evidence"),
            Kind::Share { at_least: 0.5 } => f.write_str("a typical draw"),
            Kind::Share { at_least } => write!(f, "at least {} % of all draws", number(100.0 * at_least)),
            Kind::Mean { average: Average::Arithmetic, .. } => f.write_str("the mean over draws"),
            Kind::Mean { average: Average::Geometric, .. } => f.write_str("the geometric mean over draws"),
        }
    }
}

/// A value that a competing theory predicts, which the bound therefore excludes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// The theory, in a few words, with its source if it has one.
    pub name: String,
    /// What it says of the same number.
    pub value: f64,
}

/// The number that one seed gave; `None` if it diverged or was never reached. In JSON the pair `[seed, value]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "(u64, Option<f64>)", into = "(u64, Option<f64>)")]
pub struct Draw {
    /// The seed: the unit of replication.
    pub seed: u64,
    /// The measurement.
    pub value: Option<f64>,
}

impl From<(u64, Option<f64>)> for Draw {
    fn from((seed, value): (u64, Option<f64>)) -> Self {
        Self { seed, value }
    }
}

impl From<Draw> for (u64, Option<f64>) {
    fn from(draw: Draw) -> Self {
        (draw.seed, draw.value)
    }
}

/// One place of a curve, or the only place of a check that is about one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// For example `n = 34`; empty if there is one place only.
    pub at: String,
    /// One draw per seed, in the order of seeds.
    pub draws: Vec<Draw>,
}

/// A quantity, what theory predicts for it, what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// A stable key, for example `slope`: unique within a claim, sealed, the same on experiment and control.
    pub id: String,
    /// What is measured, with its unit.
    pub quantity: String,
    /// What the theory says of it, in words.
    pub prediction: String,
    /// Why the bound is where it is.
    pub reason: String,
    /// Where it must lie.
    pub bound: Bound,
    /// What the draws are taken to show.
    pub kind: Kind,
    /// What competing theories say of the number.
    pub rivals: Vec<Rival>,
    /// Whether the control must fail this check.
    pub must_fail: bool,
    /// Whether a draw without a value lies outside the bound, because diverging is a failure of what the check speaks of.
    /// Otherwise it counts against whatever is to be shown.
    pub missing_is_outside: bool,
    /// The draws, place by place. The check holds if it holds at every place. `report.json` calls them points.
    #[serde(alias = "points")]
    pub places: Vec<Place>,
}

impl Check {
    /// A check whose typical draw must lie within a bound ([`Kind::Share`] of one half), without draws yet.
    ///
    /// ```
    /// use overparam_eval::check::{Bound, Check, Kind};
    ///
    /// let check = Check::new("slope", "slope of the distance to the limit in the width", Bound::Within { target: -0.5, tolerance: 0.1 })
    ///     .predicted("-1/2")
    ///     .because("the central limit theorem; half the distance to the rivals would be 0.125")
    ///     .rival("a correction of first order", -1.0)
    ///     .control_fails()
    ///     .mean();
    /// assert!(matches!(check.kind, Kind::Mean { .. }) && check.must_fail);
    /// ```
    pub fn new(id: impl Into<String>, quantity: impl Into<String>, bound: Bound) -> Self {
        Self {
            id: id.into(),
            quantity: quantity.into(),
            prediction: String::new(),
            reason: String::new(),
            bound,
            kind: Kind::Share { at_least: 0.5 },
            rivals: Vec::new(),
            must_fail: false,
            missing_is_outside: false,
            places: Vec::new(),
        }
    }

    /// What the theory says, in words.
    #[must_use]
    pub fn predicted(self, prediction: impl Into<String>) -> Self {
        Self { prediction: prediction.into(), ..self }
    }

    /// Why the bound is where it is.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// No draw may violate the bound.
    #[must_use]
    pub fn exact(self) -> Self {
        Self { kind: Kind::Exact, ..self }
    }

    /// A draw lies inside with at least this probability.
    #[must_use]
    pub fn share(self, at_least: f64) -> Self {
        Self { kind: Kind::Share { at_least }, ..self }
    }

    /// The mean lies inside.
    #[must_use]
    pub fn mean(self) -> Self {
        self.mean_on_grid(0.0)
    }

    /// The mean of values that live on a grid of this step lies inside.
    #[must_use]
    pub fn mean_on_grid(self, resolution: f64) -> Self {
        Self { kind: Kind::Mean { average: Average::Arithmetic, resolution }, ..self }
    }

    /// The geometric mean lies inside.
    #[must_use]
    pub fn log_mean(self) -> Self {
        Self { kind: Kind::Mean { average: Average::Geometric, resolution: 0.0 }, ..self }
    }

    /// The bound is a stopping rule or a sanity value: it must hold in every draw and shows nothing.
    #[must_use]
    pub fn guard(self) -> Self {
        Self { kind: Kind::Guard, ..self }
    }

    /// A value of a competing theory.
    #[must_use]
    pub fn rival(mut self, name: impl Into<String>, value: f64) -> Self {
        self.rivals.push(Rival { name: name.into(), value });
        self
    }

    /// The control must fail this check: it takes away what this check depends on.
    #[must_use]
    pub fn control_fails(self) -> Self {
        Self { must_fail: true, ..self }
    }

    /// A draw without a value lies outside the bound.
    #[must_use]
    pub fn missing_is_outside(self) -> Self {
        Self { missing_is_outside: true, ..self }
    }

    /// The draws of a check that is about one number.
    #[must_use]
    pub fn draws(self, draws: Vec<Draw>) -> Self {
        self.at("", draws)
    }

    /// The draws at one place of a curve.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>, draws: Vec<Draw>) -> Self {
        self.places.push(Place { at: place.into(), draws });
        self
    }

    /// How many draws every place has.
    pub fn count(&self) -> usize {
        self.places.iter().map(|place| place.draws.len()).min().unwrap_or(0)
    }

    /// Whether a rival lies inside the bound, so that the check would pass on a wrong theory; its name.
    pub fn admitted_rival(&self) -> Option<&str> {
        self.rivals.iter().find(|rival| self.bound.contains(rival.value)).map(|rival| rival.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Check};

    #[test]
    fn bounds_are_closed_and_contain_no_nan() {
        let within = Bound::Within { target: 1.0, tolerance: 0.5 };
        assert!(within.contains(0.5) && within.contains(1.5) && !within.contains(1.5000001));
        let factor = Bound::Factor { target: 2.0, factor: 4.0 };
        assert_eq!(factor.range(), (0.5, 8.0));
        assert!(Bound::AtLeast(1.0).contains(1.0) && !Bound::AtLeast(1.0).contains(f64::NAN));
        assert_eq!((factor.target(), Bound::AtMost(1.0).target()), (Some(2.0), None));
        assert_eq!(factor.around(1.0).range(), (0.25, 4.0));
        assert_eq!(within.around(2.0).range(), (1.5, 2.5));
    }

    #[test]
    fn a_rival_inside_the_bound_is_named() {
        let check = Check::new("slope", "slope", Bound::Within { target: -1.0 / 3.0, tolerance: 0.15 });
        assert_eq!(check.clone().rival("q = 4", -0.25).admitted_rival(), Some("q = 4"));
        assert_eq!(check.rival("q = 2", -0.5).admitted_rival(), None);
    }
}
