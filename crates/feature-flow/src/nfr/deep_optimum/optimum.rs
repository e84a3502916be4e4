//! The optimum by column generation, and its certificate.

use nalgebra::DVector;
use overparam_tensor::random::Stream;

use super::bound::prove;
use super::dual::Dual;
use super::finite_width::{FiniteWidth, finite_width};
use super::first_layer::offers;
use super::net::{Atoms, Line};
use super::newton::polish;
use super::prune::prune;
use super::second_layer::{Column, best_column};
use crate::error::{Error, positive};

/// A net and a proof that none is better by more than its gap.
#[derive(Debug, Clone, PartialEq)]
pub struct Certified {
    /// The net.
    pub net: Atoms,
    /// `Q` of it.
    pub value: f64,
    /// A lower bound on `Q` of every net of depth 3, of any width and any masses.
    pub bound: f64,
    /// Regions of second-layer units that the proof took.
    pub regions: usize,
}

impl Certified {
    /// `(value - bound) / value`.
    pub fn gap(&self) -> f64 {
        (self.value - self.bound) / self.value
    }
}

/// Mass that a new column starts with.
const SHARE: f64 = 0.03;

impl Line {
    /// The optimum by column generation: units are added to either layer while one is worth more than it costs, and all numbers of the net descend
    /// together in between (the sliding Frank-Wolfe algorithm of Denoyelle, Duval, Peyré and Soubies 2019, arXiv 1811.06416). Where it stops no
    /// first-layer unit and none of many second-layer units is worth adding; [`Line::certify`] has the proof.
    ///
    /// # Errors
    /// As [`Line::checked`]; [`Error::NoConvergence`] if the net still improves after 30 rounds; [`Error::Parameter`] if the ridges are so large
    /// that no net was better than none.
    pub fn optimum(&self, stream: &Stream) -> Result<Atoms, Error> {
        const ROUNDS: usize = 30;
        self.clone().checked()?;
        let mut net = self.start(stream)?;
        let mut gap = f64::INFINITY;
        for round in 0..ROUNDS {
            net = self.with_first_layer(net);
            let dual = Dual::of(self, &net);
            let worth = dual.best_of(self, &net);
            if worth < 0.0 && net.weights.column_iter().all(|w| w.amax() > 0.0) {
                net = with_idle_unit(&net);
                continue;
            }
            let column = best_column(self, &dual, &stream.named("columns").indexed(round as u64));
            gap = column.value - worth.max(0.0);
            if gap < 1e-5 * self.value(&net) {
                return Ok(net);
            }
            net = with_column(&net, &dual, &column, self.ridge_top);
        }
        Err(Error::NoConvergence { what: "column generation", iterations: ROUNDS, gap, tolerance: 1e-5 })
    }

    /// A lower bound on `Q` of every net from the dual point that this one gives. The bound is `slack * Q` below what it would be if none
    /// but the net's own second-layer units were there, and a proof by branch and bound, over at most `regions` regions, says that this is enough for all.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless `slack` is positive; [`Error::NoConvergence`] if the regions do not suffice, as where a better unit exists.
    pub fn certify(&self, net: &Atoms, slack: f64, regions: usize) -> Result<Certified, Error> {
        positive("the slack of the bound", slack)?;
        let value = self.value(net);
        let dual = Dual::of(self, net);
        let target = dual.best_of(self, net).max(0.0) + slack * value;
        let features = self.pass(net).features;
        let seeds: Vec<DVector<f64>> = features
            .row_iter()
            .map(|row| {
                let h = row.transpose();
                let turn = if h.dot(&dual.residual) < 0.0 { -1.0 } else { 1.0 };
                dual.prices(&(h * turn))
            })
            .collect();
        let regions = prove(self, &dual, &seeds, target, regions)?;
        Ok(Certified { net: net.clone(), value, bound: dual.base(self) - target, regions })
    }

    /// The constants of nets of `m` units per layer, drawn from this net, which must be an optimum.
    ///
    /// # Errors
    /// [`Error::Linalg`] if the second derivatives by the weights are not positive definite, as they are at an isolated minimum.
    pub fn finite_width(&self, net: &Atoms) -> Result<FiniteWidth, Error> {
        finite_width(self, net)
    }

    /// The best of a few local optima with one second-layer unit.
    fn start(&self, stream: &Stream) -> Result<Atoms, Error> {
        const UNITS: usize = 3;
        let nets = (0..8).map(|k| {
            let stream = stream.named("starts").indexed(k);
            let net = Atoms {
                slopes: stream.named("slopes").normal_vector::<f64>(UNITS, 3.0).abs(),
                offsets: stream.named("offsets").normal_vector(UNITS, 1.5),
                first: DVector::from_element(UNITS, 1.0 / UNITS as f64),
                weights: stream.named("weights").normal_matrix(UNITS, 1, 3.0),
                second: DVector::from_element(1, 1.0),
                top: stream.named("top").normal_vector(1, 1.0),
            };
            prune(&polish(self, &net, 60, 1e-8))
        });
        let empty = self.targets.iter().map(|y| y * y).sum::<f64>() / (2.0 * self.targets.len() as f64);
        let alive = nets.filter(|net| !net.first.is_empty() && !net.second.is_empty());
        let best = alive.min_by(|a, b| self.value(a).total_cmp(&self.value(b)));
        best.filter(|net| self.value(net) < 0.999 * empty).map(|net| with_dead_unit(&net)).ok_or(
            Error::Parameter {
                name: "the ridge of the top layer",
                value: self.ridge_top,
                expected: "small enough that a net is better than none",
            },
        )
    }

