//! The files of a figure: whole, panel by panel, as slides, in one format or several.

use super::{DrawError, Figure, Format, Panel, Sheet};

/// How many panels stay legible from the last row when they share a slide.
const A_SLIDE: usize = 2;

/// Which files are drawn of every figure of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawings {
    /// The formats, each once.
    pub formats: Vec<Format>,
    /// Whether slides are drawn beside the figures.
    pub slides: bool,
    /// Whether every panel is drawn by itself.
    pub panels: bool,
}

impl Default for Drawings {
    /// SVG and PNG of whole figures.
    fn default() -> Self {
        Self { formats: vec![Format::Svg, Format::Png], slides: false, panels: false }
    }
}

impl Drawings {
    /// The files of a figure, by their paths below the folder of figures. Whole figures are `STEM.svg`; panels are
    /// `panels/STEM-1.svg`; slides are `slides/STEM-1.svg`, of two panels each, or of one where panels are asked for as well.
    ///
    /// # Errors
    /// If the pixels of one do not fit in memory.
    pub fn files(&self, figure: &Figure, stem: &str) -> Result<Vec<(String, Vec<u8>)>, DrawError> {
        let mut sheets = vec![(stem.to_owned(), Sheet::Page, figure.clone())];
        let mut add = |folder: &str, sheet: Sheet, per: usize| {
            let parts = figure.parts(per).into_iter().enumerate();
            sheets.extend(parts.map(|(i, part)| (format!("{folder}/{stem}-{}", i + 1), sheet, part)));
        };
        if self.slides {
            add("slides", Sheet::Slide, if self.panels { 1 } else { A_SLIDE });
        } else if self.panels {
            add("panels", Sheet::Page, 1);
        }
        let mut files = Vec::new();
        for (path, sheet, figure) in &sheets {
            for format in &self.formats {
                files.push((format!("{path}.{}", format.extension()), figure.draw(*format, *sheet)?));
            }
        }
        Ok(files)
    }
}

impl Figure {
    /// The figure cut into figures of at most this many panels, in order, each with a legend of its own. The titles say which part of
    /// how many it is, if there is more than one.
    pub fn parts(&self, panels: usize) -> Vec<Figure> {
        let chunks: Vec<_> = self.panels.chunks(panels.max(1)).collect();
        let count = chunks.len();
        let part = |(i, panels): (usize, &[Panel])| Figure {
            name: format!("{}-{}", self.name, i + 1),
            title: if count > 1 {
                format!("{} ({} of {count})", self.title, i + 1)
            } else {
                self.title.clone()
            },
            caption: self.caption.clone(),
            panels: panels.to_vec(),
        };
        chunks.into_iter().enumerate().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Drawings;
    use crate::figure::{Axis, Figure, Format, Panel, Point, Role, Series, Sheet};

    fn figure(panels: usize) -> Figure {
        let panel = |i: usize| Panel {
            title: format!("panel {i}"),
            x: Axis::linear("x"),
            y: Axis::linear("y"),
            series: vec![Series::new("s", Role::Experiment, 0, vec![Point::new(1.0, 2.0)])],
        };
        Figure {
            name: "f".into(),
            title: "A title".into(),
            caption: "c".into(),
            panels: (0..panels).map(panel).collect(),
        }
    }

    fn names(drawings: &Drawings) -> Vec<String> {
        drawings.files(&figure(3), "stem").unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn files_are_named_by_what_they_show() {
        let svg = |slides, panels| names(&Drawings { formats: vec![Format::Svg], slides, panels });
        assert_eq!(svg(false, false), ["stem.svg"]);
        assert_eq!(
            svg(false, true),
            ["stem.svg", "panels/stem-1.svg", "panels/stem-2.svg", "panels/stem-3.svg"]
        );
        assert_eq!(svg(true, false), ["stem.svg", "slides/stem-1.svg", "slides/stem-2.svg"]);
        assert_eq!(
            svg(true, true),
            ["stem.svg", "slides/stem-1.svg", "slides/stem-2.svg", "slides/stem-3.svg"]
        );
        let both = Drawings { formats: vec![Format::Pdf, Format::Svg], slides: false, panels: false };
        assert_eq!(names(&both), ["stem.pdf", "stem.svg"]);
        assert_eq!(names(&Drawings::default()), ["stem.svg", "stem.png"]);
    }

    #[test]
    fn a_slide_has_its_heading_and_is_as_large_as_slides_are() {
        let drawn = figure(1).draw(Format::Svg, Sheet::Slide).unwrap();
        let svg = String::from_utf8(drawn).unwrap();
        assert!(svg.contains("viewBox=\"0 0 960 540\"") && svg.contains(">A title</text>"), "{svg}");
        let png = figure(2).draw(Format::Png, Sheet::Slide).unwrap();
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (3840, 2160));
    }

    proptest! {
        #[test]
        fn parts_keep_every_panel_in_order(panels in 0usize..9, per in 0usize..5) {
            let whole = figure(panels);
            let parts = whole.parts(per);
            let found: Vec<Panel> = parts.iter().flat_map(|part| part.panels.clone()).collect();
            prop_assert_eq!(found, whole.panels);
            prop_assert!(parts.iter().all(|part| (1..=per.max(1)).contains(&part.panels.len())));
        }

        #[test]
        fn a_slide_shows_all_of_its_drawing(panels in 1usize..7) {
            // The drawing is scaled by the same factor both ways and stays on the slide.
            let svg = String::from_utf8(figure(panels).draw(Format::Svg, Sheet::Slide).unwrap()).unwrap();
            let place = svg.split("<g transform=\"").nth(2).unwrap().split('"').next().unwrap();
            let numbers: Vec<f64> = place
                .split(|c: char| !(c.is_ascii_digit() || c == '.'))
                .filter_map(|n| n.parse().ok())
                .collect();
            let page = String::from_utf8(figure(panels).draw(Format::Svg, Sheet::Page).unwrap()).unwrap();
            let size = |name: &str| -> f64 {
                page.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
            };
            let [left, top, scale] = numbers[..] else { panic!("{place}") };
            prop_assert!(left >= 23.9 && left + scale * size("width") <= 936.1);
            prop_assert!(top >= 57.9 && top + scale * size("height") <= 516.1);
        }
    }
}
