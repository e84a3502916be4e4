//! Prices of the first layer: which of all units `tanh(a x + b)` would be worth their cost, and a proof that none is.
//!
//! A vector `beta` of prices is *feasible* if `|beta . phi| <= r` for the response `phi` of every unit on the line. Feasible prices bound
//! what a second-layer unit costs: `sum_j r_j |v_j| >= beta . g` if `g = sum_j v_j phi_j`.

use nalgebra::{DMatrix, DVector};

use super::dual::Dual;
use super::net::Line;

/// A first-layer unit that would be worth its cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) slope: f64,
    pub(super) offset: f64,
    /// Of its weight.
    pub(super) sign: f64,
    /// `|beta . phi| / r`.
    pub(super) ratio: f64,
}

/// The places of a grid of slopes, finer near 0; offsets have the same ones and their negatives.
fn places(fineness: f64) -> Vec<f64> {
    let pieces = [(0.0, 3.0, 30.0), (3.0, 12.0, 44.0), (12.0, 60.0, 96.0)];
    let mut all = vec![0.0];
    for (from, to, count) in pieces {
        let count = (count * fineness).max(1.0).ceil() as usize;
        all.extend((1..=count).map(|k| from + (to - from) * k as f64 / count as f64));
    }
    all
}

/// `phi / r` of the units of a grid, one per column, that have a bend near the examples.
pub(super) fn scaled_responses(line: &Line, dual: &Dual, fineness: f64) -> DMatrix<f64> {
    let reach = line.inputs.iter().fold(0.0, |r: f64, x| r.max(x.abs()));
    let places = places(fineness);
    let mut columns = Vec::new();
    for &a in &places {
        for b in places.iter().flat_map(|b| [*b, -b]) {
            let bends = b.abs() <= reach * a + 3.0;
            if bends && (a > 0.0 || b > 0.0) && dual.squared_radius(a, b) > 0.0 {
                columns.push(line.response(a, b) / dual.radius(a, b));
            }
        }
    }
    if columns.is_empty() { DMatrix::zeros(line.inputs.len(), 0) } else { DMatrix::from_columns(&columns) }
}

/// The units that are worth more than `1 + 1e-6` of their cost at these prices, local maxima of a grid refined, the best one first.
pub(super) fn offers(line: &Line, dual: &Dual, prices: &DVector<f64>) -> Vec<Offer> {
    let ratio = |a: f64, b: f64| {
        let value: f64 =
            line.inputs.iter().zip(prices.iter()).map(|(x, beta)| beta * (a * x + b).tanh()).sum();
        let radius = dual.radius(a, b);
        if radius > 1e-9 { value / radius } else { 0.0 }
    };
    let slopes = places(1.0);
    let offsets: Vec<f64> = slopes.iter().rev().map(|b| -b).chain(slopes.iter().skip(1).copied()).collect();
    let seen = DMatrix::from_fn(slopes.len(), offsets.len(), |k, l| ratio(slopes[k], offsets[l]));
    let mut found: Vec<Offer> = Vec::new();
    for (k, &slope) in slopes.iter().enumerate() {
        for (l, &offset) in offsets.iter().enumerate() {
            let here = seen[(k, l)].abs();
            let near = |x: usize, size: usize| x.saturating_sub(1)..(x + 2).min(size);
            let peak =
                near(k, slopes.len()).all(|k| near(l, offsets.len()).all(|l| seen[(k, l)].abs() <= here));
            if here > 0.98 && peak {
                let offer = refined(&ratio, slope, offset);
                if offer.ratio > 1.0 + 1e-6 {
                    found.push(offer);
                }
            }
        }
    }
    found.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    found
}

/// The nearest maximum by a compass search; a slope or offset of 0 stays 0.
fn refined(ratio: &impl Fn(f64, f64) -> f64, slope: f64, offset: f64) -> Offer {
    let (mut at, mut step) = ((slope, offset), 0.1);
    let mut best = ratio(slope, offset).abs();
    while step > 1e-7 {
        let ways = [(step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)];
        let moves = ways
            .into_iter()
            .filter(|(a, b)| (*a == 0.0 || (slope > 0.0 && at.0 + a > 0.0)) && (*b == 0.0 || offset != 0.0));
        let there: Vec<_> = moves.map(|(a, b)| (at.0 + a, at.1 + b)).collect();
        let higher = there.into_iter().map(|p| (ratio(p.0, p.1).abs(), p)).max_by(|a, b| a.0.total_cmp(&b.0));
        match higher {
            Some((value, place)) if value > best => (best, at) = (value, place),
            _ => step *= 0.5,
        }
    }
    Offer { slope: at.0, offset: at.1, sign: ratio(at.0, at.1).signum(), ratio: best }
}

/// The largest `|beta . phi| / r` on a grid of [`scaled_responses`].
pub(super) fn grid_ratio(grid: &DMatrix<f64>, prices: &DVector<f64>) -> f64 {
    grid.tr_mul(prices).amax()
}

/// A multiple of these prices, at most 1, that is feasible: a grid says what to try, and a proof by boxes in `(a, b)` decides.
/// `None` if 40 steps of 0.5 % below the grid's value do not suffice.
pub(super) fn feasible(
    line: &Line,
    dual: &Dual,
    grid: &DMatrix<f64>,
    prices: &DVector<f64>,
) -> Option<DVector<f64>> {
    let mut prices = prices / (1.002 * grid_ratio(grid, prices)).max(1.0);
    for _ in 0..40 {
        if is_feasible(line, dual, &prices) {
            return Some(prices);
        }
        prices *= 0.995;
    }
    None
}

/// A box of units: centre and half widths.
#[derive(Clone, Copy)]
struct Cell {
    centre: [f64; 2],
    half: [f64; 2],
}

