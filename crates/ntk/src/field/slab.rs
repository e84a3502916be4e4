//! Convolutions on slabs: the pairs of pixels whose rows differ by a fixed amount.
//!
//! A convolution that keeps the image's size moves both pixels of a pair together, so that pairs of different row distance
//! never meet until pixels are pooled. All layers up to there run on one slab after the other, a `1/height` part of the
//! pairs that stays in cache.
//!
//! In a block of a slab (one row of each image, entry `x w + u`) the horizontal tap at `o` moves by `o (w + 1)` entries; a
//! mask takes out what crosses an edge. A periodic image adds the moves by which one side or both come round.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;
use pulp::Simd;

use super::geometry::Geometry;
use super::moments::Field;
use super::scratch::{Buffer, Scratch};
use super::window::Window;

/// `out[i] += mask[i] in[i + shift]`.
#[derive(Debug, Clone)]
pub(crate) struct Move<T> {
    shift: isize,
    /// One or zero for each entry of some blocks.
    pub(crate) mask: Vec<T>,
    /// The mask has ones only.
    whole: bool,
}

impl<T: Real> Move<T> {
    /// The terms of `n` entries from `at` on, and their masks.
    #[inline(always)]
    pub(crate) fn terms<'a>(&'a self, input: &'a [T], at: usize, n: usize) -> [&'a [T]; 2] {
        [&input[at.saturating_add_signed(self.shift)..][..n], &self.mask[..n]]
    }
}

/// Entries of a mask, at least: blocks of small images are masked several at a time.
const MASK: usize = 1024;

/// Sums of a window over slabs of one size.
#[derive(Debug, Clone)]
pub(crate) struct SlabSums<T> {
    width: usize,
    moves: Vec<Move<T>>,
    /// Zeros before and after what moves: the longest move, in whole vectors.
    margin: usize,
    /// For each row its vertical taps; `None` in the padding.
    rows: Vec<Vec<Option<usize>>>,
}

impl<T: Real> SlabSums<T> {
    /// `None` if the window changes the image's size or skips pixels.
    pub(crate) fn new(window: &Window) -> Option<Self> {
        if window.input != window.output || window.strided {
            return None;
        }
        let width = window.input.1;
        let mut moves = Vec::new();
        for d in 0..window.columns[0].len() {
            // Where each entry's term stands, as a distance from the entry.
            let mut distances = vec![None; width * width];
            for x in 0..width {
                for u in 0..width {
                    let source = window.columns[x][d].zip(window.columns[u][d]);
                    distances[x * width + u] =
                        source.map(|(sx, su)| (sx * width + su) as isize - (x * width + u) as isize);
                }
            }
            let mut shifts: Vec<isize> = distances.iter().copied().flatten().collect();
            shifts.sort_unstable();
            shifts.dedup();
            for shift in shifts {
                let one = |distance: &Option<isize>| if *distance == Some(shift) { T::ONE } else { T::ZERO };
                let block: Vec<T> = distances.iter().map(one).collect();
                let blocks = MASK.div_ceil(block.len()).min(window.input.0);
                let whole = block.iter().all(|&one| one == T::ONE);
                moves.push(Move { shift, mask: block.repeat(blocks), whole });
            }
        }
        let reach = moves.iter().map(|each| each.shift.unsigned_abs()).max().unwrap_or(0);
        Some(Self { width, moves, margin: reach.next_multiple_of(16), rows: window.rows.clone() })
    }

    /// Sums over rows of a slab in which row `y` meets row `(y + distance) mod height`, with margins on both sides.
    pub(crate) fn vertical(&self, input: &[T], distance: usize, scratch: &mut Scratch<T>) -> Buffer<T> {
        let mut half = scratch.take(input.len() + 2 * self.margin);
        let (before, rest) = half.split_at_mut(self.margin);
        let (out, after) = rest.split_at_mut(input.len());
        before.fill(T::ZERO);
        after.fill(T::ZERO);
        pulp::Arch::new().dispatch(Vertical { of: self, input, distance, out });
        half
    }

