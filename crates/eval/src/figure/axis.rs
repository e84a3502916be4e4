//! Axes: range, ticks and the map from data to the unit interval.

use serde::{Deserialize, Serialize};

use crate::table::number;

/// How values are spaced along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Equal steps, equal distances.
    Linear,
    /// Equal ratios, equal distances.
    Log,
}

/// An axis: label with unit, spacing, and optionally a fixed range or named positions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Linear or logarithmic.
    pub spacing: Spacing,
    /// A range that is shown at least; data beyond it widen it.
    pub range: Option<(f64, f64)>,
    /// Names at positions, instead of numbers.
    pub names: Vec<(f64, String)>,
    /// The least value that has a place of its own. What is smaller stands there, with an arrow and its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
}

impl Axis {
    /// A linear axis that fits the data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), spacing: Spacing::Linear, range: None, names: Vec::new(), floor: None }
    }

    /// A logarithmic axis that fits the data.
    pub fn log(label: impl Into<String>) -> Self {
        Self { spacing: Spacing::Log, ..Self::linear(label) }
    }

    /// Names at 0, 1, 2, ... instead of numbers.
    pub fn named(label: impl Into<String>, names: &[impl ToString]) -> Self {
        let names: Vec<_> = names.iter().enumerate().map(|(i, n)| (i as f64, n.to_string())).collect();
        let range = Some((-0.5, names.len() as f64 - 0.5));
        Self { range, names, ..Self::linear(label) }
    }

    /// The same axis showing at least this range.
    #[must_use]
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// The same axis, which ends at this value: what is smaller, and 0, stands on its end with an arrow. For values that are zero
    /// but for rounding, whose distance from the others would say nothing.
    #[must_use]
    pub fn with_floor(self, floor: f64) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// Whether a value is too small for a place of its own.
    pub(super) fn is_below(&self, value: f64) -> bool {
        self.floor.is_some_and(|floor| value < floor)
    }

    /// Whether a value has a place on the axis.
    pub(super) fn shows(&self, value: f64) -> bool {
        value.is_finite() && (self.spacing == Spacing::Linear || value > 0.0 || self.is_below(value))
    }

    /// Fits the axis to the values it must show. Of error bars a logarithmic axis shows one decade beyond the values: what
    /// spans more says only that nothing is known.
    pub(super) fn fit(&self, values: impl Iterator<Item = f64>, bars: impl Iterator<Item = f64>) -> Fitted {
        let raised = |v: f64| self.floor.map_or(v, |floor| v.max(floor));
        let forward = |v: f64| if self.spacing == Spacing::Log { raised(v).log10() } else { raised(v) };
        let wider = |(l, h): (f64, f64), v: f64| (l.min(v), h.max(v));
        let fixed = self.range.into_iter().flat_map(|(low, high)| [low, high]);
        let shown = fixed.filter(|v| self.shows(*v)).map(forward);
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let fixed = shown.fold(none, wider);
        let points = values.filter(|v| self.shows(*v)).map(forward).fold(none, wider);
        let reach = if self.spacing == Spacing::Log { 1.0 } else { f64::INFINITY };
        let bars = bars.filter(|v| self.shows(*v)).map(forward);
        let near = bars.map(|v| v.clamp(points.0 - reach, (points.1 + reach).max(points.0 - reach)));
        let data = if points.0 <= points.1 { near.fold(points, wider) } else { points };
        let (low, high) =
            if fixed.0 < fixed.1 && (data.0 > data.1 || (fixed.0 <= data.0 && data.1 <= fixed.1)) {
                fixed
            } else {
                let (low, high) = (data.0.min(fixed.0), data.1.max(fixed.1));
                match high - low {
                    width if width > 0.0 && width.is_finite() => (low - 0.05 * width, high + 0.05 * width),
                    0.0 => (low - 0.5, high + 0.5),
                    _ => (0.0, 1.0),
                }
            };
        // Room for the arrows of what is below the floor.
        let on_floor = self.floor.is_some_and(|floor| data.0 == forward(floor));
        let low = if on_floor { low - 0.05 * (high - low) } else { low };
        let mut power = None;
        let ticks = if !self.names.is_empty() {
            self.names.clone()
        } else if self.spacing == Spacing::Log {
            log_ticks(low, high)
        } else {
            let (ticks, common) = linear_ticks(low, high);
            power = common;
            ticks
        };
        let minor = if self.spacing == Spacing::Log && self.names.is_empty() {
            minor_ticks(low, high)
        } else {
            Vec::new()
        };
        let label = power.map_or_else(|| self.label.clone(), |p| format!("{} (\u{d7}10^{p})", self.label));
        Fitted { spacing: self.spacing, floor: self.floor, low, high, ticks, minor, label }
    }
}

