//! Figures as PDF: the drawing on white with its letters as outlines, one page as large as the drawing.
//!
//! The drawing is our own SVG, read back by the library that makes pixels of it, so that PDF and PNG are one picture. It holds paths with
//! plain colours, moved, scaled and clipped; anything else is an error rather than a drawing that lacks something. The file has no
//! date: the same figure gives the same bytes.
//!
//! Source of the format: ISO 32000-1:2008, sections 7.3 to 7.5 (objects and their table), 8.4 to 8.5 (graphics).

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use resvg::tiny_skia::{Path, PathSegment, Point, Transform};
use resvg::usvg;

use super::Sheet;

/// The file of a drawing.
pub(super) fn render(svg: &str, sheet: Sheet, title: &str) -> Result<Vec<u8>, String> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).map_err(|e| e.to_string())?;
    let scale = sheet.points_per_unit();
    let [width, height] = [tree.size().width(), tree.size().height()].map(|side| f64::from(side) * scale);
    // PDF's vertical axis points up.
    let mut page = Page { content: String::new(), opacities: Vec::new() };
    page.line(&[scale, 0.0, 0.0, -scale, 0.0, height], "cm");
    page.group(tree.root())?;
    let content = deflated(page.content.as_bytes()).map_err(|e| e.to_string())?;
    Ok(file(&[width, height], &page.opacities, &content, title))
}

/// What is drawn on a page: operators, and the opacities that they name.
struct Page {
    content: String,
    opacities: Vec<u8>,
}

impl Page {
    /// Operands and their operator.
    fn line(&mut self, operands: &[f64], operator: &str) {
        for operand in operands {
            self.content.push_str(&short(*operand));
            self.content.push(' ');
        }
        self.content.push_str(operator);
        self.content.push('\n');
    }

    fn group(&mut self, group: &usvg::Group) -> Result<(), String> {
        let plain = group.mask().is_none()
            && group.filters().is_empty()
            && group.opacity().get() == 1.0
            && group.blend_mode() == usvg::BlendMode::Normal;
        if !plain {
            return Err("it has a group that is not drawn plainly".to_owned());
        }
        self.line(&[], "q");
        self.transform(group.transform());
        if let Some(clip) = group.clip_path() {
            if clip.clip_path().is_some() {
                return Err("it has a clip within a clip".to_owned());
            }
            self.clip(clip.root(), clip.transform())?;
            self.line(&[], "W n");
        }
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => self.group(inner)?,
                usvg::Node::Path(path) if path.is_visible() => self.path(path)?,
                usvg::Node::Path(_) => {}
                usvg::Node::Image(_) => return Err("it has an image".to_owned()),
                usvg::Node::Text(_) => return Err("it has a text that is not outlines".to_owned()),
            }
        }
        self.line(&[], "Q");
        Ok(())
    }

    fn transform(&mut self, t: Transform) {
        if !t.is_identity() {
            self.line(&[t.sx, t.ky, t.kx, t.sy, t.tx, t.ty].map(f64::from), "cm");
        }
    }

    /// The outlines of a clip.
    fn clip(&mut self, group: &usvg::Group, transform: Transform) -> Result<(), String> {
        let transform = transform.pre_concat(group.transform());
        for node in group.children() {
            match node {
                usvg::Node::Group(inner) => self.clip(inner, transform)?,
                usvg::Node::Path(path) => {
                    let moved = path.data().clone().transform(transform);
                    self.outline(&moved.ok_or("it has a clip without extent")?);
                }
                _ => return Err("it has a clip that is no path".to_owned()),
            }
        }
        Ok(())
    }

    fn path(&mut self, path: &usvg::Path) -> Result<(), String> {
        if let Some(fill) = path.fill() {
            let colour = colour(fill.paint())?;
            self.opacity(fill.opacity().get());
            self.line(&colour, "rg");
            self.outline(path.data());
            let even_odd = fill.rule() == usvg::FillRule::EvenOdd;
            self.line(&[], if even_odd { "f*" } else { "f" });
        }
        if let Some(stroke) = path.stroke() {
            let colour = colour(stroke.paint())?;
            self.opacity(stroke.opacity().get());
            self.line(&colour, "RG");
            self.line(&[f64::from(stroke.width().get())], "w");
            self.line(&[f64::from(cap(stroke.linecap()))], "J");
            self.line(&[f64::from(join(stroke.linejoin()))], "j");
            self.line(&[f64::from(stroke.miterlimit().get())], "M");
            let dashes: Vec<String> =
                stroke.dasharray().unwrap_or_default().iter().map(|d| short(f64::from(*d))).collect();
            let phase = short(f64::from(stroke.dashoffset()));
            // Writing to a string cannot fail.
            let _ = writeln!(self.content, "[{}] {phase} d", dashes.join(" "));
            self.outline(path.data());
            self.line(&[], "S");
        }
        Ok(())
    }

    /// Names the opacity of what follows, in 255ths.
    fn opacity(&mut self, opacity: f32) {
        let level = (opacity * 255.0).round() as u8;
        if !self.opacities.contains(&level) {
            self.opacities.push(level);
        }
        let _ = writeln!(self.content, "/O{level} gs");
    }

    fn outline(&mut self, path: &Path) {
        let mut last = Point::from_xy(0.0, 0.0);
        for segment in path.segments() {
            let (points, operator) = match segment {
                PathSegment::MoveTo(p) => (vec![p], "m"),
                PathSegment::LineTo(p) => (vec![p], "l"),
                // PDF has cubic curves alone; this is the same curve.
                PathSegment::QuadTo(q, p) => (vec![between(last, q), between(p, q), p], "c"),
                PathSegment::CubicTo(a, b, p) => (vec![a, b, p], "c"),
                PathSegment::Close => (Vec::new(), "h"),
            };
            last = points.last().copied().unwrap_or(last);
            let operands: Vec<f64> = points.iter().flat_map(|p| [f64::from(p.x), f64::from(p.y)]).collect();
            self.line(&operands, operator);
        }
    }
}

