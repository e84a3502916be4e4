//! The claim's panels.

use overparam_deep_linear::rank_not_norm::{effective_rank_upper_bound, norm_lower_bound};
use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Panel, Point, Role, Series};
use overparam_eval::table::number;

use super::{Cell, FROBENIUS, ORDERS, Outcome, SHOWN, Sample, settled};

pub(super) fn norms(run: &Run<Cell, Outcome>, control: &[Run<Cell, Outcome>]) -> Panel {
    let samples = &run.outcome.samples;
    let bound = settled(samples).map(|s| Point::new(s.loss, norm_lower_bound(s.loss))).collect();
    let mut series = vec![Series::new("lower bound", Role::Theory, 6, bound)];
    series.extend(ORDERS.iter().enumerate().map(|(i, order)| {
        let points = samples.iter().step_by(SHOWN).map(|s| Point::new(s.loss, s.norms[i])).collect();
        Series::new(format!("Schatten-{}", number(*order)), Role::Experiment, i, points)
    }));
    let twin = control.iter().find(|r| (r.cell.depth, r.cell.seed) == (run.cell.depth, run.cell.seed));
    series.extend(twin.map(|twin| {
        let shown = twin.outcome.samples.iter().step_by(SHOWN);
        let points = shown.map(|s| Point::new(s.loss, s.norms[FROBENIUS])).collect();
        Series::new("Schatten-2, control", Role::Control, FROBENIUS, points)
    }));
    Panel {
        title: format!("Norms, depth {}", run.cell.depth),
        x: Axis::log("loss"),
        y: Axis::log("norm of the end matrix"),
        series,
    }
}

pub(super) fn ranks(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let first = |runs: &[Run<Cell, Outcome>], role: Role| -> Vec<Series> {
        let firsts = runs.iter().filter(|r| r.cell.seed == 0);
        let points = |r: &Run<Cell, Outcome>| -> Vec<Point> {
            r.outcome
                .samples
                .iter()
                .step_by(SHOWN)
                .map(|s| Point::new(s.loss, s.effective_rank - 1.0))
                .collect()
        };
        firsts
            .map(|r| Series::new(format!("depth {}", r.cell.depth), role, r.cell.depth - 1, points(r)))
            .collect()
    };
    let losses =
        runs.iter().filter(|r| r.cell.seed == 0).flat_map(|r| settled(&r.outcome.samples)).map(|s| s.loss);
    let mut losses: Vec<f64> = losses.collect();
    losses.sort_by(f64::total_cmp);
    let bound =
        losses.into_iter().map(|loss| Point::new(loss, effective_rank_upper_bound(loss) - 1.0)).collect();
    let mut series = vec![Series::new("upper bound", Role::Theory, 6, bound)];
    series.extend(first(runs, Role::Experiment));
    series.extend(first(control, Role::Control));
    Panel { title: "Effective rank".into(), x: Axis::log("loss"), y: Axis::log("effective rank - 1"), series }
}

/// The Frobenius norm against time, with the law of the slow manifold through the last point.
pub(super) fn growths(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let mut series = Vec::new();
    let firsts = |runs: &'_ [Run<Cell, Outcome>]| -> Vec<Run<Cell, Outcome>> {
        runs.iter().filter(|r| r.cell.seed == 0 && r.cell.depth > 2).cloned().collect()
    };
    for run in firsts(runs) {
        let (n, colour) = (run.cell.depth as f64, run.cell.depth - 1);
        let power = 2.0 + 2.0 / n;
        let Some(last) = run.outcome.samples.last() else { continue };
        let law = |s: &Sample| {
            let grown = last.norms[FROBENIUS].powf(power) - 2.0 * (n + 1.0) * (last.time - s.time);
            (grown > 1.0).then(|| Point::new(s.time, grown.powf(power.recip())))
        };
        let label = format!("depth {}: predicted", run.cell.depth);
        series.push(Series::new(
            label,
            Role::Theory,
            colour,
            settled(&run.outcome.samples).filter_map(law).collect(),
        ));
    }
    for (runs, role) in [(firsts(runs), Role::Experiment), (firsts(control), Role::Control)] {
        for run in runs {
            let shown = run.outcome.samples.iter().step_by(SHOWN).filter(|s| s.time > 0.0);
            let points = shown.map(|s| Point::new(s.time, s.norms[FROBENIUS])).collect();
            series.push(Series::new(format!("depth {}", run.cell.depth), role, run.cell.depth - 1, points));
        }
    }
    Panel { title: "Growth".into(), x: Axis::log("time"), y: Axis::log("Frobenius norm"), series }
}
