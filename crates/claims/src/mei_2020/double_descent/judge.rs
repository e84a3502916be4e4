//! The claim's checks.

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::Run;
use overparam_eval::runs::Runs;
use overparam_eval::theory::Theory;

use super::theory::{Formulas, RIVALS, predicted};
use super::{Cell, ENERGIES, Fit, LAMBDAS, Outcome, PEAK, Series};

type All<'a> = Runs<'a, Cell, Outcome>;

/// A quantity that the asymptotics give, and how far off its pooled deviation may be.
struct Quantity {
    id: &'static str,
    name: &'static str,
    formula: &'static str,
    of: fn(&Fit) -> f64,
    tolerance: f64,
}

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        id: "risk",
        name: "risk",
        formula: "F1^2 B + (tau^2 + F*^2) V + F*^2",
        of: Fit::risk,
        tolerance: 0.03,
    },
    Quantity { id: "bias", name: "bias B", formula: "B", of: |f| f.bias, tolerance: 0.05 },
    Quantity { id: "variance", name: "variance V", formula: "V", of: |f| f.variance, tolerance: 0.05 },
    Quantity {
        id: "nonlinear",
        name: "what is left of the nonlinear part",
        formula: "1 + V",
        of: |f| f.nonlinear,
        tolerance: 0.05,
    },
    Quantity {
        id: "training-error",
        name: "training error",
        formula: "(1 - c / psi2)^2 (risk + tau^2)",
        of: |f| f.training_error,
        tolerance: 0.05,
    },
    Quantity { id: "norm", name: "norm", formula: "dL/dlambda", of: |f| f.norm_squared, tolerance: 0.05 },
];

/// Training errors below this count as interpolation.
const INTERPOLATES: f64 = 1e-6;

pub(super) fn judge(runs: &All<'_>, theory: &Theory) -> Vec<Check> {
    let tables: Vec<Predictions> =
        runs.distinct(Cell::series).into_iter().map(|series| Predictions::of(runs, series, theory)).collect();
    let mut checks: Vec<Check> = QUANTITIES.iter().map(|quantity| pooled(runs, &tables, quantity)).collect();
    checks.push(curve(runs, &tables));
    checks.extend([peak(runs, &tables, theory), second_descent(runs, &tables), no_rise(runs, &tables)]);
    checks
}

/// What theory says at the places of one series.
struct Predictions {
    series: Series,
    /// The two dimensions, smaller first.
    dimensions: Vec<usize>,
    /// Cells of the first seed, each with the fits of all ridges under the stated formulas and under each rival.
    places: Vec<(Cell, Vec<Vec<Fit>>)>,
}

impl Predictions {
    fn of(runs: &All<'_>, series: Series, theory: &Theory) -> Self {
        let of_series = runs.only(|c| c.series() == series);
        let first = of_series.seeds().into_iter().next();
        let all = |cell: &Cell| -> Option<Vec<Vec<Fit>>> {
            let formulas = std::iter::once(Formulas::Stated).chain(RIVALS.map(|(formulas, _)| formulas));
            let at = |formulas| LAMBDAS.iter().map(|l| predicted(cell, *l, formulas, theory)).collect();
            formulas.map(at).collect()
        };
        let cells = of_series.cells().filter(|c| Some(c.seed) == first);
        Self {
            dimensions: of_series.distinct(|c| c.dimension),
            places: cells.filter_map(|cell| Some((cell.clone(), all(cell)?))).collect(),
            series,
        }
    }

    fn name(&self) -> String {
        let (activation, _, percent) = &self.series;
        format!("{activation}, n/d = {}", *percent as f64 / 100.0)
    }

    /// The stated prediction of a cell at the ridge of this index.
    fn stated(&self, cell: &Cell, ridge: usize) -> Option<&Fit> {
        self.of_cell(cell)?.first()?.get(ridge)
    }

    fn of_cell(&self, cell: &Cell) -> Option<&Vec<Vec<Fit>>> {
        let same = |c: &Cell| (c.dimension, c.features) == (cell.dimension, cell.features);
        self.places.iter().find(|(c, _)| same(c)).map(|(_, fits)| fits)
    }

