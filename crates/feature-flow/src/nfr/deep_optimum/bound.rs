//! An upper bound on what any second-layer unit is worth, over all functions that it may compute: branch and bound.
//!
//! A unit is its sums `g` on the examples. With `s = z . tanh(g)`, which may be taken to be positive, it is worth
//! `s^2/(4 lambda_u) - 2 lambda R(g)`, where `R(g)` is the least `sum_j r_j |v_j|` of all first-layer units that add up to `g`. In a box
//! `l <= g <= u` where also `s_0 <= s <= s_1`, a chord bounds `s^2`, and feasible prices `beta` bound `R`:
//!
//! ```text
//! worth <= -s_0 s_1/(4 lambda_u) + sum_i max_g ((s_0 + s_1)/(4 lambda_u) z_i tanh g - 2 lambda beta_i g),    l_i <= g <= u_i.
//! ```
//!
//! Each maximum is one of at most four values. The prices are found by a barrier method for the box; whatever they are, the bound is valid.

use nalgebra::{DMatrix, DVector};
use overparam_tensor::linalg::Cholesky;

use super::dual::Dual;
use super::first_layer::{feasible, grid_ratio, scaled_responses};
use super::net::Line;
use crate::error::Error;

/// A box of sums, and an interval of `s`.
#[derive(Clone)]
struct Region {
    low: DVector<f64>,
    high: DVector<f64>,
    field: [f64; 2],
    /// The best prices of the region that it was cut from.
    prices: DVector<f64>,
}

/// The bound of a region by some prices.
struct Relaxed {
    value: f64,
    /// Where the maxima are.
    sums: DVector<f64>,
    /// Second derivatives by the prices, in units of `(2 lambda)^2`.
    bends: DVector<f64>,
}

struct Search<'a> {
    line: &'a Line,
    dual: &'a Dual,
    gain: f64,
    cost: f64,
    target: f64,
    /// For the barrier.
    coarse: DMatrix<f64>,
    fine: DMatrix<f64>,
    /// Feasible prices that have settled a region.
    pool: Vec<DVector<f64>>,
}

/// Regions that a proof took.
///
/// # Errors
/// [`Error::NoConvergence`] if `limit` regions do not prove that no second-layer unit is worth more than `target`, which must be positive.
pub(super) fn prove(
    line: &Line,
    dual: &Dual,
    seeds: &[DVector<f64>],
    target: f64,
    limit: usize,
) -> Result<usize, Error> {
    let (gain, cost) = dual.units();
    let fine = scaled_responses(line, dual, 0.5);
    let coarse = scaled_responses(line, dual, 0.2);
    let mut search = Search { line, dual, gain, cost, target, coarse, fine, pool: Vec::new() };
    let failed = |seen: usize| Error::NoConvergence {
        what: "branch and bound over second-layer units",
        iterations: seen,
        gap: f64::INFINITY,
        tolerance: target,
    };
    let mut open = search.start().ok_or_else(|| failed(0))?;
    for prices in seeds {
        search.pool.extend(feasible(line, dual, &search.fine, prices));
    }
    let mut seen = 0;
    while let Some(mut region) = open.pop() {
        seen += 1;
        if seen > limit {
            return Err(failed(seen));
        }
        if let Some(relaxed) = search.settle(&mut region) {
            open.extend(search.parts(&region, &relaxed));
        }
    }
    Ok(seen)
}

