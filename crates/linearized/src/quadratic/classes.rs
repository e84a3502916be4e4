//! Two classes of Gaussian inputs, and what finite feature sets leave of their labels.
//!
//! Labels `y = +-1` with probability 1/2 each, `x | y ~ N(y m, I + y Delta)`. A model with a free offset whose functions have class
//! means `u_+`, `u_-` and the average covariance `C` leaves `E (y - fit)^2 = 1 / (1 + v^T C^+ v)`, `v = (u_+ - u_-) / 2`. For
//! quadratic forms `x -> <x, A x>` and `m = 0`: `v = <A, Delta>`, `C = 2 ||A||_F^2 + 2 <A, Delta A Delta>`. (Ghorbani, Mei,
//! Misiakiewicz and Montanari 2019, theorems 4 to 6, drop the last term, which vanishes with `||Delta||_op`; it is kept here.)

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::{matmul, symmetric_eigen, transposed};

use super::moments::{Moments, explained};
use super::polynomial::complement;
use crate::Error;
use crate::activation::Activation;
use crate::error::require;

/// Two classes that differ either in their covariances or in their means.
#[derive(Debug, Clone)]
pub struct Classes {
    mean: DVector<f64>,
    delta: DMatrix<f64>,
    /// `(I + Delta)^{1/2}`, `(I - Delta)^{1/2}`.
    roots: [DMatrix<f64>; 2],
}

impl Classes {
    /// `N(0, I + Delta)` and `N(0, I - Delta)`.
    ///
    /// # Errors
    /// [`Error::Parameter`] if an eigenvalue of `Delta` leaves `[-0.9, 0.9]`; [`Error::Linalg`].
    ///
    /// # Panics
    /// If `delta` is not square.
    pub fn of_covariances(delta: DMatrix<f64>) -> Result<Self, Error> {
        let eigen = symmetric_eigen(&delta)?;
        for &value in eigen.values.iter() {
            require(value.abs() <= 0.9, "an eigenvalue of Delta", value, "in [-0.9, 0.9]")?;
        }
        let root = |sign: f64| {
            let scaled =
                &eigen.vectors * DMatrix::from_diagonal(&eigen.values.map(|v| (1.0 + sign * v).sqrt()));
            matmul(&scaled, transposed(&eigen.vectors))
        };
        Ok(Self { mean: DVector::zeros(delta.nrows()), roots: [root(1.0), root(-1.0)], delta })
    }

    /// `N(m, I)` and `N(-m, I)`: a linear function tells them apart, no quadratic form does.
    pub fn of_means(mean: DVector<f64>) -> Self {
        let d = mean.len();
        let identity = || DMatrix::identity(d, d);
        Self { mean, delta: DMatrix::zeros(d, d), roots: [identity(), identity()] }
    }

    /// The least risk of `x -> c + sum_a a_a s(<w_a, x>)` for these weights (`N x d`): exact but for a Hermite series to
    /// degree 40.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    ///
    /// # Panics
    /// If the weights have not `d` columns.
    pub fn random_features_risk(
        &self,
        activation: &impl Activation,
        weights: &DMatrix<f64>,
    ) -> Result<f64, Error> {
        let shifts = weights * &self.mean;
        let of = |root: &DMatrix<f64>, shifts: &DVector<f64>| {
            Moments::of(activation, &matmul(weights, root), Some(shifts))
        };
        let (plus, minus) = (of(&self.roots[0], &shifts), of(&self.roots[1], &-&shifts));
        let v = (plus.series.column(0) - minus.series.column(0)) * 0.5;
        let covariance = (plus.covariance + minus.covariance) * 0.5;
        Ok((1.0 + explained(&covariance, &v)?).recip())
    }

