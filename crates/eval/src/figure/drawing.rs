//! The formats that a figure is drawn in.

use super::frame::Medium;
use super::svg::document;
use super::{Figure, Sheet, pdf, png};

/// A format of drawings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For browsers and drawing programs: light or dark as the reader's system is.
    Svg,
    /// Pixels, for programs that know nothing else.
    Png,
    /// For typesetters and slides: lines and letters as outlines, sharp at any size.
    Pdf,
}

impl Format {
    /// The end of the names of its files.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Svg => "svg",
            Format::Png => "png",
            Format::Pdf => "pdf",
        }
    }
}

/// Why there is no drawing.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw figure {figure} as {}: {reason}", .format.extension().to_uppercase())]
pub struct DrawError {
    figure: String,
    format: Format,
    reason: String,
}

/// The figure as the bytes of a file.
pub(super) fn draw(figure: &Figure, format: Format, sheet: Sheet) -> Result<Vec<u8>, DrawError> {
    let on_paper = || document(figure, Medium::Paper, sheet).into_string();
    let drawn = match format {
        Format::Svg => Ok(svg(figure, sheet).into_bytes()),
        Format::Png => png::render(&on_paper(), sheet),
        Format::Pdf => pdf::render(&on_paper(), sheet, &figure.title),
    };
    drawn.map_err(|reason| DrawError { figure: figure.name.clone(), format, reason })
}

/// The figure as a document of its own for a screen.
pub(super) fn svg(figure: &Figure, sheet: Sheet) -> String {
    let drawing = document(figure, Medium::Screen, sheet).into_string();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{drawing}\n")
}
