//! Heat maps: cells of the plane, coloured by the class of their value. Classes and not a continuous scale, so that a reader finds
//! a cell's colour in the legend, in dark, in print and without colour.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::letters::fixed;
use super::style::SHADES;
use super::{Panel, Point, Role, Series};
use crate::table::number;

/// What the cells of a heat map are coloured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shades {
    /// What the values are.
    pub quantity: String,
    /// Where one class ends and the next begins, ascending. A value on an edge belongs to the class above it.
    pub edges: [f64; SHADES - 1],
    /// A cell for each point of the series.
    pub cells: Vec<Shade>,
}

/// Value and horizontal extent of a cell; its place and its vertical extent are those of its point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shade {
    /// What it is coloured by.
    pub value: f64,
    /// Left side.
    pub left: f64,
    /// Right side.
    pub right: f64,
}

impl Series {
    /// A heat map: cells around points, the ends of their vertical extent being `low` and `high`, and what they are coloured by,
    /// a quantity whose six classes have these `edges`, ascending. It lies below everything else. Cells without a value, that is
    /// NaN, are left out.
    pub fn heat_map(
        quantity: impl Into<String>,
        edges: [f64; SHADES - 1],
        cells: impl IntoIterator<Item = (Point, Shade)>,
    ) -> Self {
        let quantity = quantity.into();
        let (points, cells) = cells.into_iter().filter(|(_, shade)| !shade.value.is_nan()).unzip();
        let shades = Some(Shades { quantity: quantity.clone(), edges, cells });
        Self { shades, ..Self::new(quantity, Role::HeatMap, 0, points) }
    }

    /// Points and cells of a heat map.
    fn cells(&self) -> impl Iterator<Item = (&Point, &Shade)> {
        self.points.iter().zip(self.shades.iter().flat_map(|shades| &shades.cells))
    }

    /// Where the cells of a heat map end, to the sides and up and down, if it is one.
    pub(super) fn sides(&self) -> impl Iterator<Item = f64> {
        self.cells().flat_map(|(_, cell)| [cell.left, cell.right])
    }

    /// The same up and down.
    pub(super) fn ends(&self) -> impl Iterator<Item = f64> {
        self.cells().flat_map(|(point, _)| [point.low, point.high])
    }
}

impl Shades {
    fn class(&self, value: f64) -> usize {
        self.edges.partition_point(|edge| *edge <= value)
    }

    /// What each class is called in a legend.
    pub(super) fn texts(&self) -> Vec<String> {
        let edges = self.edges.map(number);
        let last = edges.len() - 1;
        let between = (0..last).map(|i| format!("{} to {}", edges[i], edges[i + 1]));
        std::iter::once(format!("{} below {}", self.quantity, edges[0]))
            .chain(between)
            .chain(std::iter::once(format!("{} and above", edges[last])))
            .collect()
    }
}

/// Whether lines of a panel pass over colours, from which a halo sets them off.
pub(super) fn coloured(panel: &Panel) -> bool {
    panel.series.iter().any(|series| series.role == Role::HeatMap)
}

/// All cells, each of which tells its value.
pub(super) fn draw(series: &Series, frame: &Frame<'_>) -> Markup {
    let Some(shades) = &series.shades else { return html! {} };
    html! {
        @for (point, cell) in series.cells() {
            @if let Some([left, top, right, bottom]) = corners(point, cell, frame) {
                rect class=(class(shades.class(cell.value))) x=(fixed(left)) y=(fixed(top))
                    width=(fixed(right - left)) height=(fixed(bottom - top)) {
                    title { (frame.place(point)) "\n" (shades.quantity) ": " (number(cell.value)) }
                }
            }
        }
    }
}

fn corners(point: &Point, cell: &Shade, frame: &Frame<'_>) -> Option<[f64; 4]> {
    let at = |x: f64, y: f64| frame.point(&Point::new(x, y));
    let ((left, top), (right, bottom)) = (at(cell.left, point.high)?, at(cell.right, point.low)?);
    Some([left, top, right, bottom])
}