    /// Sums along rows of what [`Self::vertical`] returned. Both passes together add in the order of [`Window::image_sums`]:
    /// equal images give equal bits.
    pub(crate) fn horizontal(&self, half: &[T], scratch: &mut Scratch<T>) -> Buffer<T> {
        let mut out = scratch.take(half.len() - 2 * self.margin);
        pulp::Arch::new().dispatch(Horizontal { of: self, half, out: &mut out });
        out
    }

    /// The moves of a window of three columns that does not come round, and the margin of what they move over.
    pub(crate) fn three(&self) -> Option<([&Move<T>; 3], usize)> {
        match &self.moves[..] {
            [a, b, c] if b.whole => Some(([a, b, c], self.margin)),
            _ => None,
        }
    }
}

struct Vertical<'a, T> {
    of: &'a SlabSums<T>,
    input: &'a [T],
    distance: usize,
    out: &'a mut [T],
}

impl<T: Real> pulp::WithSimd for Vertical<'_, T> {
    type Output = ();

    /// Whole blocks: taps of both rows at once.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, input, distance, out } = self;
        let w = T::wide(simd);
        let (size, height) = (of.width * of.width, of.rows.len());
        for (y, out) in out.chunks_exact_mut(size).enumerate() {
            let other = &of.rows[(y + distance) % height];
            let inside = |(&left, &right): (&Option<usize>, &Option<usize>)| left.and(right).and(left);
            let mut sources =
                of.rows[y].iter().zip(other).filter_map(inside).map(|source| &input[source * size..][..size]);
            match (sources.next(), sources.next(), sources.next()) {
                (Some(a), Some(b), Some(c)) => {
                    each(w, out, [a, b, c], |_, [a, b, c]| w.add(w.add(a, b), c), |_, [a, b, c]| a + b + c);
                }
                (Some(a), Some(b), None) => each(w, out, [a, b], |_, [a, b]| w.add(a, b), |_, [a, b]| a + b),
                (Some(a), None, _) => out.copy_from_slice(a),
                (None, ..) => out.fill(T::ZERO),
            }
            for source in sources {
                each(w, out, [source], |sum, [x]| w.add(sum, x), |sum, [x]| sum + x);
            }
        }
    }
}

struct Horizontal<'a, T> {
    of: &'a SlabSums<T>,
    half: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> pulp::WithSimd for Horizontal<'_, T> {
    type Output = ();

    /// Moves within blocks.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, half, out } = self;
        let w = T::wide(simd);
        let period = of.moves.first().map_or(MASK, |first| first.mask.len());
        for (i, out) in out.chunks_mut(period).enumerate() {
            let (at, n) = (i * period + of.margin, out.len());
            if let Some(([a, b, c], _)) = of.three() {
                let ([x, f], [y, _], [z, h]) =
                    (a.terms(half, at, n), b.terms(half, at, n), c.terms(half, at, n));
                each(
                    w,
                    out,
                    [x, f, y, z, h],
                    |_, [x, f, y, z, h]| w.mul_add(h, z, w.mul_add(f, x, y)),
                    |_, [x, f, y, z, h]| f * x + y + h * z,
                );
                continue;
            }
            out.fill(T::ZERO);
            for each_move in &of.moves {
                let terms = each_move.terms(half, at, n);
                each(
                    w,
                    out,
                    terms,
                    |sum, [x, mask]| w.mul_add(mask, x, sum),
                    |sum, [x, mask]| mask * x + sum,
                );
            }
        }
    }
}

