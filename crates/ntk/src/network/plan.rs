//! What a finite network needs that its infinite limit does not: widths that fit, and the list of its affine maps.
//!
//! Unlike the shape calculus of the kernel, every order of layers is allowed: maxima, and nonlinearities after
//! nonlinearities, have no limit but run. In return, widths are real: branches that are added must be equally wide.

use super::params::{Draw, Spec};
use crate::architecture::shape::{Shape, place, windowed};
use crate::architecture::{Combine, Conv, Layer, Padding, Parameterization};
use crate::kernel::window::Window;
use crate::{Architecture, NtkError};

/// Factors of an affine map `y = weight W x + bias b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scales {
    pub(crate) weight: f64,
    pub(crate) bias: f64,
}

impl Scales {
    /// `w_std / sqrt(fan_in)` and `b_std` in NTK parameterisation; 1 and 1, the factors being in the draws, in the standard one.
    pub(crate) fn new(
        parameterization: Parameterization,
        w_std: f64,
        fan_in: usize,
        b_std: Option<f64>,
    ) -> Self {
        match parameterization {
            Parameterization::Ntk => {
                Self { weight: w_std / (fan_in as f64).sqrt(), bias: b_std.unwrap_or(0.0) }
            }
            Parameterization::Standard => Self { weight: 1.0, bias: f64::from(u8::from(b_std.is_some())) },
        }
    }
}

/// One affine map with parameters of its own, in the order in which the network runs them.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    /// The window of a convolution; without one the map acts on channels.
    pub(crate) window: Option<Window>,
    /// Filter area.
    pub(crate) taps: usize,
    pub(crate) scales: Scales,
    pub(crate) has_bias: bool,
}

impl Site {
    /// Inputs of one output number.
    pub(crate) fn fan_in(&self) -> usize {
        self.taps * self.input.channels
    }
}

/// The walk over the layers.
pub(super) struct Planner {
    parameterization: Parameterization,
    pub(super) sites: Vec<Site>,
    /// Shape of one example, keep probability.
    pub(super) masks: Vec<(Shape, f64)>,
}

impl Planner {
    pub(super) fn new(architecture: &Architecture) -> Self {
        Self { parameterization: architecture.parameterization, sites: Vec::new(), masks: Vec::new() }
    }

    pub(super) fn walk(
        &mut self,
        layers: &[Layer],
        start: Shape,
        prefix: &str,
    ) -> Result<(Vec<Spec>, Shape), NtkError> {
        let mut here = start;
        let mut specs = Vec::with_capacity(layers.len());
        for (i, layer) in layers.iter().enumerate() {
            let (spec, next) = self.step(layer, here, &place(layer, i, prefix))?;
            specs.push(spec);
            here = next;
        }
        Ok((specs, here))
    }

