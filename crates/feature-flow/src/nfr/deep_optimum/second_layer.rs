//! Second-layer units that would be worth more than those of a net: a local search from many starts.

use overparam_tensor::random::Stream;

use super::dual::Dual;
use super::net::{Line, sign};

/// A second-layer unit by the first-layer units it listens to.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// `(a, b, v)`, `v` the weight times the mass below.
    pub(super) parts: Vec<[f64; 3]>,
    /// `z . h`.
    pub(super) field: f64,
    /// `(z . h)^2 / (4 lambda_u) - 2 lambda sum r |v|`.
    pub(super) value: f64,
}

/// First-layer units that a column listens to.
const PARTS: usize = 5;
const STARTS: u64 = 60;
const STEPS: usize = 600;

/// The best column of all starts, by Adam on slopes, offsets and weights.
pub(super) fn best_column(line: &Line, dual: &Dual, stream: &Stream) -> Column {
    let columns = (0..STARTS).map(|start| {
        let draws = stream.indexed(start).normal_vector::<f64>(3 * PARTS, 1.0);
        let spreads = [4.0, 3.0, 1.5];
        let parts = (0..PARTS).map(|k| [0, 1, 2].map(|c| spreads[c] * draws[3 * k + c])).collect();
        climb(line, dual, parts)
    });
    let empty = Column { parts: Vec::new(), field: 0.0, value: 0.0 };
    columns.fold(empty, |best, column| if column.value > best.value { column } else { best })
}

fn climb(line: &Line, dual: &Dual, mut parts: Vec<[f64; 3]>) -> Column {
    let (mut first, mut second) = (vec![[0.0; 3]; PARTS], vec![[0.0; 3]; PARTS]);
    for step in 0..STEPS {
        let (_, _, slopes) = value(line, dual, &parts);
        let count = (step + 1) as i32;
        let rate = 0.1 * (1.0 - step as f64 / STEPS as f64) / (1.0 - 0.9f64.powi(count));
        let scale = 1.0 - 0.98f64.powi(count);
        let moments = first.iter_mut().zip(&mut second);
        for ((part, (first, second)), slopes) in parts.iter_mut().zip(moments).zip(&slopes) {
            let moments = first.iter_mut().zip(second);
            for ((x, (first, second)), slope) in part.iter_mut().zip(moments).zip(slopes) {
                *first = 0.9 * *first + 0.1 * slope;
                *second = 0.98 * *second + 0.02 * slope * slope;
                *x += rate * *first / ((*second / scale).sqrt() + 1e-12);
            }
        }
    }
    for part in &mut parts {
        part[..2].iter_mut().filter(|x| x.abs() < 0.03).for_each(|x| *x = 0.0);
    }
    parts.retain(|[a, b, v]| dual.radius(*a, *b) * v.abs() > 1e-3);
    let (value, field, _) = value(line, dual, &parts);
    Column { parts, field, value }
}

/// Value, `z . h`, and the derivatives of the value by every part.
fn value(line: &Line, dual: &Dual, parts: &[[f64; 3]]) -> (f64, f64, Vec<[f64; 3]>) {
    let (gain, cost) = dual.units();
    let responses: Vec<_> = parts.iter().map(|[a, b, _]| line.response(*a, *b)).collect();
    let features: Vec<f64> = (0..line.inputs.len())
        .map(|i| responses.iter().zip(parts).map(|(r, part)| part[2] * r[i]).sum::<f64>().tanh())
        .collect();
    let field: f64 = features.iter().zip(dual.residual.iter()).map(|(h, z)| h * z).sum();
    let mut total = field * field / gain;
    let mut slopes = Vec::with_capacity(parts.len());
    for ([a, b, v], response) in parts.iter().zip(&responses) {
        let radius = dual.radius(*a, *b).max(1e-9);
        total -= cost * radius * v.abs();
        let mut sums = [0.0; 3];
        for (i, x) in line.inputs.iter().enumerate() {
            let price = 2.0 * field / gain * dual.residual[i] * (1.0 - features[i].powi(2));
            let bend = price * v * (1.0 - response[i].powi(2));
            sums[0] += bend * x;
            sums[1] += bend;
            sums[2] += price * response[i];
        }
        sums[0] -= cost * v.abs() * dual.costs[0] * sign(*a) / (2.0 * radius);
        sums[1] -= cost * v.abs() * dual.costs[1] * sign(*b) / (2.0 * radius);
        sums[2] -= cost * radius * sign(*v);
        slopes.push(sums);
    }
    (total, field, slopes)
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::nfr::deep_optimum::dual::Dual;
    use crate::nfr::deep_optimum::testing::{line, random};

    #[test]
    fn slopes_agree_with_differences() {
        let line = line();
        let dual = Dual::of(&line, &random(2));
        let parts = vec![[2.0, -1.0, 0.7], [-3.0, 0.4, -1.1]];
        let slopes = value(&line, &dual, &parts).2;
        for (k, c) in (0..6).map(|n| (n / 3, n % 3)) {
            let at = |by: f64| {
                let mut moved = parts.clone();
                moved[k][c] += by;
                value(&line, &dual, &moved).0
            };
            let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((slope - slopes[k][c]).abs() < 1e-7, "{slope} {}", slopes[k][c]);
        }
    }
}
