//! Figures as PNG: the drawing on white with its letters as outlines, so that the pixels depend on nothing installed.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use super::Sheet;

/// Pixels per unit of the drawing: 300 dots per inch on a page, and the 3840 by 2160 pixels of today's projectors on a slide.
fn scale(sheet: Sheet) -> f32 {
    match sheet {
        Sheet::Page => 3.0,
        Sheet::Slide => 4.0,
    }
}

pub(super) fn render(svg: &str, sheet: Sheet) -> Result<Vec<u8>, String> {
    let scale = scale(sheet);
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).map_err(|e| e.to_string())?;
    let pixels = |length: f32| (length * scale).ceil() as u32;
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    let mut pixmap = Pixmap::new(width, height)
        .ok_or_else(|| format!("{width} x {height} pixels do not fit in memory"))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    // An inch is 72 points and 25.4 millimetres: what typesetters print a figure's true size by.
    let per_metre = f64::from(scale) / sheet.points_per_unit() * 72.0 / 0.0254;
    pixmap.encode_png().map(|png| with_density(&png, per_metre.round() as u32)).map_err(|e| e.to_string())
}

/// The same picture with its dots a metre, in a chunk of its own before the pixels.
fn with_density(png: &[u8], per_metre: u32) -> Vec<u8> {
    // A signature of 8 bytes, then the header: length, name, 13 bytes, checksum.
    const HEADER: usize = 8 + 4 + 4 + 13 + 4;
    let Some((before, after)) = png.split_at_checked(HEADER) else { return png.to_vec() };
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(per_metre.to_be_bytes());
    chunk.extend(per_metre.to_be_bytes());
    chunk.push(1);
    let mut sum = flate2::Crc::new();
    sum.update(&chunk);
    let length = (chunk.len() - 4) as u32;
    [before, &length.to_be_bytes(), &chunk, &sum.sum().to_be_bytes(), after].concat()
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::figure::Sheet;

    #[test]
    fn a_png_says_how_large_it_is_printed_and_is_still_read() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\"/>";
        let png = render(svg, Sheet::Page).unwrap();
        // 11811 = 0x2e23 dots a metre either way; the checksum is that of an independent implementation (zlib).
        assert_eq!(png[33..37], [0, 0, 0, 9]);
        assert_eq!(png[37..54], *b"pHYs\0\0\x2e\x23\0\0\x2e\x23\x01\x78\xa5\x3f\x76");
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (120, 60));
    }
}
