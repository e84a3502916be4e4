//! Whether a linear function of given features has the right sign on every example.
//!
//! By Gordan's theorem either some `u` has `y_i phi_i . u > 0` for all `i`, or a convex combination of the `y_i phi_i` is 0. Both
//! are one non-negative least-squares problem, `min |(sum_i l_i y_i phi_i, sum_i l_i - 1)|^2` over `l >= 0`: at its minimum the
//! residual's last entry is the residual's square, and its first entries, negated, are a `u` with `y_i phi_i . u` at least that.
//! Solved with an active set (Lawson, Hanson 1974, chapter 23), whose normal equations are kept as a Cholesky factor. A
//! positive answer is a certificate: the separator was evaluated on all examples.

use nalgebra::DMatrix;

/// Numbers below this are zero, for vectors of length one.
const NEGLIGIBLE: f64 = 1e-12;

/// Whether the signs `labels` of the columns of `features` (one column per example) are those of a linear function.
pub(crate) fn separable(features: &DMatrix<f64>, labels: &[f64]) -> bool {
    signed(features, labels).is_some_and(|rows| ActiveSet::new(&rows).separates(labels.len()))
}

/// How many examples, from the first on, are separable together: the examples come one after another, and each starts from where the last has
/// left the weights. 0 if an example has no features.
pub(crate) fn separable_prefix(features: &DMatrix<f64>, labels: &[f64]) -> usize {
    let Some(rows) = signed(features, labels) else { return 0 };
    let mut active = ActiveSet::new(&rows);
    (1..=labels.len()).find(|&n| !active.separates_one_more(n)).map_or(labels.len(), |n| n - 1)
}

/// `(y_i phi_i / |phi_i|, 1)` as columns; `None` if an example has no features, so that no function of them has a sign.
fn signed(features: &DMatrix<f64>, labels: &[f64]) -> Option<DMatrix<f64>> {
    let mut rows = DMatrix::from_element(features.nrows() + 1, labels.len(), 1.0);
    for (i, label) in labels.iter().enumerate() {
        let column = features.column(i);
        let length = column.norm();
        if length == 0.0 {
            return None;
        }
        rows.view_mut((0, i), (features.nrows(), 1)).copy_from(&(column * (label / length)));
    }
    Some(rows)
}

/// The examples with a positive weight, and the Cholesky factor of their Gram matrix.
struct ActiveSet<'a> {
    rows: &'a DMatrix<f64>,
    members: Vec<usize>,
    weights: Vec<f64>,
    /// Row by row, below and on the diagonal.
    factor: Vec<Vec<f64>>,
    /// `(0, ..., 0, 1) - sum_i l_i (y_i phi_i, 1)`, as it was last needed.
    residual: Vec<f64>,
}

impl<'a> ActiveSet<'a> {
    fn new(rows: &'a DMatrix<f64>) -> Self {
        Self { rows, members: Vec::new(), weights: Vec::new(), factor: Vec::new(), residual: Vec::new() }
    }
}