/// A class in a legend.
pub(super) fn swatch(class_of: usize, (x, y): (f64, f64)) -> Markup {
    html! { rect class=(class(class_of)) x=(fixed(x)) y=(fixed(y - 6.0)) width="26" height="12" {} }
}

fn class(class: usize) -> String {
    format!("shade h{}", class.min(SHADES - 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Shade, coloured, draw};
    use crate::figure::frame::{Frame, LEFT, Medium, PLOT_HEIGHT, PLOT_WIDTH, TOP};
    use crate::figure::{Axis, Figure, Panel, Point, Role, Series};

    const EDGES: [f64; 5] = [0.1, 0.2, 0.3, 0.4, 0.5];

    fn cell(x: f64, y: f64, value: f64) -> (Point, Shade) {
        (Point { x, y, low: y / 1.5, high: y * 1.5 }, Shade { value, left: x / 2.0, right: x * 2.0 })
    }

    fn panel(cells: Vec<(Point, Shade)>) -> Panel {
        let line = vec![Point::new(1.0, 1.0), Point::new(4.0, 0.5)];
        Panel {
            title: "t".into(),
            x: Axis::log("n"),
            y: Axis::log("ratio"),
            series: vec![
                Series::new("boundary", Role::Theory, 0, line),
                Series::heat_map("loss", EDGES, cells),
            ],
        }
    }

    #[test]
    fn classes_begin_at_their_edges_and_the_legend_says_so() {
        let series = Series::heat_map("loss", EDGES, [cell(1.0, 1.0, 0.1), cell(1.0, 2.0, f64::NAN)]);
        assert_eq!(series.points.len(), 1, "a cell without a value is left out");
        let shades = series.shades.unwrap();
        let classes = [-1.0, 0.0999, 0.1, 0.35, 0.5, f64::INFINITY].map(|v| shades.class(v));
        assert_eq!(classes, [0, 0, 1, 3, 5, 5]);
        let texts =
            ["loss below 0.1", "0.1 to 0.2", "0.2 to 0.3", "0.3 to 0.4", "0.4 to 0.5", "0.5 and above"];
        assert_eq!(shades.texts(), texts);
    }

    #[test]
    fn cells_lie_below_lines_and_tell_their_values() {
        let figure = Figure {
            name: "f".into(),
            title: "t".into(),
            caption: "c".into(),
            panels: vec![panel(vec![cell(1.0, 1.0, 0.05), cell(4.0, 1.0, 0.9)])],
        };
        let svg = figure.svg();
        let place = |what: &str| svg.find(what).unwrap_or_else(|| panic!("{what} in {svg}"));
        assert!(place("class=\"shade h0\"") < place("<polyline class=\"halo\""));
        assert!(place("<polyline class=\"halo\"") < place("<polyline class=\"line s0\""));
        assert!(svg.contains("n: 4\nratio: 1\nloss: 0.9"), "{svg}");
        // A class of two cells and six of the legend.
        assert_eq!(svg.matches("class=\"shade h").count(), 8);
        assert!(svg.contains(">loss below 0.1</text>") && svg.contains(">0.5 and above</text>"));
        assert_eq!(figure.rows().filter_map(|row| row.value).collect::<Vec<_>>(), [0.05, 0.9]);
    }

    proptest! {
        #[test]
        fn every_cell_is_inside_of_its_axes_and_has_an_area(
            cells in prop::collection::vec((0.1..100.0f64, 0.1..10.0f64, 0.0..1.0f64), 1..20),
        ) {
            let panel = panel(cells.into_iter().map(|(x, y, v)| cell(x, y, v)).collect());
            prop_assert!(coloured(&panel));
            let frame = Frame::new(&panel, Medium::Paper);
            let map = &panel.series[1];
            for (point, shade) in map.cells() {
                let [left, top, right, bottom] = super::corners(point, shade, &frame).unwrap();
                prop_assert!(LEFT <= left && left < right && right <= LEFT + PLOT_WIDTH + 1e-9);
                prop_assert!(TOP <= top && top < bottom && bottom <= TOP + PLOT_HEIGHT + 1e-9);
            }
            prop_assert_eq!(draw(map, &frame).into_string().matches("<rect").count(), map.points.len());
        }
    }
}