    /// Ridges at which a quantity of this cell is compared.
    fn compared(&self, cell: &Cell, quantity: &Quantity) -> Vec<usize> {
        let counts = |&ridge: &usize| {
            let heavy = ridge == 0 && (cell.ratio() - 1.0).abs() < PEAK;
            let stated = self.stated(cell, ridge).map_or(0.0, quantity.of);
            !heavy && (quantity.id != "training-error" || stated > INTERPOLATES)
        };
        (0..LAMBDAS.len()).filter(counts).collect()
    }

    /// `ln(measured / predicted)` of one run, summed over its ridges, and their number.
    fn deviation(&self, run: &Run<Cell, Outcome>, quantity: &Quantity) -> Option<(f64, usize)> {
        let ridges = self.compared(&run.cell, quantity);
        let mut sum = 0.0;
        for &ridge in &ridges {
            let measured = (quantity.of)(run.outcome.fits.get(ridge)?);
            sum += (measured / (quantity.of)(self.stated(&run.cell, ridge)?)).ln();
        }
        Some((sum, ridges.len()))
    }

    /// The pooled `ln(truth / rival)` of a rival at the larger dimension.
    fn rival(&self, index: usize, quantity: &Quantity) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (cell, fits) in self.places.iter().filter(|(c, _)| Some(&c.dimension) == self.dimensions.last()) {
            for ridge in self.compared(cell, quantity) {
                // The rival speaks of the stated truth, and the check of measured over stated.
                sum += ((quantity.of)(&fits[index + 1][ridge]) / (quantity.of)(&fits[0][ridge])).ln();
                count += 1.0;
            }
        }
        sum / count
    }
}

/// `2 L(2d) - L(d)` of the pooled deviation `L`.
fn pooled(runs: &All<'_>, tables: &[Predictions], quantity: &Quantity) -> Check {
    let mut check = Check::new(
        quantity.id,
        format!(
            "{}: ln(measured / asymptotics), pooled over N and ridges, extrapolated in 1/d",
            quantity.name
        ),
        Bound::Within { target: 0.0, tolerance: quantity.tolerance },
    )
    .predicted(format!("0: {}", quantity.formula))
    .because("what is left after the order 1/d, by simulations in other code; far below the rivals")
    .mean();
    for (index, (formulas, name)) in RIVALS.iter().enumerate() {
        // The rival that comes nearest of all series.
        let values = tables.iter().map(|table| table.rival(index, quantity));
        let nearest = values.reduce(|a, b| if b.abs() < a.abs() { b } else { a });
        if let Some(value) = nearest.filter(|v| v.abs() > 2.0 * quantity.tolerance) {
            check = check.rival(*name, value);
            // Where the other activation's formulas differ at every n / d, the control has to show it.
            if *formulas == Formulas::OtherActivation {
                check = check.control_fails();
            }
        }
    }
    for table in tables {
        let of_series = runs.only(|c| c.series() == table.series);
        let draws = of_series.draws(|runs| {
            let at = |dimension: usize| -> Option<f64> {
                let here = runs.iter().filter(|r| r.cell.dimension == dimension);
                let sums: Option<Vec<(f64, usize)>> = here.map(|r| table.deviation(r, quantity)).collect();
                let (sum, count) = sums?.iter().fold((0.0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
                Some(sum / count as f64)
            };
            let &[small, large] = table.dimensions.as_slice() else { return None };
            Some(2.0 * at(large)? - at(small)?)
        });
        check = check.at(table.name(), draws);
    }
    check
}

/// The deviation of the risk at each `N / n`, at the larger dimension.
fn curve(runs: &All<'_>, tables: &[Predictions]) -> Check {
    let risk = &QUANTITIES[0];
    let mut check = Check::new(
        "curve",
        "risk at each N/n, ridges pooled: ln(measured / asymptotics)",
        Bound::Within { target: 0.0, tolerance: 0.15 },
    )
    .predicted("0, at the larger d")
    .because("one draw's scatter, and 1/d at the smoke scale's d")
    .mean();
    // Where a risk without variance is farthest off: next to the peak.
    let alone = |fit: &Fit| ENERGIES.0 * fit.bias + ENERGIES.1;
    let misses = tables.iter().flat_map(|table| {
        let large = table.dimensions.last().copied();
        let places = table.places.iter().filter(move |(c, _)| Some(c.dimension) == large);
        places.map(move |(cell, fits)| {
            let ridges = table.compared(cell, risk);
            let sum: f64 = ridges.iter().map(|&k| (alone(&fits[0][k]) / fits[0][k].risk()).ln()).sum();
            sum / ridges.len() as f64
        })
    });
    let farthest = misses.reduce(|a, b| if b.abs() > a.abs() { b } else { a });
    if let Some(value) = farthest {
        check = check.rival("bias alone, without the variance that peaks at N = n", value);
    }
    for table in tables {
        let large = table.dimensions.last().copied();
        for (cell, _) in table.places.iter().filter(|(c, _)| Some(c.dimension) == large) {
            let here = runs.only(|c| {
                c.series() == table.series && (c.dimension, c.features) == (cell.dimension, cell.features)
            });
            let draws = here.draws(|runs| {
                let (sum, count) = table.deviation(runs.first()?, risk)?;
                Some(sum / count as f64)
            });
            check = check.at(format!("{}, N/n = {}", table.name(), cell.percent() as f64 / 100.0), draws);
        }
    }
    check
}

/// The ridgeless fits of one seed at the larger dimension, by `N / n`.
fn ridgeless<'a>(runs: &[&'a Run<Cell, Outcome>]) -> Vec<(f64, &'a Fit)> {
    let mut path: Vec<(f64, &Fit)> =
        runs.iter().filter_map(|r| Some((r.cell.ratio(), r.outcome.fits.first()?))).collect();
    path.sort_by(|a, b| a.0.total_cmp(&b.0));
    path
}

