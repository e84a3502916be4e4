//! The figure, risk against `n1`, `T` and `n2`; and the tables.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point as Dot, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{Point, pairs, sweep};
use super::{Cell, Experiment, Outcome, Risks, Vary};
use crate::summary::distinct;

type Runs = [Run<Cell, Outcome>];

fn cells(runs: &Runs) -> impl Iterator<Item = &Cell> {
    runs.iter().map(|run| &run.cell)
}

/// Colour of the `1/T` limit, apart from those of the pairs `(d, k)`.
const LIMIT: usize = 6;

pub(super) fn figures(runs: &Runs, control: &Runs) -> Vec<Figure> {
    let panel = |title: &str, axis: &str, series| Panel {
        title: title.into(),
        x: Axis::log(axis),
        y: Axis::log("excess risk of the target"),
        series,
    };
    vec![Figure {
        name: "risk".into(),
        title: "Source tasks pay for the dimension together".into(),
        caption: "Medians over seeds; bars are the order-statistic interval. Lines are the formulas, \
                  constants included; the signal's variance is 1, the noise's 1/4. Left: against the examples of a source \
                  task; the dashed line is the 1/T limit of analyses of i.i.d. tasks. Middle: against \
                  the number of source tasks. Right: against the target's examples; a single task (diamonds) pays for all d \
                  directions. Hollow points: source tasks that span k - 1 directions."
            .into(),
        panels: vec![
            panel("Source examples", "n1, examples of a source task", swept(runs, control, Vary::SourceExamples)),
            panel("Source tasks", "T, source tasks", swept(runs, control, Vary::Tasks)),
            panel("Target examples", "n2, examples of the target", against_target_examples(runs, control)),
        ],
    }]
}

fn swept(runs: &Runs, control: &Runs, vary: Vary) -> Vec<Series> {
    let mut series = Vec::new();
    for (colour, &(d, k)) in pairs(cells(runs)).iter().enumerate() {
        let points = of_pair(sweep(runs, vary), (d, k));
        series.push(Series::new("theory", Role::Theory, colour, dots(&points, vary, |r| r.predicted)));
        let label = format!("d = {d}, k = {k}");
        series.push(Series::new(label, Role::Experiment, colour, dots(&points, vary, |r| Some(r.shared))));
    }
    for (colour, &pair) in pairs(cells(control)).iter().enumerate() {
        let points = of_pair(sweep(control, vary), pair);
        let dots = dots(&points, vary, |r| Some(r.shared));
        series.push(Series::new("k - 1 directions (control)", Role::Control, colour, dots));
    }
    // The limit of the first pair; the sweep over n1 has one T a pair.
    let first = pairs(cells(runs)).first().map(|&pair| of_pair(sweep(runs, vary), pair)).unwrap_or_default();
    let mut limit: Vec<Dot> = first.iter().map(|p| Dot::new(p.x(vary), 1.0 / p.tasks as f64)).collect();
    limit.sort_by(|a, b| a.x.total_cmp(&b.x));
    limit.dedup_by_key(|dot| dot.x);
    series.push(Series::new("1/T limit", Role::Theory, LIMIT, limit));
    series.retain(|s| !s.points.is_empty());
    series
}

fn against_target_examples(runs: &Runs, control: &Runs) -> Vec<Series> {
    let vary = Vary::TargetExamples;
    let Some(&pair) = pairs(cells(runs)).first() else { return Vec::new() };
    let points = of_pair(sweep(runs, vary), pair);
    let line = |label: &str, colour, of: fn(&Risks) -> Option<f64>| {
        Series::new(label, Role::Theory, colour, dots(&points, vary, of))
    };
    let measured = |label: &str, colour, of: fn(&Risks) -> Option<f64>| {
        Series::new(label, Role::Experiment, colour, dots(&points, vary, of))
    };
    let mut series = vec![
        line("theory", 0, |r| r.predicted),
        measured("shared representation", 0, |r| Some(r.shared)),
        measured("oracle", 2, |r| Some(r.oracle)),
        measured("method of moments", 4, |r| Some(r.moments)),
        line("theory", 3, |r| r.predicted_alone),
        measured("single task", 3, |r| r.alone),
        measured("single task, best ridge", 5, |r| r.ridge),
    ];
    let lost = of_pair(sweep(control, vary), pair);
    series.push(Series::new(
        "k - 1 directions (control)",
        Role::Control,
        0,
        dots(&lost, vary, |r| Some(r.shared)),
    ));
    series.retain(|s| !s.points.is_empty());
    series
}

