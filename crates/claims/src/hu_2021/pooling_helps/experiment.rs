//! Images on canvases, the two kernels, and what regression on them gets right.

use nalgebra::DMatrix;
use overparam_eval::claim::{CellError, Context};
use overparam_eval::data::LabelledImages;
use overparam_ntk::architecture::{
    Architecture, Padding, conv, dense, flatten, global_avg_pool, relu, shape,
};
use overparam_ntk::{Images, Inputs, Kernel};
use overparam_tensor::linalg::{Cholesky, matmul};
use overparam_tensor::random::Stream;

use super::{Cell, Outcome};
use crate::hu_2021::images::{Data, choose, correct, one_hot};

/// Height and width of the images that a network sees, before they are placed on a canvas.
fn side(cell: &Cell) -> usize {
    let original = match &cell.data {
        Data::Digits => 8,
        Data::Brought { name, .. } if name == "cifar10" => 32,
        Data::Brought { .. } => 28,
    };
    original >> cell.halved
}

/// Rough CPU seconds: all pairs of pixels of all pairs of images, through all layers.
pub(super) fn cost(cell: &Cell) -> f64 {
    let n = cell.examples.last().copied().unwrap_or(1) as f64;
    let pixels = (side(cell) + cell.offset).pow(2) as f64;
    (n * n / 2.0 + n * cell.tests as f64) * pixels * pixels * cell.depth as f64 * 2e-8 + 0.01
}

/// Height, width and numbers of an image, channels of a pixel side by side.
struct Picture {
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<f64>,
}

impl Picture {
    fn at(&self, row: usize, column: usize, channel: usize) -> f64 {
        self.pixels[(row * self.width + column) * self.channels + channel]
    }

    fn of(images: &LabelledImages, i: usize) -> Self {
        let pixels = images.image(i).iter().map(|&p| f64::from(p)).collect();
        Self { height: images.rows, width: images.columns, channels: images.channels, pixels }
    }

    /// The picture whose number at row, column and channel is `f` of these.
    fn new(height: usize, width: usize, channels: usize, f: impl Fn(usize, usize, usize) -> f64) -> Self {
        let mut pixels = Vec::with_capacity(height * width * channels);
        for row in 0..height {
            for column in 0..width {
                pixels.extend((0..channels).map(|channel| f(row, column, channel)));
            }
        }
        Self { height, width, channels, pixels }
    }

    /// Half the height and width: means of four pixels.
    fn halved(&self) -> Self {
        Self::new(self.height / 2, self.width / 2, self.channels, |row, column, channel| {
            let four = [(0, 0), (0, 1), (1, 0), (1, 1)];
            four.iter().map(|(i, j)| self.at(2 * row + i, 2 * column + j, channel)).sum::<f64>() / 4.0
        })
    }

    /// On a canvas of `extra` more rows and columns, moved down and right.
    fn placed(&self, extra: usize, down: usize, right: usize) -> Self {
        Self::new(self.height + extra, self.width + extra, self.channels, |row, column, channel| {
            match (row.checked_sub(down), column.checked_sub(right)) {
                (Some(row), Some(column)) if row < self.height && column < self.width => {
                    self.at(row, column, channel)
                }
                _ => 0.0,
            }
        })
    }

    /// Pixels in another order, channels together.
    fn permuted(&self, order: &[usize]) -> Self {
        Self::new(self.height, self.width, self.channels, |row, column, channel| {
            self.pixels[order[row * self.width + column] * self.channels + channel]
        })
    }

    /// Scaled to a mean square of 1.
    fn scaled(mut self) -> Self {
        let square = self.pixels.iter().map(|p| p * p).sum::<f64>() / self.pixels.len() as f64;
        if square > 0.0 {
            self.pixels.iter_mut().for_each(|p| *p /= square.sqrt());
        }
        self
    }
}

/// The chosen images as the networks see them.
fn batch(
    cell: &Cell,
    (images, chosen): (&LabelledImages, &[usize]),
    (moves, order): (&Stream, &Stream),
) -> Result<Inputs<f64>, CellError> {
    let side = side(cell) + cell.offset;
    let order = order.permutation(side * side);
    let mut channels = 1;
    let mut data = Vec::new();
    for (place, &i) in chosen.iter().enumerate() {
        let picture = (0..cell.halved).fold(Picture::of(images, i), |picture, _| picture.halved());
        // Ranks in short permutations are uniform draws.
        let offsets = moves.indexed(place as u64);
        let [down, right] = ["down", "right"].map(|name| offsets.named(name).permutation(cell.offset + 1)[0]);
        let placed = picture.placed(cell.offset, down, right);
        let seen = if cell.permuted { placed.permuted(&order) } else { placed };
        channels = seen.channels;
        data.extend(seen.scaled().pixels);
    }
    let shape = shape::Shape { height: side, width: side, channels };
    Ok(Images::new(chosen.len(), shape, data).map_err(CellError::new)?.into())
}

