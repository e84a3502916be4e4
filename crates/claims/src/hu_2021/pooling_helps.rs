//! **hu-2021/pooling-helps.** Why a component is useful can be read off kernels: global average pooling makes the convolutional
//! NTK better on images, for what it averages over, the place of things, does not matter there.
//!
//! *Source.* Arora, Du, Hu, Li, Salakhutdinov, Wang 2019, table 1: on CIFAR-10, depth 4 to 21, 8 to 11 points. *Experiment.* Exact
//! kernels ([`overparam_ntk`]) of ReLU networks of 3 x 3 convolutions with zero padding, followed by global average pooling or by
//! flattening, and a linear layer; ridgeless regression on one-hot labels less 0.1. Digits are placed at random offsets, 0 to `s`
//! pixels each way, on a canvas of `(8 + s)^2`. Larger images are first averaged over squares of pixels, as two cores can pay: MNIST
//! and Fashion-MNIST to 7 x 7 (at paper scale 14 x 14), CIFAR-10 to 8 x 8 at smoke and 16 x 16 at standard scale (as it is at paper
//! scale). Training sets of a seed are nested, and both networks see the same images.
//!
//! *Predicted.* Both kernels have the same layers up to the last but one. With pooling it sums over all pairs of pixels, without
//! over pairs at the same place: a moved image is another image to the latter and nearly the same one to the former. So pooling
//! wins, and wins more, the further images move.
//!
//! *Tolerances.* At every `n`, wherever images move, accuracy with pooling is higher by 8 points in the mean, paired by seed
//! (the source's gains are 8 to 11; 2 points for images at rest), and the gain grows with `s` by a point per pixel (least squares
//! over `s` within a seed). Between 2 points and the control's mean of -2 lies too little for 32 draws of 24 test images. Images
//! that do not move (`s = 0`, digits centred by whoever collected them) are measured as well, and judged for CIFAR-10 alone,
//! where places vary by nature.
//!
//! *Size.* What two cores can pay: 20 ns a pair of pixels, a layer and a pair of images. A first smoke run (20 and 40 images) had gains
//! of 30 to 50 points at `s = 2`; a control of two seeds happened to have equal losses, hence no standard error, in both.
//!
//! *Control.* All images with their pixels in one fixed random order: the same information, but neither neighbours nor
//! translations mean anything.

mod experiment;

use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Source};
use overparam_eval::figure::{Axis, Figure, Panel, Point, Role, Series};
use overparam_eval::runs::Runs;
use overparam_eval::stats;
use overparam_eval::table::{Table, number};
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::images::Data;
use crate::summary::distinct;

/// Both networks on one draw of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// The images.
    pub data: Data,
    /// `s`, the largest offset in pixels.
    pub offset: usize,
    /// How often the images were averaged to half their height and width.
    #[serde(default, skip_serializing_if = "as_they_are")]
    pub halved: usize,
    /// Number of convolutions.
    pub depth: usize,
    /// Sizes of the nested training sets, ascending.
    pub examples: Vec<usize>,
    /// Test images.
    pub tests: usize,
    /// Whether pixels are in a random order.
    pub permuted: bool,
    /// Index of images, offsets and order.
    pub seed: u64,
}

/// Digits say nothing about it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn as_they_are(halved: &usize) -> bool {
    *halved == 0
}

/// Whether places vary by nature, so that images are left at rest.
fn at_rest(data: &Data) -> bool {
    data.name() == "cifar10"
}

/// Accuracies on the test images, one for each training set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// With global average pooling.
    pub pooled: Vec<f64>,
    /// Without.
    pub flat: Vec<f64>,
}

/// The least gain in accuracy on images that move: the least of the source's table.
const GAIN: f64 = 0.08;
/// The same on images at rest, where places vary by nature alone.
const GAIN_AT_REST: f64 = 0.02;
/// The least growth of the gain per pixel of offset.
const GROWTH: f64 = 0.01;

/// The claim.
pub struct PoolingHelps;