/// `out[i] <- f(out[i], from[0][i], ...)`; the inputs may be longer. `g` is `f` for one number: what a few numbers at the end
/// cost as part of a vector is more.
#[inline(always)]
fn each<T: Real, W: Wide<T>, const N: usize>(
    w: W,
    out: &mut [T],
    from: [&[T]; N],
    f: impl Fn(W::V, [W::V; N]) -> W::V,
    g: impl Fn(T, [T; N]) -> T,
) {
    let cut = from.map(|from| w.split(&from[..out.len()]));
    let (vectors, rest) = w.split_mut(out);
    // Equal lengths that the compiler sees: no check an index.
    let (n, m) = (vectors.len(), rest.len());
    let (heads, tails) = (cut.map(|(vectors, _)| &vectors[..n]), cut.map(|(_, rest)| &rest[..m]));
    for (i, out) in vectors.iter_mut().enumerate() {
        *out = f(*out, heads.map(|vectors| vectors[i]));
    }
    for (i, out) in rest.iter_mut().enumerate() {
        *out = g(*out, tails.map(|rest| rest[i]));
    }
}

/// Reads a slab out of all pairs.
pub(crate) fn gather<T: Real>(whole: &Field<T>, slab: &mut Field<T>) {
    for (block, at, size) in blocks(slab.geometry) {
        slab.k[block..][..size].copy_from_slice(&whole.k[at..][..size]);
        slab.m[block..][..size].copy_from_slice(&whole.m[at..][..size]);
        slab.ntk[block..][..size].copy_from_slice(&whole.ntk[at..][..size]);
    }
}

/// Writes a slab among all pairs.
pub(crate) fn scatter<T: Real>(slab: &Field<T>, whole: &mut Field<T>) {
    for (block, at, size) in blocks(slab.geometry) {
        whole.k[at..][..size].copy_from_slice(&slab.k[block..][..size]);
        whole.m[at..][..size].copy_from_slice(&slab.m[block..][..size]);
        whole.ntk[at..][..size].copy_from_slice(&slab.ntk[block..][..size]);
    }
}

/// Where each pair of rows of a slab stands, there and among all pairs, and its size.
fn blocks(slab: Geometry) -> impl Iterator<Item = (usize, usize, usize)> {
    let (height, width, distance) = match slab {
        Geometry::Slab { height, width, distance } => (height, width, distance),
        _ => (0, 0, 0),
    };
    let size = width * width;
    (0..height).map(move |y| (y * size, (y * height + (y + distance) % height) * size, size))
}

#[cfg(test)]
mod tests {
    use super::SlabSums;
    use crate::field::geometry::Geometry;
    use crate::field::scratch::Scratch;
    use crate::field::window::Window;
    use crate::shape::Padding;

    /// Slab by slab the sums are those over all pairs, bit for bit.
    #[test]
    fn slabs_are_parts_of_all_pairs() {
        let mut scratch = Scratch::new();
        for (height, width, filter) in
            [(5, 4, [3, 3]), (4, 7, [1, 5]), (3, 3, [3, 2]), (1, 6, [1, 3]), (2, 9, [5, 4])]
        {
            for padding in [Padding::Same, Padding::Circular] {
                let size = (height, width);
                let window = Window::along_both(size, size, filter, [1, 1], padding);
                let pairs = (height * width).pow(2);
                let input: Vec<f64> = (0..pairs).map(|i| (1.7 * i as f64).sin()).collect();
                let all = window.pair_sums(&input, &mut scratch);
                let sums = SlabSums::new(&window).expect("the size is kept");
                for distance in 0..height {
                    let index = |y: usize, x: usize, u: usize| {
                        let v = (y + distance) % height;
                        Geometry::pixel_pair(height, width, y * width + x, v * width + u)
                    };
                    let at = |i: usize| (i / width / width, i / width % width, i % width);
                    let slab: Vec<f64> = (0..height * width * width)
                        .map(|i| {
                            let (y, x, u) = at(i);
                            input[index(y, x, u)]
                        })
                        .collect();
                    let half = sums.vertical(&slab, distance, &mut scratch);
                    let found = sums.horizontal(&half, &mut scratch);
                    for (i, &sum) in found.iter().enumerate() {
                        let (y, x, u) = at(i);
                        assert_eq!(
                            sum,
                            all[index(y, x, u)],
                            "{size:?} {filter:?} {padding:?} {distance} {i}"
                        );
                    }
                }
            }
        }
    }
}
