//! The figures and tables: error and effective rank against initial scale, and the numbers on real data.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{by_seed, descent, observation_counts, scales, synthetic};
use super::{Cell, Method, Outcome, Problem};
use crate::summary::median;

type Runs<'a> = [Run<Cell, Outcome>];

/// Test error and effective rank against initial scale; at many observations, against depth.
pub(super) fn figures(runs: &Runs<'_>, control: &Runs<'_>) -> Vec<Figure> {
    let [few, many] = observation_counts(runs)[..] else { return Vec::new() };
    let error = |o: &Outcome| o.test_mse;
    let rank = |o: &Outcome| o.effective_rank;
    let truth = |o: &Outcome| o.truth_effective_rank.unwrap_or(f64::NAN);
    let mut errors = against_scale(runs, control, few, &error);
    errors.extend(level(runs, few, "minimum nuclear norm (certified)", &error, |m| m == Method::NuclearNorm));
    let mut ranks = against_scale(runs, control, few, &rank);
    ranks.extend(level(runs, few, "truth", &truth, |m| m == Method::NuclearNorm));
    let scale_axis = || Axis::log("initial scale a (control: 1)");
    vec![Figure {
        name: "error-and-rank".into(),
        title: "Depth 3 finds the low-rank truth where depth 2 and the nuclear norm do not".into(),
        caption: format!(
            "Medians over seeds; bars are the order-statistic interval (five seeds: their range). Left and middle: {few} \
             observed entries against the initial scale; hollow points are the control. Right: test error against depth \
             at {few} and {many} entries, initial scale {}.",
            number(scales(runs, few).first().copied().unwrap_or(f64::NAN))
        ),
        panels: vec![
            Panel {
                title: format!("Test error, {few} entries"),
                x: scale_axis(),
                y: Axis::log("mean squared error, hidden entries"),
                series: errors,
            },
            Panel {
                title: format!("Effective rank, {few} entries"),
                x: scale_axis(),
                y: Axis::linear("effective rank"),
                series: ranks,
            },
            against_depth(runs, [few, many]),
        ],
    }]
}

fn against_scale(
    runs: &Runs<'_>,
    control: &Runs<'_>,
    count: usize,
    value: &dyn Fn(&Outcome) -> f64,
) -> Vec<Series> {
    let points = |runs: &Runs<'_>, depth: usize| -> Vec<Point> {
        let at = |scale: f64| point(scale, &by_seed(synthetic(runs, count), descent(depth, scale), value));
        scales(runs, count).into_iter().filter_map(at).collect()
    };
    [2, 3, 4]
        .into_iter()
        .flat_map(|depth| {
            let colour = depth - 2;
            [
                Series::new(format!("depth {depth}"), Role::Experiment, colour, points(runs, depth)),
                Series::new(format!("depth {depth}, control"), Role::Control, colour, points(control, depth)),
            ]
        })
        .filter(|s| !s.points.is_empty())
        .collect()
}

fn against_depth(runs: &Runs<'_>, counts: [usize; 2]) -> Panel {
    let series = counts.into_iter().enumerate().map(|(colour, count)| {
        let scale = scales(runs, count).first().copied().unwrap_or(f64::NAN);
        let at = |depth: usize| {
            point(depth as f64 - 1.0, &by_seed(synthetic(runs, count), descent(depth, scale), |o| o.test_mse))
        };
        let mut points: Vec<Point> = (1..=4).filter_map(at).collect();
        points.extend(point(
            4.0,
            &by_seed(synthetic(runs, count), |m| m == Method::NuclearNorm, |o| o.test_mse),
        ));
        Series::new(format!("{count} entries"), Role::Experiment, colour, points)
    });
    Panel {
        title: "Test error by depth".into(),
        x: Axis::named("method", &["depth 1", "2", "3", "4", "nuclear"]),
        y: Axis::log("mean squared error, hidden entries"),
        series: series.collect(),
    }
}

fn level(
    runs: &Runs<'_>,
    count: usize,
    label: &str,
    value: &dyn Fn(&Outcome) -> f64,
    method: impl Fn(Method) -> bool,
) -> Option<Series> {
    let y = point(0.0, &by_seed(synthetic(runs, count), method, value))?.y;
    let ends = [1.0, scales(runs, count).last().copied()?].map(|x| Point::new(x, y));
    Some(Series::new(label, Role::Theory, 6, ends.to_vec()))
}

fn point(x: f64, values: &[(u64, f64)]) -> Option<Point> {
    let sample: Vec<f64> = values.iter().map(|v| v.1).collect();
    match sample[..] {
        [only] => Some(Point::new(x, only)),
        _ => Some(Point::estimate(x, &median(&sample)?)),
    }
}

/// Every method's medians, on synthetic and on real data.
pub(super) fn tables(runs: &Runs<'_>) -> Vec<Table> {
    let mut tables: Vec<Table> = observation_counts(runs)
        .into_iter()
        .map(|count| {
            let caption = format!("Synthetic, {count} entries observed: medians over seeds");
            table(caption, &synthetic(runs, count).collect::<Vec<_>>(), false)
        })
        .collect();
    for (name, unit, is) in REAL {
        let real: Vec<_> = runs.iter().filter(|r| is(&r.cell.problem)).collect();
        if !real.is_empty() {
            let caption = format!(
                "{name}: medians over seeds, early-stopped or tuned on a validation split; errors in {unit}"
            );
            tables.push(table(caption, &real, true));
        }
    }
    tables
}

type RealKind = (&'static str, &'static str, fn(&Problem) -> bool);

const REAL: [RealKind; 2] = [
    ("Handwritten digits, half of the entries observed", "grey levels (0 to 16)", |p| {
        matches!(p, Problem::Digits { .. })
    }),
    ("MovieLens-100K, 80% of the ratings observed", "stars", |p| matches!(p, Problem::Ratings { .. })),
];

fn table(caption: String, runs: &[&Run<Cell, Outcome>], root: bool) -> Table {
    let mut methods: Vec<Method> = Vec::new();
    for run in runs {
        if !methods.contains(&run.cell.method) {
            methods.push(run.cell.method);
        }
    }
    let median = |method: Method, value: &dyn Fn(&Outcome) -> f64| {
        let sample: Vec<f64> =
            by_seed(runs.iter().copied(), |m| m == method, value).iter().map(|v| v.1).collect();
        stats::median(&sample).map_or_else(|_| "none".into(), number)
    };
    let error = |mse: f64| if root { mse.sqrt() } else { mse };
    let head =
        ["method", if root { "test RMSE" } else { "test MSE" }, "effective rank", "nuclear norm", "steps"];
    let row = |&method: &Method| {
        vec![
            name(method),
            median(method, &|o| error(o.test_mse)),
            median(method, &|o| o.effective_rank),
            median(method, &|o| o.nuclear_norm),
            median(method, &|o| o.steps as f64),
        ]
    };
    Table { caption, head: head.map(str::to_owned).to_vec(), rows: methods.iter().map(row).collect() }
}

fn name(method: Method) -> String {
    match method {
        Method::Descent { depth, scale, .. } => format!("depth {depth}, scale {}", number(scale)),
        Method::NuclearNorm => "nuclear norm".into(),
        Method::Biases => "row and column biases".into(),
    }
}
