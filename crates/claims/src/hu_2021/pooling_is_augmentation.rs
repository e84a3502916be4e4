//! **hu-2021/pooling-is-augmentation.** Why global average pooling helps on images, exactly: regression with the pooled convolutional
//! tangent kernel *is* regression with the flattened kernel on all translations of the training images.
//!
//! *Source.* Li, Wang, Yu, Du, Hu, Salakhutdinov, Arora 2019, section 4 (global average pooling and data augmentation). *Experiment.* Exact kernels
//! ([`overparam_ntk`]) of two 3 x 3 convolutions with ReLU, then global average pooling, or flattening, and a linear layer;
//! digits averaged to `4 x 4` pixels; regression on one-hot labels.
//!
//! *Predicted.* Let `G` be the group of the `h w` translations of an image that is periodic. Convolution with circular padding commutes with it, and
//! pooling sums over pairs of pixels where flattening sums over pixels, so that
//!
//! ```text
//! K_pool(x, x') = mean over g, g' in G of K_flat(g x, g' x')
//! ```
//!
//! The flattened kernel is invariant when both arguments move together. On the training set of all `g x_i`, with the label of `x_i`, the
//! solution is therefore invariant, and a linear combination of `sum_g K_flat(., g x_i)`: with ridge `r h w` it predicts what the pooled kernel does
//! with ridge `r`. All of it is linear algebra, and must hold to rounding.
//!
//! *Tolerances.* Kernels: 1e-12 of the largest. Predictions: 1e-9 of the largest, for a condition number of some thousand. An independent
//! program (NumPy) had 1.2e-13, with zero padding 0.82 (0.57 at least), with vertical translations alone 0.63, with 15 of the 16
//! translations 0.19 (0.05 at least) and without augmentation 1.18.
//!
//! *Control.* Zero padding: borders break the group, and nothing else changes.

use nalgebra::DMatrix;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::data::LabelledImages;
use overparam_eval::figure::{Axis, Figure, Panel, Role, Series, median_point};
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;
use overparam_ntk::architecture::{
    Architecture, Padding, conv, dense, flatten, global_avg_pool, relu, shape::Shape,
};
use overparam_ntk::{Images, Inputs, Kernel};
use overparam_tensor::linalg::{Cholesky, matmul};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::images::{Data, choose, one_hot};

/// One draw of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// Height and width of the images; digits are averaged over squares.
    pub side: usize,
    /// Training images.
    pub examples: usize,
    /// Test images.
    pub tests: usize,
    /// Whether images continue periodically, or end in zeros.
    pub circular: bool,
    /// Index of the images.
    pub seed: u64,
}

/// Relative distances of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Of the kernels.
    pub kernels: f64,
    /// Of predictions without ridge.
    pub ridgeless: f64,
    /// Of predictions with a ridge.
    pub ridge: f64,
    /// Of predictions without ridge when the flattened kernel sees no translations.
    pub without: f64,
}

/// The claim.
pub struct PoolingIsAugmentation;

