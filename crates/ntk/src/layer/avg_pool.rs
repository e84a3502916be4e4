//! Average over windows (Novak et al. 2019; [`super::pool`]).

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use super::pool::Pool;
use super::rule::{Entry, Place, Rule};
use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{Pass, image, vector};
use crate::finite::plan::{Planner, after_window};
use crate::shape::{Padding, Point, Shape, windowed};

/// Average over windows.
#[derive(Debug, Clone, PartialEq)]
pub struct AvgPool(pub Pool);

impl Rule for AvgPool {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn settings(&self) -> String {
        self.0.in_words()
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        let Pool { window, strides, padding } = self.0;
        Ok(Point { shape: windowed(here.shape, window, strides, padding, at)?, ..here })
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here
    }

    fn mixes_pixels(&self) -> bool {
        true
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        let area = (self.0.window[0] * self.0.window[1]) as f64;
        steps.push(self.0.step(area.powi(-2), place)?);
        Ok(())
    }

    fn plan(&self, _: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let Pool { window, strides, padding } = self.0;
        Ok((Spec::default(), after_window(here, window, strides, padding, at)?))
    }

    fn apply<T: Real>(&self, _: &mut Pass<'_, T>, _: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        vector(image(x).avg_pool(self.0.window, self.0.strides, self.0.padding))
    }
}

impl Entry for AvgPool {
    const NAME: &'static str = "avg_pool";

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