fn at_large<'a>(runs: &All<'a>, table: &Predictions) -> All<'a> {
    let large = table.dimensions.last().copied();
    runs.only(|c| c.series() == table.series && Some(c.dimension) == large)
}

/// Where the ridgeless risk is largest, seed by seed.
fn peak(runs: &All<'_>, tables: &[Predictions], theory: &Theory) -> Check {
    let mut check = Check::new(
        "peak",
        "N / n at the peak of the ridgeless risk",
        Bound::Within { target: theory.constant("N / n at the peak", 1.0), tolerance: 0.12 },
    )
    .predicted("1")
    .because("below the spacing of N / n there; a typical draw")
    .rival("at N = d, for n / d = 1.5", 1.0 / 1.5)
    .rival("where parameters are as many as twice the samples", 2.0);
    for table in tables {
        let draws = at_large(runs, table).draws(|runs| {
            let path = ridgeless(runs);
            path.into_iter().max_by(|a, b| a.1.risk().total_cmp(&b.1.risk())).map(|(ratio, _)| ratio)
        });
        check = check.at(table.name(), draws);
    }
    check
}

/// The bias at the largest `N` over its least for `N < n`.
fn descent(path: &[(f64, &Fit)]) -> Option<f64> {
    let far = path.last()?.1.bias;
    let first = path.iter().filter(|(ratio, _)| *ratio < 0.99).map(|(_, fit)| fit.bias).reduce(f64::min)?;
    Some((far / first).ln())
}

fn second_descent(runs: &All<'_>, tables: &[Predictions]) -> Check {
    let predictions: Vec<Option<f64>> = tables
        .iter()
        .map(|table| {
            let large = table.places.iter().filter(|(c, _)| Some(&c.dimension) == table.dimensions.last());
            let mut path: Vec<(f64, &Fit)> = large.map(|(c, fits)| (c.ratio(), &fits[0][0])).collect();
            path.sort_by(|a, b| a.0.total_cmp(&b.0));
            descent(&path)
        })
        .collect();
    let shallowest = predictions.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut check = Check::new(
        "second-descent",
        "ridgeless bias at the largest N over its least for N < n: ln(measured / asymptotics)",
        Bound::Within { target: 0.0, tolerance: 0.2 },
    )
    .predicted("0: as far below 1 as the formulas say")
    .because("finite d at the ridgeless end; a small part of the descent itself")
    .mean();
    if shallowest < -0.4 {
        check = check.rival("past the peak the bias only returns to its first minimum", -shallowest);
    }
    for (table, predicted) in tables.iter().zip(predictions) {
        let draws = at_large(runs, table).draws(|runs| Some(descent(&ridgeless(runs))? - predicted?));
        check = check.at(table.name(), draws);
    }
    check
}