    /// Adds first-layer units until none is worth its cost to any second-layer unit of the net.
    fn with_first_layer(&self, mut net: Atoms) -> Atoms {
        for _ in 0..25 {
            for (steps, tolerance) in [(150, 1e-12), (50, 1e-13)] {
                net = prune(&polish(self, &net, steps, tolerance));
            }
            let dual = Dual::of(self, &net);
            let features = self.pass(&net).features;
            let mut added: Vec<(f64, f64, usize)> = Vec::new();
            for k in 0..net.second.len() {
                let prices = dual.prices(&features.row(k).transpose());
                for offer in offers(self, &dual, &prices).into_iter().take(2) {
                    let new = !added.iter().any(|(a, b, of)| {
                        *of == k && (offer.slope - a).abs() + (offer.offset - b).abs() < 0.2
                    });
                    // Only one of a pair of opposite units.
                    if offer.ratio > 1.0 + 1e-5 && new && (offer.slope > 0.0 || offer.offset > 0.0) {
                        let weight = offer.sign * dual.radius(offer.slope, offer.offset);
                        add(&mut net, [offer.slope, offer.offset, weight], k);
                        added.push((offer.slope, offer.offset, k));
                    }
                }
            }
            if added.is_empty() {
                break;
            }
        }
        net
    }
}

/// A first-layer unit to which the second-layer unit `k` listens, or, where the net nearly has it, its missing weight.
fn add(net: &mut Atoms, [slope, offset, weight]: [f64; 3], k: usize) {
    let near =
        |j: &usize| (net.slopes[*j] - slope).abs() + (net.offsets[*j] - offset).abs() < 0.05 * (1.0 + slope);
    if let Some(j) = (0..net.first.len()).find(near)
        && net.weights[(j, k)] == 0.0
    {
        net.weights[(j, k)] = 0.05 * weight;
        return;
    }
    let j = net.first.len();
    net.slopes = net.slopes.clone().push(slope);
    net.offsets = net.offsets.clone().push(offset);
    net.first = (&net.first * 0.99).push(0.01);
    net.weights = net.weights.clone().insert_row(j, 0.0);
    net.weights[(j, k)] = weight / net.second[k];
}

/// With a first-layer unit that does nothing and costs nothing, unless the net has one.
fn with_dead_unit(net: &Atoms) -> Atoms {
    if net.slopes.iter().zip(net.offsets.iter()).any(|(a, b)| *a == 0.0 && *b == 0.0) {
        return net.clone();
    }
    Atoms {
        slopes: net.slopes.clone().push(0.0),
        offsets: net.offsets.clone().push(0.0),
        first: (&net.first * 0.8).push(0.2),
        weights: net.weights.clone().insert_row(net.first.len(), 0.0),
        ..net.clone()
    }
}

/// With a second-layer unit that listens to none.
fn with_idle_unit(net: &Atoms) -> Atoms {
    Atoms {
        weights: net.weights.clone().insert_column(net.second.len(), 0.0),
        second: (&net.second * 0.8).push(0.2),
        top: net.top.clone().push(0.0),
        ..net.clone()
    }
}

/// With a second-layer unit of mass [`SHARE`], and the first-layer units that it listens to.
fn with_column(net: &Atoms, dual: &Dual, column: &Column, ridge_top: f64) -> Atoms {
    let (j, k) = net.weights.shape();
    let extra = column.parts.len();
    let radius = |part: &[f64; 3]| dual.radius(part[0], part[1]).max(1e-6);
    let masses: Vec<f64> = column.parts.iter().map(|p| SHARE * p[2].abs() / radius(p)).collect();
    let old = (1.0 - masses.iter().sum::<f64>()).max(0.5);
    let extended = |of: &DVector<f64>, with: &dyn Fn(usize) -> f64| {
        DVector::from_iterator(j + extra, of.iter().copied().chain((0..extra).map(with)))
    };
    let mut weights = net.weights.clone().insert_rows(j, extra, 0.0).insert_column(k, 0.0);
    for (l, part) in column.parts.iter().enumerate() {
        weights[(j + l, k)] = part[2].signum() * radius(part) / SHARE;
    }
    Atoms {
        slopes: extended(&net.slopes, &|l| column.parts[l][0]),
        offsets: extended(&net.offsets, &|l| column.parts[l][1]),
        first: extended(&(&net.first * old), &|l| masses[l]),
        weights,
        second: (&net.second * (1.0 - SHARE)).push(SHARE),
        top: net.top.clone().push(-column.field / (2.0 * ridge_top)),
    }
}
