//! The compiled form of an architecture: what each layer does to the moments of a pair of inputs.

use overparam_tensor::linalg::Real;

use super::attention::Attention;
use super::conv::Convolution;
use super::lines;
use super::pointwise::{Affine, Pointwise};
use super::segment;
use super::window::Window;
use crate::NtkError;
use crate::activation::Activation;
use crate::activation::erf::Erf;
use crate::activation::exponential::Exponential;
use crate::activation::gelu::Gelu;
use crate::activation::kinked::Kinked;
use crate::activation::pair::{Moments, Pair};
use crate::activation::rectified::Rectified;
use crate::activation::series::{self, Series};
use crate::activation::sign::Sign;
use crate::activation::wave::Wave;
use crate::architecture::shape::{self, Point, Shape};
use crate::architecture::{Architecture, Combine, Layer, Padding, Parameterization, Pool};

/// The dual map of an activation, constants ready.
#[derive(Debug, Clone)]
pub(crate) enum Dual {
    Kinked(f64, f64),
    Closed(Closed),
    Series(Series),
}

/// Closed forms beside those of piecewise linear functions.
#[derive(Debug, Clone)]
pub(crate) enum Closed {
    Erf(Erf),
    Gelu(Gelu),
    Wave(Wave),
    Exponential(Exponential),
    Sign(Sign),
    /// Evaluated one pair at a time in f64.
    Rectified(Rectified),
}

impl Dual {
    pub(crate) fn new(activation: &Activation) -> Result<Self, NtkError> {
        let monomial = |degree: u32| {
            let mut coefficients = vec![0.0; degree as usize];
            coefficients.push(1.0);
            series::polynomial(coefficients)
        };
        Ok(match activation {
            Activation::AbRelu { a, b } => Self::Kinked(*a, *b),
            Activation::RectifiedMonomial { degree: 1 } => Self::Kinked(0.0, 1.0),
            Activation::Erf => Self::Closed(Closed::Erf(Erf)),
            Activation::Gelu => Self::Closed(Closed::Gelu(Gelu)),
            Activation::Sin { a, b, c } => Self::Closed(Closed::Wave(Wave::sine(*a, *b, *c))),
            Activation::Cos { a, b, c } => Self::Closed(Closed::Wave(Wave::cosine(*a, *b, *c))),
            Activation::Rbf { gamma } => Self::Closed(Closed::Wave(Wave::rbf(*gamma))),
            Activation::Exp { a, b } => Self::Closed(Closed::Exponential(Exponential::new(*a, *b))),
            Activation::Sign => Self::Closed(Closed::Sign(Sign)),
            Activation::RectifiedMonomial { degree } => {
                Self::Closed(Closed::Rectified(Rectified::new(*degree)))
            }
            Activation::Monomial { degree } => Self::Series(Series::new(monomial(*degree))?),
            Activation::Polynomial { coefficients } => {
                Self::Series(Series::new(series::polynomial(coefficients.clone()))?)
            }
            Activation::Hermite { coefficients } => {
                Self::Series(Series::new(series::hermite(coefficients.clone()))?)
            }
            Activation::Numerical(numerical) => Self::Series(Series::new(numerical.clone())?),
        })
    }

    /// The dual map at one point.
    pub(crate) fn moments(&self, pair: &Pair) -> Moments {
        match self {
            Self::Kinked(a, b) => lines::dual(Kinked::new(*a, *b), pair),
            Self::Closed(closed) => closed.moments(pair),
            Self::Series(series) => {
                let expand = |s: f64| {
                    let mut features = Vec::with_capacity(series.features());
                    series.expand(s, &mut features);
                    features
                };
                let (kappa, kappa_dot) =
                    series.moments(&expand(pair.s[0]), &expand(pair.s[1]), pair.correlation());
                Moments { kappa, kappa_dot }
            }
        }
    }
}