/// The risk's steps in `N` at the optimal ridge, and the ridgeless step up to the peak as what would be seen without it.
fn no_rise(runs: &All<'_>, tables: &[Predictions]) -> Check {
    let mut check = Check::new(
        "no-rise",
        "risk at the optimal ridge: ln of its largest ratio between neighbouring N",
        Bound::AtMost(0.02),
    )
    .predicted("0 or below: more features never hurt")
    .because("flat stretches may go up by a draw's scatter; a typical draw")
    .rival("the ridgeless rise to the peak, at least", 0.3);
    for table in tables {
        let draws = at_large(runs, table).draws(|runs| {
            let mut path: Vec<(usize, f64)> = runs
                .iter()
                .filter_map(|r| Some((r.cell.features, r.outcome.fits.iter().find(|f| f.optimal)?.risk())))
                .collect();
            path.sort_by_key(|p| p.0);
            path.windows(2).map(|pair| (pair[1].1 / pair[0].1).ln()).reduce(f64::max)
        });
        check = check.at(table.name(), draws);
    }
    check
}

#[cfg(test)]
mod tests {
    use overparam_eval::check::Check;
    use overparam_eval::decide::Decision;
    use overparam_eval::theory::Theory;

    use super::super::theory::{Formulas, RIVALS, predicted};
    use super::super::{Cell, DoubleDescent, Fit, LAMBDAS, Outcome};
    use crate::mei_2020::testing::{Part, decision, fails, is_sharp, judged};

    /// Fits that are what `formulas` say of the cell's own activation, 1% scatter between seeds, changed by `distort`.
    fn on(part: Part, theory: &Theory, formulas: Formulas, distort: impl Fn(&Cell, &mut Fit)) -> Vec<Check> {
        judged(&DoubleDescent, part, theory, |cell| {
            let own = Cell { formulas: cell.activation.clone(), ..cell.clone() };
            let fit = |(lambda, optimal)| {
                let mut fit = predicted(&own, lambda, formulas, &Theory::as_stated()).unwrap();
                fit.optimal = optimal;
                let scatter = 1.0 + 0.01 * (cell.seed as f64 * 2.4).sin();
                for value in [
                    &mut fit.bias,
                    &mut fit.variance,
                    &mut fit.nonlinear,
                    &mut fit.training_error,
                    &mut fit.norm_squared,
                ] {
                    *value *= scatter;
                }
                distort(cell, &mut fit);
                fit
            };
            let lambdas = LAMBDAS.iter().map(|l| (*l, false)).chain([(0.2, true)]);
            Outcome { fits: lambdas.map(fit).collect() }
        })
    }

    #[test]
    fn the_asymptotics_hold_and_wrong_theories_do_not() {
        let stated = Theory::as_stated();
        let checks = on(Part::Experiment, &stated, Formulas::Stated, |_, _| {});
        let control = on(Part::Control, &stated, Formulas::Stated, |_, _| {});
        is_sharp(&checks);
        assert_eq!(decision(&checks, &control), Decision::Holds);
        assert_ne!(decision(&control, &control), Decision::Holds);
        for (formulas, name) in RIVALS {
            assert!(fails(&on(Part::Experiment, &stated, formulas, |_, _| {}), "risk"), "{name}");
        }
        for (factor, name) in stated.constants().keys().flat_map(|name| [(0.7, name), (1.3, name)]) {
            let wrong = Theory::with(name.clone(), factor);
            let checks = on(Part::Experiment, &wrong, Formulas::Stated, |_, _| {});
            assert_ne!(decision(&checks, &control), Decision::Holds, "{name} x {factor}");
        }
    }

    type Distortion = fn(&Cell, &mut Fit);

    #[test]
    fn every_check_can_fail() {
        let cases: [(&str, Distortion); 8] = [
            ("risk", |_, f| f.bias *= 1.2),
            ("variance", |_, f| f.variance *= 1.2),
            ("training-error", |_, f| f.training_error *= 0.9),
            ("norm", |_, f| f.norm_squared *= 1.2),
            ("curve", |c, f| f.bias *= if c.percent() == 20 { 1.5 } else { 1.0 }),
            ("peak", |c, f| f.bias *= if c.percent() == 80 { 1e6 } else { 1.0 }),
            ("second-descent", |c, f| f.bias *= if c.percent() == 330 { 50.0 } else { 1.0 }),
            ("no-rise", |c, f| f.bias *= if f.optimal && c.percent() > 150 { 3.0 } else { 1.0 }),
        ];
        for (id, distort) in cases {
            assert!(
                fails(&on(Part::Experiment, &Theory::as_stated(), Formulas::Stated, distort), id),
                "{id}"
            );
        }
    }
}
