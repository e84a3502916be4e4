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

/// `out[i] += mask[i] in[i + shift]` for `i` in `from..from + mask.len()`.
#[derive(Debug, Clone)]
struct Move<T> {
    shift: isize,
    from: usize,
    mask: Vec<T>,
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
                let hit = |distance: &Option<isize>| *distance == Some(shift);
                let from = distances.iter().position(hit).unwrap_or(0);
                let to = distances.iter().rposition(hit).unwrap_or(0);
                let one = |distance| if hit(distance) { T::ONE } else { T::ZERO };
                moves.push(Move { shift, from, mask: distances[from..=to].iter().map(one).collect() });
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
        half.fill(T::ZERO);
        for (half, input) in half.chunks_exact_mut(size).zip(input.chunks_exact(size)) {
            for Move { shift, from, mask } in &of.moves {
                let (Some(source), n) = (from.checked_add_signed(*shift), mask.len()) else { continue };
                add_masked(w, &mut half[*from..][..n], &input[source..][..n], mask);
            }
        }
        out.fill(T::ZERO);
        for (y, out) in out.chunks_exact_mut(size).enumerate() {
            let other = &of.rows[(y + distance) % height];
            for source in of.rows[y].iter().zip(other).filter_map(|(&left, &right)| left.and(right).and(left)) {
                add(w, out, &half[source * size..][..size]);
            }
        }
    }
}

#[inline(always)]
fn add_masked<T: Real, W: Wide<T>>(w: W, to: &mut [T], from: &[T], mask: &[T]) {
    let ((tv, to), (fv, from), (mv, mask)) = (w.split_mut(to), w.split(from), w.split(mask));
    for ((to, &from), &mask) in tv.iter_mut().zip(fv).zip(mv) {
        *to = w.mul_add(mask, from, *to);
    }
    let last = w.mul_add(w.load(mask), w.load(from), w.load(to));
    w.store(to, last);
}

#[inline(always)]
fn add<T: Real, W: Wide<T>>(w: W, to: &mut [T], from: &[T]) {
    let ((tv, to), (fv, from)) = (w.split_mut(to), w.split(from));
    for (to, &from) in tv.iter_mut().zip(fv) {
        *to = w.add(*to, from);
    }
    let last = w.add(w.load(to), w.load(from));
    w.store(to, last);
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
        for (height, width, filter) in [(5, 4, [3, 3]), (4, 7, [1, 5]), (3, 3, [3, 2]), (1, 6, [1, 3]), (2, 9, [5, 4])] {
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
                        assert_eq!(sum, all[index(y, x, u)], "{size:?} {filter:?} {padding:?} {distance} {i}");
                    }
                }
            }
        }
    }
}
