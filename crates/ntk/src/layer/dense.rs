//! Fully connected layer on the channel axis: on images, a 1 x 1 convolution.
//!
#![doc = overparam_formula::formula!("f'   = w/sqrt(n) W phi + b B,     W, B iid N(0, 1),     n inputs" "k'   = w^2 k + b^2" "ntk' = k' + w^2 ntk")]
//!
//! (Jacot, Gabriel, Hongler 2018); in standard parameterisation `ntk' = n k + 1 + w^2 ntk` (Sohl-Dickstein et al. 2020). Cost: two
//! multiply-adds per pair, with a bias a division more for the margin.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::rule::{Entry, Place, Rule, bias_in_words, with_bias};
use crate::NtkError;
use crate::field::affine::Affine;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{FEW, Pass, scaled_product};
use crate::finite::plan::{Planner, positive};
use crate::finite::ties::{Ties, Width};
use crate::schema::fields::Fields;
use crate::shape::{Point, Shape};

/// Fully connected layer on the channel axis: on images, a 1 x 1 convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Number of outputs; at infinite width it matters in standard parameterisation and in concatenations only.
    pub width: usize,
    /// Standard deviation of the weights before fan-in scaling, `>= 0`.
    pub w_std: f64,
    /// Standard deviation of the bias; `None` is a layer without bias, which in standard parameterisation differs
    /// from a trainable bias that starts at zero.
    pub b_std: Option<f64>,
}

/// A dense layer with `w_std = 1` and no bias.
pub fn dense(width: usize) -> Dense {
    Dense { width, w_std: 1.0, b_std: None }
}

impl Dense {
    /// Sets `w_std`.
    #[must_use]
    pub fn w_std(mut self, w_std: f64) -> Self {
        self.w_std = w_std;
        self
    }

    /// Adds a bias of standard deviation `b_std`.
    #[must_use]
    pub fn b_std(mut self, b_std: f64) -> Self {
        self.b_std = Some(b_std);
        self
    }
}

impl Rule for Dense {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn settings(&self) -> String {
        format!(" w_std {}{}", self.w_std, bias_in_words(self.b_std))
    }

    fn limit(&self, here: Point, _: &str) -> Result<Point, NtkError> {
        Ok(here.fresh(self.width))
    }

    fn has_zero_mean(&self, _: bool) -> bool {
        true
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        let affine = Affine::new(place.parameterization, self.w_std, self.b_std, place.shape.channels, 1);
        steps.push(Step::of(affine));
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let output = Shape { channels: positive(self.width, "width", at)?, ..here };
        Ok((planner.affine(here, output, None, (self.w_std, self.b_std)), output))
    }

    fn tie(&self, ties: &mut Ties, _: Width) -> Width {
        ties.own()
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        visit(at, &mut self.width);
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        let weight = &params.weights[0];
        let scales = pass.scales(self.w_std, weight, self.b_std);
        let few = weight.shape()[0] <= FEW;
        let y = scaled_product(weight, scales.weight, few, |w| x.matmul(w));
        pass.affine(x, y, params.bias.as_ref(), scales)
    }
}

impl Entry for Dense {
    const NAME: &'static str = "dense";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let layer = Self {
            width: f.count("width")?.ok_or_else(|| f.missing("width"))?,
            w_std: f.std("w_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        };
        f.finish()?;
        Ok(layer)
    }

    fn write(&self) -> Value {
        with_bias(json!({"width": self.width, "w_std": self.w_std}), self.b_std)
    }

    fn examples(width: usize) -> Vec<Self> {
        vec![dense(width).w_std(1.3).b_std(0.3)]
    }
}
