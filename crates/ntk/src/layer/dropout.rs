//! Inverted dropout as during training: each unit is kept with probability `keep` and then divided by it.
//!
//! `q' = q / keep` for an input with itself; masks of different inputs are independent, so that their covariance stays (Schoenholz et
//! al. 2017). Cost: a product and a difference per pair, for the margin.

use overparam_tensor::Tensor;
use overparam_tensor::linalg::Real;
use serde_json::{Value, json};

use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::geometry::Geometry;
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::step::{FieldMap, Step};
use crate::field::variances::Variances;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::pair::DirectMargin;
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape};

/// Inverted dropout as during training: each unit is kept with probability `keep` and then divided by it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability of keeping a unit, in `(0, 1]`.
    pub keep: f64,
}

impl Rule for Dropout {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn settings(&self) -> String {
        format!(" keeping {}", self.keep)
    }

    fn limit(&self, here: Point, _: &str) -> Result<Point, NtkError> {
        Ok(Point { gaussian: false, ..here })
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here
    }

    fn steps<T: Real>(&self, _: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        steps.push(Step::of(Masks { gain: T::of(1.0 / self.keep) }));
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        if !(self.keep > 0.0 && self.keep <= 1.0) {
            let reason = format!("keep = {}: expected a probability in (0, 1]", self.keep);
            return Err(NtkError::Layer { at: at.to_owned(), reason });
        }
        planner.masks.push((here, self.keep));
        Ok((Spec::default(), here))
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        pass.masks.next().map_or_else(|| x.clone(), |mask| x * mask)
    }
}

impl Entry for Dropout {
    const NAME: &'static str = "dropout";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let keep = f
            .number("keep", "a probability in (0, 1]", |p| p > 0.0 && p <= 1.0)?
            .ok_or_else(|| f.missing("keep"))?;
        f.finish()?;
        Ok(Self { keep })
    }

    fn write(&self) -> Value {
        json!({"keep": self.keep})
    }

    fn examples(_: usize) -> Vec<Self> {
        vec![Self { keep: 0.7 }]
    }
}

/// Masks of different inputs are independent: the covariance stays, the variances grow.
#[derive(Debug, Clone)]
struct Masks<T> {
    gain: T,
}

impl<T: Real> FieldMap<T> for Masks<T> {
    fn advance(&self, before: &Variances<T>, _: &mut Scratch<T>) -> Variances<T> {
        Variances::new(before.q.iter().map(|&q| q * self.gain).collect())
    }

    fn apply(&self, field: &mut Field<T>, sides: Sides<'_, T>, _: &mut Scratch<T>) {
        lines::sweep(DirectMargin, field, sides);
        if let Some(shift) = field.same {
            repeat_masks(self.gain, shift, field);
        }
    }

    fn keeps_distance(&self) -> bool {
        true
    }
}

/// Dropout of an input with itself: the same mask twice.
fn repeat_masks<T: Real>(gain: T, shift: isize, field: &mut Field<T>) {
    let mut hit = |i: usize| {
        field.k[i] *= gain;
        field.ntk[i] *= gain;
        field.m[i] = T::of(0.0);
    };
    match field.geometry {
        Geometry::Tile { rows, columns } => {
            for r in 0..rows {
                if let Some(c) = r.checked_add_signed(shift).filter(|&c| c < columns) {
                    hit(r * columns + c);
                }
            }
        }
        Geometry::Pixels { height, width } => {
            (0..height * width).for_each(|p| hit(Geometry::pixel_pair(height, width, p, p)));
        }
        Geometry::Slab { height, width, distance } => {
            let own = if distance == 0 { height * width } else { 0 };
            (0..own).for_each(|p| hit(p * width + p % width));
        }
        Geometry::Diagonal { height, width } => (0..height * width).for_each(hit),
    }
}
