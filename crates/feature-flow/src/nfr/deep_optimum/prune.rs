//! What descent leaves of a net: atoms that coincide become one, what has vanished goes.

use nalgebra::{DMatrix, DVector};

use super::net::Atoms;

/// Masses below this are gone.
const GONE: f64 = 1e-6;

/// The same net, up to what is negligible, with fewer atoms: of each pair `±` only the one with `a > 0`, or `a = 0 < b`.
pub(super) fn prune(net: &Atoms) -> Atoms {
    let mut net = net.clone();
    for j in 0..net.first.len() {
        for x in [&mut net.slopes[j], &mut net.offsets[j]] {
            if x.abs() < 1e-3 {
                *x = 0.0;
            }
        }
        if net.slopes[j] < 0.0 || (net.slopes[j] == 0.0 && net.offsets[j] < 0.0) {
            net.slopes[j] = -net.slopes[j];
            net.offsets[j] = -net.offsets[j];
            net.weights.row_mut(j).neg_mut();
        }
    }
    merge_second(&mut net);
    merge_first(&mut net);
    for j in 0..net.first.len() {
        for k in 0..net.second.len() {
            if net.first[j] * net.weights[(j, k)].abs() * net.second[k] < GONE {
                net.weights[(j, k)] = 0.0;
            }
        }
    }
    let second: Vec<usize> = (0..net.second.len()).filter(|&k| net.second[k] > 10.0 * GONE).collect();
    let net = select(&net, &(0..net.first.len()).collect::<Vec<_>>(), &second);
    let dead = |j: usize| net.slopes[j] == 0.0 && net.offsets[j] == 0.0;
    let first: Vec<usize> = (0..net.first.len())
        .filter(|&j| net.first[j] > GONE && (dead(j) || net.weights.row(j).amax() > 0.0))
        .collect();
    select(&net, &first, &(0..second.len()).collect::<Vec<_>>())
}

/// The net of some of its atoms.
fn select(net: &Atoms, first: &[usize], second: &[usize]) -> Atoms {
    let rows = |of: &DVector<f64>, kept: &[usize]| DVector::from_fn(kept.len(), |k, _| of[kept[k]]);
    let (p, q) = (rows(&net.first, first), rows(&net.second, second));
    Atoms {
        slopes: rows(&net.slopes, first),
        offsets: rows(&net.offsets, first),
        first: &p / p.sum(),
        weights: DMatrix::from_fn(first.len(), second.len(), |j, k| net.weights[(first[j], second[k])]),
        second: &q / q.sum(),
        top: rows(&net.top, second),
    }
}

/// Units with nearly the same weights, or the opposite ones, become one; the other keeps no mass.
fn merge_second(net: &mut Atoms) {
    for k in 0..net.second.len() {
        for other in k + 1..net.second.len() {
            let (q, r) = (net.second[k], net.second[other]);
            let scale = net.weights.column(k).amax();
            for turn in [1.0, -1.0] {
                let apart = (net.weights.column(k) - net.weights.column(other) * turn).amax();
                if r > 0.0 && q > 0.0 && apart < 1e-2 * scale {
                    let mean = (net.weights.column(k) * q + net.weights.column(other) * (turn * r)) / (q + r);
                    net.weights.set_column(k, &mean);
                    net.top[k] = (q * net.top[k] + turn * r * net.top[other]) / (q + r);
                    net.second[k] = q + r;
                    net.second[other] = 0.0;
                    break;
                }
            }
        }
    }
}

/// Units with nearly the same slope and offset become one; the other keeps no mass.
fn merge_first(net: &mut Atoms) {
    for j in 0..net.first.len() {
        for other in j + 1..net.first.len() {
            let (p, r) = (net.first[j], net.first[other]);
            let apart =
                (net.slopes[j] - net.slopes[other]).abs() + (net.offsets[j] - net.offsets[other]).abs();
            if r > 0.0 && p > 0.0 && apart < 0.02 * (1.0 + net.slopes[j].abs()) {
                let mean = (net.weights.row(j) * p + net.weights.row(other) * r) / (p + r);
                net.weights.set_row(j, &mean);
                net.first[j] = p + r;
                net.first[other] = 0.0;
                net.weights.row_mut(other).fill(0.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;

    use super::prune;
    use crate::nfr::deep_optimum::testing::{line, random};

    /// A unit of each layer is split in two; the second halves are turned around.
    #[test]
    fn halves_become_one_and_the_value_stays() {
        let (line, whole) = (line(), random(7));
        let mut net = whole.clone();
        let (j, k) = net.weights.shape();
        net.weights = net.weights.clone().insert_row(j, 0.0).insert_column(k, 0.0);
        net.slopes = net.slopes.clone().push(-net.slopes[0]);
        net.offsets = net.offsets.clone().push(-net.offsets[0]);
        net.first[0] *= 0.5;
        net.first = net.first.clone().push(net.first[0]);
        let row = -net.weights.row(0);
        net.weights.set_row(j, &row);
        let column = -net.weights.column(1);
        net.weights.set_column(k, &column);
        net.second[1] *= 0.5;
        net.second = net.second.clone().push(net.second[1]);
        net.top = net.top.clone().push(-net.top[1]);
        assert!((line.value(&net) - line.value(&whole)).abs() < 1e-12);
        let pruned = prune(&net);
        assert_eq!((pruned.first.len(), pruned.second.len()), (j, k));
        assert!((line.value(&pruned) - line.value(&whole)).abs() < 1e-12);
        assert!(pruned.slopes.iter().all(|a| *a >= 0.0));
        // A mass that has vanished goes.
        net.second = DVector::from_vec(vec![net.second[0], 1e-9, 0.0]);
        assert_eq!(prune(&net).second.len(), 1);
    }
}
