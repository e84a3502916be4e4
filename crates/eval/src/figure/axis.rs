//! Axes: range, ticks and the map from data to the unit interval.

use serde::Serialize;

use crate::table::number;

/// How values are spaced along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Equal steps, equal distances.
    Linear,
    /// Equal ratios, equal distances.
    Log,
}

/// An axis: label with unit, spacing, and optionally a fixed range or named positions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// Linear or logarithmic.
    pub spacing: Spacing,
    /// A fixed range instead of the data's.
    pub range: Option<(f64, f64)>,
    /// Names at positions, instead of numbers.
    pub names: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis that fits the data.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), spacing: Spacing::Linear, range: None, names: Vec::new() }
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

    /// The same axis with a fixed range.
    #[must_use]
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { range: Some((low, high)), ..self }
    }

    /// Fits the axis to the values it must show.
    pub(super) fn fit(&self, values: impl Iterator<Item = f64>) -> Fitted {
        let drawable = |v: &f64| v.is_finite() && (self.spacing == Spacing::Linear || *v > 0.0);
        let forward = |v: f64| if self.spacing == Spacing::Log { v.log10() } else { v };
        let (low, high) = self.range.map_or_else(
            || {
                let (low, high) = values
                    .filter(drawable)
                    .map(forward)
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
                match high - low {
                    width if width > 0.0 => (low - 0.05 * width, high + 0.05 * width),
                    0.0 => (low - 0.5, high + 0.5),
                    _ => (0.0, 1.0),
                }
            },
            |(low, high)| (forward(low), forward(high)),
        );
        let ticks = if !self.names.is_empty() {
            self.names.clone()
        } else if self.spacing == Spacing::Log {
            log_ticks(low, high)
        } else {
            linear_ticks(low, high)
        };
        let minor = if self.spacing == Spacing::Log && self.names.is_empty() {
            minor_ticks(low, high)
        } else {
            Vec::new()
        };
        Fitted { spacing: self.spacing, low, high, ticks, minor }
    }
}

/// An axis with its range and ticks settled. On a logarithmic axis `low` and `high` are decimal logarithms.
pub(super) struct Fitted {
    spacing: Spacing,
    low: f64,
    high: f64,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) minor: Vec<f64>,
}

impl Fitted {
    /// Position of a value, 0 at the low end and 1 at the high end; `None` if it cannot be drawn.
    pub(super) fn position(&self, value: f64) -> Option<f64> {
        let v = match self.spacing {
            Spacing::Linear => value,
            Spacing::Log if value > 0.0 => value.log10(),
            Spacing::Log => return None,
        };
        let position = (v - self.low) / (self.high - self.low);
        position.is_finite().then_some(position)
    }
}

/// Steps of 1, 2 or 5 times a power of ten, two to six of them.
fn linear_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let raw = (high - low) / 6.0;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|s| *s >= raw).unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).map(|v| (v, number(v))).collect()
}

/// Powers of ten, thinned to at most seven; 1-2-5 steps where the range is less than two decades.
fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (first, last) = (low.ceil() as i32, high.floor() as i32);
    if last - first < 1 {
        let steps = (low.floor() as i32..=last + 1)
            .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)))
            .filter(|v| (low..=high).contains(&v.log10()));
        return steps.map(|v| (v, number(v))).collect();
    }
    let stride = ((last - first) / 7 + 1) as usize;
    (first..=last).step_by(stride).map(|e| (10f64.powi(e), power_of_ten(e))).collect()
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
fn power_of_ten(exponent: i32) -> String {
    match exponent {
        -2..=3 => number(10f64.powi(exponent)),
        _ => format!("10^{exponent}"),
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Axis, Spacing};

    proptest! {
        #[test]
        fn every_finite_value_lands_inside(values in prop::collection::vec(-1e6..1e6f64, 1..20), log in any::<bool>()) {
            let mut axis = Axis::linear("x");
            let values: Vec<f64> = if log {
                axis.spacing = Spacing::Log;
                values.iter().map(|v| v.abs() + 1e-9).collect()
            } else {
                values
            };
            let fitted = axis.fit(values.iter().copied());
            for v in values {
                let p = fitted.position(v).unwrap();
                prop_assert!((0.0..=1.0).contains(&p), "{v} at {p}");
            }
            prop_assert!(fitted.ticks.len() <= 12);
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let fitted = Axis::log("x").fit([0.0, f64::NAN, 1.0, 100.0].into_iter());
        assert_eq!(fitted.position(0.0), None);
        assert_eq!(fitted.position(f64::NAN), None);
        assert!((fitted.position(10.0).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn ticks_are_round() {
        let labels = |axis: Axis, values: [f64; 2]| {
            let ticks = axis.fit(values.into_iter()).ticks;
            ticks.into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(Axis::linear("x"), [0.0, 10.0]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            labels(Axis::log("x"), [1e-6, 1.0]),
            ["10^-6", "10^-5", "10^-4", "10^-3", "0.01", "0.1", "1"]
        );
        assert_eq!(labels(Axis::log("x"), [2.0, 9.0]), ["2", "5"]);
        assert_eq!(Axis::log("x").fit([2.5, 9.5].into_iter()).minor, [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        assert!(Axis::log("x").fit([1e-9, 1.0].into_iter()).minor.is_empty());
    }
}