/// An axis with its range and ticks settled. On a logarithmic axis `low` and `high` are decimal logarithms.
pub(super) struct Fitted {
    spacing: Spacing,
    floor: Option<f64>,
    low: f64,
    high: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) minor: Vec<f64>,
    /// The axis' label, with the power of ten that its ticks share.
    pub(super) label: String,
}

impl Fitted {
    /// Position of a value, 0 at the low end and 1 at the high end; `None` if it cannot be drawn.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let value = match self.floor {
            Some(floor) if value < floor => floor,
            _ => value,
        };
        let v = match self.spacing {
            Spacing::Linear => value,
            Spacing::Log if value > 0.0 => value.log10(),
            Spacing::Log => return None,
        };
        let position = (v - self.low) / (self.high - self.low);
        position.is_finite().then_some(position)
    }
}

/// Steps of 1, 2 or 5 times a power of ten, two to six of them; and the power of ten that they share where they are so small or
/// large that each would need its own.
fn linear_ticks(low: f64, high: f64) -> (Vec<(f64, String)>, Option<i32>) {
    let raw = (high - low) / 6.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    let values = (first..=last).map(|i| i as f64 * step);
    let largest = values.clone().fold(0.0_f64, |m, v| m.max(v.abs()));
    if largest == 0.0 || (1e-3..1e5).contains(&largest) {
        return (values.map(|v| (v, number(v))).collect(), None);
    }
    let exponent = largest.log10().floor() as i32;
    (values.map(|v| (v, number(v / 10f64.powi(exponent)))).collect(), Some(exponent))
}

/// `2e-8` as `2\u{d7}10^-8`, which is set with its power.
pub(super) fn set_power(text: &str) -> String {
    text.split_once('e')
        .map_or_else(|| text.to_owned(), |(digits, power)| format!("{digits}\u{d7}10^{power}"))
}

/// Powers of ten, thinned to at most seven; 1-2-5 steps where the range is less than two decades.
fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.ceil() as i32, high.floor() as i32);
    if last - first < 1 {
        let steps = (low.floor() as i32..=last + 1)
            .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)))
            .filter(|v| (low..=high).contains(&v.log10()));
        return steps.map(|v| (v, set_power(&number(v)))).collect();
    }
    let stride = ((last - first) / 7 + 1) as usize;
    // One way of writing along one axis.
    let plain = first >= -2 && last <= 3;
    (first..=last).step_by(stride).map(|e| (10f64.powi(e), power_of_ten(e, plain))).collect()
}

/// Twice to nine times every power of ten, as long as they stand apart.
fn minor_ticks(low: f64, high: f64) -> Vec<f64> {
    if high - low > 5.0 {
        return Vec::new();
    }
    (low.floor() as i32..=high.floor() as i32)
        .flat_map(|e| (2..10).map(move |m| f64::from(m) * 10f64.powi(e)))
        .filter(|v| (low..=high).contains(&v.log10()))
        .collect()
}