impl Search<'_> {
    /// Everything where the worth can be above the target: `s` is at least `sqrt(4 lambda_u target)`, and `2 lambda R` at most what the
    /// largest `s` leaves.
    fn start(&self) -> Option<Vec<Region>> {
        const SLICES: usize = 4;
        let n = self.line.inputs.len();
        let most: f64 = self.dual.residual.iter().map(|z| z.abs()).sum();
        let left = most * most / self.gain - self.target;
        if left <= 0.0 {
            return Some(Vec::new());
        }
        let mut high = DVector::zeros(n);
        for i in 0..n {
            let unit = DVector::from_fn(n, |k, _| if k == i { 1.0 / self.fine.row(i).amax() } else { 0.0 });
            high[i] = left / self.cost / feasible(self.line, self.dual, &self.fine, &unit)?[i];
        }
        let least = (self.gain * self.target).sqrt();
        let edge = |k: usize| least + (most - least) * k as f64 / SLICES as f64;
        let slice = |k: usize| Region {
            low: -&high,
            high: high.clone(),
            field: [edge(k), edge(k + 1)],
            prices: DVector::zeros(n),
        };
        Some((0..SLICES).map(slice).collect())
    }

    fn relaxed(&self, region: &Region, prices: &DVector<f64>) -> Relaxed {
        let n = prices.len();
        let [least, most] = region.field;
        let scale = (least + most) / self.gain;
        let mut relaxed =
            Relaxed { value: -least * most / self.gain, sums: DVector::zeros(n), bends: DVector::zeros(n) };
        for i in 0..n {
            let (value, at, bend) =
                largest(scale * self.dual.residual[i], self.cost * prices[i], region.low[i], region.high[i]);
            relaxed.value += value;
            relaxed.sums[i] = at;
            relaxed.bends[i] = bend;
        }
        relaxed
    }

    /// `None` if the region's bound is at most the target; otherwise its best bound, whose prices the region keeps.
    fn settle(&mut self, region: &mut Region) -> Option<Relaxed> {
        let mut best = self.relaxed(region, &region.prices);
        if best.value <= self.target {
            return None;
        }
        for prices in self.pool.iter().rev().take(40) {
            let relaxed = self.relaxed(region, prices);
            if relaxed.value <= self.target {
                return None;
            }
            if relaxed.value < best.value {
                best = relaxed;
                region.prices.copy_from(prices);
            }
        }
        self.optimise(region, best)
    }

    /// Newton's method for `bound(beta) - mu sum_theta log(1 - (beta . phi)^2 / r^2)` as `mu` falls.
    fn optimise(&mut self, region: &mut Region, mut best: Relaxed) -> Option<Relaxed> {
        let mut prices = &region.prices * 0.98;
        let mut barrier = 0.1 * (best.value - self.target).max(1e-3 * self.target);
        let inside = grid_ratio(&self.coarse, &prices);
        if inside >= 0.99 {
            prices *= 0.98 / inside;
        }
        let mut before = best.value;
        for round in 0..12 {
            for _ in 0..2 {
                self.newton(region, &mut prices, barrier);
                let tried = &prices / (1.002 * grid_ratio(&self.fine, &prices)).max(1.0);
                let relaxed = self.relaxed(region, &tried);
                if relaxed.value <= self.target
                    && let Some(proved) = feasible(self.line, self.dual, &self.fine, &tried)
                    && self.relaxed(region, &proved).value <= self.target
                {
                    self.pool.push(proved);
                    return None;
                }
                if relaxed.value < best.value {
                    best = relaxed;
                    region.prices = tried;
                }
            }
            // Far from the target and hardly moving: a cut is worth more.
            if round >= 3 && before - best.value < 0.05 * (best.value - self.target) {
                break;
            }
            before = best.value;
            barrier *= 0.25;
        }
        Some(best)
    }

    fn newton(&self, region: &Region, prices: &mut DVector<f64>, barrier: f64) {
        let n = prices.len();
        let here = self.relaxed(region, prices);
        let products = self.coarse.tr_mul(prices);
        let mut gradient = &here.sums * -self.cost;
        let mut hessian = DMatrix::from_diagonal(&here.bends.map(|b| self.cost * self.cost * b.min(1e4)));
        for (column, t) in self.coarse.column_iter().zip(products.iter()) {
            let room = 1.0 - t * t;
            gradient.axpy(barrier * 2.0 * t / room, &column, 1.0);
            let weight = barrier * 2.0 * (1.0 + t * t) / (room * room);
            for i in 0..n {
                let scaled = weight * column[i];
                for k in 0..=i {
                    hessian[(i, k)] += scaled * column[k];
                }
            }
        }
        hessian.fill_upper_triangle_with_lower_triangle();
        for i in 0..n {
            hessian[(i, i)] += 1e-14;
        }
        let Ok(factor) = Cholesky::factor(&hessian) else {
            return;
        };
        let step = -factor.solve_vector(&gradient);
        let moves = self.coarse.tr_mul(&step);
        let room = products
            .iter()
            .zip(moves.iter())
            .map(|(t, m)| if *m == 0.0 { f64::INFINITY } else { (m.signum() - t) / m });
        let mut length = (0.9 * room.fold(f64::INFINITY, f64::min)).min(1.0);
        let objective = |value: f64, shift: f64| -> f64 {
            let logs = products.iter().zip(moves.iter()).map(|(t, m)| (1.0 - (t + shift * m).powi(2)).ln());
            value - barrier * logs.sum::<f64>()
        };
        let (start, fall) = (objective(here.value, 0.0), gradient.dot(&step));
        for _ in 0..6 {
            let next = &*prices + &step * length;
            if objective(self.relaxed(region, &next).value, length) <= start + 0.2 * length * fall {
                *prices = next;
                return;
            }
            length *= 0.4;
        }
    }

    /// Two halves: of the interval of `s` if its chord is what is loose, otherwise of the coordinate where `z tanh` is convex over the longest way.
    fn parts(&self, region: &Region, relaxed: &Relaxed) -> Vec<Region> {
        let [least, most] = region.field;
        let s: f64 = relaxed.sums.iter().zip(self.dual.residual.iter()).map(|(g, z)| z * g.tanh()).sum();
        let chord = ((least + most) * s - least * most - s * s) / self.gain;
        let mut halves = vec![region.clone(), region.clone()];
        if chord > 0.5 * (relaxed.value - self.target) {
            let quarter = 0.25 * (most - least);
            let cut = s.max(least + quarter).min(most - quarter);
            halves[0].field[1] = cut;
            halves[1].field[0] = cut;
        } else {
            let convex = |i: usize| {
                let z = self.dual.residual[i];
                // Mirrored so that the convex part is below 0.
                let (low, high) =
                    if z > 0.0 { (region.low[i], region.high[i]) } else { (-region.high[i], -region.low[i]) };
                (z, low, high, z.abs() * (high.min(0.0).tanh() - low.min(0.0).tanh()))
            };
            let i = (0..relaxed.sums.len()).max_by(|&i, &k| convex(i).3.total_cmp(&convex(k).3));
            let Some(i) = i else { return Vec::new() };
            let (z, low, high, _) = convex(i);
            let cut = if high > 0.0 && low < 0.0 {
                0.0
            } else {
                let middle = (0.5 * (low.tanh() + high.tanh())).atanh();
                if z > 0.0 { middle } else { -middle }
            };
            halves[0].high[i] = cut;
            halves[1].low[i] = cut;
        }
        halves.into_iter().filter_map(|half| self.narrowed(half)).collect()
    }

    /// The part of a region whose sums give an `s` in its interval.
    fn narrowed(&self, mut region: Region) -> Option<Region> {
        let (mut least, mut most) = (0.0, 0.0);
        for (i, z) in self.dual.residual.iter().enumerate() {
            let ends = [z * region.low[i].tanh(), z * region.high[i].tanh()];
            least += ends[0].min(ends[1]);
            most += ends[0].max(ends[1]);
        }
        region.field = [region.field[0].max(least), region.field[1].min(most)];
        (region.field[0] <= region.field[1]).then_some(region)
    }
}