/// One step of the recursion.
#[derive(Debug, Clone)]
pub(crate) enum Step<T> {
    /// Acts on each pair of pixels alone.
    Pointwise(Pointwise<T>),
    /// A nonlinearity through Hermite coefficients.
    Series(Series),
    /// Sums over shifted pixels of both images at once, then an affine map.
    Conv(Convolution<T>),
    /// Sums over all pairs of pixels of two windows, times a factor.
    Pool { window: Window, factor: f64 },
    /// Sums over all pairs of pixels, times a factor.
    Global { factor: f64 },
    /// Mean over equal pixels.
    Flatten { pixels: usize },
    /// Steps that run slab by slab.
    Slabs(Slabs<T>),
    /// Forgets covariances between different pixels.
    Diagonal { pixels: usize },
    /// Mixes pixels with weights that depend on each input.
    Attention(Attention),
    /// Branches on the same input; weights of a concatenation.
    Branches { branches: Vec<Vec<Step<T>>>, combine: Combine, weights: Vec<f64> },
}

/// Steps that run slab by slab, and the factor of the sum over all pixels if that is what follows.
#[derive(Debug, Clone)]
pub(crate) struct Slabs<T> {
    pub(crate) steps: Vec<Step<T>>,
    pub(crate) global: Option<f64>,
}

/// An architecture compiled for one input shape.
#[derive(Debug, Clone)]
pub(crate) struct Plan<T> {
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
        let points = shape::walk(&architecture.layers, start, "")?;
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
        let last =
            architecture.layers.iter().zip(&points).rposition(|(l, p)| p.shape.pixels() > 1 && mixes(l));
        let full = last.is_some();
        let parameterization = architecture.parameterization;
        let mut steps = Vec::new();
        for (i, (layer, point)) in architecture.layers.iter().zip(&points).enumerate() {
            let at = shape::place(layer, i, "");
            compile(layer, point.shape, parameterization, &at, &mut steps)?;
            if last == Some(i) && points[i + 1].shape.pixels() > 1 {
                steps.push(Step::Diagonal { pixels: points[i + 1].shape.pixels() });
            }
        }
        let steps = if full { segment::group(steps) } else { steps };
        Ok(Self { steps, input, full })
    }
}

/// Whether a layer sums over pairs of different pixels.
fn mixes(layer: &Layer) -> bool {
    match layer {
        Layer::AvgPool(_)
        | Layer::SumPool(_)
        | Layer::GlobalAvgPool
        | Layer::GlobalSumPool
        | Layer::GlobalSelfAttention(_) => true,
        Layer::Residual(branch) => branch.iter().any(mixes),
        Layer::Parallel { branches, .. } => branches.iter().flatten().any(mixes),
        _ => false,
    }
}

