//! The flow of the end matrix of a balanced net, from its singular value decomposition.

use nalgebra::DMatrix;
use overparam_eval::claim::CellError;
use overparam_tensor::linalg::{matmul, singular_values, svd, transposed};

/// Singular values in descending order.
pub(super) fn sorted(w: &DMatrix<f64>) -> Result<Vec<f64>, CellError> {
    let mut values: Vec<f64> = singular_values(w).map_err(CellError::new)?.iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    Ok(values)
}

/// `M(r, c) = sum_(j = 1..N) r^(2 (N - j) / N) c^(2 (j - 1) / N)`, by the sum of a geometric series so that `N` need not be whole.
fn factor(r: f64, c: f64, layers: f64) -> f64 {
    let (a, b) = (r.powf(2.0 / layers), c.powf(2.0 / layers));
    // (a^N - b^N) / (a - b); its limit where both are near each other, to an error of second order in the difference.
    if (a - b).abs() <= 1e-6 * (a + b) {
        layers * (0.5 * (a + b)).powf(layers - 1.0)
    } else {
        (a.powf(layers) - b.powf(layers)) / (a - b)
    }
}

fn velocity(
    w: &DMatrix<f64>,
    layers: f64,
    gradient: &impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
) -> Result<DMatrix<f64>, CellError> {
    let svd = svd(w).map_err(CellError::new)?;
    let mut inner = matmul(&matmul(transposed(&svd.u), &gradient(w)), &svd.v);
    for r in 0..inner.nrows() {
        for c in 0..inner.ncols() {
            inner[(r, c)] *= -factor(svd.singular_values[r], svd.singular_values[c], layers);
        }
    }
    Ok(matmul(&matmul(&svd.u, &inner), transposed(&svd.v)))
}

/// One step of the classical Runge-Kutta method.
pub(super) fn step(
    w: &DMatrix<f64>,
    layers: f64,
    h: f64,
    gradient: &impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
) -> Result<DMatrix<f64>, CellError> {
    let k1 = velocity(w, layers, gradient)?;
    let k2 = velocity(&(w + &k1 * (h / 2.0)), layers, gradient)?;
    let k3 = velocity(&(w + &k2 * (h / 2.0)), layers, gradient)?;
    let k4 = velocity(&(w + &k3 * h), layers, gradient)?;
    Ok(w + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_the_sum() {
        for layers in 1..=4 {
            for (r, c) in [(0.3f64, 0.7f64), (0.5, 0.5), (1.0, 1e-3), (0.2, 0.2 + 1e-9)] {
                let n = f64::from(layers);
                let term =
                    |j: i32| r.powf(2.0 * f64::from(layers - j) / n) * c.powf(2.0 * f64::from(j - 1) / n);
                let sum: f64 = (1..=layers).map(term).sum();
                assert!((factor(r, c, n) / sum - 1.0).abs() < 1e-9, "{layers} {r} {c}");
            }
        }
    }

    /// For one number `dw/dt = -N w^(2 - 2/N) (w - 1)`; two layers have `w(t) = 1 / (1 + (1/w_0 - 1) exp(-2t))`.
    #[test]
    fn a_number_follows_the_logistic_curve() {
        let gradient = |w: &DMatrix<f64>| w.map(|x| x - 1.0);
        let mut w = DMatrix::from_element(1, 1, 0.1);
        for _ in 0..100 {
            w = step(&w, 2.0, 0.02, &gradient).unwrap();
        }
        assert!((w[(0, 0)] - 1.0 / (1.0 + 9.0 * (-4.0f64).exp())).abs() < 1e-8);
    }
}