/// Set as `10` with an exponent where it is drawn.
fn power_of_ten(exponent: i32, plain: bool) -> String {
    match exponent {
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ if plain => number(10f64.powi(exponent)),
        _ => format!("10^{exponent}"),
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Axis, Spacing};

    proptest! {
        #[test]
        fn every_finite_value_lands_inside(
            values in prop::collection::vec(-1e6..1e6f64, 1..20),
            range in prop::option::of((-1e3..1e3f64, 0.1..1e3f64)),
            log in any::<bool>(),
        ) {
            let mut axis = Axis::linear("x");
            let values: Vec<f64> = if log {
                axis.spacing = Spacing::Log;
                values.iter().map(|v| v.abs() + 1e-9).collect()
            } else {
                values
            };
            if let Some((low, high)) = range {
                axis.range = Some(if log { (low.abs() + 1e-9, low.abs() + high.abs() + 1.0) } else { (low, low + high.abs()) });
            }
            let fitted = axis.fit(values.iter().copied(), values.iter().map(|v| v * 3.0));
            for v in values {
                let p = fitted.position(v).unwrap();
                prop_assert!((0.0..=1.0).contains(&p), "{v} at {p}");
            }
            prop_assert!(fitted.ticks.len() <= 12);
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let fitted = Axis::log("x").fit([0.0, f64::NAN, 1.0, 100.0].into_iter(), std::iter::empty());
        assert_eq!(fitted.position(0.0), None);
        assert_eq!(fitted.position(f64::NAN), None);
        assert!((fitted.position(10.0).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_bar_over_many_decades_does_not_squeeze_the_points() {
        let fitted = Axis::log("y").fit([0.1, 1.0].into_iter(), [1e-9, 1e7].into_iter());
        assert!(fitted.position(0.1).unwrap() > 0.3 && fitted.position(1.0).unwrap() < 0.7);
        // Shown whole where it is short, and on a linear axis.
        let fitted = Axis::log("y").fit([0.1, 1.0].into_iter(), [0.05, 3.0].into_iter());
        assert!(fitted.position(0.05).unwrap() > 0.0 && fitted.position(3.0).unwrap() < 1.0);
        let fitted = Axis::linear("y").fit([0.1, 1.0].into_iter(), [-100.0, 100.0].into_iter());
        assert!(fitted.position(-100.0).unwrap() > 0.0 && fitted.position(100.0).unwrap() < 1.0);
    }

    #[test]
    fn what_is_below_the_floor_stands_on_it() {
        let axis = Axis::log("y").with_floor(1e-7);
        assert!(axis.shows(0.0) && axis.shows(1e-15) && axis.is_below(0.0) && !axis.is_below(1e-7));
        assert!(!axis.shows(f64::NAN) && !Axis::log("y").shows(0.0));
        let fitted = axis.fit([1e-15, 1e-3, 1.0].into_iter(), [1e-16, 1.0].into_iter());
        let at = |v| fitted.position(v).unwrap();
        assert_eq!(at(1e-15), at(1e-7));
        assert_eq!(at(0.0), at(1e-7));
        assert!((0.08..0.1).contains(&at(1e-7)) && at(1e-3) > 0.5);
    }

    #[test]
    fn ticks_are_round() {
        let labels = |axis: Axis, values: [f64; 2]| {
            let ticks = axis.fit(values.into_iter(), std::iter::empty()).ticks;
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(Axis::linear("x"), [0.0, 10.0]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(Axis::log("x"), [1e-6, 1.0]),
            ["10^-6", "10^-5", "10^-4", "10^-3", "10^-2", "10^-1", "1"]
        );
        assert_eq!(labels(Axis::log("x"), [2.0, 9.0]), ["2", "5"]);
        assert_eq!(labels(Axis::linear("x"), [0.0, 4e-8]), ["0", "1", "2", "3", "4"]);
        assert_eq!(
            Axis::linear("x").fit([0.0, 4e-8].into_iter(), std::iter::empty()).label,
            "x (\u{d7}10^-8)"
        );
        assert_eq!(Axis::linear("x").fit([0.0, 4.0].into_iter(), std::iter::empty()).label, "x");
        assert_eq!(
            Axis::log("x").fit([2.5, 9.5].into_iter(), std::iter::empty()).minor,
            [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
        );
        assert!(Axis::log("x").fit([1e-9, 1.0].into_iter(), std::iter::empty()).minor.is_empty());
    }
}
