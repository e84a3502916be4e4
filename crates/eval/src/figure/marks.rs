//! Series as lines, points, error bars and shaded bounds within the frame of a panel.

use maud::{Markup, html};

use super::frame::Frame;
use super::heat_map;
use super::legend::Entry;
use super::letters::fixed;
use super::style::{COLOURS, NEUTRAL, slot};
use super::{Bounded, Panel, Point, Role, Series};

/// Points of a line that tell their values: enough to read any of it.
const HITS: usize = 60;
/// Dots on a trajectory.
const DOTS: usize = 24;
/// Marks nearer than this hide each other, and stand this far apart once moved.
const APART: f64 = 9.0;
/// A series of more points than this is a curve, whose marks stay where they are.
const FEW: usize = 12;

const DASHES: [&str; COLOURS] = ["", "7 3", "2 3", "9 3 2 3", "5 2", "1 2", "12 4"];

/// How far each point of each series is moved aside so that none hides another: nothing for lines and for curves of many points.
/// Points at one abscissa whose marks would overlap stand side by side around their place.
pub(super) fn aside(panel: &Panel, frame: &Frame<'_>) -> Vec<Vec<f64>> {
    let mut moved: Vec<Vec<f64>> = panel.series.iter().map(|s| vec![0.0; s.points.len()]).collect();
    let marks = |s: &&Series| matches!(s.role, Role::Experiment | Role::Control) && s.points.len() <= FEW;
    let mut places: Vec<(usize, usize, f64, f64)> = Vec::new();
    for (i, series) in panel.series.iter().enumerate().filter(|(_, s)| marks(s)) {
        for (j, point) in series.points.iter().enumerate() {
            places.extend(frame.point(point).map(|(x, y)| (i, j, x, y)));
        }
    }
    let mut group: Vec<usize> = (0..places.len()).collect();
    for a in 0..places.len() {
        for b in a + 1..places.len() {
            let ((.., x, y), (.., x2, y2)) = (places[a], places[b]);
            if (x - x2).abs() < 2.0 && (y - y2).abs() < APART {
                let (from, to) = (group[b], group[a]);
                group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
            }
        }
    }
    for leader in 0..places.len() {
        let members: Vec<usize> = (0..places.len()).filter(|m| group[*m] == leader).collect();
        let middle = (members.len().max(1) - 1) as f64 / 2.0;
        for (k, member) in members.iter().enumerate() {
            let (i, j, ..) = places[*member];
            moved[i][j] = (k as f64 - middle) * APART;
        }
    }
    moved
}

pub(super) fn draw_series(series: &Series, moved: &[f64], frame: &Frame<'_>) -> Markup {
    match series.role {
        Role::Theory | Role::Trajectory => {
            let path: Vec<(f64, f64)> = series.points.iter().filter_map(|p| frame.point(p)).collect();
            let stride = series.points.len().div_ceil(HITS).max(1);
            let dots = path.len().div_ceil(DOTS).max(1);
            html! {
                @if let Some(bound) = series.bound() { (band(&path, bound, series.colour, frame)) }
                @if heat_map::coloured(frame.panel) { (halo(&path)) }
                (polyline(&path, series))
                @if series.role == Role::Trajectory {
                    @for (x, y) in path.iter().step_by(dots) { (dot(*x, *y, series.colour)) }
                }
                @for p in series.points.iter().step_by(stride) {
                    @if let Some((x, y)) = frame.point(p) {
                        circle.hit cx=(fixed(x)) cy=(fixed(y)) r="6" { title { (frame.describe(series, p)) } }
                    }
                }
            }
        }
        Role::Experiment | Role::Control => html! {
            @for (p, aside) in series.points.iter().zip(moved) {
                @if let Some((x, y)) = frame.point(p) {
                    @if p.low < p.high {
                        (error_bar(x + aside, frame.bar_end(p.low, false), frame.bar_end(p.high, true), series.colour))
                    }
                    (arrow_below(p, (x + aside, y), series.colour, frame))
                    (marker((x + aside, y), series.role, series.colour, Some(&frame.describe(series, p))))
                }
            }
        },
        Role::HeatMap => heat_map::draw(series, frame),
    }
}

