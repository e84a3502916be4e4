//! Draws a figure as SVG: legible in light and dark, in print, and without colour (markers and dashes differ too).

use maud::{Markup, PreEscaped, html};

use super::frame::{BELOW_AXIS, Frame, LEFT, Medium, PANEL_WIDTH, PLOT_HEIGHT, PLOT_WIDTH, TOP, set_text};
use super::legend::{Entry, GLYPH, Legend, flow};
use super::letters::{Anchor, fixed, width};
use super::marks::{aside, draw_series, glyph};
use super::style::{paper, screen};
use super::{Figure, Panel, Role, Sheet};

const LEGEND_LINE: f64 = 18.0;
/// A slide of 13 1/3 by 7 1/2 inches, in points: what presentation programs begin with.
const SLIDE: (f64, f64) = (960.0, 540.0);
/// Free around a slide's drawing, and the room of its title.
const MARGIN: f64 = 24.0;
const HEADING: f64 = 58.0;
/// How much larger a slide's title is than a panel's.
const LETTERS: f64 = 1.9;
/// As many panels side by side as stay legible on a page.
const COLUMNS: usize = 3;

/// Panels in a row: one row up to three, then rows as full as can be; a last place left free takes the legend.
pub(super) fn columns(panels: usize) -> usize {
    match panels {
        0..=COLUMNS => panels.max(1),
        4 => 2,
        _ => COLUMNS,
    }
}

/// All panels in one document.
pub(super) fn document(figure: &Figure, medium: Medium, sheet: Sheet) -> Markup {
    let (body, size) = body(figure, medium);
    let (body, size) = match sheet {
        Sheet::Page => (body, size),
        Sheet::Slide => slide(&figure.title, &body, size, medium),
    };
    let label = format!("{}. {}", figure.title, figure.caption);
    let style = if medium == Medium::Screen { screen() } else { paper() };
    html! {
        svg class="op-figure" xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {} {}", size.0, size.1))
            width=(size.0) height=(size.1) role="img" aria-label=(label) {
            title { (figure.title) }
            style { (PreEscaped(style)) }
            rect.paper width="100%" height="100%" {}
            (body)
        }
    }
}

/// The drawing as large as it fits on a slide, below its title.
fn slide(title: &str, body: &Markup, (wide, high): (f64, f64), medium: Medium) -> (Markup, (f64, f64)) {
    let (width_there, height_there) = (SLIDE.0 - 2.0 * MARGIN, SLIDE.1 - HEADING - MARGIN);
    let scale = (width_there / wide).min(height_there / high);
    let left = (SLIDE.0 - wide * scale) / 2.0;
    let top = HEADING + (height_there - high * scale) / 2.0;
    let letters = LETTERS.min((SLIDE.0 - 2.0 * MARGIN) / width(title, true));
    let place =
        |x: f64, y: f64, scale: f64| format!("translate({} {}) scale({scale:.4})", fixed(x), fixed(y));
    let drawing = html! {
        g transform=(place(MARGIN, HEADING - 14.0, letters)) {
            (set_text(title, (0.0, 0.0), Anchor::Start, true, medium))
        }
        g transform=(place(left, top, scale)) { (body) }
    };
    (drawing, SLIDE)
}

/// The panels and their legend, and how much room they take.
fn body(figure: &Figure, medium: Medium) -> (Markup, (f64, f64)) {
    let legend = Legend::of(figure);
    let columns = columns(figure.panels.len());
    let indices: Vec<usize> = (0..figure.panels.len()).collect();
    let heights: Vec<f64> = indices
        .chunks(columns)
        .map(|row| row.iter().map(|i| height(legend.below(*i))).fold(0.0, f64::max))
        .collect();
    let panels: f64 = heights.iter().sum();
    let wide = PANEL_WIDTH * columns as f64;
    // In the free place of the last row, or below all of them.
    let free = figure.panels.len() % columns;
    let last = *heights.last().unwrap_or(&0.0);
    let (at, room) = if free > 0 {
        (
            (free as f64 * PANEL_WIDTH + 20.0, panels - last + TOP + 6.0),
            PANEL_WIDTH * (columns - free) as f64 - 24.0,
        )
    } else {
        ((LEFT, panels + 4.0), wide - LEFT - 8.0)
    };
    let (places, lines) = flow(legend.shared(), room);
    let below = if free > 0 || lines == 0 { 0.0 } else { lines as f64 * LEGEND_LINE + 4.0 };
    let drawing = html! {
        @for (i, panel) in figure.panels.iter().enumerate() {
            @let left = (i % columns) as f64 * PANEL_WIDTH;
            @let top: f64 = heights[..i / columns].iter().sum();
            g transform=(format!("translate({left} {top})")) {
                (draw(panel, legend.below(i), &format!("{}-{i}", figure.name), medium))
            }
        }
        (list(legend.shared(), &places, at, medium, &|e| bounded(figure, e)))
    };
    (drawing, (wide, (panels + below).max(1.0)))
}