    fn step(&mut self, layer: &Layer, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let plain = |shape: Shape| Ok((Spec::default(), shape));
        match layer {
            Layer::Dense(dense) => {
                let output = Shape { channels: positive(dense.width, "width", at)?, ..here };
                Ok((self.affine(here, output, None, (dense.w_std, dense.b_std)), output))
            }
            Layer::Conv(conv) => self.conv(conv, here, at),
            Layer::AvgPool(pool) | Layer::SumPool(pool) | Layer::MaxPool(pool) => {
                plain(moved(here, pool.window, pool.strides, pool.padding, at)?)
            }
            Layer::GlobalAvgPool | Layer::GlobalSumPool => plain(Shape { height: 1, width: 1, ..here }),
            Layer::Flatten => plain(Shape::vector(here.pixels() * here.channels)),
            Layer::LayerNorm(_) | Layer::Activation(_) => plain(here),
            Layer::Dropout(dropout) => {
                if !(dropout.keep > 0.0 && dropout.keep <= 1.0) {
                    let reason = format!("keep = {}: expected a probability in (0, 1]", dropout.keep);
                    return Err(NtkError::Layer { at: at.to_owned(), reason });
                }
                self.masks.push((here, dropout.keep));
                plain(here)
            }
            Layer::GlobalSelfAttention(attention) => {
                let output = Shape { channels: positive(attention.channels, "channels", at)?, ..here };
                let key = (attention.w_query_std * attention.w_key_std).sqrt();
                let mut spec = self.affine(here, output, None, (key, None));
                let value = self.affine(here, output, None, (attention.w_value_std, None));
                let out = self.affine(output, output, None, (attention.w_out_std, attention.b_std));
                spec.weights.extend(value.weights.into_iter().chain(out.weights));
                spec.bias = out.bias;
                Ok((spec, output))
            }
            Layer::Residual(branch) => {
                let (specs, end) = self.walk(branch, here, &format!("{at}, "))?;
                let shape = merge(&[here, end], Combine::Sum, at)?;
                Ok((Spec { branches: vec![specs], ..Spec::default() }, shape))
            }
            Layer::Parallel { branches, combine } => {
                let (mut specs, mut ends) = (Vec::new(), Vec::new());
                for (i, branch) in branches.iter().enumerate() {
                    let (spec, end) = self.walk(branch, here, &format!("{at}, branch {}, ", i + 1))?;
                    specs.push(spec);
                    ends.push(end);
                }
                Ok((Spec { branches: specs, ..Spec::default() }, merge(&ends, *combine, at)?))
            }
        }
    }

    fn conv(&mut self, conv: &Conv, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let channels = positive(conv.channels, "channels", at)?;
        let output = Shape { channels, ..moved(here, conv.filter, conv.strides, conv.padding, at)? };
        let (input, to) = ((here.height, here.width), (output.height, output.width));
        let window = Window::along_both(input, to, conv.filter, conv.strides, conv.padding);
        let mut spec = self.affine(here, output, Some((window, conv.filter)), (conv.w_std, conv.b_std));
        for draw in &mut spec.weights {
            draw.shape = vec![conv.filter[0], conv.filter[1], here.channels, channels];
        }
        Ok((spec, output))
    }

    fn affine(
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
        self.sites.push(Site { input, output, window, taps, scales, has_bias: b_std.is_some() });
        let (weight, bias) = match self.parameterization {
            Parameterization::Ntk => (1.0, 1.0),
            Parameterization::Standard => (w_std / (fan_in as f64).sqrt(), b_std.unwrap_or(0.0)),
        };
        Spec {
            weights: vec![Draw { shape: vec![fan_in, output.channels], std: weight }],
            bias: b_std.map(|_| Draw { shape: vec![output.channels], std: bias }),
            branches: Vec::new(),
        }
    }
}

fn positive(width: usize, field: &str, at: &str) -> Result<usize, NtkError> {
    if width == 0 {
        let reason = format!("{field} = 0: a finite network needs at least 1");
        return Err(NtkError::Layer { at: at.to_owned(), reason });
    }
    Ok(width)
}

fn moved(
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

fn merge(ends: &[Shape], combine: Combine, at: &str) -> Result<Shape, NtkError> {
    let refuse = |reason: String| Err(NtkError::Layer { at: at.to_owned(), reason });
    let Some(first) = ends.first() else { return refuse("there are no branches".into()) };
    let pixels = |s: &Shape| (s.height, s.width);
    let differs = |end: &&Shape| {
        pixels(end) != pixels(first) || (combine != Combine::Concat && end.channels != first.channels)
    };
    if let Some(end) = ends.iter().find(differs) {
        let words = |s: &Shape| format!("{} x {} pixels of {} channels", s.height, s.width, s.channels);
        return refuse(format!(
            "branches end in {} and {}: in a finite network they must fit",
            words(first),
            words(end)
        ));
    }
    let channels = match combine {
        Combine::Concat => ends.iter().map(|end| end.channels).sum(),
        Combine::Sum | Combine::Product => first.channels,
    };
    Ok(Shape { channels, ..*first })
}