/// An arrow down from a point that is too small for a place of its own, and its value.
fn arrow_below(p: &Point, (x, y): (f64, f64), colour: usize, frame: &Frame<'_>) -> Markup {
    let path = format!("M{} {}v17m-4 -4l4 4l4 -4", fixed(x), fixed(y));
    html! { @if let Some(value) = frame.below_floor(p, (x, y)) {
        path class=(class("bar s", colour)) d=(path) {}
        (value)
    } }
}

/// Sets a line off from the colours that it passes over.
fn halo(path: &[(f64, f64)]) -> Markup {
    html! { polyline class="halo" points=(places(path)) {} }
}

fn places(path: &[(f64, f64)]) -> String {
    path.iter().map(|(x, y)| format!("{},{}", fixed(*x), fixed(*y))).collect::<Vec<_>>().join(" ")
}

/// The side of a bound that it allows, shaded.
fn band(path: &[(f64, f64)], bound: Bounded, colour: usize, frame: &Frame<'_>) -> Markup {
    let (Some(first), Some(last)) = (path.first(), path.last()) else { return html! {} };
    let edge = match bound {
        Bounded::Below => frame.top(),
        Bounded::Above => frame.bottom(),
    };
    let points: Vec<String> = std::iter::once(&(first.0, edge))
        .chain(path)
        .chain(std::iter::once(&(last.0, edge)))
        .map(|(x, y)| format!("{},{}", fixed(*x), fixed(*y)))
        .collect();
    html! { polygon class=(class("band f", colour)) points=(points.join(" ")) {} }
}

fn polyline(path: &[(f64, f64)], series: &Series) -> Markup {
    line(path, series.role, series.colour)
}

fn line(path: &[(f64, f64)], role: Role, colour: usize) -> Markup {
    let (stem, dash) = if role == Role::Theory {
        ("line s", DASHES[if colour == NEUTRAL { 0 } else { colour % COLOURS }])
    } else {
        ("thin s", "")
    };
    let dash = (!dash.is_empty()).then_some(dash);
    html! { polyline class=(class(stem, colour)) points=(places(path)) stroke-dasharray=[dash] {} }
}

fn dot(x: f64, y: f64, colour: usize) -> Markup {
    html! { circle class=(class("dot f", colour)) cx=(fixed(x)) cy=(fixed(y)) r="2.4" {} }
}

fn error_bar(x: f64, low: f64, high: f64, colour: usize) -> Markup {
    let cap = |y: f64| format!("M{} {}h8", fixed(x - 4.0), fixed(y));
    let path = format!("M{} {}V{}{}{}", fixed(x), fixed(low), fixed(high), cap(low), cap(high));
    html! { path class=(class("bar s", colour)) d=(path) {} }
}

/// Circle, square, triangle, diamond: the shape says as much as the colour.
fn marker((x, y): (f64, f64), role: Role, colour: usize, description: Option<&str>) -> Markup {
    let r = 4.0;
    let (l, t) = (x - r, y - r);
    let path = match if colour == NEUTRAL { 0 } else { colour % COLOURS % 4 } {
        0 => format!("M{} {}a{r} {r} 0 1 0 {} 0a{r} {r} 0 1 0 -{} 0z", fixed(l), fixed(y), 2.0 * r, 2.0 * r),
        1 => format!("M{} {}h{}v{}h-{}z", fixed(l), fixed(t), 2.0 * r, 2.0 * r, 2.0 * r),
        2 => format!("M{} {}l4.6 8h-9.2z", fixed(x), fixed(t - 0.6)),
        _ => format!("M{} {}l4.8 4.8l-4.8 4.8l-4.8 -4.8z", fixed(x), fixed(y - 4.8)),
    };
    let class = class(if role == Role::Control { "hollow s" } else { "mark f" }, colour);
    html! { path class=(class) d=(path) { @if let Some(text) = description { title { (text) } } } }
}

