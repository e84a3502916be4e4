//! Maximum over windows: a finite network only, it has no kernel.

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use super::pool::Pool;
use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{Pass, image, vector};
use crate::finite::plan::{Planner, after_window};
use crate::shape::{Padding, Point, Shape, no_limit};

/// Maximum over windows: a finite network only, it has no kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct MaxPool(pub Pool);

impl Rule for MaxPool {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn settings(&self) -> String {
        self.0.in_words()
    }

    fn limit(&self, _: Point, at: &str) -> Result<Point, NtkError> {
        Err(no_limit(
            at,
            "the covariance of a maximum over a window depends on the joint law of all its pixels, which is no function of \
             pairwise covariances of outputs; use avg_pool or sum_pool",
        ))
    }

    fn has_zero_mean(&self, _: bool) -> bool {
        false
    }

    fn steps<T: Real>(&self, place: &Place<'_>, _: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        self.limit(Point::start(place.shape), place.at).map(|_| ())
    }

    fn plan(&self, _: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let Pool { window, strides, padding } = self.0;
        Ok((Spec::default(), after_window(here, window, strides, padding, at)?))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        vector(image(x).max_pool(self.0.window, self.0.strides, self.0.padding))
    }
}

impl Entry for MaxPool {
    const NAME: &'static str = "max_pool";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        Pool::read(body, at).map(Self)
    }

    fn write(&self) -> Value {
        self.0.write()
    }

    fn examples(_: usize) -> Vec<Self> {
        vec![Self(Pool { window: [2, 2], strides: [1, 1], padding: Padding::Same })]
    }
}
