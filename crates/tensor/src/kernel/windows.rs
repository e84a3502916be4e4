//! Sliding windows over images: where each window position reads, and the copies that follow from it.

use rayon::prelude::*;

use super::simd::vectorized;
use crate::array::{Array, Buffer, Dims};
use crate::linalg::{PARALLEL, Real};

/// Which input pixel each entry of each window reads, for images `height x width`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Height and width of the input.
    pub(crate) input: [usize; 2],
    /// Number of window positions, vertically and horizontally.
    pub(crate) output: [usize; 2],
    /// Height and width of the window.
    pub(crate) window: [usize; 2],
    /// `rows[y * window height + v]`: the input row of window row `v` at vertical position `y`; `None` in the padding.
    pub(crate) rows: Vec<Option<usize>>,
    /// As `rows`, for columns.
    pub(crate) columns: Vec<Option<usize>>,
}

impl Windows {
    pub(crate) fn input_pixels(&self) -> usize {
        self.input.iter().product()
    }

    pub(crate) fn positions(&self) -> usize {
        self.output.iter().product()
    }

    pub(crate) fn entries(&self) -> usize {
        self.window.iter().product()
    }

    /// Calls `f(patch entry, pixel)` for every entry of every window; `pixel` is `None` in the padding.
    #[inline(always)]
    fn for_each(&self, mut f: impl FnMut(usize, Option<usize>)) {
        let ([oh, ow], [kh, kw]) = (self.output, self.window);
        let mut entry = 0;
        for rows in self.rows.chunks_exact(kh).take(oh) {
            for columns in self.columns.chunks_exact(kw).take(ow) {
                for row in rows {
                    for column in columns {
                        f(entry, row.zip(*column).map(|(y, x)| y * self.input[1] + x));
                        entry += 1;
                    }
                }
            }
        }
    }

    /// Copies the windows of one `height x width x channels` image; `padding` stands outside it.
    pub(crate) fn gather<T: Real>(&self, channels: usize, image: &[T], padding: T, patches: &mut [T]) {
        self.for_each(|entry, pixel| {
            let to = &mut patches[entry * channels..(entry + 1) * channels];
            match pixel {
                Some(p) => to.copy_from_slice(&image[p * channels..(p + 1) * channels]),
                None => to.fill(padding),
            }
        });
    }

    /// The transpose of [`Windows::gather`]: adds every window entry to the pixel it was read from.
    pub(crate) fn scatter<T: Real>(&self, channels: usize, patches: &[T], image: &mut [T]) {
        vectorized(
            #[inline(always)]
            || {
                image.fill(T::ZERO);
                self.for_each(
                    #[inline(always)]
                    |entry, pixel| {
                        if let Some(p) = pixel {
                            let from = &patches[entry * channels..(entry + 1) * channels];
                            let to = &mut image[p * channels..(p + 1) * channels];
                            to.iter_mut().zip(from).for_each(|(x, &y)| *x += y);
                        }
                    },
                );
            },
        );
    }
}

/// `[..., h, w, c]` to `[..., oh, ow, kh kw, c]`.
pub(crate) fn patches<T: Real>(windows: &Windows, padding: T, x: &Array<T>) -> Array<T> {
    let (leading, channels) = image_axes("windows", windows.input, x.shape());
    let shape = leading.join(&windows.output).join(&[windows.entries(), channels]);
    let out_size = windows.positions() * windows.entries() * channels;
    per_image(x, windows.input_pixels() * channels, shape, out_size, |image, out| {
        windows.gather(channels, image, padding, out);
    })
}

/// The transpose of [`patches`]: `[..., oh, ow, kh kw, c]` to `[..., h, w, c]`.
pub(crate) fn patches_transposed<T: Real>(windows: &Windows, y: &Array<T>) -> Array<T> {
    let [leading @ .., _, _, _, channels] = y.shape() else {
        panic!("windows (transposed): shape {:?} has fewer than four axes", y.shape());
    };
    let shape = Dims::new(leading).join(&windows.input).join(&[*channels]);
    let in_size = windows.positions() * windows.entries() * channels;
    per_image(y, in_size, shape, windows.input_pixels() * channels, |patches, out| {
        windows.scatter(*channels, patches, out);
    })
}

fn image_axes(operation: &str, input: [usize; 2], shape: &[usize]) -> (Dims, usize) {
    match shape {
        [leading @ .., h, w, c] if [*h, *w] == input => (Dims::new(leading), *c),
        _ => panic!(
            "{operation}: shape {shape:?} does not end in images of {} x {} pixels",
            input[0], input[1]
        ),
    }
}

fn per_image<T: Real>(
    x: &Array<T>,
    in_size: usize,
    shape: Dims,
    out_size: usize,
    f: impl Fn(&[T], &mut [T]) + Sync,
) -> Array<T> {
    let x = x.elements();
    let mut out = Buffer::stale(shape.volume());
    if in_size == 0 || out_size == 0 {
        out.fill(T::ZERO);
    } else if x.len() < PARALLEL / 64 {
        x.chunks_exact(in_size).zip(out.chunks_exact_mut(out_size)).for_each(|(x, y)| f(x, y));
    } else {
        x.par_chunks_exact(in_size).zip(out.par_chunks_exact_mut(out_size)).for_each(|(x, y)| f(x, y));
    }
    Array::from_buffer(shape, out)
}