impl Claim for PoolingHelps {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "hu-2021/pooling-helps",
            statement: "Global average pooling makes the convolutional tangent kernel better on images, the more so the more \
                        things move in them.",
            formula: "Theta_pool(x, x') = mean over pixels p, q of Theta(x_p, x'_q); Theta_flat(x, x') = mean over p of \
                      Theta(x_p, x'_p)",
            sources: &[Source {
                citation: "Arora, Du, Hu, Li, Salakhutdinov, Wang: On Exact Computation with an Infinitely Wide Neural Net \
                           (NeurIPS 2019)",
                place: "table 1",
                url: "https://arxiv.org/abs/1904.11955",
            }],
            prediction: "higher accuracy with pooling at every number of training images, by a gain that grows with the range of \
                         translations",
            must_hold: "mean gain of 8 points at every n where images move (2 on CIFAR-10 as it is), growing by a point for every \
                        pixel of the offset",
            control: "pixels in one fixed random order",
            cpu_seconds: [25.0, 250.0, 10_000.0],
            size_ratio: [0.001, 0.001, 0.01],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, false)
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        grid(plan, true)
    }

    fn cost(&self, cell: &Cell) -> f64 {
        experiment::cost(cell)
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        experiment::run(cell, context)
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        runs.distinct(|cell| cell.data.clone()).iter().flat_map(|data| checks(runs, data)).collect()
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        distinct(runs, |r| r.cell.data.clone()).iter().map(|data| figure(runs, control, data)).collect()
    }

    fn tables(&self, runs: &[Run<Cell, Outcome>]) -> Vec<Table> {
        let head = ["data", "largest offset", "n", "with pooling", "without", "gain", "in standard errors"];
        let mut rows = Vec::new();
        for data in distinct(runs, |r| r.cell.data.clone()) {
            for offset in offsets(runs, &data) {
                for n in sizes(runs, &data) {
                    let (pooled, flat) = accuracies(runs, &data, offset, n);
                    let mean =
                        |x: &[f64]| stats::mean(x, 0.95).map_or_else(|_| String::new(), |m| number(m.value));
                    let paired = stats::paired(&pooled, &flat, 0.95).ok();
                    rows.push(vec![
                        data.name().into(),
                        offset.to_string(),
                        n.to_string(),
                        mean(&pooled),
                        mean(&flat),
                        paired.map_or_else(String::new, |p| number(p.difference.value)),
                        paired.and_then(|p| p.standard_errors).map_or_else(String::new, number),
                    ]);
                }
            }
        }
        let caption = "Mean accuracies over seeds, ridgeless kernel regression".into();
        vec![Table { caption, head: head.map(String::from).to_vec(), rows }]
    }
}

fn grid(plan: &Plan<'_>, permuted: bool) -> Vec<Cell> {
    let mut cells = Vec::new();
    for data in Data::all(plan.inputs) {
        let digits = data == Data::Digits;
        let offsets: &[usize] = match () {
            () if digits => plan.by_scale([&[0, 2][..], &[0, 2, 4], &[0, 2, 4, 6]]),
            () if at_rest(&data) => &[0],
            () => &[0, 4],
        };
        let (examples, tests): (&[usize], usize) = match () {
            () if digits => {
                plan.by_scale([(&[14][..], 24), (&[12, 24, 48], 96), (&[50, 100, 200, 400], 597)])
            }
            () if at_rest(&data) => {
                plan.by_scale([(&[20, 40][..], 40), (&[40, 80], 100), (&[100, 200, 400], 500)])
            }
            () => plan.by_scale([(&[14, 28][..], 36), (&[12, 24, 48], 96), (&[50, 100, 200, 400], 500)]),
        };
        let halved = match () {
            () if digits => 0,
            () if at_rest(&data) => plan.by_scale([2, 1, 0]),
            () => plan.by_scale([2, 2, 1]),
        };
        for seed in plan.seeds() {
            cells.extend(offsets.iter().map(|&offset| Cell {
                data: data.clone(),
                offset,
                halved,
                depth: plan.by_scale([2, 2, 3]),
                examples: examples.to_vec(),
                tests,
                permuted,
                seed,
            }));
        }
    }
    cells
}

fn offsets(runs: &[Run<Cell, Outcome>], data: &Data) -> Vec<usize> {
    distinct(&of(runs, data), |r| r.cell.offset)
}

fn sizes(runs: &[Run<Cell, Outcome>], data: &Data) -> Vec<usize> {
    of(runs, data).first().map_or_else(Vec::new, |r| r.cell.examples.clone())
}

fn of<'a>(runs: &'a [Run<Cell, Outcome>], data: &Data) -> Vec<&'a Run<Cell, Outcome>> {
    runs.iter().filter(|r| r.cell.data == *data).collect()
}

/// With and without pooling, a seed an entry.
fn accuracies(runs: &[Run<Cell, Outcome>], data: &Data, offset: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
    let here = of(runs, data).into_iter().filter(|r| r.cell.offset == offset);
    let at = |r: &Run<Cell, Outcome>| {
        let place = r.cell.examples.iter().position(|&size| size == n)?;
        Some((*r.outcome.pooled.get(place)?, *r.outcome.flat.get(place)?))
    };
    here.filter_map(at).unzip()
}

