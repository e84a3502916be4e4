//! What infinitely wide nets do, without any net: from the products of the examples and the targets alone.

use nalgebra::{DMatrix, DVector};
use overparam_eval::theory::Theory;
use overparam_feature_flow::Error;
use overparam_feature_flow::rich_limit::{DeepLinear, TwoLayer};
use overparam_tensor::linalg::symmetric_eigen;

use super::{BASE, EXAMPLES, INPUTS, TARGETS};

/// The products `K = x . x'/d` of the examples.
pub(super) fn kernel() -> DMatrix<f64> {
    DMatrix::from_fn(EXAMPLES, EXAMPLES, |i, j| {
        INPUTS[i].iter().zip(&INPUTS[j]).map(|(a, b)| a * b).sum::<f64>() / BASE as f64
    })
}

/// The limit after some steps at a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rich {
    pub(super) loss: f64,
    /// How far `y^T H y / |y|^2` of both hidden layers has moved.
    pub(super) moved: [f64; 2],
}

/// Nets in muP of base width `n_0 = d`, at `c = eta n_0`: the field theory of richness `n_0^(-1/2)` at the rate `c`.
pub(super) fn rich(c: f64, steps: usize, theory: &Theory) -> Result<Rich, Error> {
    let richness = theory.constant("richness (of its value)", 1.0) / (BASE as f64).sqrt();
    let targets = DVector::from_row_slice(&TARGETS);
    let problem = TwoLayer::new(kernel(), targets.clone(), richness)?;
    let path = DeepLinear { hidden_layers: 2, ..DeepLinear::default() }.descent(&problem, &vec![c; steps])?;
    let along = |h: &DMatrix<f64>| targets.dot(&(h * &targets)) / targets.norm_squared();
    let (start, end) = (&path[0], &path[steps]);
    Ok(Rich {
        loss: 0.5 * (&targets - &end.outputs).norm_squared(),
        moved: [0, 1].map(|layer| along(&end.features[layer]) - along(&start.features[layer])),
    })
}

/// Nets whose tangent kernel is `parts K` for ever: the loss after some steps at a rate.
pub(super) fn frozen(c: f64, steps: usize, parts: f64) -> Result<f64, Error> {
    let eigen = symmetric_eigen(&kernel()).map_err(Error::from)?;
    let targets = DVector::from_row_slice(&TARGETS);
    let left = eigen.values.iter().zip(eigen.vectors.column_iter()).map(|(value, vector)| {
        let factor = (1.0 - c * parts * value).powi(steps as i32);
        (factor * vector.dot(&targets)).powi(2)
    });
    Ok(0.5 * left.sum::<f64>())
}

/// The parts of the tangent kernel of nets in standard parametrisation, in units of `n K`: read-out and hidden matrix have one each, and
/// the input matrix, which learns at the same rate from gradients that are no larger, `d/n`.
pub(super) fn standard_parts(width: usize, theory: &Theory) -> f64 {
    theory.constant("parts of the frozen kernel", 2.0) + BASE as f64 / width as f64
}

#[cfg(test)]
/// The parts of the tangent kernel in NTK parametrisation: one for every matrix.
pub(super) const LAZY_PARTS: f64 = 3.0;

/// The best rate, `log2 c`, of muP's limit.
pub(super) fn best(steps: usize, theory: &Theory) -> Result<f64, Error> {
    lowest(|log| Ok(rich(log.exp2(), steps, theory)?.loss))
}

/// The place of the lowest value between -3.5 and -0.5, to 1e-4.
pub(super) fn lowest(of: impl Fn(f64) -> Result<f64, Error>) -> Result<f64, Error> {
    let (mut place, mut step) = (-2.0, 0.1);
    while step > 1e-4 {
        let mut best = (f64::INFINITY, place);
        for k in -15..=15 {
            let log = place + f64::from(k) * step;
            // A rate at which the limit diverges is not the best one.
            let value = of(log).unwrap_or(f64::INFINITY);
            if value < best.0 {
                best = (value, log);
            }
        }
        place = best.1;
        step *= 0.1;
    }
    of(place)?;
    Ok(place)
}
