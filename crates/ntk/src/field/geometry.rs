//! How the pairs of a field are laid out in memory.

use std::ops::Range;

/// How the entries of a field relate to the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Geometry {
    /// Entry `(r, c)` at `r * columns + c` pairs left input `r` with right input `c`, one pixel each.
    Tile { rows: usize, columns: usize },
    /// All pixel pairs of two images: `(y, x)` left with `(y', x')` right at `((y h + y') w + x) w + x'`. For fixed rows
    /// the block over `(x, x')` is contiguous: sums along rows stay in a block, sums over rows add whole blocks.
    Pixels { height: usize, width: usize },
    /// The part of the pairs in which row `y` meets row `(y + distance) mod h`: that pair of rows stands at `(y w + x) w + x'`.
    Slab { height: usize, width: usize, distance: usize },
    /// Entry `p` pairs pixel `p` with pixel `p`.
    Diagonal { height: usize, width: usize },
}

impl Geometry {
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Tile { rows, columns } => rows * columns,
            Self::Pixels { height, width } => (height * width).pow(2),
            Self::Slab { height, width, .. } => height * width * width,
            Self::Diagonal { height, width } => height * width,
        }
    }

    /// Entries of a line: stretches in which one left pixel meets consecutive right ones.
    pub(crate) fn line(self) -> usize {
        match self {
            Self::Tile { columns, .. } => columns,
            Self::Pixels { width, .. } | Self::Slab { width, .. } => width,
            Self::Diagonal { .. } => 1,
        }
    }

    /// Consecutive lines that meet the same right pixels.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Tile { rows, .. } => rows,
            Self::Pixels { width, .. } | Self::Slab { width, .. } => width,
            Self::Diagonal { .. } => 1,
        }
    }

    /// Left pixel and first right pixel of a line.
    #[inline(always)]
    pub(crate) fn start(self, line: usize) -> (usize, usize) {
        match self {
            Self::Tile { .. } => (line, 0),
            Self::Slab { height, width, distance } => (line, (line / width + distance) % height * width),
            Self::Pixels { height, width } => {
                (line / width / height * width + line % width, line / width % height * width)
            }
            Self::Diagonal { .. } => (line, line),
        }
    }

    /// Calls `f(entry, left index, right index)` for every entry in order.
    #[inline(always)]
    pub(crate) fn for_each(self, f: impl FnMut(usize, usize, usize)) {
        self.for_each_in(0..self.len() / self.line().max(1), f);
    }

    /// The same for the entries of some lines.
    #[inline(always)]
    pub(crate) fn for_each_in(self, lines: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
        let n = self.line();
        for line in lines {
            let (p, r) = self.start(line);
            (0..n).for_each(|c| f(line * n + c, p, r + c));
        }
    }

    /// Index of the pair (pixel `p` left, pixel `r` right) of [`Geometry::Pixels`].
    #[inline(always)]
    pub(crate) fn pixel_pair(height: usize, width: usize, p: usize, r: usize) -> usize {
        let ((y, x), (v, u)) = ((p / width, p % width), (r / width, r % width));
        ((y * height + v) * width + x) * width + u
    }
}