fn architecture(depth: usize, pooled: bool) -> Architecture {
    let layer = || conv(1, [3, 3]).padding(Padding::Same).w_std(2f64.sqrt());
    let mut layers: Vec<_> = (0..depth).flat_map(|_| [layer().into(), relu()]).collect();
    layers.push(if pooled { global_avg_pool() } else { flatten() });
    layers.push(dense(1).into());
    Architecture::new(layers)
}

pub(super) fn run(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    let parts = cell.data.parts(context)?;
    let shared = |purpose: &str| context.shared(purpose, cell.seed);
    let largest = cell.examples.last().copied().unwrap_or(0);
    let all = |images: &LabelledImages| (0..images.len()).collect::<Vec<_>>();
    let mut train = choose(&all(&parts.train), largest, &shared("training images"))?;
    // The draw is ascending: nested sets need it in random order.
    let mixed = shared("nesting").permutation(train.len());
    train = mixed.into_iter().map(|i| train[i]).collect();
    let test = choose(&all(&parts.test), cell.tests, &shared("test images"))?;
    let order = shared("order");
    let x = batch(cell, (&parts.train, &train), (&shared("training moves"), &order))?;
    let test_x = batch(cell, (&parts.test, &test), (&shared("test moves"), &order))?;
    let labels = |images: &LabelledImages, chosen: &[usize]| -> Vec<u8> {
        chosen.iter().map(|&i| images.labels[i]).collect()
    };
    let targets = one_hot(&labels(&parts.train, &train));
    let expected = labels(&parts.test, &test);

    let accuracies = |pooled: bool| -> Result<Vec<f64>, CellError> {
        let kernel = Kernel::new(&architecture(cell.depth, pooled), x.shape()).map_err(CellError::new)?;
        let own = kernel.ntk(&x, None).map_err(CellError::new)?;
        let cross = kernel.ntk(&test_x, Some(&x)).map_err(CellError::new)?;
        cell.examples.iter().map(|&n| accuracy((&own, &cross), &targets, &expected, n)).collect()
    };
    Ok(Outcome { pooled: accuracies(true)?, flat: accuracies(false)? })
}

/// Of ridgeless regression on the first `n` images.
fn accuracy(
    (own, cross): (&DMatrix<f64>, &DMatrix<f64>),
    targets: &DMatrix<f64>,
    expected: &[u8],
    n: usize,
) -> Result<f64, CellError> {
    let factor = Cholesky::factor(&own.view((0, 0), (n, n)).into_owned()).map_err(CellError::new)?;
    let coefficients = factor.solve(&targets.rows(0, n).into_owned());
    Ok(correct(&matmul(&cross.columns(0, n).into_owned(), &coefficients), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture::new(2, 4, 2, |row, column, channel| (100 * row + 10 * column + channel) as f64)
    }

    #[test]
    fn pictures_are_moved_halved_and_permuted() {
        let moved = picture().placed(3, 2, 1);
        assert_eq!((moved.height, moved.width), (5, 7));
        assert_eq!(moved.at(3, 4, 1), picture().at(1, 3, 1));
        assert_eq!(moved.pixels.iter().sum::<f64>(), picture().pixels.iter().sum::<f64>());
        let halved = picture().halved();
        assert_eq!(halved.pixels, [55.0, 56.0, 75.0, 76.0]);
        let order = [7, 6, 5, 4, 3, 2, 1, 0];
        let there_and_back = picture().permuted(&order).permuted(&order);
        assert_eq!(there_and_back.pixels, picture().pixels);
        assert_eq!(picture().permuted(&order).at(0, 0, 1), picture().at(1, 3, 1));
        let scaled = picture().scaled().pixels;
        assert!((scaled.iter().map(|p| p * p).sum::<f64>() / 16.0 - 1.0).abs() < 1e-14);
    }

    /// Far from all borders, the pooled kernel does not see a translation.
    #[test]
    fn the_pooled_kernel_is_blind_to_translations() {
        let images = [(4, 4), (5, 3)].map(|(down, right)| picture().placed(12, down, right));
        let side = (images[0].height, images[0].width);
        let shape = shape::Shape { height: side.0, width: side.1, channels: 2 };
        let data = images.iter().flat_map(|p| p.pixels.clone()).collect();
        let x: Inputs<f64> = Images::new(2, shape, data).unwrap().into();
        let ntk = |pooled| Kernel::new(&architecture(2, pooled), shape).unwrap().ntk(&x, None).unwrap();
        let (pooled, flat) = (ntk(true), ntk(false));
        assert!((pooled[(0, 1)] / pooled[(0, 0)] - 1.0).abs() < 1e-6, "{pooled}");
        assert!(flat[(0, 1)] < 0.9 * flat[(0, 0)], "{flat}");
    }
}
