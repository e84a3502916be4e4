//! Figures as PNG: the drawing on white with its letters as outlines, so that the pixels depend on nothing installed.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

/// Pixels a unit of the drawing: 300 dots an inch when a panel is printed four inches wide.
const SCALE: f32 = 3.0;
/// 300 dots an inch, in dots a metre: what typesetters print a figure's true size by.
const DOTS_PER_METRE: u32 = 11_811;

/// Why a drawing has no pixels.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw figure {figure} as PNG: {reason}")]
pub struct PngError {
    pub(super) figure: String,
    pub(super) reason: String,
}

pub(super) fn render(svg: &str) -> Result<Vec<u8>, String> {
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).map_err(|e| e.to_string())?;
    let pixels = |length: f32| (length * SCALE).ceil() as u32;
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    let mut pixmap = Pixmap::new(width, height)
        .ok_or_else(|| format!("{width} x {height} pixels do not fit in memory"))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixmap.as_mut());
    pixmap.encode_png().map(|png| with_density(&png)).map_err(|e| e.to_string())
}

/// The same picture with its dots a metre, in a chunk of its own before the pixels.
fn with_density(png: &[u8]) -> Vec<u8> {
    // A signature of 8 bytes, then the header: length, name, 13 bytes, checksum.
    const HEADER: usize = 8 + 4 + 4 + 13 + 4;
    let Some((before, after)) = png.split_at_checked(HEADER) else { return png.to_vec() };
    let mut chunk = b"pHYs".to_vec();
    chunk.extend(DOTS_PER_METRE.to_be_bytes());
    chunk.extend(DOTS_PER_METRE.to_be_bytes());
    chunk.push(1);
    let mut sum = flate2::Crc::new();
    sum.update(&chunk);
    let length = (chunk.len() - 4) as u32;
    [before, &length.to_be_bytes(), &chunk, &sum.sum().to_be_bytes(), after].concat()
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn a_png_says_how_large_it_is_printed_and_is_still_read() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\"/>";
        let png = render(svg).unwrap();
        // 11811 = 0x2e23 dots a metre either way; the checksum is that of an independent implementation (zlib).
        assert_eq!(png[33..37], [0, 0, 0, 9]);
        assert_eq!(png[37..54], *b"pHYs\0\0\x2e\x23\0\0\x2e\x23\x01\x78\xa5\x3f\x76");
        let pixels = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (120, 60));
    }
}
