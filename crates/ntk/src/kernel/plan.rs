//! The compiled form of an architecture: what each layer does to the moments of a pair of inputs.

use overparam_tensor::linalg::Real;

use crate::NtkError;
use crate::architecture::Architecture;
use crate::field::step::{Slabs, Step};
use crate::layer::rule::{self, Place, Rule};
use crate::shape::{Point, Shape};

/// An architecture compiled for one input shape.
#[derive(Debug, Clone)]
pub(crate) struct Plan<T: Real> {
    pub(crate) steps: Vec<Step<T>>,
    pub(crate) input: Shape,
    /// Covariances between different pixels are needed at the input.
    pub(crate) full: bool,
}

impl<T: Real> Plan<T> {
    pub(crate) fn new(architecture: &Architecture, input: Shape) -> Result<Self, NtkError> {
        if input.pixels() == 0 || input.channels == 0 {
            return Err(NtkError::input("inputs", format!("an input of shape {input:?} is empty")));
        }
        let start = Point::start(input);
        let points = rule::walk(&architecture.layers, start, "")?;
        let end = points.last().map_or(input, |point| point.shape);
        if end.pixels() > 1 {
            return Err(NtkError::Layer {
                at: format!("layer {} (the last)", architecture.layers.len()),
                reason: format!(
                    "the output is still an image of {} x {} pixels; end in flatten, global_avg_pool or global_sum_pool",
                    end.height, end.width
                ),
            });
        }
        // Which covariances each position needs: all, as long as some later layer sums over pairs of pixels.
        let last = architecture
            .layers
            .iter()
            .zip(&points)
            .rposition(|(l, p)| p.shape.pixels() > 1 && l.mixes_pixels());
        let full = last.is_some();
        let parameterization = architecture.parameterization;
        let mut steps = Vec::new();
        for (i, (layer, point)) in architecture.layers.iter().zip(&points).enumerate() {
            let at = rule::place(layer, i, "");
            layer.steps(&Place { shape: point.shape, parameterization, at: &at }, &mut steps)?;
            if last == Some(i) && points[i + 1].shape.pixels() > 1 {
                steps.push(Step::Diagonal { pixels: points[i + 1].shape.pixels() });
            }
        }
        let steps = if full { group(steps) } else { steps };
        Ok(Self { steps, input, full })
    }
}

/// Groups runs of steps that never mix rows of different distance, up to the first step after which there is one pixel only.
fn group<T: Real>(steps: Vec<Step<T>>) -> Vec<Step<T>> {
    let mut grouped: Vec<Step<T>> = Vec::new();
    let mut whole = true;
    for step in steps {
        let total = match &step {
            Step::Map(map) => map.total(),
            _ => None,
        };
        match (total, grouped.last_mut()) {
            (Some(factor), Some(Step::Slabs(slabs))) if whole && slabs.global.is_none() => {
                slabs.global = Some(factor);
                whole = false;
            }
            (_, last) if whole && keeps_distance(&step) => match last {
                Some(Step::Slabs(slabs)) => slabs.steps.push(step),
                _ => grouped.push(Step::Slabs(Slabs { steps: vec![step], global: None })),
            },
            _ => {
                whole &= match &step {
                    Step::Map(map) => !map.leaves_one_pixel(),
                    Step::Diagonal { .. } => false,
                    Step::Branches(_) | Step::Slabs(_) => true,
                };
                grouped.push(step);
            }
        }
    }
    grouped
}

fn keeps_distance<T: Real>(step: &Step<T>) -> bool {
    match step {
        Step::Map(map) => map.keeps_distance(),
        Step::Branches(branches) => branches.steps.iter().flatten().all(keeps_distance),
        Step::Slabs(_) | Step::Diagonal { .. } => false,
    }
}
