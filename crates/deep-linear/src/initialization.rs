//! Initialisations of a given end-to-end scale, and factorisations of a given end matrix.

use nalgebra::DMatrix;
use overparam_tensor::linalg::{matmul, svd, transposed};
use overparam_tensor::random::Stream;

use crate::DeepLinearError;
use crate::error::{require, require_finite};

/// How the weights start. `N` is the depth and `d_0, ..., d_N` are the widths.
#[derive(Debug, Clone, PartialEq)]
pub enum Initialization {
    /// Independent `N(0, (a^(1/N) n_j^(-1/2))^2)` entries with `n_j = sqrt(d_j d_{j-1})`, the geometric mean of the
    /// layer's sides.
    ///
    /// For square layers this is the paper's `N(0, (a^(1/N) n^(-1/2))^2)` (Arora, Cohen, Hu, Luo 2019, section 4). For
    /// rectangular ones the geometric mean is the choice whose law is unchanged when the network is transposed, and for
    /// which hidden widths cancel: `E ||W||_F^2 = a^2 sqrt(d_0 d_N)`.
    Gaussian {
        /// End-to-end scale `a > 0`.
        scale: f64,
    },
    /// `W_j = a^(1/N) E_j`, where `E_j` has ones on the first `min_i d_i` diagonal positions and zeros elsewhere; for
    /// square layers `a^(1/N) I`. Exactly balanced.
    Identity {
        /// End-to-end scale `a > 0`: the end matrix is `a` times a (rectangular) identity.
        scale: f64,
    },
    /// `W_j = a^(1/N) Q_j`, the shorter side of `Q_j` orthonormal and Haar-distributed. Balanced if all widths agree.
    Orthogonal {
        /// End-to-end scale `a > 0`: for square layers the end matrix is `a` times an orthogonal matrix.
        scale: f64,
    },
    /// The balanced factorisation of a given end matrix `W = U S V^T`: `W_j = Q_j S^(1/N) Q_{j-1}^T` with `Q_0 = V`,
    /// `Q_N = U` and Haar-distributed `d_j x r` orthonormal `Q_j` between, so that
    /// `W_{j+1}^T W_{j+1} = Q_j S^(2/N) Q_j^T = W_j W_j^T`.
    Balanced {
        /// The end matrix `W`, `d_N x d_0`, of rank at most every hidden width.
        end: DMatrix<f64>,
    },
    /// The balanced factorisation with layer `j` multiplied by `c_j = k^(((j - 1)/(N - 1) - 1/2))`: the same end matrix
    /// (`prod c_j = 1`), but `W_{j+1}^T W_{j+1} - W_j W_j^T = (c_{j+1}^2 - c_j^2) Q_j S^(2/N) Q_j^T`. The control on which
    /// theorems about balanced networks must fail.
    Unbalanced {
        /// The end matrix `W`, `d_N x d_0`, of rank at most every hidden width.
        end: DMatrix<f64>,
        /// `k = c_N / c_1 > 0`; `k = 1` is balanced. Needs depth at least 2.
        ratio: f64,
    },
}