/// The largest `d tanh g - e g` for `low <= g <= high`, where it is, and how fast that place moves with `-e`.
fn largest(d: f64, e: f64, low: f64, high: f64) -> (f64, f64, f64) {
    let value = |g: f64| d * g.tanh() - e * g;
    let mut best = (value(low), low, 0.0);
    let mut offer = |g: f64, inner: bool| {
        let there = value(g);
        if there > best.0 {
            let t = g.tanh();
            let bend = 2.0 * d * t * (1.0 - t * t);
            best = (there, g, if inner && bend > 1e-12 { bend.recip() } else { 0.0 });
        }
    };
    offer(high, false);
    let ratio = e / d;
    if (0.0..=1.0).contains(&ratio) {
        let place = (1.0 - ratio).sqrt().min(1.0 - 1e-15).atanh();
        for g in [place, -place] {
            if low < g && g < high {
                offer(g, true);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn the_maximum_in_one_coordinate_is_that_of_a_grid() {
        for (d, e) in [(1.0, 0.3), (-1.0, 0.3), (0.7, -0.2), (-0.5, -0.4), (1.0, 2.0), (0.0, 0.1), (0.4, 0.0)]
        {
            for (low, high) in [(-3.0, 2.0), (0.5, 4.0), (-4.0, -0.2), (1.0, 1.0)] {
                let (value, at, _) = largest(d, e, low, high);
                let on_grid = (0..=4000)
                    .map(|k| low + (high - low) * f64::from(k) / 4000.0)
                    .map(|g: f64| d * g.tanh() - e * g)
                    .fold(f64::NEG_INFINITY, f64::max);
                assert!(value >= on_grid - 1e-12 && value < on_grid + 1e-6, "{d} {e}: {value} {on_grid}");
                assert!((d * f64::tanh(at) - e * at - value).abs() < 1e-14);
            }
        }
    }
}
