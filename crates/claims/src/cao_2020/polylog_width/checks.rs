//! What is compared with what: least widths with and without a margin, mistakes.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;
use overparam_eval::stats::binomial;
use overparam_ntk::theory::sphere::spectrum;

use super::deep::generic_rank;
use super::{CUT, Cell, DIMENSION, Outcome, Task};
use crate::summary::exponent;

/// Around Cover's numbers.
pub(super) const COVER: Bound = Bound::Within { target: 1.0, tolerance: 0.08 };

pub(super) fn without_margin(check: Check) -> Check {
    check
        .predicted("1")
        .because("Cover's law has no free constant; half the distance to the nearest rival is 0.083")
        .rival("as many examples as dimensions", 2.0)
        .rival("four examples per dimension", 0.5)
        .control_fails()
        .mean()
}

pub(super) fn margin_checks(here: &Runs<'_, Cell, Outcome>) -> Vec<Check> {
    let share = |runs: &[&Run<Cell, Outcome>]| {
        let (n, width) = widths_of(runs)?.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(width / covers_width(n as usize))
    };
    vec![
        Check::new("margin-exponent", "with a margin: exponent of the least width in n", Bound::AtMost(0.15))
            .predicted("0, but for logarithms")
            .because("ln n itself has exponent 0.17 on this range")
            .rival("Cover's law", 1.0)
            .control_fails()
            .draws(here.draws(|runs| exponent(&widths_of(runs)?))),
        Check::new(
            "margin-width",
            "with a margin: least width at the largest n, over Cover's",
            Bound::AtMost(0.1),
        )
        .predicted("tends to 0")
        .because("eight neurons or so, whatever n")
        .rival("Cover's law", 1.0)
        .control_fails()
        .draws(here.draws(share)),
    ]
}

/// Of deeper nets: how many coins they separate in units of their dimensions, and how wide they are for the odd teacher.
pub(super) fn deep_checks(runs: &Runs<'_, Cell, Outcome>, capacity: f64) -> Vec<Check> {
    let nets = runs.distinct(|cell| match cell.task {
        Task::DeepCoins { depth, width, dimension } => Some((depth, width, dimension)),
        _ => None,
    });
    let nets: Vec<_> = nets.into_iter().flatten().collect();
    let over_rank = |dimensions: fn(usize, usize, usize) -> usize| {
        let share =
            |&(l, m, d): &(usize, usize, usize)| dimensions(l, m, d) as f64 / generic_rank(l, m, d) as f64;
        nets.iter().map(share).fold(f64::INFINITY, f64::min)
    };
    let every_weight = over_rank(|l, m, d| m * d + (l - 2) * m * m + m);
    let coins = Check::new(
        "deep-coins",
        "coins that a deeper net's features separate one after another, over two a dimension",
        Bound::Within { target: 1.0, tolerance: 0.5 * (every_weight - 1.0) },
    )
    .predicted("1")
    .because("Cover's law has no free constant; half the distance to the nearest rival")
    .rival("every weight is a dimension, the readout's too", every_weight)
    .rival("only the first layer's weights are", over_rank(|_, m, d| m * d))
    .rival("only the last hidden layer's are", over_rank(|_, m, _| m * m))
    .rival("as many examples as dimensions", 0.5)
    .rival("four examples per dimension", 2.0)
    .control_fails()
    // Of the control every count ends where the coins do: without the grid of whole coins its draws would not scatter at all.
    .mean_on_grid(1e-3);
    let coins = nets.iter().fold(coins, |check, &(depth, width, dimension)| {
        let expected = capacity * generic_rank(depth, width, dimension) as f64;
        let here = runs.only(|cell| cell.task == Task::DeepCoins { depth, width, dimension });
        let draws = here.draws(|runs| Some(runs.first()?.outcome.coins()? / expected));
        check.at(format!("{depth} layers of {width}"), draws)
    });
    let growth = runs.only(|cell| matches!(cell.task, Task::DeepMargin { .. }));
    let margin = Check::new(
        "deep-margin-exponent",
        "three layers, the odd teacher: exponent of the least width in n",
        Bound::AtMost(0.25),
    )
    .predicted("0, but for logarithms")
    .because("half of the smallest exponent without a margin, which is 1/2")
    .rival("Cover's law for three layers", 0.58)
    .rival("Cover's law for two", 1.0)
    .control_fails()
    .draws(growth.draws(|runs| exponent(&widths_of(runs)?)));
    vec![coins, margin]
}

/// `n` and the least width of each run.
fn widths_of(runs: &[&Run<Cell, Outcome>]) -> Option<Vec<(f64, f64)>> {
    runs.iter().map(|r| Some((r.cell.examples as f64, r.outcome.width()?))).collect()
}

/// A number of one run of online descent, from its mistakes and its error.
type OfOnline<'a> = dyn Fn(&[(usize, f64)], f64) -> Option<f64> + 'a;

pub(super) fn online_checks(here: &Runs<'_, Cell, Outcome>) -> Vec<Check> {
    let of = |f: &OfOnline<'_>| {
        here.draws(|runs| match &runs.first()?.outcome {
            Outcome::Online { mistakes, error } => f(mistakes, *error),
            _ => None,
        })
    };
    let growth = |mistakes: &[(usize, f64)], _: f64| {
        let [.., early, _, last] = mistakes else { return None };
        Some((last.1 / early.1).ln() / (last.0 as f64 / early.0 as f64).ln())
    };
    vec![
        Check::new("online-error", "stochastic descent with a margin: test error after one pass", Bound::AtMost(0.02))
            .predicted("tends to 0")
            .because("at most 1 / (gamma^2 n) on the average of the pass, which is 0.022 here")
            .rival("guessing", 0.5)
            .control_fails()
            .draws(of(&|_, error| Some(error))),
        Check::new(
            "mistakes",
            "stochastic descent with a margin: mistakes on the way",
            Bound::AtMost(teacher_norm_squared()),
        )
        .predicted("at most 1 / gamma^2 = 22.9")
        .because("the theorems' order with constant one")
        .rival("guessing, at n = 1024", 512.0)
        .control_fails()
        .draws(of(&|mistakes, _| Some(mistakes.last()?.1))),
        Check::new(
            "mistakes-growth",
            "stochastic descent with a margin: exponent of the mistakes in the examples seen, from a quarter to all",
            Bound::AtMost(0.25),
        )
        .predicted("0")
        .because("a number that does not depend on n; half the distance to the rival")
        .rival("the square root of the examples, as without a margin in the best case", 0.5)
        .rival("a fixed share of the examples", 1.0)
        .control_fails()
        .draws(of(&growth)),
    ]
}

/// `E m*` of coins in features of `d` dimensions per neuron.
pub(super) fn covers_width(n: usize) -> f64 {
    (0..=n.div_ceil(DIMENSION)).map(|m| binomial::upper_tail(n - 1, m * DIMENSION, 0.5)).sum()
}

/// `1 / gamma^2`: `E f*^2 / mu_2` over the square of the least `|f*|`, for `f* = d x_1 x_2` on the unit sphere.
pub(super) fn teacher_norm_squared() -> f64 {
    let kernel = |t: f64| {
        let angle = t.clamp(-1.0, 1.0).acos();
        (2.0 * t * (std::f64::consts::PI - angle) + angle.sin()) / std::f64::consts::PI
    };
    let d = DIMENSION as f64;
    // Degree and dimension are within what the quadrature resolves.
    let eigenvalue = spectrum(kernel, DIMENSION, 2).map_or(f64::NAN, |harmonics| harmonics[2].eigenvalue);
    d / (d + 2.0) / eigenvalue / (CUT * CUT)
}
