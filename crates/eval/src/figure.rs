//! Figures as data: panels of series, theory drawn as lines and experiment as points with error bars.
//!
//! A figure is built from outcomes, drawn by [`Figure::svg`], and saved as tidy rows by [`Figure::rows`]: the picture
//! and the numbers behind it are the same object.

mod axis;
mod svg;

use serde::Serialize;

use crate::stats::Estimate;

pub use axis::{Axis, Spacing};
pub use svg::STYLE;

/// What a series stands for, which decides how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A prediction: a line.
    Theory,
    /// Measurements: filled points with error bars.
    Experiment,
    /// Measurements along a trajectory: points joined by a thin line.
    Trajectory,
    /// The control's measurements: hollow points with error bars.
    Control,
}

/// A point; `low` and `high` are the ends of its error bar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Abscissa.
    pub x: f64,
    /// Ordinate.
    pub y: f64,
    /// Lower end of the error bar.
    pub low: f64,
    /// Upper end of the error bar.
    pub high: f64,
}

impl Point {
    /// A point without an error bar.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }

    /// A point with an estimate's interval as error bar.
    pub fn estimate(x: f64, y: &Estimate) -> Self {
        Self { x, y: y.value, low: y.interval.low, high: y.interval.high }
    }
}

/// A labelled sequence of points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The legend's text.
    pub label: String,
    /// How it is drawn.
    pub role: Role,
    /// Index of colour and marker. A theory and an experiment that belong together share it.
    pub colour: usize,
    /// The points, in drawing order.
    pub points: Vec<Point>,
}

impl Series {
    /// A series.
    pub fn new(label: impl Into<String>, role: Role, colour: usize, points: Vec<Point>) -> Self {
        Self { label: label.into(), role, colour, points }
    }
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    /// What this panel shows.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, first below.
    pub series: Vec<Series>,
}

/// Panels with one caption.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// A file name without extension.
    pub name: String,
    /// The heading.
    pub title: String,
    /// What to see in it, and what the bars are.
    pub caption: String,
    /// The panels, left to right.
    pub panels: Vec<Panel>,
}

/// One row of a figure's tidy data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row<'a> {
    panel: &'a str,
    series: &'a str,
    role: Role,
    x: f64,
    y: f64,
    low: f64,
    high: f64,
}

impl Figure {
    /// The figure as a stand-alone SVG document.
    pub fn svg(&self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", svg::draw(self, true).into_string())
    }

    /// The figure as an `<svg>` element for a page that carries [`STYLE`].
    pub fn markup(&self) -> maud::Markup {
        svg::draw(self, false)
    }

    /// The numbers behind the figure, a point a row.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let series = self.panels.iter().flat_map(|panel| panel.series.iter().map(move |s| (panel, s)));
        series.flat_map(|(panel, s)| {
            s.points.iter().map(move |p| Row {
                panel: &panel.title,
                series: &s.label,
                role: s.role,
                x: p.x,
                y: p.y,
                low: p.low,
                high: p.high,
            })
        })
    }
}