fn of_pair(points: Vec<Point>, pair: (usize, usize)) -> Vec<Point> {
    points.into_iter().filter(|p| (p.dimension, p.rank) == pair).collect()
}

/// The distinct abscissae, ascending, each with the median of a risk over seeds.
fn dots(points: &[Point], vary: Vary, of: impl Fn(&Risks) -> Option<f64>) -> Vec<Dot> {
    let mut xs: Vec<f64> = points.iter().map(|p| p.x(vary)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let at = |&x: &f64| {
        let sample: Vec<f64> =
            points.iter().filter(|p| p.x(vary) == x).filter_map(|p| of(&p.risks)).collect();
        median_point(x, &sample)
    };
    xs.iter().filter_map(at).collect()
}

fn interval(sample: &[f64]) -> String {
    stats::median_interval(sample, 0.95).map_or_else(
        |_| "none".into(),
        |e| format!("{} [{}, {}]", number(e.value), number(e.interval.low), number(e.interval.high)),
    )
}

pub(super) fn tables(runs: &Runs) -> Vec<Table> {
    let mut tables = vec![representations(runs), baselines(runs)];
    tables.extend(starts(runs));
    tables.extend(variants(runs));
    tables.retain(|t| !t.rows.is_empty());
    tables
}

/// The runs of each distinct experiment, in the order of first appearance.
fn by_experiment(runs: &Runs) -> Vec<(&Experiment, Vec<&Outcome>)> {
    let mut groups: Vec<(&Experiment, Vec<&Outcome>)> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|g| *g.0 == run.cell.experiment) {
            Some(group) => group.1.push(&run.outcome),
            None => groups.push((&run.cell.experiment, vec![&run.outcome])),
        }
    }
    groups
}

fn representations(runs: &Runs) -> Table {
    let mut rows = Vec::new();
    for (experiment, outcomes) in by_experiment(runs) {
        let Experiment::Transfer { setting, .. } = experiment else { continue };
        let (mut largest, mut rms, mut moments, mut predicted, mut sweeps) =
            (vec![], vec![], vec![], vec![], vec![]);
        for outcome in outcomes {
            if let Outcome::Transfer { angles, moments_angles, predicted_bias, sweeps: made, .. } = outcome {
                let first = |angles: &[f64]| angles.first().map(|a| a.to_degrees());
                largest.extend(first(angles));
                moments.extend(first(moments_angles));
                let squares: f64 = angles.iter().map(|a| a.sin().powi(2)).sum();
                rms.push((squares / angles.len().max(1) as f64).sqrt());
                predicted.extend(predicted_bias.map(f64::sqrt));
                sweeps.push(*made as f64);
            }
        }
        let shifted = setting.target_condition > 1.0;
        rows.push(vec![
            format!(
                "{}, {}, {}, {}",
                setting.dimension, setting.rank, setting.tasks, setting.source_examples
            ),
            if shifted { number(setting.target_condition) } else { "none".into() },
            interval(&largest),
            interval(&rms),
            // Under shift the formula weights directions by the target's covariance: not the sine.
            if shifted {
                "".into()
            } else {
                stats::median(&predicted).map_or_else(|_| "none".into(), number)
            },
            interval(&moments),
            stats::median(&sweeps).map_or_else(|_| "none".into(), number),
        ]);
    }
    let head = [
        "d, k, T, n1",
        "shift",
        "largest angle (degrees)",
        "root mean squared sine",
        "predicted",
        "method of moments: largest angle (degrees)",
        "sweeps",
    ];
    Table {
        caption: "Principal angles between the estimated and the true representation: medians over seeds [order-statistic \
                  interval]"
            .into(),
        head: head.map(str::to_owned).to_vec(),
        rows,
    }
}

