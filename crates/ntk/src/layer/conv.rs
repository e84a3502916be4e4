//! Two-dimensional convolution: with filter area `F` and taps `d`,
//!
#![doc = overparam_formula::formula!("k'(p, r)   = w^2/F sum_d k(p + d, r + d) + b^2" "ntk'(p, r) = k'(p, r) + w^2/F sum_d ntk(p + d, r + d)")]
//!
//! (Novak et al. 2019; Garriga-Alonso et al. 2019; Arora et al. 2019). The sums and their margins are in
//! `field/convolution.rs`. Cost: one addition per tap and pair of pixels, rows and columns of the filter one after the other.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::pool::in_words;
use super::rule::{Entry, Place, Rule, bias_in_words, with_bias};
use crate::NtkError;
use crate::field::affine::Affine;
use crate::field::convolution::Convolution;
use crate::field::step::Step;
use crate::field::window::Window;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::{Pass, image, scaled_product, vector};
use crate::finite::plan::{Planner, after_window, positive};
use crate::finite::ties::{Ties, Width};
use crate::schema::fields::{Fields, word_of};
use crate::shape::{PADDINGS, Padding, Point, Shape, windowed};

/// Two-dimensional convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Number of output channels.
    pub channels: usize,
    /// Height and width of the filter.
    pub filter: [usize; 2],
    /// Vertical and horizontal stride.
    pub strides: [usize; 2],
    /// What stands outside the image.
    pub padding: Padding,
    /// Standard deviation of the weights before scaling by `1/sqrt(fan_in)`, fan-in = channels times filter size.
    pub w_std: f64,
    /// As [`super::Dense::b_std`].
    pub b_std: Option<f64>,
}

/// A convolution with `w_std = 1`, no bias, strides 1 and [`Padding::Valid`].
pub fn conv(channels: usize, filter: [usize; 2]) -> Conv {
    Conv { channels, filter, strides: [1, 1], padding: Padding::Valid, w_std: 1.0, b_std: None }
}

impl Conv {
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

    /// Sets the strides.
    #[must_use]
    pub fn strides(mut self, strides: [usize; 2]) -> Self {
        self.strides = strides;
        self
    }

    /// Sets the padding.
    #[must_use]
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }
}

impl Rule for Conv {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn settings(&self) -> String {
        let window = in_words(self.filter, self.strides, self.padding);
        format!(" {window}, w_std {}{}", self.w_std, bias_in_words(self.b_std))
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        let shape = windowed(here.shape, self.filter, self.strides, self.padding, at)?;
        Ok(Point { shape, ..here }.fresh(self.channels))
    }

    fn has_zero_mean(&self, _: bool) -> bool {
        true
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        let Place { shape, parameterization, at } = *place;
        let out = windowed(shape, self.filter, self.strides, self.padding, at)?;
        let area = self.filter[0] * self.filter[1];
        let affine = Affine::new(parameterization, self.w_std, self.b_std, shape.channels, area);
        steps.push(if self.filter == [1, 1] && self.strides == [1, 1] {
            Step::of(affine)
        } else {
            let window = Window::over(shape, out, self.filter, self.strides, self.padding);
            if shape.pixels() == 1 {
                let taps = window.sources(0).flatten().count();
                Step::of(affine.repeated(taps))
            } else {
                Step::of(Convolution::new(window, affine))
            }
        });
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let channels = positive(self.channels, "channels", at)?;
        let output = after_window(here, self.filter, self.strides, self.padding, at)?;
        let output = Shape { channels, ..output };
        let window = Window::over(here, output, self.filter, self.strides, self.padding);
        let mut spec = planner.affine(here, output, Some((window, self.filter)), (self.w_std, self.b_std));
        for draw in &mut spec.weights {
            draw.shape = vec![self.filter[0], self.filter[1], here.channels, channels];
        }
        Ok((spec, output))
    }

    fn tie(&self, ties: &mut Ties, _: Width) -> Width {
        ties.own()
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        visit(at, &mut self.channels);
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        let weight = &params.weights[0];
        let scales = pass.scales(self.w_std, weight, self.b_std);
        let x = image(x);
        let y =
            scaled_product(weight, scales.weight, true, |w| vector(x.conv2d(w, self.strides, self.padding)));
        pass.affine(&x, y, params.bias.as_ref(), scales)
    }
}

impl Entry for Conv {
    const NAME: &'static str = "conv";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let layer = Self {
            channels: f.count("channels")?.ok_or_else(|| f.missing("channels"))?,
            filter: f.pair("filter")?.ok_or_else(|| f.missing("filter"))?,
            strides: f.pair("strides")?.unwrap_or([1, 1]),
            padding: f.word("padding", &PADDINGS)?.unwrap_or_default(),
            w_std: f.std("w_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        };
        f.finish()?;
        Ok(layer)
    }

    fn write(&self) -> Value {
        with_bias(
            json!({"channels": self.channels, "filter": self.filter, "strides": self.strides,
                   "padding": word_of(&self.padding, &PADDINGS), "w_std": self.w_std}),
            self.b_std,
        )
    }

    fn examples(width: usize) -> Vec<Self> {
        PADDINGS.map(|(_, padding)| conv(width, [2, 2]).padding(padding).w_std(1.3).b_std(0.3)).to_vec()
    }
}
