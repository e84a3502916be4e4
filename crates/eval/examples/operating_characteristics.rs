//! Draws how often a claim holds, and how many draws it takes, against the distance of the truth from the bound: the figure of the
//! book's page on verdicts. Beside the drawing, in `data`, go its numbers.
//!
//! `cargo run --release --package overparam-eval --example operating_characteristics -- docs/figures`

use std::path::Path;

use overparam_eval::check::{Bound, Check, Draw};
use overparam_eval::claim::Scale;
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_tensor::random::Stream;

const RUNS: u64 = 4_000;
const DISTANCES: [f64; 13] = [-1.5, -1.25, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0];

/// Shares that hold and fail, and the mean number of draws.
fn rates(check: impl Fn() -> Check, distance: f64) -> [f64; 3] {
    let design = Design::of(Scale::Smoke, 26);
    let mut sums = [0.0; 3];
    for run in 0..RUNS {
        let normals =
            Stream::root(1).named("operating characteristics").indexed(run).normal_vector::<f64>(32, 1.0);
        let draws = (0..).zip(&normals).map(|(seed, x)| Draw { seed, value: Some(x - distance) }).collect();
        let verdict = decide(&[check().draws(draws)], &[], &design);
        sums[0] += f64::from(u8::from(verdict.decision == Decision::Holds));
        sums[1] += f64::from(u8::from(verdict.decision == Decision::Fails));
        sums[2] += verdict.draws as f64;
    }
    sums.map(|sum| sum / RUNS as f64)
}

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: operating_characteristics FOLDER");
        std::process::exit(2);
    };
    let at_most_zero = || Check::new("x", "x", Bound::AtMost(0.0));
    let mean: Vec<[f64; 3]> = DISTANCES.iter().map(|d| rates(|| at_most_zero().mean(), *d)).collect();
    let typical: Vec<[f64; 3]> = DISTANCES.iter().map(|d| rates(at_most_zero, *d)).collect();
    let curve = |label: &str, role, colour, of: &[[f64; 3]], which: usize| {
        let points = DISTANCES.iter().zip(of).map(|(x, rates)| Point::new(*x, rates[which]));
        Series::new(label, role, colour, points.collect())
    };
    let x = || Axis::linear("distance of the truth inside its bound (s.d. of a draw)");
    let decided = vec![
        curve("a mean: holds", Role::Trajectory, 0, &mean, 0),
        curve("a typical draw: holds", Role::Trajectory, 1, &typical, 0),
        curve("a mean: fails", Role::Trajectory, 2, &mean, 1),
        curve("a typical draw: fails", Role::Trajectory, 3, &typical, 1),
    ];
    let draws = vec![
        curve("a mean", Role::Trajectory, 0, &mean, 2),
        curve("a typical draw", Role::Trajectory, 1, &typical, 2),
    ];
    let figure = Figure {
        name: "operating-characteristics".into(),
        title: "How often a claim holds, and how many draws it takes".into(),
        caption: format!("{RUNS} simulated claims per point, one check, normal draws."),
        panels: vec![
            Panel { title: "Decisions".into(), x: x(), y: Axis::linear("share of claims"), series: decided },
            Panel {
                title: "Draws until the decision".into(),
                x: x(),
                y: Axis::linear("mean number"),
                series: draws,
            },
        ],
    };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder.join("data"))?;
    std::fs::write(folder.join("data/operating-characteristics.json"), figure.text())?;
    std::fs::write(folder.join("operating-characteristics.svg"), figure.svg())
}
