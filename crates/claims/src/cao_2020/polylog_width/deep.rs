//! Deeper nets: how many coins their features separate, and how wide they must be for the odd teacher.

use nalgebra::DMatrix;
use overparam_eval::claim::CellError;
use overparam_tensor::random::Stream;

use super::features::Start;
use super::separation::{separable, separable_prefix};
use super::{Cell, DIMENSION};

/// The dimensions that the tangent features of `depth` weight matrices span, generically: `(L - 2) m^2 + m d - (L - 2) m`.
pub(super) fn generic_rank(depth: usize, width: usize, dimension: usize) -> usize {
    let between = depth - 2;
    between * width * width + width * dimension - between * width
}

/// Coins that are tossed at most: three a dimension, where two are expected.
pub(super) fn most_coins(depth: usize, width: usize, dimension: usize) -> usize {
    3 * generic_rank(depth, width, dimension)
}

/// How many of the cell's examples, one after another, a net's features separate. Inputs without features are left out.
///
/// # Errors
/// If depth, width or dimension is too small to have features, or if nearly every input is without.
pub(super) fn coins_separated(
    cell: &Cell,
    (depth, width, dimension): (usize, usize, usize),
    stream: &Stream,
) -> Result<f64, CellError> {
    if depth < 2 || width == 0 || dimension == 0 {
        return Err(CellError::new(format!(
            "depth is {depth}, width {width} and dimension {dimension}, but must be at least 2, 1 and 1"
        )));
    }
    let start = Start::draw(depth, width, dimension, &stream.named("weights"));
    // A few more than are wanted, because some are left out.
    let (x, y) = cell.labels.draw(cell.examples + cell.examples / 4 + 16, dimension, stream);
    let features = start.features(&x);
    let kept: Vec<usize> = (0..x.ncols())
        .filter(|&i| features.column(i).iter().any(|f| *f != 0.0))
        .take(cell.examples)
        .collect();
    if kept.len() < cell.examples {
        return Err(CellError::new(format!(
            "{} of {} inputs have no features in a net of width {width}: use a wider one",
            x.ncols() - kept.len(),
            x.ncols()
        )));
    }
    let y: Vec<f64> = kept.iter().map(|&i| y[i]).collect();
    let features: DMatrix<f64> = features.select_columns(&kept);
    Ok(separable_prefix(&features, &y) as f64)
}

/// The least number of neurons a layer that separates, from one upwards: deeper nets of different widths are not part of one another.
pub(super) fn least_width(cell: &Cell, depth: usize, stream: &Stream) -> usize {
    let (x, y) = cell.labels.draw(cell.examples, DIMENSION, stream);
    let enough = |width: &usize| {
        let start = Start::draw(depth, *width, DIMENSION, &stream.named("weights").indexed(*width as u64));
        separable(&start.features(&x), &y)
    };
    // With as many dimensions as examples anything is separable.
    (1..=cell.examples).find(enough).unwrap_or(cell.examples)
}
