//! The figures and tables: error and effective rank against initial scale, and the numbers on real data.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};
use overparam_eval::stats;
use overparam_eval::table::{Table, number};

use super::judge::{descent, observation_counts, scales, synthetic};
use super::{Cell, Method, Outcome, Problem};

type Runs = [Run<Cell, Outcome>];

/// Mean squared error below which a completion is exact: the entries are of order 1, and descent stops three orders above.
const EXACT: f64 = 1e-8;

/// The distinct numbers of observed entries, ascending.
fn counts(runs: &Runs) -> Vec<usize> {
    observation_counts(runs.iter().map(|run| &run.cell))
}

/// The initial scales, largest first.
fn starts(runs: &Runs, count: usize) -> Vec<f64> {
    scales(runs.iter().map(|run| &run.cell), count)
}

/// One number per seed, from the runs of one method.
fn by_seed<'a>(
    runs: impl Iterator<Item = &'a Run<Cell, Outcome>>,
    method: impl Fn(Method) -> bool,
    value: impl Fn(&Outcome) -> f64,
) -> Vec<f64> {
    runs.filter(|r| method(r.cell.method)).map(|r| value(&r.outcome)).collect()
}

/// Test error and effective rank against initial scale; at many observations, against depth.
pub(super) fn figures(runs: &Runs, control: &Runs) -> Vec<Figure> {
    let [few, many] = counts(runs)[..] else { return Vec::new() };
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
            "Medians over seeds; bars are the order-statistic interval at the level that the seeds support. Left and middle: {few} \
             observed entries against the initial scale; hollow points are the control. Right: test error against depth \
             at {few} and {many} entries, initial scale {}; an arrow stands for an error below {}, which is zero but for the \
             solver's accuracy.",
            number(starts(runs, few).first().copied().unwrap_or(f64::NAN)),
            number(EXACT)
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

fn against_scale(runs: &Runs, control: &Runs, count: usize, value: &dyn Fn(&Outcome) -> f64) -> Vec<Series> {
    let points = |runs: &Runs, depth: usize| -> Vec<Point> {
        let at =
            |scale: f64| median_point(scale, &by_seed(synthetic(runs, count), descent(depth, scale), value));
        starts(runs, count).into_iter().filter_map(at).collect()
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

fn against_depth(runs: &Runs, counts: [usize; 2]) -> Panel {
    let series = counts.into_iter().enumerate().map(|(colour, count)| {
        let scale = starts(runs, count).first().copied().unwrap_or(f64::NAN);
        let at = |depth: usize| {
            median_point(
                depth as f64 - 1.0,
                &by_seed(synthetic(runs, count), descent(depth, scale), |o| o.test_mse),
            )
        };
        let mut points: Vec<Point> = (1..=4).filter_map(at).collect();
        points.extend(median_point(
            4.0,
            &by_seed(synthetic(runs, count), |m| m == Method::NuclearNorm, |o| o.test_mse),
        ));
        Series::new(format!("{count} entries"), Role::Experiment, colour, points)
    });
    Panel {
        title: "Test error by depth".into(),
        x: Axis::named("method", &["depth 1", "2", "3", "4", "nuclear"]),
        y: Axis::log("mean squared error, hidden entries").with_floor(EXACT),
        series: series.collect(),
    }
}

fn level(
    runs: &Runs,
    count: usize,
    label: &str,
    value: &dyn Fn(&Outcome) -> f64,
    method: impl Fn(Method) -> bool,
) -> Option<Series> {
    let y = median_point(0.0, &by_seed(synthetic(runs, count), method, value))?.y;
    let ends = [1.0, starts(runs, count).last().copied()?].map(|x| Point::new(x, y));
    Some(Series::new(label, Role::Theory, 6, ends.to_vec()))
}

/// Every method's medians, on synthetic and on real data.
pub(super) fn tables(runs: &Runs) -> Vec<Table> {
    let mut tables: Vec<Table> = counts(runs)
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
        let sample: Vec<f64> = by_seed(runs.iter().copied(), |m| m == method, value);
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
