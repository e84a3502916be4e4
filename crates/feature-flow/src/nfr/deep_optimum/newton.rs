//! Descent to the nearest local optimum of a net of given atoms, by damped Newton steps.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Cholesky;

use super::net::{Atoms, Line, sign};

/// Smooth coordinates of nets with the signs of this one: logarithms of masses and of all weights that are not 0, which stay 0.
struct Chart<'a> {
    signs: &'a Atoms,
}

impl Chart<'_> {
    fn point(&self) -> DVector<f64> {
        let net = self.signs;
        let logs = |of: &[f64]| of.iter().filter(|x| **x != 0.0).map(|x| x.abs().ln()).collect::<Vec<_>>();
        let parts = [&net.slopes, &net.offsets, &net.first].map(|v| logs(v.as_slice()));
        let rest = [logs(net.weights.as_slice()), logs(net.second.as_slice()), net.top.as_slice().to_vec()];
        DVector::from_vec(parts.into_iter().chain(rest).flatten().collect())
    }

    fn net(&self, point: &DVector<f64>) -> Atoms {
        let (mut net, mut rest) = (self.signs.clone(), point.iter());
        let mut fill = |of: &mut [f64]| {
            for (x, log) in of.iter_mut().filter(|x| **x != 0.0).zip(&mut rest) {
                *x = sign(*x) * log.exp();
            }
        };
        fill(net.slopes.as_mut_slice());
        fill(net.offsets.as_mut_slice());
        fill(net.first.as_mut_slice());
        fill(net.weights.as_mut_slice());
        fill(net.second.as_mut_slice());
        let start = point.len() - net.top.len();
        net.top.copy_from(&point.rows(start, net.top.len()));
        net.first /= net.first.sum();
        net.second /= net.second.sum();
        net
    }

    fn gradient(&self, line: &Line, point: &DVector<f64>) -> DVector<f64> {
        let net = self.net(point);
        let slopes = line.gradient(&net);
        let mut all = Vec::with_capacity(point.len());
        let mut push = |x: &[f64], g: &[f64], mean: f64| {
            all.extend(x.iter().zip(g).filter(|(x, _)| **x != 0.0).map(|(x, g)| x * (g - mean)));
        };
        push(net.slopes.as_slice(), slopes.slopes.as_slice(), 0.0);
        push(net.offsets.as_slice(), slopes.offsets.as_slice(), 0.0);
        push(net.first.as_slice(), slopes.first.as_slice(), net.first.dot(&slopes.first));
        push(net.weights.as_slice(), slopes.weights.as_slice(), 0.0);
        push(net.second.as_slice(), slopes.second.as_slice(), net.second.dot(&slopes.second));
        all.extend(slopes.top.iter());
        DVector::from_vec(all)
    }
}

/// The symmetric matrix of the central differences of a gradient.
pub(super) fn differences(
    point: &DVector<f64>,
    gradient: impl Fn(&DVector<f64>) -> DVector<f64>,
) -> DMatrix<f64> {
    const STEP: f64 = 1e-5;
    let mut hessian = DMatrix::zeros(point.len(), point.len());
    let mut moved = point.clone();
    for k in 0..point.len() {
        moved[k] = point[k] + STEP;
        let up = gradient(&moved);
        moved[k] = point[k] - STEP;
        hessian.set_column(k, &((up - gradient(&moved)) / (2.0 * STEP)));
        moved[k] = point[k];
    }
    (&hessian + hessian.transpose()) * 0.5
}

/// Descends from a net of nonzero masses, keeping signs and zeros, until no slope exceeds `tolerance`, or for `steps`.
pub(super) fn polish(line: &Line, net: &Atoms, steps: usize, tolerance: f64) -> Atoms {
    let chart = Chart { signs: net };
    let mut point = chart.point();
    let mut value = line.value(&chart.net(&point));
    let mut damping = 1e-4;
    for _ in 0..steps {
        let gradient = chart.gradient(line, &point);
        if gradient.amax() < tolerance {
            break;
        }
        let hessian = differences(&point, |at| chart.gradient(line, at));
        let accepted = loop {
            let mut damped = hessian.clone();
            (0..point.len()).for_each(|k| damped[(k, k)] += damping);
            if let Ok(factor) = Cholesky::factor(&damped) {
                let mut step = -factor.solve_vector(&gradient);
                let longest = step.amax();
                if longest > 1.0 {
                    step /= longest;
                }
                let next = &point + step;
                let there = line.value(&chart.net(&next));
                if there <= value + 1e-15 {
                    damping = (damping / 5.0).max(1e-12);
                    (point, value) = (next, there);
                    break true;
                }
            }
            damping *= 4.0;
            if damping > 1e6 {
                break false;
            }
        };
        if !accepted {
            break;
        }
    }
    chart.net(&point)
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::{Chart, differences, polish};
    use crate::nfr::deep_optimum::testing::{line, random};

    #[test]
    fn the_charts_gradient_agrees_with_differences_of_the_value() {
        let (line, net) = (line(), random(3));
        let chart = Chart { signs: &net };
        let point = chart.point();
        let gradient = chart.gradient(&line, &point);
        for k in 0..point.len() {
            let at = |by: f64| {
                let mut moved = point.clone();
                moved[k] += by;
                line.value(&chart.net(&moved))
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient[k]).abs() < 1e-8, "{k}: {slope} {}", gradient[k]);
        }
    }

    #[test]
    fn differences_of_a_linear_gradient_are_its_matrix() {
        let matrix = DMatrix::from_row_slice(2, 2, &[2.0, 0.5, 0.5, 3.0]);
        let seen = differences(&DVector::from_vec(vec![0.3, -1.0]), |x| &matrix * x);
        assert!((seen - matrix).amax() < 1e-9);
    }

    #[test]
    fn a_polished_net_is_lower_and_stands_still() {
        let (line, net) = (line(), random(4));
        let polished = polish(&line, &net, 200, 1e-12);
        assert!(line.value(&polished) < line.value(&net));
        let chart = Chart { signs: &polished };
        assert!(chart.gradient(&line, &chart.point()).amax() < 1e-9);
    }
}