impl Claim for PoolingIsAugmentation {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/pooling-is-augmentation",
            statement: "Regression with the globally pooled convolutional tangent kernel is regression with the flattened one on \
                        all translations of the training images.",
            formula: "K_pool(x, x') = mean over translations g, g' of K_flat(g x, g' x'); ridge r with pooling = ridge h w r on all \
                      translations",
            sources: &[Source {
                citation: "Li, Wang, Yu, Du, Hu, Salakhutdinov, Arora: Enhanced Convolutional Neural Tangent Kernels (2019)",
                place: "section 4",
                url: "https://arxiv.org/abs/1911.00809",
            }],
            prediction: "equal kernels and equal predictions, with and without ridge, for circular padding",
            must_hold: "kernels equal to 1e-12 and predictions to 1e-9 of the largest, in every draw",
            control: "zero padding",
            cpu_seconds: [5.0, 60.0, 600.0],
            size_ratio: [1.0, 1.0, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        let pixels = (cell.side * cell.side) as f64;
        2e-8 * (cell.examples as f64 * pixels * pixels).powi(2)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        compare(cell, context)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let with = |value: fn(&Outcome) -> f64| runs.draws(|runs| Some(value(&runs.first()?.outcome)));
        vec![
            Check::new(
                "kernels",
                "largest distance of the pooled kernel from the mean over translations, relative to the largest entry",
                Bound::AtMost(1e-12),
            )
            .predicted("0")
            .because("rounding")
            .rival("borders matter: zero padding", 0.1)
            .control_fails()
            .exact()
            .draws(with(|o| o.kernels)),
            Check::new(
                "predictions",
                "largest distance of predictions at test images, relative to the largest",
                Bound::AtMost(1e-9),
            )
            .predicted("0")
            .because("rounding, times the condition number")
            .rival("fifteen of the sixteen translations", 0.05)
            .rival("no augmentation", 0.9)
            .control_fails()
            .exact()
            .at("ridgeless", with(|o| o.ridgeless))
            .at("with ridge", with(|o| o.ridge)),
        ]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let points = |runs: &[Run<Cell, Outcome>], first: usize| {
            let values: [fn(&Outcome) -> f64; 4] =
                [|o| o.kernels, |o| o.ridgeless, |o| o.ridge, |o| o.without];
            let at = |(i, value): (usize, &fn(&Outcome) -> f64)| {
                let values: Vec<f64> = runs.iter().map(|r| value(&r.outcome).max(1e-17)).collect();
                median_point(i as f64, &values)
            };
            values.iter().enumerate().skip(first).filter_map(at).collect()
        };
        vec![Figure {
            name: "pooling-is-augmentation".into(),
            title: "Pooling is augmentation by all translations".into(),
            caption: "Relative distance of the two sides: of kernels, of predictions without and with ridge, and, for comparison, of \
                      predictions when the flattened kernel sees no translations. Medians over seeds with their intervals; hollow: \
                      zero padding."
                .into(),
            panels: vec![Panel {
                title: "Two ways to one solution".into(),
                x: Axis::named("compared", &["kernels", "ridgeless", "ridge", "no translations"]),
                y: Axis::log("relative distance"),
                series: vec![
                    Series::new("circular padding", Role::Experiment, 0, points(runs, 0)),
                    Series::new("zero padding", Role::Control, 0, points(control, 0)),
                ],
            }],
        }]
    }
}

fn grid(plan: &Plan<'_>, circular: bool) -> Vec<Cell> {
    let (side, examples, tests) = plan.by_scale([(4, 6, 6), (4, 8, 20), (8, 4, 20)]);
    plan.seeds().map(|seed| Cell { side, examples, tests, circular, seed }).collect()
}

/// An image as numbers of mean square 1, row by row.
fn picture(images: &LabelledImages, i: usize, side: usize) -> Vec<f64> {
    let factor = images.rows / side;
    let pixel = |row: usize, column: usize| f64::from(images.image(i)[row * images.columns + column]);
    let mean = |k: usize| {
        let (top, left) = (k / side * factor, k % side * factor);
        let square = (0..factor * factor).map(|q| pixel(top + q / factor, left + q % factor));
        square.sum::<f64>() / (factor * factor) as f64
    };
    let pixels: Vec<f64> = (0..side * side).map(mean).collect();
    let norm = (pixels.iter().map(|p| p * p).sum::<f64>() / pixels.len() as f64).sqrt();
    pixels.iter().map(|p| if norm > 0.0 { p / norm } else { 0.0 }).collect()
}

/// All translations of an image, the image itself first.
fn translations(picture: &[f64], side: usize) -> Vec<f64> {
    let at = |g: usize, p: usize| {
        let (row, column) = ((p / side + g / side) % side, (p % side + g % side) % side);
        picture[row * side + column]
    };
    (0..side * side).flat_map(|g| (0..side * side).map(move |p| at(g, p))).collect()
}

fn batch(data: Vec<f64>, side: usize) -> Result<Inputs<f64>, CellError> {
    let count = data.len() / (side * side);
    let shape = Shape { height: side, width: side, channels: 1 };
    Ok(Images::new(count, shape, data).map_err(CellError::new)?.into())
}

