//! A line chart as SVG: just enough for the examples.

use std::fmt::Write;

const COLOURS: [&str; 6] = ["#1f6fb2", "#c8552b", "#2f8f5b", "#7a4fa3", "#b08a1e", "#4a4a4a"];
const SIZE: [f64; 2] = [640.0, 400.0];
const MARGIN: f64 = 48.0;

/// Curves with names, and bands around some of them.
pub(crate) struct Chart {
    title: String,
    axes: [String; 2],
    curves: Vec<(String, Vec<[f64; 2]>)>,
    bands: Vec<(usize, Vec<[f64; 3]>)>,
}

impl Chart {
    /// An empty chart; `axes` names the horizontal and the vertical one.
    pub(crate) fn new(title: &str, axes: [&str; 2]) -> Self {
        Self { title: title.into(), axes: axes.map(Into::into), curves: Vec::new(), bands: Vec::new() }
    }

    /// Adds a curve.
    pub(crate) fn curve(mut self, name: &str, points: Vec<[f64; 2]>) -> Self {
        self.curves.push((name.into(), points));
        self
    }

    /// Adds a band `[x, low, high]` in the colour of the last curve.
    #[allow(dead_code, reason = "not every example draws one")]
    pub(crate) fn band(mut self, points: Vec<[f64; 3]>) -> Self {
        self.bands.push((self.curves.len().saturating_sub(1), points));
        self
    }

    /// Writes the file `name` to the folder given as the first argument, or to the folder for temporary files, and says where.
    pub(crate) fn save(&self, name: &str) -> std::io::Result<()> {
        let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
        let path = folder.join(name);
        std::fs::write(&path, self.text())?;
        println!("{}", path.display());
        Ok(())
    }

    fn text(&self) -> String {
        let edges =
            self.bands.iter().flat_map(|(_, band)| band).flat_map(|&[x, low, high]| [[x, low], [x, high]]);
        let all: Vec<[f64; 2]> = self.curves.iter().flat_map(|(_, c)| c).copied().chain(edges).collect();
        let range = |axis: usize| {
            let values = || all.iter().map(|p| p[axis]);
            let (low, high) =
                (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            if high > low { [low, high] } else { [low - 1.0, low + 1.0] }
        };
        let [horizontal, vertical] = [range(0), range(1)];
        let place = |[x, y]: [f64; 2]| {
            let share = |v: f64, [low, high]: [f64; 2]| (v - low) / (high - low);
            let width = SIZE[0] - 2.0 * MARGIN;
            let height = SIZE[1] - 2.0 * MARGIN;
            format!(
                "{:.1},{:.1}",
                MARGIN + width * share(x, horizontal),
                SIZE[1] - MARGIN - height * share(y, vertical)
            )
        };
        let path =
            |points: &mut dyn Iterator<Item = [f64; 2]>| points.map(place).collect::<Vec<_>>().join(" ");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
            SIZE[0], SIZE[1]
        );
        for (of, band) in &self.bands {
            let outline = path(&mut band.iter().map(|&[x, low, _]| [x, low]));
            let back = path(&mut band.iter().rev().map(|&[x, _, high]| [x, high]));
            let colour = COLOURS[of % COLOURS.len()];
            let _ =
                writeln!(svg, "<polygon points=\"{outline} {back}\" fill=\"{colour}\" opacity=\"0.18\"/>");
        }
        for (i, (name, points)) in self.curves.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            let line = path(&mut points.iter().copied());
            let _ = writeln!(
                svg,
                "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>"
            );
            let (x, y) = (SIZE[0] - MARGIN - 150.0, MARGIN + 16.0 * i as f64);
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>");
        }
        let frame = [SIZE[0] - 2.0 * MARGIN, SIZE[1] - 2.0 * MARGIN];
        let _ = writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>",
            frame[0], frame[1]
        );
        let bottom = SIZE[1] - MARGIN + 16.0;
        for (x, value) in [(MARGIN, horizontal[0]), (SIZE[0] - MARGIN, horizontal[1])] {
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{bottom}\" text-anchor=\"middle\">{value:.3}</text>");
        }
        for (y, value) in [(SIZE[1] - MARGIN, vertical[0]), (MARGIN + 8.0, vertical[1])] {
            let _ =
                writeln!(svg, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{value:.3}</text>", MARGIN - 4.0);
        }
        let middle = SIZE[0] / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"24\" text-anchor=\"middle\" font-size=\"15\">{}</text>",
            self.title
        );
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n<text x=\"{MARGIN}\" y=\"{}\">{}</text>\n</svg>",
            SIZE[1] - 12.0,
            self.axes[0],
            MARGIN - 8.0,
            self.axes[1]
        );
        svg
    }
}
