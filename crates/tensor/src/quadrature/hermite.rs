//! Hermite coefficients by Gauss-Hermite quadrature.

use nalgebra::DMatrix;

use super::Rule;
use crate::linalg::{LinalgError, symmetric_eigen};

/// The orthonormal Hermite polynomials `h_0, ..., h_(n-1)` at the `n` Gauss-Hermite nodes `z_i`, times the weights `w_i`.
///
/// With `He_(j+1) = x He_j - j He_(j-1)` and `h_j = He_j / sqrt(j!)`,
///
#[doc = overparam_formula::formula!("E h_j(Z) h_k(Z) = delta_jk,    E f(Z) h_j(Z) = sum_i w_i h_j(z_i) f(z_i),")]
///
/// for a standard normal `Z`, the second without error if `f` is a polynomial of degree at most `2n - 1 - j`.
///
/// Nodes, weights and polynomials come from the eigenvectors `V` of the Jacobi matrix with `sqrt(j)` beside the diagonal
/// (Golub and Welsch 1969): `V_ji = sqrt(w_i) h_j(z_i)`. No polynomial is evaluated, so that nothing overflows at the outer
/// nodes of a large `n`. Entries of `V` are accurate to about 1e-16, in absolute terms: a function that grows exponentially wants
/// few nodes (below 100), or [`Rule::gaussian`].
///
/// ```
/// use overparam_tensor::quadrature::HermiteBasis;
///
/// // x^2 = 1 + sqrt(2) h_2(x).
/// let basis = HermiteBasis::new(10)?;
/// let squares: Vec<f64> = basis.nodes().iter().map(|z| z * z).collect();
/// let a: Vec<f64> = basis.coefficients(&squares).collect();
/// assert!((a[0] - 1.0).abs() < 1e-14 && a[1].abs() < 1e-14 && (a[2] - 2f64.sqrt()).abs() < 1e-14);
/// # Ok::<(), overparam_tensor::linalg::LinalgError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HermiteBasis {
    nodes: Vec<f64>,
    /// `V_ji sqrt(w_i)`, row `j`.
    projection: DMatrix<f64>,
}

impl HermiteBasis {
    /// With `n` nodes, in `O(n^3)` operations.
    ///
    /// # Errors
    /// [`LinalgError`] if the eigenvalues of the Jacobi matrix cannot be found; it is finite and symmetric, and none is known
    /// for which that happens.
    pub fn new(n: usize) -> Result<Self, LinalgError> {
        let jacobi =
            DMatrix::from_fn(n, n, |i, j| if i.abs_diff(j) == 1 { (i.max(j) as f64).sqrt() } else { 0.0 });
        let eigen = symmetric_eigen(&jacobi)?;
        let mut projection = eigen.vectors;
        for mut column in projection.column_iter_mut() {
            // The sign of an eigenvector is free: h_0 = 1 makes the first entry sqrt(w_i) > 0, and it occurs squared.
            let root = column[0];
            column *= root;
        }
        Ok(Self { nodes: eigen.values.as_slice().to_vec(), projection })
    }

    /// The nodes `z_i`, ascending.
    pub fn nodes(&self) -> &[f64] {
        &self.nodes
    }

    /// `a_j = sum_i w_i h_j(z_i) f(z_i)` for `j = 0, ..., n - 1`, from the values `f(z_i)` at the nodes.
    pub fn coefficients<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.projection.row_iter().map(move |row| row.iter().zip(values).map(|(p, v)| p * v).sum::<f64>())
    }

    /// The quadrature rule alone: `h_0 = 1`, so the first row holds its weights.
    pub(super) fn into_rule(self) -> Rule {
        let weights =
            if self.nodes.is_empty() { Vec::new() } else { self.projection.row(0).iter().copied().collect() };
        Rule { nodes: self.nodes, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::HermiteBasis;

    /// `exp(t x) = exp(t^2 / 2) sum_j t^j / sqrt(j!) h_j(x)`, and its real part at `i t`.
    #[test]
    fn known_series_come_out() {
        let check = |n: usize, f: &dyn Fn(f64) -> f64, expected: &dyn Fn(usize, f64) -> f64| {
            let basis = HermiteBasis::new(n).unwrap();
            let values: Vec<f64> = basis.nodes().iter().map(|&z| f(z)).collect();
            let mut root_of_factorial = 1.0;
            for (j, a) in basis.coefficients(&values).enumerate().take(20) {
                let expected = expected(j, root_of_factorial);
                assert!((a - expected).abs() < 1e-12, "{n} nodes, degree {j}: {a} {expected}");
                root_of_factorial *= ((j + 1) as f64).sqrt();
            }
        };
        for (n, t) in [(40, 0.5), (60, 1.0f64)] {
            check(n, &|z| (t * z).exp(), &|j, root| (0.5 * t * t).exp() * t.powi(j as i32) / root);
        }
        for (n, t) in [(60, 1.0), (500, 1.5f64)] {
            let sign = |j: usize| [1.0, 0.0, -1.0, 0.0][j % 4];
            check(n, &|z| (t * z).cos(), &|j, root| (-0.5 * t * t).exp() * sign(j) * t.powi(j as i32) / root);
        }
        assert_eq!(HermiteBasis::new(1).unwrap().nodes(), [0.0]);
    }
}
