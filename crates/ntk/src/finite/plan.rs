//! What a finite network needs that its infinite limit does not: widths that fit, and the list of its affine maps.
//!
//! Unlike the shape calculus of the kernel, every order of layers is allowed: maxima, and nonlinearities after
//! nonlinearities, have no limit but run. In return, widths are real: branches that are added must be equally wide.

use super::params::{Draw, Spec};
use crate::NtkError;
use crate::field::window::Window;
use crate::parameterization::{Parameterization, Scales, draws};
use crate::shape::{Padding, Shape, windowed};

/// One affine map with parameters of its own, in the order in which the network runs them.
#[derive(Debug, Clone)]
pub(crate) struct AffineMap {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// The window of a convolution; without one the map acts on channels.
    pub(crate) window: Option<Window>,
    /// Filter area.
    pub(crate) taps: usize,
    pub(crate) scales: Scales,
    pub(crate) has_bias: bool,
}

impl AffineMap {
    /// Inputs of one output number.
    pub(crate) fn fan_in(&self) -> usize {
        self.taps * self.input.channels
    }
}

/// What layers add to, one after another.
#[derive(Debug)]
pub(crate) struct Planner {
    pub(crate) parameterization: Parameterization,
    pub(crate) maps: Vec<AffineMap>,
    /// Shape of one example, keep probability.
    pub(crate) masks: Vec<(Shape, f64)>,
}

impl Planner {
    pub(crate) fn new(parameterization: Parameterization) -> Self {
        Self { parameterization, maps: Vec::new(), masks: Vec::new() }
    }

    /// Adds an affine map with weights of its own; what it has to draw.
    pub(crate) fn affine(
        &mut self,
        input: Shape,
        output: Shape,
        window: Option<(Window, [usize; 2])>,
        (w_std, b_std): (f64, Option<f64>),
    ) -> Spec {
        let taps = window.as_ref().map_or(1, |(_, filter)| filter[0] * filter[1]);
        let fan_in = taps * input.channels;
        let scales = Scales::new(self.parameterization, w_std, fan_in, b_std);
        let window = window.map(|(window, _)| window);
        self.maps.push(AffineMap { input, output, window, taps, scales, has_bias: b_std.is_some() });
        let (weight, bias) = draws(self.parameterization, w_std, fan_in, b_std);
        Spec {
            weights: vec![Draw { shape: vec![fan_in, output.channels], std: weight }],
            bias: b_std.map(|_| Draw { shape: vec![output.channels], std: bias }),
            branches: Vec::new(),
        }
    }
}

/// Refuses a width of zero.
pub(crate) fn positive(width: usize, field: &str, at: &str) -> Result<usize, NtkError> {
    if width == 0 {
        let reason = format!("{field} = 0: a finite network needs at least 1");
        return Err(NtkError::Layer { at: at.to_owned(), reason });
    }
    Ok(width)
}

/// The shape after a window has moved over an image.
pub(crate) fn after_window(
    shape: Shape,
    window: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    at: &str,
) -> Result<Shape, NtkError> {
    if window.iter().chain(&strides).any(|&n| n == 0) {
        let reason = format!("window {window:?} with strides {strides:?} has a zero");
        return Err(NtkError::Layer { at: at.to_owned(), reason });
    }
    windowed(shape, window, strides, padding, at)
}