impl Initialization {
    /// The weights `W_1, ..., W_N` for widths `d_0, ..., d_N`.
    ///
    /// # Errors
    /// [`DeepLinearError::NoLayers`] for fewer than two widths; [`DeepLinearError::EmptyMatrix`] for a zero width;
    /// [`DeepLinearError::Configuration`] for a scale or ratio that is not positive and finite;
    /// [`DeepLinearError::Shape`], [`DeepLinearError::NotFinite`] and [`DeepLinearError::RankDoesNotFit`] for an end
    /// matrix that does not fit the widths.
    pub fn weights(&self, widths: &[usize], stream: &Stream) -> Result<Vec<DMatrix<f64>>, DeepLinearError> {
        if widths.len() < 2 {
            return Err(DeepLinearError::NoLayers);
        }
        if let Some(d) = widths.windows(2).find(|d| d[0] == 0 || d[1] == 0) {
            return Err(DeepLinearError::EmptyMatrix { what: "a layer", rows: d[1], columns: d[0] });
        }
        let depth = widths.len() - 1;
        let shapes = widths.windows(2).map(|d| (d[1], d[0]));
        match self {
            Self::Gaussian { scale } => {
                let layer_scale = layer_scale(*scale, depth)?;
                Ok(shapes
                    .enumerate()
                    .map(|(j, (rows, columns))| {
                        let n = ((rows * columns) as f64).sqrt();
                        stream.indexed(j as u64).normal_matrix(rows, columns, layer_scale / n.sqrt())
                    })
                    .collect())
            }
            Self::Identity { scale } => {
                let layer_scale = layer_scale(*scale, depth)?;
                let rank = widths.iter().copied().min().unwrap_or(0);
                let entry = |i, j| if i == j && i < rank { layer_scale } else { 0.0 };
                Ok(shapes.map(|(rows, columns)| DMatrix::from_fn(rows, columns, entry)).collect())
            }
            Self::Orthogonal { scale } => {
                let layer_scale = layer_scale(*scale, depth)?;
                Ok(shapes
                    .enumerate()
                    .map(|(j, (rows, columns))| {
                        stream.indexed(j as u64).orthonormal_matrix::<f64>(rows, columns) * layer_scale
                    })
                    .collect())
            }
            Self::Balanced { end } => balanced(end, widths, stream),
            Self::Unbalanced { end, ratio } => {
                require(
                    ratio.is_finite() && *ratio > 0.0,
                    "the imbalance ratio",
                    "positive and finite",
                    *ratio,
                )?;
                require(depth >= 2, "the depth of an unbalanced factorisation", "at least 2", depth as f64)?;
                let mut weights = balanced(end, widths, stream)?;
                for (j, w) in weights.iter_mut().enumerate() {
                    *w *= ratio.powf(j as f64 / (depth - 1) as f64 - 0.5);
                }
                Ok(weights)
            }
        }
    }
}

/// `a^(1/N)`.
fn layer_scale(scale: f64, depth: usize) -> Result<f64, DeepLinearError> {
    require(scale.is_finite() && scale > 0.0, "the initial scale", "positive and finite", scale)?;
    Ok(scale.powf(1.0 / depth as f64))
}

fn balanced(
    end: &DMatrix<f64>,
    widths: &[usize],
    stream: &Stream,
) -> Result<Vec<DMatrix<f64>>, DeepLinearError> {
    let depth = widths.len() - 1;
    let expected = (widths[depth], widths[0]);
    if end.shape() != expected {
        return Err(DeepLinearError::Shape { what: "the end matrix", given: end.shape(), expected });
    }
    require_finite("the end matrix", end.iter().copied())?;
    let svd = svd(end)?;
    let s = &svd.singular_values;
    // Where hidden layers are wide enough every singular direction is kept, however small: the product is then W to
    // rounding. Only a narrow layer makes us decide what the rank is.
    let hidden = &widths[1..depth];
    let kept = hidden.iter().copied().min().unwrap_or(s.len()).min(s.len());
    let cutoff = end.nrows().max(end.ncols()) as f64 * f64::EPSILON * s[0];
    let rank = s.iter().filter(|&&s| s > cutoff).count();
    if let Some((layer, &width)) = hidden.iter().enumerate().find(|(_, d)| **d < rank) {
        return Err(DeepLinearError::RankDoesNotFit { rank, layer: layer + 1, width });
    }
    let basis = |j: usize| -> DMatrix<f64> {
        if j == 0 {
            svd.v.columns(0, kept).into_owned()
        } else if j == depth {
            svd.u.columns(0, kept).into_owned()
        } else {
            stream.indexed(j as u64).orthonormal_matrix(widths[j], kept)
        }
    };
    let root = s.rows(0, kept).map(|s| s.powf(1.0 / depth as f64));
    let mut right = basis(0);
    Ok((1..=depth)
        .map(|j| {
            let left = basis(j);
            let mut scaled = left.clone();
            for (mut column, &r) in scaled.column_iter_mut().zip(root.iter()) {
                column *= r;
            }
            let w = matmul(&scaled, transposed(&right));
            right = left;
            w
        })
        .collect())
}

#[cfg(test)]
mod properties {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::Initialization;
    use crate::{DeepLinearError, DeepLinearNetwork};

    fn network(widths: &[usize], init: &Initialization, seed: u64) -> DeepLinearNetwork<f64> {
        DeepLinearNetwork::initialize(widths, init, &Stream::root(seed)).unwrap()
    }

