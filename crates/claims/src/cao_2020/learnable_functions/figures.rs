//! The claim's picture: components of the residual, and test errors.

use overparam_eval::claim::Run;
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series, median_point};

use super::{Cell, Outcome, Task, predicted_rate, rate, share};

pub(super) fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Figure {
    Figure {
        name: "learnable-functions".into(),
        title: "Harmonic by harmonic".into(),
        caption: "Left and middle: components of the residual, d = 3, first seed, two and three layers; lines: the eigenvalues' \
                  prediction. Right: test error for targets of one degree, two layers, 40 examples, medians over seeds with their \
                  intervals; hollow: labels independent of the inputs."
            .into(),
        panels: vec![decay_panel(runs, 2), decay_panel(runs, 3), test_panel(runs, control)],
    }
}

fn decay_panel(runs: &[Run<Cell, Outcome>], depth: usize) -> Panel {
    let task = Task::Decay { dimension: 3, depth };
    let first = runs.iter().find(|r| r.cell.task == task).map(|r| &r.outcome);
    let mut series = Vec::new();
    if let Some(Outcome::Decay { components: Some(components), .. }) = first {
        let spacing = components.len().div_ceil(40).max(1);
        let steps = || (0..components.len()).step_by(spacing);
        for degree in 1..=4 {
            let visible = |point: &Point| point.y > 0.02;
            let law = predicted_rate(rate(3, depth), depth, 3, degree);
            let theory = steps().map(|step| Point::new(step as f64, (-law * step as f64).exp()));
            let measured =
                steps().filter_map(|step| Some(Point::new(step as f64, share(first?, degree, step)?)));
            let theory = theory.take_while(visible).collect();
            series.push(Series::new(format!("mu_{degree}"), Role::Theory, degree - 1, theory));
            let measured = measured.take_while(visible).collect();
            series.push(Series::new(format!("degree {degree}"), Role::Trajectory, degree - 1, measured));
        }
    }
    Panel {
        title: format!("Residual by degree, {depth} layers"),
        x: Axis::linear("steps"),
        y: Axis::log("share left"),
        series,
    }
}

fn test_panel(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Panel {
    let tests = |runs: &[Run<Cell, Outcome>], label: &str, role| {
        let point = |k: usize| {
            let of_degree = runs.iter().filter(|r| r.cell.task == Task::Test { degree: k + 1 });
            let error = |r: &Run<Cell, Outcome>| {
                if let Outcome::Test { error } = r.outcome { Some(error) } else { None }
            };
            median_point(k as f64, &of_degree.filter_map(error).collect::<Vec<_>>())
        };
        Series::new(label, role, 0, (0..4).filter_map(point).collect())
    };
    Panel {
        title: "Test error".into(),
        x: Axis::named("degree", &["1", "2", "3", "4"]),
        y: Axis::log("share of the target's energy"),
        series: vec![tests(runs, "harmonics", Role::Experiment), tests(control, "coins", Role::Control)],
    }
}