    /// The least risk of the tangent model `x -> c + sum_a <a_a, x> <w_a, x>` of quadratic neurons: of the forms `A` that vanish
    /// on the orthogonal complement of the weights.
    ///
    /// # Errors
    /// [`Error::Linalg`].
    ///
    /// # Panics
    /// If the weights have not `d` columns.
    pub fn tangent_risk(&self, weights: &DMatrix<f64>) -> Result<f64, Error> {
        let outside = complement(weights)?;
        let project = |m: &DMatrix<f64>| m - matmul(&matmul(&outside, m), &outside);
        // C A = Delta on these forms: A = P(Delta) / 2 - P(Delta A Delta), a contraction by ||Delta||_op^2 <= 0.81.
        let half = project(&self.delta) * 0.5;
        let mut form = half.clone();
        for _ in 0..200 {
            let next = &half - project(&self.between(&form));
            let change = (&next - &form).amax();
            form = next;
            if change <= 1e-14 * form.amax() {
                break;
            }
        }
        Ok((1.0 + form.dot(&self.delta)).recip())
    }

    /// `Delta A Delta`.
    fn between(&self, form: &DMatrix<f64>) -> DMatrix<f64> {
        matmul(&matmul(&self.delta, form), &self.delta)
    }

    /// `E (y - <x, A x> - c)^2` at the best `c`.
    pub fn form_risk(&self, form: &DMatrix<f64>) -> f64 {
        let gain = form.dot(&self.delta);
        let variance = 2.0 * form.norm_squared()
            + 2.0 * form.dot(&self.between(form))
            + 4.0 * (form * &self.mean).norm_squared();
        (1.0 - gain).powi(2) + variance
    }

    /// Trains all weights of `x -> sum_i <w_i, x>^2 + c` by gradient descent on the population risk, from `weights` (`N x d`), and
    /// returns the risk reached.
    ///
    /// # Errors
    /// [`Error::Diverged`] with the step and the risk.
    ///
    /// # Panics
    /// If the weights have not `d` columns.
    pub fn trained_risk(
        &self,
        mut weights: DMatrix<f64>,
        steps: usize,
        learning_rate: f64,
    ) -> Result<f64, Error> {
        let outer = &self.mean * self.mean.transpose();
        for step in 0..steps {
            let form = matmul(transposed(&weights), &weights);
            let gain = form.dot(&self.delta);
            let from_mean = matmul(&outer, &form);
            let slope = &self.delta * (2.0 * gain - 2.0)
                + (&form + self.between(&form) + &from_mean + from_mean.transpose()) * 4.0;
            weights -= matmul(&weights, &slope) * (2.0 * learning_rate);
            let size = weights.norm_squared();
            if size.is_nan() || size > 1e6 {
                return Err(Error::Diverged { step, loss: self.form_risk(&form), learning_rate });
            }
        }
        Ok(self.form_risk(&matmul(transposed(&weights), &weights)))
    }
}

#[cfg(test)]
mod properties {
    use nalgebra::{DMatrix, DVector};
    use overparam_tensor::random::Stream;

    use super::Classes;
    use crate::Error;
    use crate::activation::Standard;
    use crate::data::{Mixture, gaussian};
    use crate::models::{Data, RandomFeatures, TangentFeatures, ridge_path};
    use crate::quadratic::{mixture_risk, tangent_risk};

    fn delta(d: usize, energy: f64) -> DMatrix<f64> {
        let values = DVector::from_fn(d, |i, _| 0.2 + 1.6 * i as f64 / (d - 1) as f64);
        DMatrix::from_diagonal(&(&values * (energy.sqrt() / values.norm())))
    }

    /// Least squares on samples, with the classical correction for its parameters.
    fn least_squares(z: DMatrix<f64>, y: &DVector<f64>, parameters: usize) -> f64 {
        let (n, p) = z.shape();
        let z = z.insert_column(p, 1.0);
        let y = DMatrix::from_column_slice(n, 1, y.as_slice());
        let data = Data { features: &z, labels: &y, test_features: &z, test_labels: &y };
        let error = ridge_path(data, &[0.0]).unwrap()[0].scores[0].training_error;
        error / (1.0 - (parameters + 1) as f64 / n as f64)
    }