/// One panel as an element of a page that carries the style sheet. `id` is unique on the page.
pub(super) fn panel(figure: &Figure, panel: &Panel, below: &[Entry], id: &str) -> Markup {
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
        svg class="op-figure" viewBox=(format!("0 0 {PANEL_WIDTH} {}", height(below))) role="img" tabindex="0"
            aria-label=(label) { g.op-figure id=(id) { (draw(panel, below, &format!("{id}-clip"), Medium::Screen)) } }
    }
}

/// A panel in small without its legend, which refers to the one of this `id` on the same page.
pub(super) fn thumbnail(id: &str) -> Markup {
    let bottom = TOP + PLOT_HEIGHT + BELOW_AXIS - 10.0;
    html! {
        svg class="op-figure" viewBox=(format!("0 0 {PANEL_WIDTH} {bottom}")) aria-hidden="true" focusable="false" {
            use href=(format!("#{id}")) {}
        }
    }
}

/// The legend that all panels share as a list of a page, if they share one.
pub(super) fn shared_legend(figure: &Figure) -> Option<Markup> {
    let Legend::Shared(entries) = Legend::of(figure) else { return None };
    Some(html! { ul.legend aria-label="Legend" { @for entry in &entries {
        @let wide = GLYPH + width(&entry.text, false) + 4.0;
        li { svg class="op-figure" viewBox=(format!("0 0 {} 18", fixed(wide))) width=(fixed(wide)) height="18" aria-hidden="true" {
            (list(std::slice::from_ref(entry), &[(0.0, 0)], (0.0, 9.0), Medium::Screen, &|e| bounded(figure, e)))
        } span.unseen { (entry.text) } }
    } } })
}

fn bounded(figure: &Figure, entry: &Entry) -> bool {
    figure.panels.iter().any(|panel| bounded_in(panel, entry))
}

fn bounded_in(panel: &Panel, entry: &Entry) -> bool {
    panel.series.iter().any(|s| s.label == entry.text && s.colour == entry.colour && s.bound().is_some())
}

fn height(below: &[Entry]) -> f64 {
    TOP + PLOT_HEIGHT + BELOW_AXIS + flow(below, PLOT_WIDTH).1 as f64 * LEGEND_LINE
}

fn draw(panel: &Panel, below: &[Entry], clip: &str, medium: Medium) -> Markup {
    let frame = Frame::new(panel, medium);
    let moved = aside(panel, &frame);
    // Points above lines above cells, whatever the order they were given in.
    let layer = |i: &usize| match panel.series[*i].role {
        Role::HeatMap => 0,
        Role::Theory | Role::Trajectory => 1,
        Role::Experiment | Role::Control => 2,
    };
    let mut order: Vec<usize> = (0..panel.series.len()).collect();
    order.sort_by_key(layer);
    html! {
        clipPath id=(clip) { rect x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {} }
        (frame.axes())
        g clip-path=(format!("url(#{clip})")) {
            @for i in order { (draw_series(&panel.series[i], &moved[i], &frame)) }
        }
        rect.frame x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) {}
        (list(below, &flow(below, PLOT_WIDTH).0, (LEFT, frame.bottom() + BELOW_AXIS), medium, &|e| bounded_in(panel, e)))
    }
}

/// The entries of a legend where they are placed.
fn list(
    entries: &[Entry],
    places: &[(f64, usize)],
    (left, top): (f64, f64),
    medium: Medium,
    bounded: &dyn Fn(&Entry) -> bool,
) -> Markup {
    html! {
        @for (entry, (x, line)) in entries.iter().zip(places) {
            @let at = (left + x, top + *line as f64 * LEGEND_LINE);
            (glyph(entry, bounded(entry), at))
            (set_text(&entry.text, (at.0 + GLYPH, at.1 + 4.0), Anchor::Start, false, medium))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::figure::{Axis, Figure, Format, Panel, Point, Role, Series, Sheet};

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
        let draw = || figure().draw(Format::Png, Sheet::Page).unwrap();
        let png = draw();
        assert_eq!(png, draw());
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
    fn panels_stand_in_full_rows_and_a_free_place_takes_the_legend() {
        let size = |panels: usize| {
            let mut figure = figure();
            figure.panels = vec![figure.panels[0].clone(); panels];
            let svg = figure.svg();
            let ids = (0..panels).filter(|i| svg.contains(&format!("id=\"f-{i}\""))).count();
            assert_eq!(ids, panels);
            assert_eq!(svg.matches(">line</text>").count(), 1, "one legend");
            let value = |name: &str| {
                svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
            };
            (value("width"), value("height"))
        };
        let sized = |w: &str, h: &str| (w.to_owned(), h.to_owned());
        assert_eq!(size(1), sized("400", "346"));
        assert_eq!(size(3), sized("1200", "350"));
        assert_eq!(size(4), sized("800", "678"));
        assert_eq!(size(5), sized("1200", "656"), "the legend beside the fifth");
        assert_eq!(size(6), sized("1200", "678"));
    }

    #[test]
    fn a_bound_shades_the_side_that_it_allows() {
        let mut figure = figure();
        figure.panels[0].series[1].label = "at most".into();
        let svg = figure.svg();
        assert_eq!(svg.matches("class=\"band f1\"").count(), 2, "in the panel and in the legend");
    }
}
