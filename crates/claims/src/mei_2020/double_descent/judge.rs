//! The claim's checks.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;

use super::{Cell, Fit, INTERPOLATES, LAMBDAS, NOISES, Of, Outcome, PEAK, Point, points};
use crate::mei_2020::agreement::{Measured, share_within, worst_ratio, worst_rise};
use crate::summary::median;

pub(super) fn judge(runs: &[Run<Cell, Outcome>]) -> Vec<Check> {
    let points = points(runs);
    let mut checks = Vec::new();
    let quantities: [(&str, &str, Of); 4] = [
        ("risk", "F1^2 B + tau^2 V", |q| q.risk),
        ("variance", "V", |q| q.variance),
        ("training error", "(1 - c / psi2)^2 (risk + tau^2)", |q| q.training_error),
        ("norm", "dL/dlambda", |q| q.norm_squared),
    ];
    for (name, formula, of) in quantities {
        let compared = compared(&points, name, of);
        checks.push(Check::new(
            format!("share of points whose {name} is within 3 standard errors or 3%"),
            formula,
            share_within(&compared, 0.03),
            Bound::AtLeast(0.95),
            "chance takes up to 3% of the points out of 3 standard errors of six seeds",
        ));
        checks.push(Check::new(
            format!("largest distance of {name} from theory, in units of what is allowed"),
            formula,
            worst_ratio(&compared, 0.03),
            Bound::AtMost(1.0),
            "allowed: 3%, or the standard errors that all points together stay within with probability 0.95",
        ));
    }
    checks.push(peak(runs));
    checks.push(second_descent(runs));
    checks.push(Check::new(
        "largest rise of the risk at the optimal ridge between neighbouring N, in units of what is allowed",
        "non-increasing in N",
        worst_rise(&optimal_paths(&points)),
        Bound::AtMost(1.0),
        "a rise beyond the scatter of paired seeds, all steps together at level 0.95",
    ));
    checks
}

fn compared(points: &[Point<'_>], name: &str, of: Of) -> Vec<Measured> {
    let judged = |p: &&Point<'_>| {
        let diverges = p.ridgeless() && (p.ratio() - 1.0).abs() < PEAK;
        // `V` does not depend on the noise level: once is enough.
        let again = name == "variance" && p.theory.noise == NOISES[0];
        let interpolates = name == "training error" && p.theory.training_error < INTERPOLATES;
        !diverges && !interpolates && !again
    };
    let measured =
        |p: &Point<'_>| Measured { values: p.fits.iter().map(of).collect(), theory: of(&p.theory) };
    points.iter().filter(judged).map(measured).collect()
}

/// One curve a seed and activation: `N / n` and the ridgeless risk.
fn ridgeless_curves(runs: &[Run<Cell, Outcome>], noise: f64) -> Vec<Vec<(f64, f64)>> {
    type Curve<'a> = ((&'a str, u64), Vec<(f64, f64)>);
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for run in runs {
        let key = (run.cell.activation.as_str(), run.cell.seed);
        let ratio = run.cell.features as f64 / run.cell.samples as f64;
        let wanted = |f: &&Fit| f.lambda == LAMBDAS[0] && !f.optimal && f.noise == noise;
        let Some(fit) = run.outcome.fits.iter().find(wanted) else { continue };
        match curves.iter_mut().find(|c| c.0 == key) {
            Some(curve) => curve.1.push((ratio, fit.risk)),
            None => curves.push((key, vec![(ratio, fit.risk)])),
        }
    }
    curves.into_iter().map(|c| c.1).collect()
}

/// Where the ridgeless risk is largest, seed by seed.
fn peak(runs: &[Run<Cell, Outcome>]) -> Check {
    let highest = |curve: Vec<(f64, f64)>| curve.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let places: Vec<f64> =
        ridgeless_curves(runs, NOISES[1]).into_iter().filter_map(highest).map(|p| p.0).collect();
    Check::new(
        "N / n at the peak of the ridgeless risk, median over seeds and activations",
        "1",
        median(&places),
        Bound::Within { target: 1.0, tolerance: 0.05 },
        "the grid's spacing there",
    )
}

/// The risk at the largest `N` over the least with `N < n`, seed by seed.
fn second_descent(runs: &[Run<Cell, Outcome>]) -> Check {
    let share = |curve: Vec<(f64, f64)>| {
        let (_, far) = *curve.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let first = curve.iter().filter(|p| p.0 < 1.0).map(|p| p.1).reduce(f64::min)?;
        Some(far / first)
    };
    let shares: Vec<f64> = ridgeless_curves(runs, NOISES[0]).into_iter().filter_map(share).collect();
    Check::new(
        "ridgeless risk without noise at the largest N, over its least for N < n, median over seeds and activations",
        "below 1: the global minimum is far past the peak",
        median(&shares),
        Bound::AtMost(1.0),
        "the claim itself",
    )
}