/// Tangent kernels within the training images and from test images to them.
fn kernels(cell: &Cell, pooled: bool, train: &[f64], test: &[f64]) -> Result<[DMatrix<f64>; 2], CellError> {
    let padding = if cell.circular { Padding::Circular } else { Padding::Same };
    let layer = || conv(1, [3, 3]).padding(padding).w_std(2f64.sqrt());
    let end = if pooled { global_avg_pool() } else { flatten() };
    let net = Architecture::new([layer().into(), relu(), layer().into(), relu(), end, dense(1).into()]);
    let [train, test] = [train, test].map(|images| batch(images.to_vec(), cell.side));
    let (train, test) = (train?, test?);
    let kernel = Kernel::new(&net, train.shape()).map_err(CellError::new)?;
    let own = kernel.ntk(&train, None).map_err(CellError::new)?;
    Ok([own, kernel.ntk(&test, Some(&train)).map_err(CellError::new)?])
}

/// Predictions of regression at test images.
fn predictions(
    [own, cross]: &[DMatrix<f64>; 2],
    targets: &DMatrix<f64>,
    ridge: f64,
) -> Result<DMatrix<f64>, CellError> {
    let n = own.nrows();
    let factor = Cholesky::factor(&(own + DMatrix::identity(n, n) * ridge)).map_err(CellError::new)?;
    Ok(matmul(cross, &factor.solve(targets)))
}

fn compare(cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
    /// A tenth or so of the kernels' diagonal.
    const RIDGE: f64 = 0.1;
    let (side, moves) = (cell.side, cell.side * cell.side);
    let parts = Data::Digits.parts(context)?;
    let all: Vec<usize> = (0..parts.train.len()).collect();
    let chosen = choose(&all, cell.examples + cell.tests, &context.shared("images", cell.seed))?;
    let order = context.shared("order", cell.seed).permutation(chosen.len());
    let chosen: Vec<usize> = order.into_iter().map(|i| chosen[i]).collect();
    let (train, test) = chosen.split_at(cell.examples);
    let picked =
        |of: &[usize]| -> Vec<Vec<f64>> { of.iter().map(|&i| picture(&parts.train, i, side)).collect() };
    let (train_pictures, test_pictures) = (picked(train), picked(test));
    let labels: Vec<u8> = train.iter().map(|&i| parts.train.labels[i]).collect();
    let targets = one_hot(&labels);
    let tiled = DMatrix::from_fn(moves * labels.len(), targets.ncols(), |i, c| targets[(i / moves, c)]);

    let moved: Vec<f64> = train_pictures.iter().flat_map(|p| translations(p, side)).collect();
    let (plain, test) = (train_pictures.concat(), test_pictures.concat());
    let pooled = kernels(cell, true, &plain, &test)?;
    let augmented = kernels(cell, false, &moved, &test)?;
    let flat = kernels(cell, false, &plain, &test)?;

    let mean = DMatrix::from_fn(labels.len(), labels.len(), |i, j| {
        augmented[0].view((i * moves, j * moves), (moves, moves)).mean()
    });
    let apart = |a: &DMatrix<f64>, b: &DMatrix<f64>| (a - b).amax() / a.amax();
    let by_pooling = predictions(&pooled, &targets, 0.0)?;
    Ok(Outcome {
        kernels: apart(&pooled[0], &mean),
        ridgeless: apart(&by_pooling, &predictions(&augmented, &tiled, 0.0)?),
        ridge: apart(
            &predictions(&pooled, &targets, RIDGE)?,
            &predictions(&augmented, &tiled, RIDGE * moves as f64)?,
        ),
        without: apart(&by_pooling, &predictions(&flat, &targets, 0.0)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hu_2021::trial::Trial;

    #[test]
    fn translations_are_a_group() {
        let picture: Vec<f64> = (0..9).map(f64::from).collect();
        let all = translations(&picture, 3);
        assert_eq!((all.len(), &all[..9]), (81, &picture[..]));
        // One column to the left.
        assert_eq!(all[9..18], [1.0, 2.0, 0.0, 4.0, 5.0, 3.0, 7.0, 8.0, 6.0]);
    }

    #[test]
    fn wrong_theories_and_the_control_do_not_hold() {
        Trial::run(&PoolingIsAugmentation, 4, 8).assert_sharp();
    }
}