    #[test]
    fn exact_risks_agree_with_least_squares() {
        let (d, neurons, n) = (8, 5, 30_000);
        let s = Stream::root(1);
        let w = gaussian(s.named("w"), neurons, d) / (d as f64).sqrt();
        let (x, y) = Mixture::new(&delta(d, 1.5)).unwrap().sample(s.named("x"), n);
        let classes = Classes::of_covariances(delta(d, 1.5)).unwrap();
        let random = RandomFeatures { weights: w.clone() };
        for activation in [Standard::Relu, Standard::Quadratic] {
            let exact = classes.random_features_risk(&activation, &w).unwrap();
            let measured = least_squares(random.map(&activation, &x), &y, neurons);
            assert!((measured - exact).abs() < 0.02, "{activation}: {measured} {exact}");
        }
        let z = TangentFeatures { weights: w.clone() }.map(&Standard::Quadratic, &x);
        let measured = least_squares(z, &y, neurons * d - neurons * (neurons - 1) / 2);
        let exact = classes.tangent_risk(&w).unwrap();
        assert!((measured - exact).abs() < 0.02, "{measured} {exact}");

        // The same for classes that differ in their means.
        let mean = DVector::from_element(d, 0.3);
        let x = gaussian(s.named("g"), n, d) + &y * mean.transpose();
        let classes = Classes::of_means(mean);
        let exact = classes.random_features_risk(&Standard::Relu, &w).unwrap();
        let measured = least_squares(random.map(&Standard::Relu, &x), &y, neurons);
        assert!((measured - exact).abs() < 0.02, "means: {measured} {exact}");
        assert_eq!(classes.tangent_risk(&w).unwrap(), 1.0);
    }

    /// A neuron sees one normal variable in each class, and the square of `N(m, v)` has mean `m^2 + v` and variance
    /// `2 v^2 + 4 m^2 v`. Classes that differ in their means are told apart by no form: descent takes it to zero.
    #[test]
    fn one_neuron_has_the_risk_of_a_squared_normal() {
        let s = Stream::root(3);
        let a: DVector<f64> = s.named("a").normal_vector(5, 0.5);
        let form = &a * a.transpose();
        let risk = |m: f64, [plus, minus]: [f64; 2]| {
            let variance = |v: f64| 2.0 * v * v + 4.0 * m * m * v;
            (1.0 - 0.5 * (plus - minus)).powi(2) + 0.5 * (variance(plus) + variance(minus))
        };
        let mean: DVector<f64> = s.named("m").normal_vector(5, 1.0);
        let (means, d) = (Classes::of_means(mean.clone()), delta(5, 1.0));
        let expected = risk(a.dot(&mean), [a.norm_squared(); 2]);
        assert!((means.form_risk(&form) / expected - 1.0).abs() < 1e-12);
        let expected = risk(0.0, [1.0, -1.0].map(|y| a.norm_squared() + y * a.dot(&(&d * &a))));
        let covariances = Classes::of_covariances(d).unwrap();
        assert!((covariances.form_risk(&form) / expected - 1.0).abs() < 1e-12);
        let trained = means.trained_risk(gaussian(s.named("w"), 3, 5) * 0.1, 2_000, 0.02).unwrap();
        assert!((trained - 1.0).abs() < 1e-3, "{trained}");
    }

    /// In high dimension all forms leave what the closed form says; a net of `d` neurons finds them by descent, a narrower one
    /// stays above.
    #[test]
    fn descent_finds_the_best_form() {
        let d = 24;
        let classes = Classes::of_covariances(delta(d, 1.0)).unwrap();
        let s = Stream::root(2);
        let w = |neurons: usize| gaussian(s.named("w"), neurons, d) / (d as f64).sqrt();
        let best = classes.tangent_risk(&w(d)).unwrap();
        let limit = mixture_risk(tangent_risk(1.0, &delta(d, 1.0)).unwrap(), &delta(d, 1.0)).unwrap();
        assert!((best - limit).abs() < 0.02 && best >= limit, "{best} {limit}");
        let wide = classes.trained_risk(w(d) * 0.3, 3_000, 0.2).unwrap();
        assert!(wide > best - 1e-9 && wide < best + 1e-3, "{wide} {best}");
        let narrow = classes.trained_risk(w(6) * 0.3, 3_000, 0.2).unwrap();
        assert!(narrow > wide + 0.05 && narrow < 1.0, "{narrow} {wide}");
        assert!(matches!(classes.trained_risk(w(d), 100, 1e3), Err(Error::Diverged { .. })));
        assert!(Classes::of_covariances(delta(4, 16.0)).is_err());
    }
}