/// Whether `|beta . phi| <= r` for every unit: no box of the half plane `a >= 0` outside of which `r >= sum |beta|` is left in doubt. The other half
/// plane has the same units, with the opposite sign.
fn is_feasible(line: &Line, dual: &Dual, prices: &DVector<f64>) -> bool {
    const CELLS: usize = 10_000;
    let total = prices.iter().map(|b| b.abs()).sum::<f64>();
    let [by_slope, by_offset] = dual.costs;
    let far = total * total - dual.level;
    if far <= 0.0 {
        return true;
    }
    let reach = line.inputs.iter().fold(0.0, |r: f64, x| r.max(x.abs()));
    let (a, b) = (0.5 * far / by_slope, 0.5 * far / by_offset);
    let mut open = vec![Cell { centre: [a, b], half: [a, b] }, Cell { centre: [a, -b], half: [a, b] }];
    let mut seen = 0;
    while let Some(cell) = open.pop() {
        seen += 1;
        if seen > CELLS {
            return false;
        }
        if is_below(line, dual, prices, cell) {
            continue;
        }
        let there = prices.dot(&line.response(cell.centre[0], cell.centre[1]));
        if there.abs() > dual.radius(cell.centre[0], cell.centre[1]) {
            return false;
        }
        // The side that matters more to the argument of tanh.
        let side = usize::from(cell.half[1] > reach * cell.half[0]);
        for sign in [-0.5, 0.5] {
            let mut part = cell;
            part.half[side] *= 0.5;
            part.centre[side] += sign * cell.half[side];
            open.push(part);
        }
    }
    true
}

/// Whether `|beta . phi| <= r` in all of a box that no axis cuts: by Taylor's formula at the centre, or by the range of every response.
fn is_below(line: &Line, dual: &Dual, prices: &DVector<f64>, cell: Cell) -> bool {
    // The largest second derivative of tanh, 4/(3 sqrt 3), rounded up.
    const BEND: f64 = 0.77;
    let Cell { centre: [a, b], half: [da, db] } = cell;
    let [by_slope, by_offset] = dual.costs;
    let middle = by_slope * a + by_offset * b.abs() + dual.level;
    let spread = by_slope * da + by_offset * db;
    // Near no unit at all: |phi_i| <= a |x_i| + |b| and r >= sqrt l, so |beta . phi| <= K l <= r if K sqrt l <= 1.
    let sums = line
        .inputs
        .iter()
        .zip(prices.iter())
        .fold([0.0; 2], |s, (x, beta)| [s[0] + (beta * x).abs(), s[1] + beta.abs()]);
    let steepest = (sums[0] / by_slope).max(sums[1] / by_offset);
    if steepest * (middle + spread).sqrt() <= 1.0 {
        return true;
    }
    let lowest = middle - spread;
    let (mut value, mut slopes, mut second) = (0.0, [0.0; 2], 0.0);
    let (mut least, mut most) = (0.0, 0.0);
    for (x, beta) in line.inputs.iter().zip(prices.iter()) {
        let (argument, width) = (a * x + b, da * x.abs() + db);
        let t = argument.tanh();
        value += beta * t;
        slopes[0] += beta * (1.0 - t * t) * x;
        slopes[1] += beta * (1.0 - t * t);
        second += beta.abs() * BEND * width * width;
        if width > 0.05 {
            let ends = [beta * (argument - width).tanh(), beta * (argument + width).tanh()];
            least += ends[0].min(ends[1]);
            most += ends[0].max(ends[1]);
        } else {
            (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
        }
    }
    if lowest >= 0.0 && most.max(-least) <= lowest.sqrt() {
        return true;
    }
    if lowest <= 0.0 {
        return false;
    }
    let radius = middle.sqrt();
    let by = [0.5 * by_slope / radius, 0.5 * by_offset * b.signum() / radius];
    let bend = spread * spread / (4.0 * lowest.powf(1.5));
    [1.0, -1.0].into_iter().all(|sign| {
        let first = (sign * slopes[0] - by[0]).abs() * da + (sign * slopes[1] - by[1]).abs() * db;
        sign * value - radius + first + 0.5 * (second + bend) <= 0.0
    })
}

#[cfg(test)]
mod tests {
    use nalgebra::DVector;
    use overparam_tensor::random::Stream;

    use super::{Dual, feasible, is_feasible, offers, scaled_responses};
    use crate::nfr::deep_optimum::testing::{line, random};

    /// Feasible prices are below the radius at many units, and a multiple that a unit refutes is refused.
    #[test]
    fn the_proof_agrees_with_many_units() {
        let line = line();
        let dual = Dual::of(&line, &random(1));
        let grid = scaled_responses(&line, &dual, 1.0);
        for seed in 0..8 {
            let stream = Stream::root(seed);
            let prices: DVector<f64> = stream.normal_vector(line.inputs.len(), 3.0);
            let prices = feasible(&line, &dual, &grid, &prices).unwrap();
            let units = stream.named("units").normal_matrix::<f64>(4000, 2, 4.0);
            let worst = units.row_iter().map(|unit| {
                prices.dot(&line.response(unit[0], unit[1])).abs() / dual.radius(unit[0], unit[1])
            });
            let worst = worst.fold(0.0, f64::max);
            assert!(worst <= 1.0, "{worst}");
            assert!(!is_feasible(&line, &dual, &(&prices * (1.05 / worst))));
            let best = offers(&line, &dual, &(&prices * (1.5 / worst)));
            // A search from a grid finds what random units do to a thousandth; the proof does not rest on it.
            assert!(best[0].ratio >= 1.5 * 0.999, "{}", best[0].ratio);
        }
    }
}
