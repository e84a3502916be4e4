//! PDF, PNG and SVG of one figure are one picture, as programs of others draw them.

use std::path::Path;
use std::process::Command;

use overparam_eval::figure::{Axis, Figure, Format, Panel, Point, Role, Series, Shade, Sheet};
use resvg::tiny_skia::Pixmap;

/// Everything that a figure can hold.
fn figure() -> Figure {
    let line = |colour: usize, label: &str, role| {
        let points = (1..=8).map(|i| {
            let (x, y) = (f64::from(i), 0.1 * f64::from(i * i) + 0.3 * colour as f64);
            Point { x, y, low: 0.8 * y, high: 1.3 * y }
        });
        Series::new(label, role, colour, points.collect())
    };
    let cell = |i: i32| {
        let (x, y) = (f64::from(i % 4) + 1.5, 0.2 * 2f64.powi(i / 4) * 1.2);
        (
            Point { x, y, low: y / 1.4, high: y * 1.4 },
            Shade { value: 0.05 * f64::from(i), left: x - 0.5, right: x + 0.5 },
        )
    };
    let panel = |series: Vec<Series>| Panel {
        title: "lambda_1 and m^(-1/2)".into(),
        x: Axis::linear("width m"),
        y: Axis::log("loss").with_floor(0.05),
        series,
    };
    let mut tiny = line(3, "exact", Role::Experiment);
    tiny.points.truncate(2);
    tiny.points[1].y = 1e-15;
    Figure {
        name: "f".into(),
        title: "Everything & more".into(),
        caption: "c".into(),
        panels: vec![
            panel(vec![
                line(0, "at most", Role::Theory),
                line(1, "measured", Role::Experiment),
                line(2, "control", Role::Control),
                tiny,
            ]),
            panel(vec![
                Series::heat_map("risk", [0.1, 0.2, 0.3, 0.4, 0.5], (0..12).map(cell)),
                line(0, "boundary", Role::Theory),
                line(4, "path", Role::Trajectory),
            ]),
        ],
    }
}

/// Means of red, green and blue in squares of 30 pixels: letters' edges differ by a little between programs, what is missing by much.
fn tiles(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Vec<[f64; 3]> {
    const SIDE: usize = 30;
    let mut means = Vec::new();
    for top in (0..height - SIDE).step_by(SIDE) {
        for left in (0..width - SIDE).step_by(SIDE) {
            let mut sum = [0.0; 3];
            for (x, y) in (0..SIDE * SIDE).map(|k| (left + k % SIDE, top + k / SIDE)) {
                let part = pixel(x, y);
                (0..3).for_each(|c| sum[c] += f64::from(part[c]));
            }
            means.push(sum.map(|s| s / (SIDE * SIDE) as f64));
        }
    }
    means
}

/// Width, height, and red, green and blue of every pixel, of Netpbm's P6.
fn ppm(bytes: &[u8]) -> (usize, usize, &[u8]) {
    let fields: Vec<&[u8]> = bytes.splitn(5, u8::is_ascii_whitespace).collect();
    let number = |i: usize| std::str::from_utf8(fields[i]).unwrap().parse().unwrap();
    assert_eq!((fields[0], number(3)), (&b"P6"[..], 255));
    (number(1), number(2), fields[4])
}

fn drawn_by_poppler(pdf: &Path, dots_per_inch: &str) -> Option<Vec<u8>> {
    let output = Command::new("pdftoppm").args(["-r", dots_per_inch]).arg(pdf).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn a_pdf_looks_like_the_png() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.pdf");
    for (sheet, dots_per_inch) in [(Sheet::Page, "300"), (Sheet::Slide, "288")] {
        std::fs::write(&path, figure().draw(Format::Pdf, sheet).unwrap()).unwrap();
        let Some(found) = drawn_by_poppler(&path, dots_per_inch) else {
            eprintln!("skipped: there is no pdftoppm here");
            return;
        };
        let (row, height, found) = ppm(&found);
        let png = Pixmap::decode_png(&figure().draw(Format::Png, sheet).unwrap()).unwrap();
        let size = (png.width() as usize, png.height() as usize);
        assert!(row.abs_diff(size.0) <= 1 && height.abs_diff(size.1) <= 1, "{row} x {height}, {size:?}");
        let (width, height) = (row.min(size.0), height.min(size.1));
        let ours = tiles(width, height, |x, y| {
            let pixel = png.pixels()[y * size.0 + x];
            [pixel.red(), pixel.green(), pixel.blue()]
        });
        let theirs = tiles(width, height, |x, y| {
            let at = 3 * (y * row + x);
            [found[at], found[at + 1], found[at + 2]]
        });
        let worst = ours.iter().zip(&theirs).flat_map(|(a, b)| (0..3).map(|c| (a[c] - b[c]).abs()));
        let worst = worst.fold(0.0, f64::max);
        assert!(worst < 20.0, "{sheet:?}: a square of 30 pixels differs by {worst} of 255");
        assert!(ours.iter().any(|mean| mean[0] < 200.0), "something is drawn");
    }
}
