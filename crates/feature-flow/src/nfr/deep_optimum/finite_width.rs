//! What `m` units per layer, drawn from the optimum, cost beyond it.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Cholesky;

use super::net::{Atoms, Line};
use super::newton::differences;
use crate::error::Error;

/// Constants `C` of the mean excess `C / m` over the optimum, of nets whose `m` units per layer are independent draws of its atoms.
///
/// A drawn net is the optimum with the masses `p`, `q` replaced by relative frequencies. With `S` the second derivatives of the objective by
/// the masses, `C = tr(S Cov)/2`, where `Cov` is `m` times the covariance of the frequencies, `diag(p) - p p^T` and the same of `q`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FiniteWidth {
    /// As drawn: `S = Q_mm`, all weights fixed.
    pub drawn: f64,
    /// After descent in the top layer alone: `S = Q_mm - Q_mu Q_uu^-1 Q_um`.
    pub top_trained: f64,
    /// After descent in all weights to the nearest minimum: `S = Q_mm - Q_mw Q_ww^-1 Q_wm`, over all weights that are not 0.
    pub trained: f64,
    /// Of [`FiniteWidth::trained`], the part that the draws of the first layer cause.
    pub trained_first_layer: f64,
}

/// The blocks of the second derivatives by masses (`p`, then `q`), nonzero weights and top layer.
struct Blocks {
    masses: DMatrix<f64>,
    mixed: DMatrix<f64>,
    weights: DMatrix<f64>,
    top: usize,
}

pub(super) fn finite_width(line: &Line, net: &Atoms) -> Result<FiniteWidth, Error> {
    let blocks = blocks(line, net);
    let (j, size) = (net.first.len(), blocks.masses.nrows());
    let mut covariance = DMatrix::zeros(size, size);
    for (start, masses) in [(0, &net.first), (j, &net.second)] {
        let of = DMatrix::from_diagonal(masses) - masses * masses.transpose();
        covariance.view_mut((start, start), of.shape()).copy_from(&of);
    }
    let half_trace = |s: &DMatrix<f64>, rows: std::ops::Range<usize>| -> f64 {
        let product = s * &covariance;
        0.5 * rows.map(|k| product[(k, k)]).sum::<f64>()
    };
    let count = blocks.weights.nrows();
    let relaxed = |from: usize| -> Result<DMatrix<f64>, Error> {
        let mixed = blocks.mixed.columns(from, count - from);
        let inner = blocks.weights.view((from, from), (count - from, count - from)).into_owned();
        Ok(&blocks.masses - mixed * Cholesky::factor(&inner)?.solve(&mixed.transpose()))
    };
    let trained = relaxed(0)?;
    Ok(FiniteWidth {
        drawn: half_trace(&blocks.masses, 0..size),
        top_trained: half_trace(&relaxed(count - blocks.top)?, 0..size),
        trained: half_trace(&trained, 0..size),
        trained_first_layer: half_trace(&trained, 0..j),
    })
}

fn blocks(line: &Line, net: &Atoms) -> Blocks {
    let parts = |of: &Atoms| -> DVector<f64> {
        let kept = |x: &[f64], by: &[f64]| -> Vec<f64> {
            x.iter().zip(by).filter(|(_, by)| **by != 0.0).map(|(x, _)| *x).collect()
        };
        let all = [
            of.first.as_slice().to_vec(),
            of.second.as_slice().to_vec(),
            kept(of.slopes.as_slice(), net.slopes.as_slice()),
            kept(of.offsets.as_slice(), net.offsets.as_slice()),
            kept(of.weights.as_slice(), net.weights.as_slice()),
            of.top.as_slice().to_vec(),
        ];
        DVector::from_vec(all.concat())
    };
    let moved = |point: &DVector<f64>| -> Atoms {
        let (mut there, mut rest) = (net.clone(), point.iter().copied());
        let mut fill = |x: &mut [f64], all: bool| {
            for (x, new) in x.iter_mut().filter(|x| all || **x != 0.0).zip(&mut rest) {
                *x = new;
            }
        };
        fill(there.first.as_mut_slice(), true);
        fill(there.second.as_mut_slice(), true);
        fill(there.slopes.as_mut_slice(), false);
        fill(there.offsets.as_mut_slice(), false);
        fill(there.weights.as_mut_slice(), false);
        fill(there.top.as_mut_slice(), true);
        there
    };
    let hessian = differences(&parts(net), |point| parts(&line.gradient(&moved(point))));
    let masses = net.first.len() + net.second.len();
    let weights = hessian.nrows() - masses;
    Blocks {
        masses: hessian.view((0, 0), (masses, masses)).into_owned(),
        mixed: hessian.view((0, masses), (masses, weights)).into_owned(),
        weights: hessian.view((masses, masses), (weights, weights)).into_owned(),
        top: net.top.len(),
    }
}