/// The marks of a legend's entry, their left end at `x`.
pub(super) fn glyph(entry: &Entry, bounded: bool, (x, y): (f64, f64)) -> Markup {
    html! {
        @if bounded { rect class=(class("band f", entry.colour)) x=(fixed(x)) y=(fixed(y - 6.0)) width="26" height="12" {} }
        @for role in &entry.roles {
            @match role {
                Role::Theory => { (line(&[(x, y), (x + 26.0, y)], *role, entry.colour)) }
                Role::Trajectory => {
                    (line(&[(x, y), (x + 26.0, y)], *role, entry.colour))
                    @for at in [4.0, 13.0, 22.0] { (dot(x + at, y, entry.colour)) }
                }
                Role::Experiment | Role::Control => { (marker((x + 13.0, y), *role, entry.colour, None)) }
                Role::HeatMap => { (heat_map::swatch(entry.colour, (x, y))) }
            }
        }
    }
}

fn class(stem: &str, colour: usize) -> String {
    format!("{stem}{}", slot(colour))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::aside;
    use crate::figure::frame::{Frame, Medium};
    use crate::figure::{Axis, Panel, Point, Role, Series};

    proptest! {
        #[test]
        fn no_point_hides_another_of_its_abscissa(values in prop::collection::vec((0usize..3, 0.0..1.0f64), 1..9)) {
            let series: Vec<Series> = values
                .iter()
                .map(|(x, y)| Series::new("s", Role::Experiment, 0, vec![Point::new(*x as f64, *y)]))
                .collect();
            let panel = Panel { title: "t".into(), x: Axis::linear("x"), y: Axis::linear("y"), series };
            let frame = Frame::new(&panel, Medium::Paper);
            let moved = aside(&panel, &frame);
            let places: Vec<(f64, f64)> = panel.series.iter().zip(&moved).map(|(s, by)| {
                let (x, y) = frame.point(&s.points[0]).unwrap();
                (x + by[0], y)
            }).collect();
            for (i, a) in places.iter().enumerate() {
                for b in &places[..i] {
                    let distance = (a.0 - b.0).abs().max((a.1 - b.1).abs());
                    prop_assert!(distance > 8.0, "{a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_point_below_the_floor_has_an_arrow_and_its_value() {
        let points = vec![Point::new(0.0, 1.0), Point { x: 1.0, y: 5e-15, low: 1e-16, high: 1e-13 }];
        let panel = Panel {
            title: "t".into(),
            x: Axis::linear("x"),
            y: Axis::log("y").with_floor(1e-8),
            series: vec![Series::new("s", Role::Experiment, 0, points)],
        };
        let frame = Frame::new(&panel, Medium::Screen);
        let drawn = super::draw_series(&panel.series[0], &[0.0, 0.0], &frame).into_string();
        assert_eq!(drawn.matches("l4 4l4 -4").count(), 1, "{drawn}");
        assert!(drawn.contains("5\u{d7}10<tspan") && drawn.contains("y: 5e-15 [1e-16, 1e-13]"), "{drawn}");
    }

    #[test]
    fn points_that_are_seen_stay_where_they_are() {
        let at = |y| Series::new("s", Role::Experiment, 0, vec![Point::new(0.0, y), Point::new(1.0, y)]);
        let panel = Panel {
            title: "t".into(),
            x: Axis::linear("x"),
            y: Axis::linear("y"),
            series: vec![at(0.0), at(1.0)],
        };
        let moved = aside(&panel, &Frame::new(&panel, Medium::Paper));
        assert!(moved.iter().flatten().all(|by| *by == 0.0));
    }
}
