//! Letters as outlines, from fonts that come with this crate: the same pixels whatever is installed.

use std::fmt::Write;
use std::sync::LazyLock;

use ttf_parser::{Face, FaceParsingError, OutlineBuilder};

use crate::notation::{Level, pieces};

/// Font sizes in units of the drawing.
const TEXT: f64 = 12.0;
const TITLE: f64 = 13.0;
const SCRIPT: f64 = 9.0;

/// How far powers rise above the line, and indices sink below it.
pub(super) fn shift(level: Level) -> f64 {
    match level {
        Level::Base => 0.0,
        Level::Super => -4.0,
        Level::Sub => 3.0,
    }
}

/// Where a text stands in relation to its point.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// SVG's word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

type Font = Result<Face<'static>, FaceParsingError>;

static REGULAR: LazyLock<Font> =
    LazyLock::new(|| Face::parse(include_bytes!("../../assets/fonts/DejaVuSans.ttf"), 0));
static BOLD: LazyLock<Font> =
    LazyLock::new(|| Face::parse(include_bytes!("../../assets/fonts/DejaVuSans-Bold.ttf"), 0));

/// The outline of a text on a baseline, as path data. Powers and indices are set as such; what the fonts lack is a box.
pub(super) fn outline(text: &str, (x, y): (f64, f64), anchor: Anchor, title: bool) -> String {
    // The fonts are part of the program, and a test reads them.
    let Ok(face) = (if title { &*BOLD } else { &*REGULAR }) else { return String::new() };
    let left = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width(text, title) / 2.0,
        Anchor::End => x - width(text, title),
    };
    let size = if title { TITLE } else { TEXT };
    let mut pen = Pen { data: String::new(), x: left, y, scale: 0.0 };
    for (level, piece) in pieces(text) {
        pen.scale = if level == Level::Base { size } else { SCRIPT } / f64::from(face.units_per_em());
        pen.y = y + shift(level);
        for character in piece.chars() {
            let glyph = face.glyph_index(character).unwrap_or_default();
            // Blanks have no outline.
            let _ = face.outline_glyph(glyph, &mut pen);
            pen.x += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)) * pen.scale;
        }
    }
    pen.data
}

/// How wide a text is in units of the drawing, set in this crate's own font: other fonts are hardly wider.
pub(super) fn width(text: &str, title: bool) -> f64 {
    let Ok(face) = (if title { &*BOLD } else { &*REGULAR }) else { return 0.0 };
    let size = if title { TITLE } else { TEXT };
    let piece = |(level, piece): (Level, String)| {
        let scale = if level == Level::Base { size } else { SCRIPT } / f64::from(face.units_per_em());
        let advance = |c| face.glyph_hor_advance(face.glyph_index(c).unwrap_or_default()).unwrap_or(0);
        piece.chars().map(|c| f64::from(advance(c)) * scale).sum::<f64>()
    };
    pieces(text).into_iter().map(piece).sum()
}

/// Coordinates to a hundredth of a pixel: short, and the same on every machine.
pub(super) fn fixed(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

struct Pen {
    data: String,
    x: f64,
    y: f64,
    scale: f64,
}

impl Pen {
    fn add(&mut self, command: char, points: &[(f32, f32)]) {
        self.data.push(command);
        for (x, y) in points {
            let x = fixed(self.x + f64::from(*x) * self.scale);
            let y = fixed(self.y - f64::from(*y) * self.scale);
            // Writing to a string cannot fail.
            let _ = write!(self.data, "{x} {y} ");
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.add('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.add('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.add('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.add('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.data.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::{Anchor, BOLD, REGULAR, outline};

    /// Leftmost and rightmost coordinate of path data without curves, such as that of "H".
    fn extent(data: &str) -> (f64, f64) {
        let numbers: Vec<f64> = data
            .split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
            .filter_map(|n| n.parse().ok())
            .collect();
        let xs = numbers.iter().step_by(2).copied();
        xs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    }

    #[test]
    fn text_stands_where_its_anchor_says() {
        let (low, high) = extent(&outline("HH", (100.0, 50.0), Anchor::Middle, false));
        assert!(((low + high) / 2.0 - 100.0).abs() < 0.01, "{low} {high}");
        assert!(extent(&outline("HH", (100.0, 50.0), Anchor::Start, false)).0 >= 100.0);
        assert!(extent(&outline("HH", (100.0, 50.0), Anchor::End, false)).1 <= 100.0);
        let width = |title| {
            let (low, high) = extent(&outline("HH", (0.0, 0.0), Anchor::Start, title));
            high - low
        };
        assert!(width(true) > width(false));
        let (low, high) = extent(&outline("HH", (0.0, 0.0), Anchor::Start, false));
        let advance = super::width("HH", false);
        assert!(advance >= high - low && advance < 1.3 * (high - low), "{advance} for {low} to {high}");
    }

    #[test]
    fn the_fonts_have_what_notation_needs() {
        for face in [&*REGULAR, &*BOLD] {
            let face = face.as_ref().expect("the font is well-formed");
            for character in
                "aZ09\u{3b1}\u{3c9}\u{398}\u{2212}\u{b1}\u{2265}\u{2264}\u{221e}\u{2207}\u{2192}".chars()
            {
                assert!(face.glyph_index(character).is_some(), "{character}");
            }
        }
        // A power stands higher than its base.
        assert_ne!(
            outline("x^2", (0.0, 0.0), Anchor::Start, false),
            outline("x2", (0.0, 0.0), Anchor::Start, false)
        );
    }
}