fn checks(runs: &Runs<'_, Cell, Outcome>, data: &Data) -> Vec<Check> {
    let still = at_rest(data);
    let here = runs.only(|cell| cell.data == *data);
    let name = data.name();
    let mut gain = Check::new(
        format!("gain-{name}"),
        format!("{name}: accuracy with pooling less without"),
        Bound::AtLeast(if still { GAIN_AT_REST } else { GAIN }),
    )
    .predicted("above 0 at every n")
    .because(if still {
        "paired by seed; two points are the least that would matter"
    } else {
        "paired by seed; the source's gains are 8 to 11 points"
    })
    .rival("pooling does not matter", 0.0)
    .control_fails()
    .mean();
    for offset in here.distinct(|cell| cell.offset).into_iter().filter(|&s| s > 0 || still) {
        let of = here.only(|cell| cell.offset == offset);
        for n in of.cells().next().map_or_else(Vec::new, |cell| cell.examples.clone()) {
            let at = |runs: &[&Run<Cell, Outcome>]| {
                let run = runs.first()?;
                let place = run.cell.examples.iter().position(|&size| size == n)?;
                Some(run.outcome.pooled.get(place)? - run.outcome.flat.get(place)?)
            };
            gain = gain.at(format!("offset {offset}, n = {n}"), of.draws(at));
        }
    }
    let mut checks = vec![gain];
    if !still {
        checks.push(
            Check::new(
                format!("growth-{name}"),
                format!("{name}: growth of the gain per pixel of offset"),
                Bound::AtLeast(GROWTH),
            )
            .predicted("above 0")
            .because("gain averaged over n, least squares over offsets, in a seed; one point per pixel")
            .rival("pooling helps whether things move or not", 0.0)
            .mean()
            .draws(here.draws(growth)),
        );
    }
    checks
}

/// The slope of the mean gain in the offset, of one seed.
fn growth(runs: &[&Run<Cell, Outcome>]) -> Option<f64> {
    let (x, y): (Vec<f64>, Vec<f64>) =
        runs.iter().map(|r| (r.cell.offset as f64, mean_gain(&r.outcome))).unzip();
    // Two points have no scatter to give an interval by, but they have a slope.
    let (mx, my) = (x.iter().sum::<f64>() / x.len() as f64, y.iter().sum::<f64>() / y.len() as f64);
    let square: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
    let product: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    (square > 0.0).then_some(product / square)
}

fn mean_gain(outcome: &Outcome) -> f64 {
    let gains: Vec<f64> = outcome.pooled.iter().zip(&outcome.flat).map(|(p, f)| p - f).collect();
    gains.iter().sum::<f64>() / gains.len() as f64
}

fn figure(runs: &[Run<Cell, Outcome>], control: &[Run<Cell, Outcome>], data: &Data) -> Figure {
    let mean = |values: &[f64]| stats::mean(values, 0.95).ok();
    let farthest = offsets(runs, data).into_iter().max().unwrap_or(0);
    let mut accuracy = Vec::new();
    for (colour, (name, pooled)) in [("pooling", true), ("no pooling", false)].into_iter().enumerate() {
        for (runs, role) in [(runs, Role::Experiment), (control, Role::Control)] {
            let point = |n: usize| {
                let (with, without) = accuracies(runs, data, farthest, n);
                Some(Point::estimate(n as f64, &mean(if pooled { &with } else { &without })?))
            };
            let label =
                if role == Role::Control { format!("{name}, pixels permuted") } else { name.to_owned() };
            let points = sizes(runs, data).into_iter().filter_map(point).collect();
            accuracy.push(Series::new(label, role, colour, points));
        }
    }
    let mut gains = Vec::new();
    for (runs, role, label) in
        [(runs, Role::Experiment, "images"), (control, Role::Control, "pixels permuted")]
    {
        let point = |offset: usize| {
            let here: Vec<f64> = of(runs, data)
                .iter()
                .filter(|r| r.cell.offset == offset)
                .map(|r| mean_gain(&r.outcome))
                .collect();
            Some(Point::estimate(offset as f64, &mean(&here)?))
        };
        let points = offsets(runs, data).into_iter().filter_map(point).collect();
        gains.push(Series::new(label, role, 2, points));
    }
    Figure {
        name: format!("pooling-helps-{}", data.name()),
        title: format!("Convolutional tangent kernels with and without pooling ({})", data.name()),
        caption: format!(
            "Left: test accuracy of ridgeless kernel regression, images moved by up to {farthest} pixels. Right: what pooling gains, \
             mean over training sets, against the range of the moves. Means over seeds with 95% intervals; hollow: pixels in a \
             fixed random order."
        ),
        panels: vec![
            Panel {
                title: "Accuracy".into(),
                x: Axis::log("training images n"),
                y: Axis::linear("test accuracy"),
                series: accuracy,
            },
            Panel {
                title: "Gain".into(),
                x: Axis::linear("largest offset s (pixels)"),
                y: Axis::linear("accuracy with less without pooling"),
                series: gains,
            },
        ],
    }
}
