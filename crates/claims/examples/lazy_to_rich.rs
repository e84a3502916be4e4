//! Draws the two figures of the book's chapter "From lazy to rich", each of which moves one parameter: the imbalance of two linear layers,
//! the richness of two layers of tanh. Lines are theory, points are nets trained here. Beside each drawing, in `data`, go its numbers.
//!
//! `cargo run --release --package overparam-claims --example lazy_to_rich -- docs/figures`

use std::error::Error;
use std::path::Path;

use nalgebra::{DMatrix, DVector};
use overparam_deep_linear::balanced::{AlignedMode, BalancedDraw, BalancedFlow};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::stats;
use overparam_feature_flow::rich_limit::{Grid, Standard, TwoLayer, lazy_kernel, lazy_outputs};
use overparam_tensor::random::Stream;

type Answer<T> = Result<T, Box<dyn Error>>;

fn main() -> Answer<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: lazy_to_rich FOLDER");
        std::process::exit(2);
    };
    for draw in [imbalance, richness] {
        let figure = draw()?;
        println!("{}", figure.title);
        for panel in &figure.panels {
            for series in &panel.series {
                let points: Vec<String> =
                    series.points.iter().map(|p| format!("({:.4}, {:.5})", p.x, p.y)).collect();
                println!("  {}: {}: {}", panel.title, series.label, points.join(" "));
            }
        }
        let folder = Path::new(&folder);
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join(format!("{}.svg", figure.name)), figure.svg())?;
        std::fs::write(folder.join("data").join(format!("{}.json", figure.name)), figure.text())?;
    }
    Ok(())
}

/// Two linear layers.
fn imbalance() -> Answer<Figure> {
    let (start, sigma) = (1e-3, 1.0);
    let mut curves = Vec::new();
    for (colour, lambda) in [0.0, 0.1, 1.0, 4.0, 32.0].into_iter().enumerate() {
        let mode = AlignedMode::new(start, sigma, lambda)?;
        let rate = sigma.hypot(0.5 * lambda);
        let at = |i: u32| -> Answer<Point> {
            let scaled = f64::from(i) / 20.0;
            Ok(Point::new(scaled, mode.at(scaled / rate)?))
        };
        let points = (0..=160).map(at).collect::<Answer<_>>()?;
        curves.push(Series::new(format!("imbalance {lambda}"), Role::Theory, colour, points));
    }
    let sigma: DMatrix<f64> = DMatrix::from_diagonal(&DVector::from_vec(vec![1.6, 1.0, 0.6, 0.28]));
    let (mut theory, mut descent) = (Vec::new(), Vec::new());
    for exponent in -4..=12 {
        let lambda = (0.5 * f64::from(exponent)).exp2();
        let draw = BalancedDraw {
            inputs: 4,
            hidden: 4,
            outputs: 4,
            imbalance: lambda,
            strengths: vec![0.05, 0.04, 0.03, 0.02],
        };
        let (mut w1, mut w2) = draw.draw(&Stream::root(1).named("layers"))?;
        let flow = BalancedFlow::new(&w1, &w2, &sigma)?;
        let before = flow.at(0.0)?.kernel_operator();
        let change = |after: DMatrix<f64>| (after - &before).norm() / before.norm();
        theory.push(Point::new(lambda, change(flow.limit()?.kernel_operator())));
        if exponent % 2 == 0 {
            let rate = 0.01 / lambda.max(1.0);
            for _ in 0..20_000 {
                let error = &sigma - &w2 * &w1;
                (w1, w2) = (&w1 + w2.tr_mul(&error) * rate, &w2 + error * w1.transpose() * rate);
            }
            // The kernel between unit inputs, from the weights themselves.
            let (grams, unit) = ((w1.tr_mul(&w1), &w2 * w2.transpose()), DMatrix::<f64>::identity(4, 4));
            let kernel = unit.kronecker(&grams.1) + grams.0.kronecker(&unit);
            descent.push(Point::new(lambda, change(kernel)));
        }
    }
    Ok(Figure {
        name: "lazy-to-rich-imbalance".into(),
        title: "Two linear layers: the imbalance alone makes them lazy or rich".into(),
        caption: "Left: one mode from strength 0.001 to 1, time in units of its slowest rate. Right: how far the tangent kernel of a 4 x 4 problem \
                  has moved when training ends. Lines: closed form. Points: gradient descent, 20,000 steps."
            .into(),
        panels: vec![
            Panel {
                title: "From a sigmoid to an exponential".into(),
                x: Axis::linear("time times sqrt(1 + imbalance²/4)"),
                y: Axis::linear("strength"),
                series: curves,
            },
            Panel {
                title: "The kernel moves, or not".into(),
                x: Axis::log("imbalance"),
                y: Axis::log("relative change of the kernel"),
                series: vec![
                    Series::new("closed form", Role::Theory, 0, theory),
                    Series::new("descent", Role::Experiment, 0, descent),
                ],
            },
        ],
    })
}