fn baselines(runs: &Runs) -> Table {
    let points = sweep(runs, Vary::TargetExamples);
    let mut rows = Vec::new();
    for (d, k) in pairs(cells(runs)) {
        let points: Vec<&Point> = points.iter().filter(|p| (p.dimension, p.rank) == (d, k)).collect();
        for n2 in distinct(&points, |p| p.risks.target_examples) {
            let median = |of: fn(&Risks) -> Option<f64>| {
                let at = points.iter().filter(|p| p.risks.target_examples == n2);
                let sample: Option<Vec<f64>> = at.map(|p| of(&p.risks)).collect();
                sample.and_then(|s| stats::median(&s).ok()).map_or_else(|| "none".into(), number)
            };
            rows.push(vec![
                format!("{d}, {k}, {n2}"),
                median(|r| Some(r.shared)),
                median(|r| r.predicted),
                median(|r| Some(r.oracle)),
                median(|r| Some(r.moments)),
                median(|r| r.alone),
                median(|r| r.predicted_alone),
                median(|r| r.ridge),
            ]);
        }
    }
    let head = [
        "d, k, n2",
        "shared",
        "predicted",
        "oracle",
        "method of moments",
        "single task",
        "predicted",
        "single task, ridge",
    ];
    Table {
        caption: "Excess risk of the target by method, sweep over n2: medians over seeds".into(),
        head: head.map(str::to_owned).to_vec(),
        rows,
    }
}

fn starts(runs: &Runs) -> Option<Table> {
    let (mut alternation_far, mut descent_far, mut angles) = (vec![], vec![], vec![]);
    for run in runs {
        if let Outcome::Starts { alternation, descent, largest_angle } = &run.outcome {
            let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
            alternation_far.push(largest(alternation));
            descent_far.push(largest(descent));
            angles.push(largest_angle.to_degrees());
        }
    }
    (!angles.is_empty()).then(|| Table {
        caption: "First stage from 20 random starts of each method: largest distance from the spectral start's solution, medians \
                  over seeds [order-statistic interval]"
            .into(),
        head: ["alternation: |L / L_spectral - 1|", "descent: |L / L_spectral - 1|", "descent: angle (degrees)"]
            .map(str::to_owned)
            .to_vec(),
        rows: vec![vec![interval(&alternation_far), interval(&descent_far), interval(&angles)]],
    })
}

fn variants(runs: &Runs) -> Vec<Table> {
    let mut tables = Vec::new();
    for (experiment, outcomes) in by_experiment(runs) {
        let what = match experiment {
            Experiment::HighDimensional { setting: s, target_examples } => format!(
                "High-dimensional variant, d = {}, k = {}, T = {}, n1 = {} < d, n2 = {target_examples}",
                s.dimension, s.rank, s.tasks, s.source_examples
            ),
            Experiment::Relu { dimension, units, tasks, source_examples, target_examples, width, .. } => {
                format!(
                    "ReLU variant, d = {dimension}, {units} shared units learned by {width} with weight decay, T = {tasks}, n1 = \
                 {source_examples}, n2 = {target_examples}"
                )
            }
            _ => continue,
        };
        let mut methods: Vec<(&str, Vec<f64>)> = Vec::new();
        for outcome in outcomes {
            let Outcome::Variant { risks } = outcome else { continue };
            for (name, risk) in risks {
                match methods.iter_mut().find(|m| m.0 == name) {
                    Some(method) => method.1.push(*risk),
                    None => methods.push((name, vec![*risk])),
                }
            }
        }
        tables.push(Table {
            caption: format!(
                "{what}: excess risk, medians over seeds [order-statistic interval]; not judged"
            ),
            head: ["method", "excess risk"].map(str::to_owned).to_vec(),
            rows: methods.iter().map(|(name, risks)| vec![(*name).to_owned(), interval(risks)]).collect(),
        });
    }
    tables
}