impl ActiveSet<'_> {
    /// Whether the first `n` examples are separable, if the first `n - 1` are and were asked for last.
    fn separates_one_more(&mut self, n: usize) -> bool {
        let still = self
            .residual
            .last()
            .is_some_and(|slack| slack - dot(self.column(n - 1), &self.residual) > NEGLIGIBLE);
        still || self.separates(n)
    }

    /// Whether the first `n` examples are separable.
    fn separates(&mut self, n: usize) -> bool {
        // Examples that left at once, by rounding: they wait until another has changed the weights.
        let mut waiting: Vec<usize> = Vec::new();
        // Every round adds an example; some remove one. So many rounds are never needed.
        for _ in 0..20 * n {
            self.residual = self.fresh_residual();
            let slack = self.residual[self.residual.len() - 1];
            let gains: Vec<f64> = (0..n).map(|i| dot(self.column(i), &self.residual)).collect();
            let worst = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if slack - worst > NEGLIGIBLE {
                return true;
            }
            if dot(&self.residual, &self.residual) < NEGLIGIBLE {
                return false;
            }
            let possible =
                |i: &usize| gains[*i] > NEGLIGIBLE && !self.members.contains(i) && !waiting.contains(i);
            let Some(best) = (0..n).filter(possible).max_by(|&i, &j| gains[i].total_cmp(&gains[j])) else {
                return false;
            };
            if self.add(best) && self.solve() {
                waiting.clear();
            } else {
                waiting.push(best);
            }
        }
        false
    }

    fn column(&self, i: usize) -> &[f64] {
        let size = self.rows.nrows();
        &self.rows.as_slice()[i * size..(i + 1) * size]
    }

    /// `(0, ..., 0, 1) - sum_i l_i (y_i phi_i, 1)`.
    fn fresh_residual(&self) -> Vec<f64> {
        let mut residual = vec![0.0; self.rows.nrows()];
        if let Some(last) = residual.last_mut() {
            *last = 1.0;
        }
        for (&i, weight) in self.members.iter().zip(&self.weights) {
            residual.iter_mut().zip(self.column(i)).for_each(|(r, x)| *r -= weight * x);
        }
        residual
    }

    /// Adds an example with weight 0; `false` if it depends on the members linearly, up to rounding.
    fn add(&mut self, i: usize) -> bool {
        let mut row: Vec<f64> = self.members.iter().map(|&j| dot(self.column(i), self.column(j))).collect();
        for k in 0..row.len() {
            row[k] = (row[k] - dot(&row[..k], &self.factor[k][..k])) / self.factor[k][k];
        }
        let rest = dot(self.column(i), self.column(i)) - dot(&row, &row);
        if rest < NEGLIGIBLE {
            return false;
        }
        row.push(rest.sqrt());
        self.factor.push(row);
        self.members.push(i);
        self.weights.push(0.0);
        true
    }

    /// Removes a member; rotations bring the factor back to triangular form.
    fn remove(&mut self, k: usize) {
        self.members.remove(k);
        self.weights.remove(k);
        self.factor.remove(k);
        for c in k..self.factor.len() {
            let (a, b) = (self.factor[c][c], self.factor[c][c + 1]);
            let length = a.hypot(b);
            for row in &mut self.factor[c..] {
                let (x, y) = (row[c], row[c + 1]);
                (row[c], row[c + 1]) = ((a * x + b * y) / length, (a * y - b * x) / length);
            }
        }
        for (c, row) in self.factor.iter_mut().enumerate().skip(k) {
            row.truncate(c + 1);
        }
    }

    /// Least squares on the members, as far as weights stay non-negative; members whose weight becomes 0 leave. Whether any
    /// weight has changed.
    fn solve(&mut self) -> bool {
        let mut changed = false;
        while !self.members.is_empty() {
            let wanted = self.least_squares();
            // The share of the way on which all weights stay non-negative, and who stops it.
            let stops = (0..wanted.len()).filter(|&k| wanted[k] <= 0.0);
            let share = |k: usize| self.weights[k] / (self.weights[k] - wanted[k]);
            let first = stops.min_by(|&j, &k| share(j).total_cmp(&share(k)));
            let step = first.map_or(1.0, share);
            let step = if step.is_finite() { step } else { 0.0 };
            changed |= step > 0.0;
            self.weights.iter_mut().zip(&wanted).for_each(|(w, z)| *w += step * (z - *w));
            match first {
                Some(k) => self.remove(k),
                None => break,
            }
        }
        changed
    }

    /// `G z = 1` for the members' Gram matrix `G`: the last row of every column is 1.
    fn least_squares(&self) -> Vec<f64> {
        let p = self.members.len();
        let mut z = vec![1.0; p];
        for k in 0..p {
            z[k] = (z[k] - dot(&z[..k], &self.factor[k][..k])) / self.factor[k][k];
        }
        for k in (0..p).rev() {
            z[k] /= self.factor[k][k];
            let value = z[k];
            z[..k].iter_mut().zip(&self.factor[k]).for_each(|(z, l)| *z -= value * l);
        }
        z
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums, so that the additions do not wait for each other.
    let (mut sums, tail) = ([0.0; 4], a.len() - a.len() % 4);
    for (x, y) in a[..tail].chunks_exact(4).zip(b[..tail].chunks_exact(4)) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    let rest: f64 = a[tail..].iter().zip(&b[tail..]).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use overparam_tensor::random::Stream;

    use super::{separable, separable_prefix};
    use crate::wide::coins;

    #[test]
    fn a_teacher_is_separable_and_both_labels_of_one_point_are_not() {
        let x: DMatrix<f64> = Stream::root(1).normal_matrix(5, 80, 1.0);
        let labels: Vec<f64> = x.column_iter().map(|c| (c[0] - 0.3 * c[4]).signum()).collect();
        assert!(separable(&x, &labels));
        let twice = x.clone().insert_column(80, 0.0);
        let mut twice = twice;
        twice.set_column(80, &x.column(7));
        let mut both = labels.clone();
        both.push(-labels[7]);
        assert!(!separable(&twice, &both));
    }

    /// Below as many dimensions as examples all signs are possible; Wendel 1962: `n` coins in `D` dimensions are separable with
    /// probability `P(Bin(n - 1, 1/2) < D)`, here 0.5 for `n = 2 D`.
    #[test]
    fn coins_are_separable_as_often_as_cover_says() {
        let trial = |k: u64, d: usize, n: usize| {
            let stream = Stream::root(k);
            separable(&stream.named("x").normal_matrix(d, n, 1.0), &coins(n, &stream.named("y")))
        };
        assert!((0..20).all(|k| trial(k, 12, 12)));
        let count = (0..200).filter(|&k| trial(k, 10, 20)).count();
        assert!((75..=125).contains(&count), "{count} of 200");
        assert!((0..20).all(|k| !trial(k, 10, 50)));
        // Eight standard deviations below the law's threshold: no rounding may say otherwise.
        assert!((0..20).all(|k| trial(k, 160, 192)));
    }

    /// One after another and all at once are two ways through the same problems.
    #[test]
    fn the_prefix_is_the_last_that_is_separable() {
        for k in 0..10 {
            let stream = Stream::root(k);
            let x: DMatrix<f64> = stream.named("x").normal_matrix(8, 40, 1.0);
            let y = coins(40, &stream.named("y"));
            let at_once = (1..=40).take_while(|&n| separable(&x.columns(0, n).into_owned(), &y[..n])).count();
            assert_eq!(separable_prefix(&x, &y), at_once, "{k}");
        }
    }

    /// The time of the `D`-th success in fair trials: mean and variance are `2 D`.
    #[test]
    fn two_coins_a_dimension_are_separable_on_average() {
        let d = 12;
        let counts: Vec<f64> = (0..400)
            .map(|k| {
                let stream = Stream::root(1000 + k);
                separable_prefix(
                    &stream.named("x").normal_matrix(d, 6 * d, 1.0),
                    &coins(6 * d, &stream.named("y")),
                ) as f64
            })
            .collect();
        let mean = counts.iter().sum::<f64>() / 400.0;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 399.0;
        // Four standard errors.
        assert!((mean - 24.0).abs() < 4.0 * (24.0_f64 / 400.0).sqrt(), "{mean}");
        assert!((variance / 24.0 - 1.0).abs() < 4.0 * (2.5_f64 / 400.0).sqrt(), "{variance}");
    }
}