/// Two layers of tanh on two examples.
fn richness() -> Answer<Figure> {
    // Inputs of two numbers with this kernel.
    let inputs =
        DMatrix::from_row_slice(2, 2, &[2f64.sqrt(), 0.0, 0.3 * 2f64.sqrt(), (2.0f64 * 0.71).sqrt()]);
    let kernel = &inputs * inputs.transpose() / 2.0;
    let targets = DVector::from_vec(vec![1.0, -0.5]);
    let problem = |gamma: f64| TwoLayer::new(kernel.clone(), targets.clone(), gamma);
    let grid = Grid { step: 0.35, time_step: 0.025 };
    let times: Vec<f64> = (0..=20).map(|i| f64::from(i) / 5.0).collect();
    let mut curves = Vec::new();
    let theta = lazy_kernel(&problem(1.0)?, &Standard::Tanh, &grid)?;
    let lazy = lazy_outputs(&problem(1.0)?, &theta, &times)?;
    let curve =
        |outputs: &[DVector<f64>]| times.iter().zip(outputs).map(|(t, f)| Point::new(*t, f[1])).collect();
    curves.push(Series::new("richness 0: the kernel", Role::Theory, 0, curve(&lazy)));
    for (colour, gamma) in [1.0, 2.0, 4.0].into_iter().enumerate() {
        let limit = grid.particles(&problem(gamma)?, &Standard::Tanh)?;
        let limit = limit.solve(&problem(gamma)?, &Standard::Tanh, &times, 0.025)?;
        curves.push(Series::new(
            format!("richness {gamma}"),
            Role::Theory,
            colour + 1,
            curve(&limit.outputs),
        ));
    }
    let (mut theory, mut nets) = (Vec::new(), Vec::new());
    for exponent in -6..=4 {
        let gamma = (0.5 * f64::from(exponent)).exp2();
        let units = grid.particles(&problem(gamma)?, &Standard::Tanh)?;
        let limit = units.solve(&problem(gamma)?, &Standard::Tanh, &[0.0, 4.0], 0.025)?;
        theory.push(Point::new(gamma, relative(&limit.features[1][1], &limit.features[0][0])));
        if exponent % 2 == 0 {
            let found = (0..16).map(|seed| {
                let mut net = Net::draw(gamma, 1024, 2, &Stream::root(seed).named("net"));
                let before = net.features(&inputs);
                (0..400).for_each(|_| net.step(&inputs, &targets, 0.01));
                relative(&net.features(&inputs), &before)
            });
            nets.push(Point::estimate(gamma, &stats::mean(&found.collect::<Vec<_>>(), 0.95)?));
        }
    }
    Ok(Figure {
        name: "lazy-to-rich-limit".into(),
        title: "Two layers of tanh: one parameter from the kernel to moving features".into(),
        caption: "Two examples. Left: the output on the second one, width infinite. Right: how far the features' kernel has moved at time 4. Line: \
                  the limit. Points: means over 16 nets of width 1,024 with 95% intervals."
            .into(),
        panels: vec![
            Panel {
                title: "The path changes".into(),
                x: Axis::linear("time"),
                y: Axis::linear("output, on its way to -0.5"),
                series: curves,
            },
            Panel {
                title: "The features move".into(),
                x: Axis::log("richness"),
                y: Axis::log("relative change of the features' kernel"),
                series: vec![
                    Series::new("infinite width", Role::Theory, 0, theory),
                    Series::new("width 1,024", Role::Experiment, 0, nets),
                ],
            },
        ],
    })
}

fn relative(after: &DMatrix<f64>, before: &DMatrix<f64>) -> f64 {
    (after - before).norm() / before.norm()
}

/// A net of finite width with its weights, and descent on its own loss.
struct Net {
    gamma: f64,
    a: DVector<f64>,
    w: DMatrix<f64>,
}

impl Net {
    /// Pairs of opposite read-out weights, so that the output starts at zero.
    fn draw(gamma: f64, m: usize, d: usize, stream: &Stream) -> Self {
        let (a, w): (DVector<f64>, DMatrix<f64>) =
            (stream.named("a").normal_vector(m / 2, 1.0), stream.named("w").normal_matrix(m / 2, d, 1.0));
        let sign = |i: usize| if i < m / 2 { 1.0 } else { -1.0 };
        Self {
            gamma,
            a: DVector::from_fn(m, |i, _| sign(i) * a[i % (m / 2)]),
            w: DMatrix::from_fn(m, d, |i, k| w[(i % (m / 2), k)]),
        }
    }

    /// `phi(h)`, units by inputs.
    fn hidden(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        (&self.w * x.transpose() / (x.ncols() as f64).sqrt()).map(f64::tanh)
    }

    fn features(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let hidden = self.hidden(x);
        hidden.tr_mul(&hidden) / self.a.len() as f64
    }

    fn step(&mut self, x: &DMatrix<f64>, y: &DVector<f64>, rate: f64) {
        let hidden = self.hidden(x);
        let missing = y - hidden.tr_mul(&self.a) / (self.gamma * self.a.len() as f64);
        let pull = DMatrix::from_fn(self.a.len(), x.nrows(), |i, mu| {
            self.a[i] * (1.0 - hidden[(i, mu)].powi(2)) * missing[mu]
        });
        self.a += hidden * missing * (rate * self.gamma);
        self.w += pull * x * (rate * self.gamma / (x.ncols() as f64).sqrt());
    }
}