/// Risks at the optimal ridge: path (activation and noise), `N`, seed.
fn optimal_paths(points: &[Point<'_>]) -> Vec<Vec<Vec<f64>>> {
    type Path<'a> = ((&'a str, f64), Vec<Vec<f64>>);
    let mut paths: Vec<Path<'_>> = Vec::new();
    for point in points.iter().filter(|p| p.theory.optimal) {
        let key = (point.cell.activation.as_str(), point.theory.noise);
        let risks: Vec<f64> = point.fits.iter().map(|f| f.risk).collect();
        match paths.iter_mut().find(|p| p.0 == key) {
            Some(path) => path.1.push(risks),
            None => paths.push((key, vec![risks])),
        }
    }
    paths.into_iter().map(|p| p.1).collect()
}

#[cfg(test)]
mod tests {
    use overparam_eval::check::{Check, Holds, Verdict};
    use overparam_eval::claim::{Claim, Plan, Run, Scale};
    use overparam_eval::inputs::Inputs;

    use super::super::{Cell, DoubleDescent, Fit, LAMBDAS, NOISES, Outcome, theory};
    use super::judge;

    /// Runs whose fits are what the asymptotics of the cell's own activation say, 1% scatter between seeds, changed by `distort`.
    fn runs(cells: Vec<Cell>, distort: impl Fn(&Cell, &mut Fit)) -> Vec<Run<Cell, Outcome>> {
        let outcome = |cell: &Cell| {
            let own = Cell { formulas: cell.activation.clone(), ..cell.clone() };
            let lambdas = LAMBDAS.map(|lambda| (lambda, false)).into_iter().chain([(3e-2, true)]);
            let fits = NOISES.into_iter().flat_map(|noise| lambdas.clone().map(move |l| (noise, l)));
            let fit = |(noise, (lambda, optimal))| {
                let blank = Fit {
                    noise,
                    lambda,
                    optimal,
                    risk: 0.0,
                    variance: 0.0,
                    training_error: 0.0,
                    norm_squared: 0.0,
                };
                let mut fit = theory(&own, &blank).unwrap();
                let scatter = 1.0 + 0.01 * (cell.seed as f64 * 2.4 + cell.features as f64).sin();
                fit.risk *= scatter;
                fit.variance *= scatter;
                fit.training_error *= scatter;
                fit.norm_squared *= scatter;
                distort(cell, &mut fit);
                fit
            };
            Outcome { fits: fits.map(fit).collect() }
        };
        cells.into_iter().map(|cell| Run { outcome: outcome(&cell), cell }).collect()
    }

    fn plan(inputs: &Inputs) -> Plan<'_> {
        Plan { scale: Scale::Smoke, seeds: None, inputs }
    }

    fn experiment(distort: impl Fn(&Cell, &mut Fit)) -> Vec<Check> {
        judge(&runs(DoubleDescent.cells(&plan(&Inputs::none())), distort))
    }

    fn failing(checks: &[Check], part: &str) -> bool {
        checks.iter().any(|c| c.quantity.contains(part) && c.holds == Holds::No)
    }

    #[test]
    fn theory_with_scatter_passes_and_other_formulas_fail() {
        let checks = experiment(|_, _| {});
        assert_eq!(checks.len(), 11);
        assert!(checks.iter().all(|c| c.holds == Holds::Yes), "{checks:#?}");
        let control = judge(&runs(DoubleDescent.control(&plan(&Inputs::none())), |_, _| {}));
        assert!(failing(&control, "share of points whose risk") && failing(&control, "distance of norm"));
        assert_eq!(Verdict::of(&checks, &control), Verdict::Reproduced);
    }

    #[test]
    fn every_check_can_fail() {
        for (part, distort) in [
            ("share of points whose risk", (|_, f| f.risk *= 1.1) as fn(&Cell, &mut Fit)),
            ("largest distance of variance", |c, f| f.variance *= if c.features == 990 { 1.2 } else { 1.0 }),
            ("share of points whose training error", |_, f| f.training_error *= 0.9),
            ("largest distance of norm", |_, f| f.norm_squared *= 1.2),
            ("N / n at the peak", |c, f| f.risk *= if c.features == 270 { 1e6 } else { 1.0 }),
            ("at the largest N", |c, f| f.risk *= if c.features == 990 { 50.0 } else { 1.0 }),
            ("at the optimal ridge", |c, f| f.risk *= if f.optimal && c.features > 500 { 3.0 } else { 1.0 }),
        ] {
            assert!(failing(&experiment(distort), part), "{part}");
        }
    }
}