fn compile<T: Real>(
    layer: &Layer,
    shape: Shape,
    parameterization: Parameterization,
    at: &str,
    steps: &mut Vec<Step<T>>,
) -> Result<(), NtkError> {
    let pixels = shape.pixels();
    let pool = |p: &Pool, factor: f64| -> Result<Step<T>, NtkError> {
        let out = shape::windowed(shape, p.window, p.strides, p.padding, at)?;
        let window = Window::new(shape, out, p.window, p.strides, p.padding);
        if pixels == 1 {
            let taps = window.sources(0).flatten().count() as f64;
            return Ok(Step::Pointwise(Pointwise::Affine(Affine::scaling(factor * taps * taps))));
        }
        Ok(Step::Pool { window, factor })
    };
    let step = match layer {
        Layer::Dense(dense) => {
            let affine = Affine::new(parameterization, dense.w_std, dense.b_std, shape.channels, 1);
            Step::Pointwise(Pointwise::Affine(affine))
        }
        Layer::Conv(conv) => {
            let out = shape::windowed(shape, conv.filter, conv.strides, conv.padding, at)?;
            let area = conv.filter[0] * conv.filter[1];
            let affine = Affine::new(parameterization, conv.w_std, conv.b_std, shape.channels, area);
            if conv.filter == [1, 1] && conv.strides == [1, 1] {
                Step::Pointwise(Pointwise::Affine(affine))
            } else {
                let window = Window::new(shape, out, conv.filter, conv.strides, conv.padding);
                if pixels == 1 {
                    let taps = window.sources(0).flatten().count();
                    Step::Pointwise(Pointwise::Affine(affine.repeated(taps)))
                } else {
                    Step::Conv(Convolution::new(window, affine))
                }
            }
        }
        Layer::AvgPool(p) => pool(p, ((p.window[0] * p.window[1]) as f64).powi(-2))?,
        Layer::SumPool(p) => pool(p, 1.0)?,
        Layer::GlobalAvgPool | Layer::GlobalSumPool | Layer::Flatten if pixels == 1 => return Ok(()),
        Layer::GlobalAvgPool => Step::Global { factor: (pixels as f64).powi(-2) },
        Layer::GlobalSumPool => Step::Global { factor: 1.0 },
        Layer::Flatten => Step::Flatten { pixels },
        Layer::LayerNorm(norm) => Step::Pointwise(Pointwise::LayerNorm { eps: T::of(norm.eps) }),
        Layer::Dropout(dropout) => Step::Pointwise(Pointwise::Dropout { gain: T::of(1.0 / dropout.keep) }),
        Layer::GlobalSelfAttention(attention) => {
            let attention = Attention::new(attention, shape, parameterization);
            if pixels == 1 {
                Step::Pointwise(Pointwise::Affine(attention.alone()))
            } else {
                Step::Attention(attention)
            }
        }
        Layer::Activation(activation) => match Dual::new(activation)? {
            Dual::Kinked(a, b) => Step::Pointwise(Pointwise::Kinked(Kinked::new(a, b))),
            Dual::Closed(closed) => Step::Pointwise(Pointwise::Closed(closed)),
            Dual::Series(series) => Step::Series(series),
        },
        Layer::Residual(branch) => {
            let branches = [Vec::new(), branch.clone()];
            compile_branches(&branches, Combine::Sum, shape, parameterization, at)?
        }
        Layer::Parallel { branches, combine } => {
            compile_branches(branches, *combine, shape, parameterization, at)?
        }
        Layer::MaxPool(_) => {
            return Err(NtkError::NoLimit { at: at.to_owned(), reason: "see the shape calculus".into() });
        }
    };
    steps.push(step);
    Ok(())
}

fn compile_branches<T: Real>(
    branches: &[Vec<Layer>],
    combine: Combine,
    shape: Shape,
    parameterization: Parameterization,
    at: &str,
) -> Result<Step<T>, NtkError> {
    let start = Point { shape, gaussian: true, alike: true };
    let (mut compiled, mut widths) = (Vec::new(), Vec::new());
    for (b, branch) in branches.iter().enumerate() {
        let prefix = format!("{at}, branch {}, ", b + 1);
        let points = shape::walk(branch, start, &prefix)?;
        let mut steps = Vec::new();
        for (i, (layer, point)) in branch.iter().zip(&points).enumerate() {
            compile(layer, point.shape, parameterization, &shape::place(layer, i, &prefix), &mut steps)?;
        }
        widths.push(points.last().map_or(shape.channels, |point| point.shape.channels) as f64);
        compiled.push(steps);
    }
    // In NTK parameterisation widths are nominal. In the standard one a width is the fan-in of the next layer.
    if parameterization == Parameterization::Standard
        && combine != Combine::Concat
        && let Some(other) = widths.iter().find(|&&width| width != widths[0])
    {
        return Err(NtkError::Layer {
            at: at.to_owned(),
            reason: format!(
                "branches end in {} and {other} channels, and in standard parameterization the next layer's NTK depends on \
                 their number: make them equal",
                widths[0]
            ),
        });
    }
    let total: f64 = widths.iter().sum();
    let weights = match combine {
        Combine::Concat => widths.iter().map(|w| w / total).collect(),
        Combine::Sum | Combine::Product => vec![1.0; widths.len()],
    };
    Ok(Step::Branches { branches: compiled, combine, weights })
}

impl Window {
    fn new(shape: Shape, out: Shape, window: [usize; 2], strides: [usize; 2], padding: Padding) -> Self {
        Self::along_both((shape.height, shape.width), (out.height, out.width), window, strides, padding)
    }
}
