//! The frame of a panel: where values and texts stand in it.

use maud::{Markup, html};

use super::axis::{Fitted, set_power};
use super::letters::{Anchor, fixed, outline, shift, width};
use super::{Panel, Point, Series};
use crate::notation::{Level, pieces};
use crate::table::number;

pub(super) const PANEL_WIDTH: f64 = 400.0;
pub(super) const LEFT: f64 = 66.0;
pub(super) const TOP: f64 = 34.0;
pub(super) const PLOT_HEIGHT: f64 = 240.0;
pub(super) const BELOW_AXIS: f64 = 54.0;
const RIGHT: f64 = 14.0;
pub(super) const PLOT_WIDTH: f64 = PANEL_WIDTH - LEFT - RIGHT;

/// Where a drawing is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// A viewer that has fonts and follows the reader's choice of light or dark.
    Screen,
    /// Pixels: light, letters as outlines.
    Paper,
}

pub(super) struct Frame<'a> {
    pub(super) panel: &'a Panel,
    medium: Medium,
    x: Fitted,
    y: Fitted,
}

impl<'a> Frame<'a> {
    pub(super) fn new(panel: &'a Panel, medium: Medium) -> Self {
        let points = || panel.series.iter().flat_map(|s| &s.points).filter(|p| panel.shows(p));
        let sides = panel.series.iter().flat_map(Series::sides);
        let ends = panel.series.iter().flat_map(Series::ends);
        Frame {
            panel,
            medium,
            x: panel.x.fit(points().map(|p| p.x).chain(sides), std::iter::empty()),
            y: panel.y.fit(points().map(|p| p.y).chain(ends), points().flat_map(|p| [p.low, p.high])),
        }
    }

    fn x(&self, value: f64) -> Option<f64> {
        self.x.position(value).map(|p| LEFT + p * PLOT_WIDTH)
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.position(value).map(|p| TOP + (1.0 - p) * PLOT_HEIGHT)
    }

    pub(super) fn top(&self) -> f64 {
        TOP
    }

    pub(super) fn bottom(&self) -> f64 {
        TOP + PLOT_HEIGHT
    }

    pub(super) fn point(&self, p: &Point) -> Option<(f64, f64)> {
        Some((self.x(p.x)?, self.y(p.y)?))
    }

    /// Where an error bar ends: beyond the frame, which cuts it off, where the axis does not reach.
    pub(super) fn bar_end(&self, value: f64, upper: bool) -> f64 {
        let beyond = if upper { TOP - 9.0 } else { self.bottom() + 9.0 };
        self.y(value).unwrap_or(beyond).clamp(TOP - 9.0, self.bottom() + 9.0)
    }

    pub(super) fn text(&self, text: &str, at: (f64, f64), anchor: Anchor) -> Markup {
        set_text(text, at, anchor, false, self.medium)
    }

    /// The text, smaller if it would be wider than there is room.
    fn within(&self, text: &str, (x, y): (f64, f64), anchor: Anchor, title: bool, room: f64) -> Markup {
        let wide = width(text, title);
        if wide <= room {
            return set_text(text, (x, y), anchor, title, self.medium);
        }
        html! { g transform=(format!("translate({} {}) scale({})", fixed(x), fixed(y), fixed(room / wide))) {
            (set_text(text, (0.0, 0.0), anchor, title, self.medium))
        } }
    }

    pub(super) fn describe(&self, series: &Series, p: &Point) -> String {
        let bar =
            if p.low < p.high { format!(" [{}, {}]", number(p.low), number(p.high)) } else { String::new() };
        format!("{}\n{}{bar}", series.label, self.place(p))
    }

    /// The coordinates of a point, with their names.
    pub(super) fn place(&self, p: &Point) -> String {
        let named = self.panel.x.names.iter().find(|(at, _)| *at == p.x);
        let name = named.map_or_else(|| number(p.x), |(_, name)| name.clone());
        format!("{}: {name}\n{}: {}", self.panel.x.label, self.panel.y.label, number(p.y))
    }

    /// The value of a point that is too small for a place of its own, beside the mark at `(x, y)`, on the side that has room.
    pub(super) fn below_floor(&self, p: &Point, (x, y): (f64, f64)) -> Option<Markup> {
        if !self.panel.y.is_below(p.y) {
            return None;
        }
        let text = set_power(&number(p.y));
        let (at, anchor) = if x > LEFT + PLOT_WIDTH / 2.0 {
            ((x - 9.0, y - 4.0), Anchor::End)
        } else {
            ((x + 9.0, y - 4.0), Anchor::Start)
        };
        Some(self.text(&text, at, anchor))
    }

