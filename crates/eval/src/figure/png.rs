//! Figures as PNG: the drawing on white with its letters as outlines, so that the pixels depend on nothing installed.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

/// Pixels a unit of the drawing: 300 dots an inch when a panel is printed four inches wide.
const SCALE: f32 = 3.0;

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
    pixmap.encode_png().map_err(|e| e.to_string())
}
