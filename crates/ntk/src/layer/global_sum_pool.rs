//! Sum over all pixels: `k' = f sum_pr k(p, r)`, `ntk' = f sum_pr ntk(p, r)` with `f` 1 (Novak et al. 2019). Cost: one addition per
//! pair of pixels.

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use super::global_pool;
use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{Pass, image};
use crate::finite::plan::Planner;
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape};

/// Sum over all pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalSumPool;

impl Rule for GlobalSumPool {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn limit(&self, here: Point, _: &str) -> Result<Point, NtkError> {
        Ok(Point { shape: global_pool::shape(here.shape), ..here })
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here
    }

    fn mixes_pixels(&self) -> bool {
        true
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        if place.shape.pixels() > 1 {
            steps.push(global_pool::step(1.0));
        }
        Ok(())
    }

    fn plan(&self, _: &mut Planner, here: Shape, _: &str) -> Result<(Spec, Shape), NtkError> {
        Ok((Spec::default(), global_pool::shape(here)))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        image(x).sum_axes(&[1, 2])
    }
}

impl Entry for GlobalSumPool {
    const NAME: &'static str = "global_sum_pool";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        Fields::new(at, body)?.finish()?;
        Ok(Self)
    }

    fn examples(_: usize) -> Vec<Self> {
        vec![Self]
    }
}
