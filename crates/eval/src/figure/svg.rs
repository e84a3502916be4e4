//! Draws a figure as SVG: legible in light and dark, in print, and without colour (markers and dashes differ too).

use maud::{Markup, PreEscaped, html};

use super::axis::Fitted;
use super::letters::{Anchor, outline, shift};
use super::style::{COLOURS, paper, screen};
use super::{Figure, Panel, Point, Role, Series};
use crate::notation::{Level, pieces};
use crate::table::number;

const PANEL_WIDTH: f64 = 400.0;
const PLOT_HEIGHT: f64 = 240.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BELOW_AXIS: f64 = 54.0;
const LEGEND_LINE: f64 = 18.0;
const PLOT_WIDTH: f64 = PANEL_WIDTH - LEFT - RIGHT;
/// As many panels side by side as stay legible on a page; further ones go below.
const COLUMNS: usize = 3;
/// Points of a line that tell their values: enough to read any of it.
const HITS: usize = 60;

const DASHES: [&str; COLOURS] = ["", "7 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4"];

/// Where a drawing is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// A viewer that has fonts and follows the reader's choice of light or dark.
    Screen,
    /// Pixels: light, letters as outlines.
    Paper,
}

/// All panels in one document, in rows of [`COLUMNS`].
pub(super) fn document(figure: &Figure, medium: Medium) -> Markup {
    let columns = figure.panels.len().clamp(1, COLUMNS);
    let rows: Vec<&[Panel]> = figure.panels.chunks(COLUMNS).collect();
    let heights: Vec<f64> = rows.iter().map(|row| row.iter().map(height).fold(0.0, f64::max)).collect();
    let size = (PANEL_WIDTH * columns as f64, heights.iter().sum::<f64>().max(1.0));
    let label = format!("{}. {}", figure.title, figure.caption);
    let style = if medium == Medium::Screen { screen() } else { paper() };
    html! {
        svg class="op-figure" xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {} {}", size.0, size.1))
            width=(size.0) height=(size.1) role="img" aria-label=(label) {
            title { (figure.title) }
            style { (PreEscaped(style)) }
            rect.paper width="100%" height="100%" {}
            @for (i, panel) in figure.panels.iter().enumerate() {
                @let left = (i % COLUMNS) as f64 * PANEL_WIDTH;
                @let top: f64 = heights[..i / COLUMNS].iter().sum();
                g transform=(format!("translate({left} {top})")) { (draw(panel, &format!("{}-{i}", figure.name), medium)) }
            }
        }
    }
}

/// One panel as an element of a page that carries the style sheet. `id` is unique on the page.
pub(super) fn panel(figure: &Figure, panel: &Panel, id: &str) -> Markup {
    let names: Vec<&str> = panel.series.iter().map(|s| s.label.as_str()).collect();
    let label = format!(
        "{}, {}: {} against {}. Shown: {}.",
        figure.title,
        panel.title,
        panel.y.label,
        panel.x.label,
        names.join(", ")
    );
    html! {
        svg class="op-figure" viewBox=(format!("0 0 {PANEL_WIDTH} {}", height(panel))) role="img" tabindex="0"
            aria-label=(label) { (draw(panel, id, Medium::Screen)) }
    }
}

fn height(panel: &Panel) -> f64 {
    TOP + PLOT_HEIGHT + BELOW_AXIS + panel.series.len() as f64 * LEGEND_LINE
}

struct Frame<'a> {
    panel: &'a Panel,
    medium: Medium,
    x: Fitted,
    y: Fitted,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> Option<f64> {
        self.x.position(value).map(|p| LEFT + p * PLOT_WIDTH)
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.position(value).map(|p| TOP + (1.0 - p) * PLOT_HEIGHT)
    }

    fn point(&self, p: &Point) -> Option<(f64, f64)> {
        Some((self.x(p.x)?, self.y(p.y)?))
    }

    fn text(&self, text: &str, (x, y): (f64, f64), anchor: Anchor) -> Markup {
        let name = (anchor != Anchor::Start).then(|| anchor.name());
        html! {
            @match self.medium {
                Medium::Screen => { text x=(fixed(x)) y=(fixed(y)) text-anchor=[name] { (set(text)) } }
                Medium::Paper => { path.ink d=(outline(text, (x, y), anchor, false)) {} }
            }
        }
    }

    fn title(&self, text: &str, (x, y): (f64, f64)) -> Markup {
        html! {
            @match self.medium {
                Medium::Screen => { text.title x=(fixed(x)) y=(fixed(y)) { (set(text)) } }
                Medium::Paper => { path.ink d=(outline(text, (x, y), Anchor::Start, true)) {} }
            }
        }
    }

    fn describe(&self, series: &Series, p: &Point) -> String {
        let name = |value: f64| {
            let named = self.panel.x.names.iter().find(|(at, _)| *at == value);
            named.map_or_else(|| number(value), |(_, name)| name.clone())
        };
        let bar =
            if p.low < p.high { format!(" [{}, {}]", number(p.low), number(p.high)) } else { String::new() };
        let (x, y) = (&self.panel.x.label, &self.panel.y.label);
        format!("{}\n{x}: {}\n{y}: {}{bar}", series.label, name(p.x), number(p.y))
    }
}

