//! The sheet that a drawing is made for, and how large it is there.

/// A page of a paper, or a slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sheet {
    /// A page: as large as its panels, four inches each, without a heading.
    #[default]
    Page,
    /// A slide of 13 1/3 by 7 1/2 inches with the figure's title as heading; 3840 by 2160 pixels in a PNG.
    Slide,
}

impl Sheet {
    /// Points, of which 72 are an inch, per unit of the drawing: a panel of 400 units is four inches wide, and a slide is drawn in
    /// points.
    pub(super) fn points_per_unit(self) -> f64 {
        match self {
            Sheet::Page => 0.72,
            Sheet::Slide => 1.0,
        }
    }
}