    proptest! {
        #[test]
        fn factorisations_have_their_end_matrix_and_their_balance(
            seed in any::<u64>(), m in 1usize..7, n in 1usize..7, extra in 0usize..3, depth in 1usize..5, ratio in 2.0..9.0,
        ) {
            let end: DMatrix<f64> = Stream::root(seed).named("end").normal_matrix(m, n, 1.0);
            let mut widths = vec![m.min(n) + extra; depth + 1];
            (widths[0], widths[depth]) = (n, m);
            let balanced = network(&widths, &Initialization::Balanced { end: end.clone() }, seed);
            prop_assert!((balanced.end_matrix() - &end).norm() < 1e-12 * end.norm());
            prop_assert!(balanced.balancedness() < 1e-12 * (1.0 + end.norm()));
            if depth > 1 {
                let unbalanced = network(&widths, &Initialization::Unbalanced { end: end.clone(), ratio }, seed);
                prop_assert!((unbalanced.end_matrix() - &end).norm() < 1e-12 * end.norm());
                prop_assert!(unbalanced.balancedness() > 0.1 * (ratio.powf(1.0 / (depth - 1) as f64) - 1.0) * balanced.weights()[0].norm_squared() / ratio);
            }
        }

        #[test]
        fn identity_and_orthogonal_have_their_scale(seed in any::<u64>(), n in 1usize..7, depth in 1usize..5, scale in 1e-6..2.0) {
            let widths = vec![n; depth + 1];
            let identity = network(&widths, &Initialization::Identity { scale }, seed);
            prop_assert!((identity.end_matrix() - DMatrix::identity(n, n) * scale).norm() < 1e-13);
            let orthogonal = network(&widths, &Initialization::Orthogonal { scale }, seed);
            let w = orthogonal.end_matrix();
            prop_assert!((&w * w.transpose() - DMatrix::identity(n, n) * (scale * scale)).norm() < 1e-12);
            prop_assert!(identity.balancedness() < 1e-13 && orthogonal.balancedness() < 1e-12);
        }

        #[test]
        fn identity_is_balanced_for_every_chain_of_widths(widths in prop::collection::vec(1usize..7, 2..6)) {
            let identity = Initialization::Identity { scale: 0.3 };
            prop_assert!(network(&widths, &identity, 0).balancedness() < 1e-15);
        }
    }

    /// `E ||W||_F^2 = a^2 sqrt(d_0 d_N)`, within 5 standard errors estimated from the draws themselves.
    #[test]
    fn gaussian_has_its_end_to_end_scale() {
        let (widths, scale, draws) = ([6, 3, 10, 4], 0.5, 4000);
        let squares: Vec<f64> = (0..draws)
            .map(|i| network(&widths, &Initialization::Gaussian { scale }, i).end_matrix().norm_squared())
            .collect();
        let mean = squares.iter().sum::<f64>() / draws as f64;
        let variance = squares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws as f64;
        let expected = scale * scale * 24f64.sqrt();
        assert!(
            (mean - expected).abs() < 5.0 * (variance / draws as f64).sqrt(),
            "{mean} against {expected}"
        );
    }

    #[test]
    fn a_low_rank_matrix_passes_through_its_rank_and_no_less() {
        let s = Stream::root(1);
        let end = s.named("l").normal_matrix::<f64>(6, 2, 1.0) * s.named("r").normal_matrix::<f64>(2, 5, 1.0);
        let narrow = network(&[5, 2, 6], &Initialization::Balanced { end: end.clone() }, 0);
        assert!((narrow.end_matrix() - &end).norm() < 1e-12 * end.norm());
        let error = Initialization::Balanced { end }.weights(&[5, 1, 6], &s).unwrap_err();
        assert_eq!(error, DeepLinearError::RankDoesNotFit { rank: 2, layer: 1, width: 1 });
    }

    #[test]
    fn nonsense_is_an_error() {
        let s = Stream::root(0);
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Initialization::Gaussian { scale }.weights(&[2, 2], &s).unwrap_err();
            assert!(matches!(error, DeepLinearError::Configuration { .. }), "{error}");
        }
        let end = DMatrix::identity(2, 2);
        assert!(Initialization::Unbalanced { end: end.clone(), ratio: 2.0 }.weights(&[2, 2], &s).is_err());
        for ratio in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Initialization::Unbalanced { end: end.clone(), ratio }.weights(&[2, 2, 2], &s);
            assert!(matches!(error, Err(DeepLinearError::Configuration { .. })), "{error:?}");
        }
        assert!(Initialization::Balanced { end }.weights(&[2, 2, 3], &s).is_err());
        assert!(Initialization::Identity { scale: 1.0 }.weights(&[2], &s).is_err());
        assert!(Initialization::Identity { scale: 1.0 }.weights(&[2, 0, 2], &s).is_err());
    }
}