fn draw(panel: &Panel, id: &str, medium: Medium) -> Markup {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let frame = Frame {
        panel,
        medium,
        x: panel.x.fit(points().map(|p| p.x)),
        y: panel.y.fit(points().flat_map(|p| [p.y, p.low, p.high])),
    };
    let bottom = TOP + PLOT_HEIGHT;
    let middle = TOP + PLOT_HEIGHT / 2.0;
    html! {
        clipPath id=(id) { rect x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {} }
        (frame.title(&panel.title, (LEFT, TOP - 12.0)))
        (grid(&frame))
        (frame.text(&panel.x.label, (LEFT + PLOT_WIDTH / 2.0, bottom + 38.0), Anchor::Middle))
        g transform=(format!("translate(14 {middle}) rotate(-90)")) {
            (frame.text(&panel.y.label, (0.0, 0.0), Anchor::Middle))
        }
        g clip-path=(format!("url(#{id})")) {
            @for series in &panel.series { (draw_series(series, &frame)) }
        }
        rect.frame x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {}
        @for (i, series) in panel.series.iter().enumerate() {
            (legend_entry(series, &frame, bottom + BELOW_AXIS + i as f64 * LEGEND_LINE))
        }
    }
}

fn grid(frame: &Frame<'_>) -> Markup {
    let (right, bottom) = (LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT);
    let tick = |from: (f64, f64), to: &str| format!("M{} {}{to}", fixed(from.0), fixed(from.1));
    html! {
        @for (value, label) in &frame.x.ticks {
            @if let Some(x) = frame.x(*value) {
                line.grid x1=(fixed(x)) x2=(fixed(x)) y1=(TOP) y2=(bottom) {}
                path.tick d=(tick((x, bottom), "v5")) {}
                (frame.text(label, (x, bottom + 18.0), Anchor::Middle))
            }
        }
        @for (value, label) in &frame.y.ticks {
            @if let Some(y) = frame.y(*value) {
                line.grid x1=(LEFT) x2=(right) y1=(fixed(y)) y2=(fixed(y)) {}
                path.tick d=(tick((LEFT, y), "h-5")) {}
                (frame.text(label, (LEFT - 8.0, y + 4.0), Anchor::End))
            }
        }
        @for x in frame.x.minor.iter().filter_map(|v| frame.x(*v)) { path.tick d=(tick((x, bottom), "v3")) {} }
        @for y in frame.y.minor.iter().filter_map(|v| frame.y(*v)) { path.tick d=(tick((LEFT, y), "h-3")) {} }
    }
}

/// Text with powers and indices set as such.
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

fn draw_series(series: &Series, frame: &Frame<'_>) -> Markup {
    match series.role {
        Role::Theory | Role::Trajectory => {
            let path: Vec<(f64, f64)> = series.points.iter().filter_map(|p| frame.point(p)).collect();
            let stride = series.points.len().div_ceil(HITS).max(1);
            html! {
                (polyline(&path, series.colour, series.role == Role::Theory))
                @for p in series.points.iter().step_by(stride) {
                    @if let Some((x, y)) = frame.point(p) {
                        circle.hit cx=(fixed(x)) cy=(fixed(y)) r="6" { title { (frame.describe(series, p)) } }
                    }
                }
            }
        }
        Role::Experiment | Role::Control => html! {
            @for p in &series.points {
                @if let Some((x, y)) = frame.point(p) {
                    @if p.low < p.high {
                        (error_bar(x, frame.y(p.low).unwrap_or(TOP + PLOT_HEIGHT), frame.y(p.high).unwrap_or(y), series.colour))
                    }
                    (marker(x, y, series, Some(&frame.describe(series, p))))
                }
            }
        },
    }
}

fn polyline(path: &[(f64, f64)], colour: usize, dashed: bool) -> Markup {
    let points: Vec<String> = path.iter().map(|(x, y)| format!("{},{}", fixed(*x), fixed(*y))).collect();
    let dash = if dashed { DASHES[colour % COLOURS] } else { "" };
    let dash = (!dash.is_empty()).then_some(dash);
    html! { polyline class=(class("line s", colour)) points=(points.join(" ")) stroke-dasharray=[dash] {} }
}

