//! Laws of the inputs.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, symmetric_eigen};
use overparam_tensor::random::Stream;
use overparam_tensor::sphere;

use crate::Error;
use crate::error::require;

/// `n` rows uniform on `S^{d-1}(sqrt d)`: an `n x d` matrix.
pub fn sphere(stream: Stream, samples: usize, dimension: usize) -> DMatrix<f64> {
    sphere::uniform(&stream, samples, dimension, (dimension as f64).sqrt())
}

/// `n` rows from `N(0, I_d)`: an `n x d` matrix.
pub fn gaussian(stream: Stream, samples: usize, dimension: usize) -> DMatrix<f64> {
    stream.normal_matrix(samples, dimension, 1.0)
}

/// Spiked covariates: the first `spike_dimension` coordinates carry `spike_variance` each, the others variance 1.
///
/// Each part is uniform on its own sphere, of radius `sqrt(spike_dimension spike_variance)` and
/// `sqrt(d - spike_dimension)`: the model of Ghorbani, Mei, Misiakiewicz and Montanari, *When do neural networks outperform
/// kernel methods?* (2020), section 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spiked {
    dimension: usize,
    spike_dimension: usize,
    spike_variance: f64,
}

impl Spiked {
    /// # Errors
    /// [`Error::Parameter`] unless `0 < spike_dimension < dimension` and `spike_variance` is positive and finite.
    pub fn new(dimension: usize, spike_dimension: usize, spike_variance: f64) -> Result<Self, Error> {
        let size = spike_dimension as f64;
        require(
            0 < spike_dimension && spike_dimension < dimension,
            "the spike's dimension",
            size,
            "in 1..d",
        )?;
        let positive = spike_variance > 0.0 && spike_variance.is_finite();
        require(positive, "the spike's variance", spike_variance, "positive and finite")?;
        Ok(Self { dimension, spike_dimension, spike_variance })
    }

    /// `n x d` inputs.
    pub fn sample(&self, stream: Stream, samples: usize) -> DMatrix<f64> {
        let mut x = gaussian(stream, samples, self.dimension);
        let spike = self.spike_dimension;
        sphere::scale_rows(&mut x, 0..spike, (spike as f64 * self.spike_variance).sqrt());
        sphere::scale_rows(&mut x, spike..self.dimension, ((self.dimension - spike) as f64).sqrt());
        x
    }
}

/// `y = +-1` with probability 1/2 each, `x | y ~ N(0, I + y Delta)`: classes that only a quadratic can tell apart.
///
/// Ghorbani, Mei, Misiakiewicz and Montanari (2019, arXiv 1906.08899), model (mg).
#[derive(Debug, Clone)]
pub struct Mixture {
    plus: DMatrix<f64>,
    minus: DMatrix<f64>,
}

impl Mixture {
    /// From the symmetric `d x d` matrix `Delta`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if an eigenvalue of `Delta` leaves `[-1, 1]`; [`Error::Linalg`].
    ///
    /// # Panics
    /// If `delta` is not square.
    pub fn new(delta: &DMatrix<f64>) -> Result<Self, Error> {
        let eigen = symmetric_eigen(delta)?;
        for &value in eigen.values.iter() {
            require(value.abs() <= 1.0, "an eigenvalue of Delta", value, "in [-1, 1]")?;
        }
        let root = |sign: f64| {
            let scaled =
                &eigen.vectors * DMatrix::from_diagonal(&eigen.values.map(|v| (1.0 + sign * v).sqrt()));
            matmul(&scaled, overparam_tensor::linalg::transposed(&eigen.vectors))
        };
        Ok(Self { plus: root(1.0), minus: root(-1.0) })
    }

    /// `n x d` inputs and their labels.
    pub fn sample(&self, stream: Stream, samples: usize) -> (DMatrix<f64>, DVector<f64>) {
        let dimension = self.plus.nrows();
        let labels = stream.named("labels").normal_vector::<f64>(samples, 1.0).map(f64::signum);
        let z = gaussian(stream.named("inputs"), samples, dimension);
        let mut x = matmul(&z, &self.plus);
        let other = matmul(&z, &self.minus);
        for (i, label) in labels.iter().enumerate() {
            if *label < 0.0 {
                x.row_mut(i).copy_from(&other.row(i));
            }
        }
        (x, labels)
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;
    use proptest::prelude::*;

    use super::{Mixture, Spiked, sphere};

    proptest! {
        #[test]
        fn rows_have_their_radius(seed in any::<u64>(), n in 1usize..10, d in 2usize..30) {
            let x = sphere(Stream::root(seed), n, d);
            prop_assert!(x.row_iter().all(|r| (r.norm_squared() / d as f64 - 1.0).abs() < 1e-12));
            let x = Spiked::new(d, 1, 9.0).unwrap().sample(Stream::root(seed), n);
            prop_assert!(x.row_iter().all(|r| (r[0].abs() - 3.0).abs() < 1e-12));
            prop_assert!(x.row_iter().all(|r| (r.norm_squared() - 9.0 - (d - 1) as f64).abs() < 1e-10));
        }
    }

    /// Covariances of both classes within 5 standard errors.
    #[test]
    fn classes_have_their_covariances() {
        let delta = DMatrix::from_diagonal(&DVector::from_vec(vec![0.5, -0.3, 0.0]));
        let n = 40_000;
        let (x, y) = Mixture::new(&delta).unwrap().sample(Stream::root(1), n);
        for sign in [1.0, -1.0] {
            let rows: Vec<usize> = (0..n).filter(|&i| y[i] == sign).collect();
            let class = x.select_rows(&rows);
            let covariance = class.transpose() * &class / rows.len() as f64;
            let expected = DMatrix::identity(3, 3) + sign * &delta;
            assert!((covariance - expected).amax() < 5.0 * 1.5 * (2.0 / rows.len() as f64).sqrt());
        }
        assert!(Mixture::new(&(&delta * 3.0)).is_err());
    }
}