/// Two thirds of the way.
fn between(from: Point, to: Point) -> Point {
    let way = |a: f32, b: f32| a + (b - a) * 2.0 / 3.0;
    Point::from_xy(way(from.x, to.x), way(from.y, to.y))
}

fn colour(paint: &usvg::Paint) -> Result<[f64; 3], String> {
    match paint {
        usvg::Paint::Color(c) => Ok([c.red, c.green, c.blue].map(|part| f64::from(part) / 255.0)),
        _ => Err("it has a colour that is not plain".to_owned()),
    }
}

fn cap(cap: usvg::LineCap) -> u8 {
    match cap {
        usvg::LineCap::Butt => 0,
        usvg::LineCap::Round => 1,
        usvg::LineCap::Square => 2,
    }
}

fn join(join: usvg::LineJoin) -> u8 {
    match join {
        usvg::LineJoin::Round => 1,
        usvg::LineJoin::Bevel => 2,
        usvg::LineJoin::Miter | usvg::LineJoin::MiterClip => 0,
    }
}

/// To a ten-thousandth of a point, as PDF writes numbers: without a power of ten.
fn short(x: f64) -> String {
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn deflated(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The objects of the file, and the table of where they begin.
fn file([width, height]: &[f64; 2], opacities: &[u8], content: &[u8], title: &str) -> Vec<u8> {
    let states: String = opacities
        .iter()
        .map(|level| {
            let share = short(f64::from(*level) / 255.0);
            format!("/O{level} << /ca {share} /CA {share} >> ")
        })
        .collect();
    let title: String = title.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 4 0 R /Resources << /ExtGState << {states}>> >> >>",
            short(*width),
            short(*height)
        )
        .into_bytes(),
        [
            format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", content.len()).as_bytes(),
            content,
            b"\nendstream",
        ]
        .concat(),
        format!("<< /Title <FEFF{title}> /Creator (overparam) >>").into_bytes(),
    ];
    // Four bytes above 127 in the second line say that the file is not text.
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (i, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend(format!("{} 0 obj\n", i + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.extend(table.into_bytes());
    file.extend(
        format!("trailer\n<< /Size {size} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n")
            .into_bytes(),
    );
    file
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::{render, short};
    use crate::figure::Sheet;

    fn svg(body: &str) -> String {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"50\">{body}</svg>")
    }

    /// The operators of the page.
    fn operators(pdf: &[u8]) -> String {
        let find = |what: &[u8]| pdf.windows(what.len()).position(|w| w == what).unwrap();
        let (start, end) = (find(b"stream\n") + 7, find(b"\nendstream"));
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(&pdf[start..end]).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn the_table_says_where_the_objects_begin() {
        let pdf = render(&svg("<rect width=\"10\" height=\"10\"/>"), Sheet::Page, "T\u{e9}").unwrap();
        // Bytes and not characters count.
        let text: String = pdf.iter().map(|b| char::from(*b)).collect();
        let start: usize = text.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let table = &text[text.char_indices().nth(start).unwrap().0..];
        assert!(table.starts_with("xref\n0 6\n"));
        for (i, line) in table.lines().skip(3).take(5).enumerate() {
            assert_eq!(line.len(), 19, "with its end 20 bytes: {line:?}");
            let at: usize = line[..10].parse().unwrap();
            assert!(pdf[at..].starts_with(format!("{} 0 obj\n", i + 1).as_bytes()), "{line}");
        }
        assert!(text.contains("/MediaBox [0 0 72 36]") && text.contains("/Title <FEFF005400E9>"));
        assert_eq!(pdf, render(&svg("<rect width=\"10\" height=\"10\"/>"), Sheet::Page, "T\u{e9}").unwrap());
        let slide = render(&svg(""), Sheet::Slide, "").unwrap();
        assert!(String::from_utf8_lossy(&slide).contains("/MediaBox [0 0 100 50]"));
    }

    #[test]
    fn shapes_become_operators() {
        let body = "<g transform=\"translate(5 6)\"><path d=\"M0 0Q3 3 6 0\" fill=\"#ff0000\" fill-opacity=\"0.2\" \
                    stroke=\"#0000ff\" stroke-width=\"2\" stroke-dasharray=\"7 3\"/></g>";
        let drawn = operators(&render(&svg(body), Sheet::Page, "").unwrap());
        for part in [
            "0.72 0 0 -0.72 0 36 cm",
            "1 0 0 1 5 6 cm",
            "/O51 gs\n1 0 0 rg\n0 0 m\n2 2 4 2 6 0 c\nf\n",
            "/O255 gs\n0 0 1 RG\n2 w\n",
            "[7 3] 0 d\n",
        ] {
            assert!(drawn.contains(part), "{part} in {drawn}");
        }
        assert_eq!(drawn.matches("q\n").count(), drawn.matches("Q\n").count());
    }

    #[test]
    fn what_it_cannot_draw_is_an_error() {
        let gradient = "<linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"red\"/><stop offset=\"1\"/></linearGradient>\
                        <rect width=\"9\" height=\"9\" fill=\"url(#g)\"/>";
        let faint =
            "<g opacity=\"0.5\"><rect width=\"9\" height=\"9\"/><rect x=\"3\" width=\"9\" height=\"9\"/></g>";
        for body in [gradient, faint] {
            assert!(render(&svg(body), Sheet::Page, "").is_err(), "{body}");
        }
        assert!(render("no drawing", Sheet::Page, "").is_err());
    }

    proptest! {
        #[test]
        fn numbers_are_plain_and_close(x in prop::num::f64::NORMAL.prop_filter("of a drawing", |x| x.abs() < 1e6)) {
            let text = short(x);
            prop_assert!(!text.contains('e') && text != "-0");
            prop_assert!((text.parse::<f64>().unwrap() - x).abs() <= 0.5e-4 * (1.0 + 1e-9) + 1e-10 * x.abs());
        }
    }
}