fn error_bar(x: f64, low: f64, high: f64, colour: usize) -> Markup {
    let cap = |y: f64| format!("M{} {}h8", fixed(x - 4.0), fixed(y));
    let path = format!("M{} {}V{}{}{}", fixed(x), fixed(low), fixed(high), cap(low), cap(high));
    html! { path class=(class("bar s", colour)) d=(path) {} }
}

/// Circle, square, triangle, diamond: the shape says as much as the colour.
fn marker(x: f64, y: f64, series: &Series, description: Option<&str>) -> Markup {
    let r = 4.0;
    let (l, t) = (x - r, y - r);
    let path = match series.colour % 4 {
        0 => format!("M{} {}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0z", fixed(l), fixed(y), 2.0 * r, 2.0 * r),
        1 => format!("M{} {}h{}v{}h-{}z", fixed(l), fixed(t), 2.0 * r, 2.0 * r, 2.0 * r),
        2 => format!("M{} {}l4.6 8h-9.2z", fixed(x), fixed(t - 0.6)),
        _ => format!("M{} {}l4.8 4.8l-4.8 4.8l-4.8 -4.8z", fixed(x), fixed(y - 4.8)),
    };
    let class = class(if series.role == Role::Control { "hollow s" } else { "mark f" }, series.colour);
    html! { path class=(class) d=(path) { @if let Some(text) = description { title { (text) } } } }
}

fn legend_entry(series: &Series, frame: &Frame<'_>, y: f64) -> Markup {
    let line = [(LEFT + 2.0, y), (LEFT + 26.0, y)];
    html! {
        @match series.role {
            Role::Theory => { (polyline(&line, series.colour, true)) }
            Role::Trajectory => { (polyline(&line, series.colour, false)) }
            Role::Experiment | Role::Control => { (marker(LEFT + 14.0, y, series, None)) }
        }
        (frame.text(&series.label, (LEFT + 34.0, y + 4.0), Anchor::Start))
    }
}

fn class(stem: &str, colour: usize) -> String {
    format!("{stem}{}", colour % COLOURS)
}

/// Coordinates to a hundredth of a pixel: short, and the same on every machine.
pub(super) fn fixed(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use crate::figure::{Axis, Figure, Panel, Point, Role, Series};

    fn figure() -> Figure {
        let points = vec![
            Point::new(1.0, 2.0),
            Point::new(f64::NAN, 1.0),
            Point { x: 2.0, y: 3.0, low: -1.0, high: 4.0 },
        ];
        Figure {
            name: "f".into(),
            title: "<script>alert(1)</script>".into(),
            caption: String::new(),
            panels: vec![Panel {
                title: "a & b".into(),
                x: Axis::linear("x^2"),
                y: Axis::log("y"),
                series: vec![
                    Series::new("<i>", Role::Experiment, 0, points.clone()),
                    Series::new("line", Role::Theory, 1, points),
                ],
            }],
        }
    }

    #[test]
    fn text_from_outside_is_escaped_and_odd_points_are_left_out() {
        let figure = figure();
        let svg = figure.svg();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        // Two drawable points and the legend's marker; a line's two drawable points tell their values.
        assert_eq!(svg.matches("class=\"mark f0\"").count(), 3);
        assert_eq!(svg.matches("class=\"hit\"").count(), 2);
        assert!(svg.contains("x<tspan class=\"script\" dy=\"-4\">2</tspan>"), "{svg}");
        assert_eq!(figure.rows().count(), 6);
    }

    #[test]
    fn pixels_are_the_same_every_time_and_show_ink_and_colour() {
        let png = figure().png().unwrap();
        assert_eq!(png, figure().png().unwrap());
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!(pixels.width(), 1200);
        let has = |[r, g, b]: [u8; 3]| {
            pixels.pixels().iter().any(|p| [p.red(), p.green(), p.blue()] == [r, g, b] && p.alpha() == 255)
        };
        assert!(has([0x00, 0x72, 0xb2]), "the first series' colour");
        assert!(has([0x22, 0x22, 0x22]), "letters");
        assert!(has([0xff, 0xff, 0xff]) && pixels.pixels().iter().all(|p| p.alpha() == 255), "white paper");
    }

    #[test]
    fn many_panels_stand_in_rows_of_three() {
        let mut figure = figure();
        figure.panels = vec![figure.panels[0].clone(); 5];
        assert!(figure.svg().contains("width=\"1200\" height=\"728\""), "{}", &figure.svg()[..300]);
        let ids: std::collections::BTreeSet<String> =
            (0..5).map(|i| format!("id=\"f-{i}\"")).filter(|id| figure.svg().contains(id)).collect();
        assert_eq!(ids.len(), 5);
    }
}
