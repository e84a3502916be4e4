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

use super::field::Scratch;
use super::window::Window;

/// `out[i] += mask[i] in[i + shift]`.
#[derive(Debug, Clone)]
struct Move<T> {
    shift: isize,
    /// One or zero for each entry of a slab.
    mask: Vec<T>,
}

impl<T: Real> Move<T> {
    /// Entries whose term stands inside a slab of `n`; the mask has zeros wherever it stands in another block.
    fn range(&self, n: usize) -> (usize, usize) {
        (usize::try_from(-self.shift).unwrap_or(0), n - usize::try_from(self.shift).unwrap_or(0))
    }

    /// The terms of entries from `from` on, and their masks.
    #[inline(always)]
    fn terms<'a>(&'a self, input: &'a [T], from: usize) -> [&'a [T]; 2] {
        [&input[from.saturating_add_signed(self.shift)..], &self.mask[from..]]
    }
}

/// Sums of a window over slabs of one size.
#[derive(Debug, Clone)]
pub(crate) struct SlabSums<T> {
    width: usize,
    moves: Vec<Move<T>>,
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
                moves.push(Move { shift, mask: block.repeat(window.input.0) });
            }
        }
        Some(Self { width, moves, rows: window.rows.clone() })
    }

    /// The sums over a slab in which row `y` meets row `(y + distance) mod height`, in the order of additions of
    /// [`Window::image_sums`]: equal images give equal bits.
    pub(crate) fn sums(&self, input: &[T], distance: usize, scratch: &mut Scratch<T>) -> Vec<T> {
        let (mut half, mut out) = (scratch.take(input.len()), scratch.take(input.len()));
        pulp::Arch::new().dispatch(Sum { of: self, input, distance, half: &mut half, out: &mut out });
        scratch.give(half);
        out
    }
}

struct Sum<'a, T> {
    of: &'a SlabSums<T>,
    input: &'a [T],
    distance: usize,
    half: &'a mut [T],
    out: &'a mut [T],
}

impl<T: Real> pulp::WithSimd for Sum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let w = T::wide(simd);
        let Self { of, input, distance, half, out } = self;
        let (size, height) = (of.width * of.width, of.rows.len());
        if let [a, b, c] = &of.moves[..] {
            three_moves(w, half, input, [a, b, c]);
        } else {
            half.fill(T::ZERO);
            for each_move in &of.moves {
                let (from, to) = each_move.range(input.len());
                let [x, mask] = each_move.terms(input, from);
                each(
                    w,
                    &mut half[from..to],
                    [x, mask],
                    |sum, [x, mask]| w.mul_add(mask, x, sum),
                    |sum, [x, mask]| mask * x + sum,
                );
            }
        }
        for (y, out) in out.chunks_exact_mut(size).enumerate() {
            let other = &of.rows[(y + distance) % height];
            let inside = |(&left, &right): (&Option<usize>, &Option<usize>)| left.and(right).and(left);
            let mut sources =
                of.rows[y].iter().zip(other).filter_map(inside).map(|source| &half[source * size..][..size]);
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

/// The sum of three moves, those of a 3 x 3 filter, in one pass but for the ends of the slab.
#[inline(always)]
fn three_moves<T: Real, W: Wide<T>>(w: W, half: &mut [T], input: &[T], moves: [&Move<T>; 3]) {
    let n = input.len();
    let ranges = moves.map(|each| each.range(n));
    let from = ranges.iter().fold(0, |from, range| from.max(range.0));
    let to = ranges.iter().fold(n, |to, range| to.min(range.1)).max(from);
    let [[x, f], [y, g], [z, h]] = moves.map(|each| each.terms(input, from));
    each(
        w,
        &mut half[from..to],
        [x, f, y, g, z, h],
        |_, [x, f, y, g, z, h]| w.mul_add(h, z, w.mul_add(g, y, w.mul(f, x))),
        |_, [x, f, y, g, z, h]| f * x + g * y + h * z,
    );
    for i in (0..from).chain(to..n) {
        let term = |each: &Move<T>| {
            let x = i.checked_add_signed(each.shift).and_then(|i| input.get(i)).copied();
            each.mask[i] * x.unwrap_or(T::ZERO)
        };
        half[i] = moves.map(term).into_iter().fold(T::ZERO, |sum, term| sum + term);
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
    for (i, out) in vectors.iter_mut().enumerate() {
        *out = f(*out, cut.map(|(vectors, _)| vectors[i]));
    }
    for (i, out) in rest.iter_mut().enumerate() {
        *out = g(*out, cut.map(|(_, rest)| rest[i]));
    }
}

#[cfg(test)]
mod tests {
    use super::SlabSums;
    use crate::architecture::Padding;
    use crate::kernel::field::{Geometry, Scratch};
    use crate::kernel::window::Window;

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
                    for (i, sum) in sums.sums(&slab, distance, &mut scratch).into_iter().enumerate() {
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
