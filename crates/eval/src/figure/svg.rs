//! Draws a figure as SVG: legible in light and dark, in print, and without colour (markers and dashes differ too).

use maud::{Markup, PreEscaped, html};

use super::axis::Fitted;
use super::{Figure, Panel, Point, Role, Series};
use crate::table::number;

const PANEL_WIDTH: f64 = 400.0;
const PLOT_HEIGHT: f64 = 240.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BELOW_AXIS: f64 = 52.0;
const LEGEND_LINE: f64 = 18.0;
const PLOT_WIDTH: f64 = PANEL_WIDTH - LEFT - RIGHT;

/// The style sheet of every figure. Okabe and Ito's colours, told apart by colour-blind readers.
pub const STYLE: &str = "
.op-figure { --ink: #222; --faint: #ddd; --paper: #fff;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b8860b; --c5: #56b4e9; --c6: #555;
  font-family: system-ui, 'Helvetica Neue', Arial, sans-serif; font-size: 12px; }
@media (prefers-color-scheme: dark) { .op-figure { --ink: #ddd; --faint: #444; --paper: #181818;
  --c0: #4aa8e0; --c1: #ff8c3a; --c2: #2fcf9f; --c3: #e6a3c8; --c4: #e6c04d; --c5: #8fd0f5; --c6: #aaa; } }
@media print { .op-figure { --ink: #000; --faint: #ccc; --paper: #fff;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #b8860b; --c5: #56b4e9; --c6: #555; } }
.op-figure text { fill: var(--ink); }
.op-figure .title { font-size: 13px; font-weight: 600; }
.op-figure .frame { fill: none; stroke: var(--ink); stroke-width: 1; }
.op-figure .grid { stroke: var(--faint); stroke-width: 1; }
.op-figure .line { fill: none; stroke-width: 2; }
.op-figure .thin { fill: none; stroke-width: 1; opacity: .7; }
.op-figure .bar { stroke-width: 1.4; }
.op-figure .hollow { fill: var(--paper); stroke-width: 1.6; }
";

const DASHES: [&str; 7] = ["", "7 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4"];

pub(super) fn draw(figure: &Figure, stand_alone: bool) -> Markup {
    let width = PANEL_WIDTH * figure.panels.len().max(1) as f64;
    let legend = figure.panels.iter().map(|p| p.series.len()).max().unwrap_or(0) as f64 * LEGEND_LINE;
    let height = TOP + PLOT_HEIGHT + BELOW_AXIS + legend;
    let view_box = format!("0 0 {width} {height}");
    let label = format!("{}. {}", figure.title, figure.caption);
    html! {
        svg class="op-figure" xmlns="http://www.w3.org/2000/svg" viewBox=(view_box) width=(width) height=(height)
            role="img" aria-label=(label) {
            title { (figure.title) }
            @if stand_alone {
                style { (PreEscaped(STYLE)) }
                rect width="100%" height="100%" style="fill: var(--paper)" {}
            }
            @for (i, panel) in figure.panels.iter().enumerate() {
                g transform=(format!("translate({} 0)", i as f64 * PANEL_WIDTH)) { (draw_panel(panel, &format!("{}-{i}", figure.name))) }
            }
        }
    }
}

struct Frame {
    x: Fitted,
    y: Fitted,
}

impl Frame {
    fn x(&self, value: f64) -> Option<f64> {
        self.x.position(value).map(|p| LEFT + p * PLOT_WIDTH)
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.position(value).map(|p| TOP + (1.0 - p) * PLOT_HEIGHT)
    }

    fn point(&self, p: &Point) -> Option<(f64, f64)> {
        Some((self.x(p.x)?, self.y(p.y)?))
    }
}

fn draw_panel(panel: &Panel, id: &str) -> Markup {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let frame = Frame {
        x: panel.x.fit(points().map(|p| p.x)),
        y: panel.y.fit(points().flat_map(|p| [p.y, p.low, p.high])),
    };
    let (right, bottom) = (LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT);
    let middle = TOP + PLOT_HEIGHT / 2.0;
    html! {
        clipPath id=(id) { rect x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {} }
        text.title x=(LEFT) y=(TOP - 12.0) { (panel.title) }
        @for (value, label) in &frame.x.ticks {
            @if let Some(x) = frame.x(*value) {
                line.grid x1=(fixed(x)) x2=(fixed(x)) y1=(TOP) y2=(bottom) {}
                text x=(fixed(x)) y=(bottom + 17.0) text-anchor="middle" { (label) }
            }
        }
        @for (value, label) in &frame.y.ticks {
            @if let Some(y) = frame.y(*value) {
                line.grid x1=(LEFT) x2=(right) y1=(fixed(y)) y2=(fixed(y)) {}
                text x=(LEFT - 7.0) y=(fixed(y + 4.0)) text-anchor="end" { (label) }
            }
        }
        text x=(LEFT + PLOT_WIDTH / 2.0) y=(bottom + 37.0) text-anchor="middle" { (panel.x.label) }
        text transform=(format!("translate(14 {middle}) rotate(-90)")) text-anchor="middle" { (panel.y.label) }
        g clip-path=(format!("url(#{id})")) {
            @for series in &panel.series { (draw_series(series, &frame)) }
        }
        rect.frame x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {}
        @for (i, series) in panel.series.iter().enumerate() {
            (legend_entry(series, bottom + BELOW_AXIS + i as f64 * LEGEND_LINE))
        }
    }
}

fn draw_series(series: &Series, frame: &Frame) -> Markup {
    let path: Vec<(f64, f64)> = series.points.iter().filter_map(|p| frame.point(p)).collect();
    html! {
        @match series.role {
            Role::Theory => { (polyline(&path, "line", series.colour, true)) }
            Role::Trajectory => { (polyline(&path, "line", series.colour, false)) }
            Role::Experiment | Role::Control => {
                @for p in &series.points {
                    @if let Some((x, y)) = frame.point(p) {
                        @if p.low < p.high {
                            (error_bar(x, frame.y(p.low).unwrap_or(TOP + PLOT_HEIGHT), frame.y(p.high).unwrap_or(y), series.colour))
                        }
                        (marker(x, y, series, &describe(series, p)))
                    }
                }
            }
        }
    }
}

fn describe(series: &Series, p: &Point) -> String {
    let bar =
        if p.low < p.high { format!(" [{}, {}]", number(p.low), number(p.high)) } else { String::new() };
    format!("{}: ({}, {}){bar}", series.label, number(p.x), number(p.y))
}

fn polyline(path: &[(f64, f64)], class: &str, colour: usize, dashed: bool) -> Markup {
    let points: Vec<String> = path.iter().map(|(x, y)| format!("{},{}", fixed(*x), fixed(*y))).collect();
    let dash = if dashed { DASHES[colour % DASHES.len()] } else { "" };
    html! { polyline class=(class) points=(points.join(" ")) style=(stroke(colour)) stroke-dasharray=(dash) {} }
}

fn error_bar(x: f64, low: f64, high: f64, colour: usize) -> Markup {
    let cap = |y: f64| format!("M{} {}h8", fixed(x - 4.0), fixed(y));
    let path = format!("M{} {}V{}{}{}", fixed(x), fixed(low), fixed(high), cap(low), cap(high));
    html! { path.bar d=(path) style=(stroke(colour)) {} }
}

/// Circle, square, triangle, diamond: the shape says as much as the colour.
fn marker(x: f64, y: f64, series: &Series, description: &str) -> Markup {
    let r = 4.0;
    let (l, t) = (x - r, y - r);
    let path = match series.colour % 4 {
        0 => format!("M{} {}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0z", fixed(l), fixed(y), 2.0 * r, 2.0 * r),
        1 => format!("M{} {}h{}v{}h-{}z", fixed(l), fixed(t), 2.0 * r, 2.0 * r, 2.0 * r),
        2 => format!("M{} {}l4.6 8h-9.2z", fixed(x), fixed(t - 0.6)),
        _ => format!("M{} {}l4.8 4.8l-4.8 4.8l-4.8 -4.8z", fixed(x), fixed(y - 4.8)),
    };
    let colour = format!("var(--c{})", series.colour % 7);
    let hollow = series.role == Role::Control;
    let style = if hollow { format!("stroke: {colour}") } else { format!("fill: {colour}") };
    html! { path class=(if hollow { "hollow" } else { "mark" }) d=(path) style=(style) { title { (description) } } }
}

fn legend_entry(series: &Series, y: f64) -> Markup {
    let line = [(LEFT + 2.0, y), (LEFT + 26.0, y)];
    html! {
        @match series.role {
            Role::Theory => { (polyline(&line, "line", series.colour, true)) }
            Role::Trajectory => { (polyline(&line, "line", series.colour, false)) }
            Role::Experiment | Role::Control => { (marker(LEFT + 14.0, y, series, &series.label)) }
        }
        text x=(LEFT + 34.0) y=(y + 4.0) { (series.label) }
    }
}

fn stroke(colour: usize) -> String {
    format!("stroke: var(--c{})", colour % 7)
}

/// Coordinates to a hundredth of a pixel: short, and the same on every machine.
fn fixed(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use crate::figure::{Axis, Figure, Panel, Point, Role, Series};

    #[test]
    fn text_from_outside_is_escaped_and_odd_points_are_left_out() {
        let points = vec![
            Point::new(1.0, 2.0),
            Point::new(f64::NAN, 1.0),
            Point { x: 2.0, y: 3.0, low: -1.0, high: 4.0 },
        ];
        let figure = Figure {
            name: "f".into(),
            title: "<script>alert(1)</script>".into(),
            caption: String::new(),
            panels: vec![Panel {
                title: "a & b".into(),
                x: Axis::linear("x"),
                y: Axis::log("y"),
                series: vec![
                    Series::new("<i>", Role::Experiment, 0, points.clone()),
                    Series::new("line", Role::Theory, 1, points),
                ],
            }],
        };
        let svg = figure.svg();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        // Two drawable points and the legend's marker.
        assert_eq!(svg.matches("class=\"mark\"").count(), 3);
        assert_eq!(figure.rows().count(), 6);
    }
}