    /// Title, grid, ticks and the axes' labels.
    pub(super) fn axes(&self) -> Markup {
        let (right, bottom) = (LEFT + PLOT_WIDTH, self.bottom());
        let middle = TOP + PLOT_HEIGHT / 2.0;
        let tick = |from: (f64, f64), to: &str| format!("M{} {}{to}", fixed(from.0), fixed(from.1));
        // As much as fits around the middle of the plot without leaving the panel.
        let room = 2.0 * (PANEL_WIDTH - LEFT - PLOT_WIDTH / 2.0) - 8.0;
        html! {
            (self.within(&self.panel.title, (LEFT, TOP - 12.0), Anchor::Start, true, PANEL_WIDTH - LEFT - 4.0))
            @for (value, label) in &self.x.ticks {
                @if let Some(x) = self.x(*value) {
                    line.grid x1=(fixed(x)) x2=(fixed(x)) y1=(TOP) y2=(bottom) {}
                    path.tick d=(tick((x, bottom), "v5")) {}
                    (self.text(label, (x, bottom + 18.0), Anchor::Middle))
                }
            }
            @for (value, label) in &self.y.ticks {
                @if let Some(y) = self.y(*value) {
                    line.grid x1=(LEFT) x2=(right) y1=(fixed(y)) y2=(fixed(y)) {}
                    path.tick d=(tick((LEFT, y), "h-5")) {}
                    (self.text(label, (LEFT - 8.0, y + 4.0), Anchor::End))
                }
            }
            @for x in self.x.minor.iter().filter_map(|v| self.x(*v)) { path.tick d=(tick((x, bottom), "v3")) {} }
            @for y in self.y.minor.iter().filter_map(|v| self.y(*v)) { path.tick d=(tick((LEFT, y), "h-3")) {} }
            (self.within(&self.x.label, (LEFT + PLOT_WIDTH / 2.0, bottom + 38.0), Anchor::Middle, false, room))
            g transform=(format!("translate(12 {middle}) rotate(-90)")) {
                (self.within(&self.y.label, (0.0, 0.0), Anchor::Middle, false, PLOT_HEIGHT + 20.0))
            }
        }
    }
}

/// A text on a baseline, with powers and indices set as such.
pub(super) fn set_text(
    text: &str,
    (x, y): (f64, f64),
    anchor: Anchor,
    title: bool,
    medium: Medium,
) -> Markup {
    let name = (anchor != Anchor::Start).then(|| anchor.name());
    let class = title.then_some("title");
    html! {
        @match medium {
            Medium::Screen => { text class=[class] x=(fixed(x)) y=(fixed(y)) text-anchor=[name] { (set(text)) } }
            Medium::Paper => { path.ink d=(outline(text, (x, y), anchor, title)) {} }
        }
    }
}

fn set(text: &str) -> Markup {
    let mut height = 0.0;
    html! {
        @for (level, piece) in pieces(text) {
            @let dy = shift(level) - std::mem::replace(&mut height, shift(level));
            @if level == Level::Base && dy == 0.0 { (piece) }
            @else if level == Level::Base { tspan dy=(dy) { (piece) } }
            @else { tspan.script dy=(dy) { (piece) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, LEFT, Medium, PANEL_WIDTH, PLOT_HEIGHT, TOP};
    use crate::figure::{Axis, Panel, Point, Role, Series};

    #[test]
    fn no_point_is_outside_of_its_axes_and_a_long_bar_is_cut_off() {
        let bar = Point { x: 2.0, y: 0.5, low: -1.0, high: 1e9 };
        let series = vec![Series::new("s", Role::Experiment, 0, vec![Point::new(1.0, 7.0), bar])];
        let panel = Panel {
            title: "t".into(),
            x: Axis::linear("x").within(1.2, 1.8),
            y: Axis::log("y").within(0.1, 1.0),
            series,
        };
        let frame = Frame::new(&panel, Medium::Paper);
        for p in &panel.series[0].points {
            let (x, y) = frame.point(p).unwrap();
            assert!((LEFT..=PANEL_WIDTH).contains(&x) && (TOP..=TOP + PLOT_HEIGHT).contains(&y), "{x} {y}");
        }
        assert!(frame.bar_end(1e9, true) < TOP && frame.bar_end(-1.0, false) > TOP + PLOT_HEIGHT);
    }

    #[test]
    fn a_long_label_is_set_smaller() {
        let label = "one word after the other until the label is wider than its panel is";
        let panel =
            Panel { title: "t".into(), x: Axis::linear(label), y: Axis::linear("y"), series: Vec::new() };
        let drawn = Frame::new(&panel, Medium::Screen).axes().into_string();
        assert_eq!(drawn.matches(" scale(0.").count(), 1, "{drawn}");
    }
}
