//! Figures as data: panels of series, theory drawn as lines and experiment as points with error bars.
//!
//! A figure is built from outcomes, drawn by [`Figure::draw`], and saved as tidy rows by [`Figure::rows`]: the picture and the
//! numbers behind it are the same object.

mod axis;
mod drawing;
mod files;
mod frame;
mod heat_map;
mod legend;
mod letters;
mod marks;
mod pdf;
mod png;
mod sheet;
mod style;
mod svg;
mod text;

use serde::{Deserialize, Serialize};

use crate::stats::{self, Estimate};
use legend::Legend;

pub use axis::{Axis, Spacing};
pub use drawing::{DrawError, Format};
pub use files::Drawings;
pub use heat_map::{Shade, Shades};
pub use sheet::Sheet;
pub(crate) use style::screen as style_sheet;

/// What a series stands for, which decides how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A prediction: a line. Where its label says `at least`, `at most`, `lower bound` or `upper bound`, the side that it
    /// allows is shaded.
    Theory,
    /// Measurements: filled points with error bars.
    Experiment,
    /// Measurements along a trajectory: dots joined by a thin line.
    Trajectory,
    /// The control's measurements: hollow points with error bars.
    Control,
    /// Values over the plane: cells, coloured by the class of their value. Made by [`Series::heat_map`].
    HeatMap,
}

impl Role {
    /// The kind of mark that a legend's reader looks for.
    fn mark(self) -> &'static str {
        match self {
            Role::Theory => "line",
            Role::Trajectory => "dots",
            Role::Experiment => "filled",
            Role::Control => "hollow",
            Role::HeatMap => "shade",
        }
    }
}

/// A point; `low` and `high` are the ends of its error bar, or of its cell in a heat map.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

/// A point at the median of a sample, its error bar the interval that covers the median with probability 0.95, or as much as
/// the sample can support; `None` for an empty sample.
pub fn median_point(x: f64, values: &[f64]) -> Option<Point> {
    Some(Point::estimate(x, &stats::median_interval(values, 0.95).ok()?))
}

/// A labelled sequence of points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The legend's text.
    pub label: String,
    /// How it is drawn.
    pub role: Role,
    /// Index of colour and marker. A theory and an experiment that belong together share it.
    pub colour: usize,
    /// The points, in drawing order.
    pub points: Vec<Point>,
    /// What the cells of a heat map are coloured by; nothing in any other role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shades: Option<Shades>,
}

impl Series {
    /// A series.
    pub fn new(label: impl Into<String>, role: Role, colour: usize, points: Vec<Point>) -> Self {
        Self { label: label.into(), role, colour, points, shades: None }
    }

    /// What a prediction allows, if its label says that it is a bound.
    pub(crate) fn bound(&self) -> Option<Bounded> {
        let says =
            |words: [&str; 2]| self.role == Role::Theory && words.iter().any(|w| self.label.contains(w));
        if says(["at least", "lower bound"]) {
            Some(Bounded::Below)
        } else {
            says(["at most", "upper bound"]).then_some(Bounded::Above)
        }
    }
}

/// From which side a bound keeps values away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounded {
    /// Values lie above it.
    Below,
    /// Values lie below it.
    Above,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

impl Panel {
    /// Whether a point has a place on both axes.
    fn shows(&self, p: &Point) -> bool {
        self.x.shows(p.x) && self.y.shows(p.y)
    }
}

/// Panels with one caption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row<'a> {
    pub(crate) panel: &'a str,
    pub(crate) series: &'a str,
    pub(crate) role: Role,
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The value that a heat map's cell is coloured by.
    #[serde(skip)]
    pub(crate) value: Option<f64>,
}

impl Figure {
    /// The figure as a stand-alone SVG document, light or dark as the reader's system is. Its rules are plain enough for
    /// drawing programs and typesetters, which show it in light.
    pub fn svg(&self) -> String {
        drawing::svg(self, Sheet::Page)
    }

    /// The figure as a file of this format. PNG and PDF are dark on white, their letters outlines of fonts that come with this
    /// crate: a panel is four inches wide, 1200 pixels in a PNG.
    ///
    /// # Errors
    /// If the pixels do not fit in memory.
    pub fn draw(&self, format: Format, sheet: Sheet) -> Result<Vec<u8>, DrawError> {
        drawing::draw(self, format, sheet)
    }

    /// Every panel as an `<svg>` element for a page that carries the style sheet, and the legend if all share one. `id` is
    /// unique on the page.
    pub(crate) fn panels(&self, id: &str) -> (Vec<maud::Markup>, Option<maud::Markup>) {
        let legend = Legend::of(self);
        let panels = self.panels.iter().enumerate();
        let panels = panels.map(|(i, panel)| svg::panel(self, panel, legend.below(i), &format!("{id}-{i}")));
        (panels.collect(), svg::shared_legend(self))
    }

    /// How many panels stand side by side where there is room.
    pub(crate) fn columns(&self) -> usize {
        svg::columns(self.panels.len())
    }

    /// The first panel in small, for a page that shows [`Figure::panels`] with this `id`.
    pub(crate) fn thumbnail(&self, id: &str) -> maud::Markup {
        svg::thumbnail(&format!("{id}-0"))
    }

    /// The numbers behind the figure, one row per point.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let series = self.panels.iter().flat_map(|panel| panel.series.iter().map(move |s| (panel, s)));
        series.flat_map(|(panel, s)| {
            s.points.iter().enumerate().map(move |(i, p)| Row {
                panel: &panel.title,
                series: &s.label,
                role: s.role,
                x: p.x,
                y: p.y,
                low: p.low,
                high: p.high,
                value: s.shades.as_ref().and_then(|shades| shades.cells.get(i)).map(|cell| cell.value),
            })
        })
    }
}
