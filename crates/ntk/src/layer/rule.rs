//! What every layer says about itself, and walks over lists of layers.

use std::fmt;
use std::fmt::Write;

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::finite::ties::{Ties, Width};
use crate::parameterization::Parameterization;
use crate::shape::{Point, Shape};

/// One kind of layer: its finite half, its infinite half, and how it is described.
pub(crate) trait Rule: Clone + PartialEq + fmt::Debug {
    /// The name in the schema.
    fn name(&self) -> &str;

    /// Its settings in words, for descriptions.
    fn settings(&self) -> String {
        String::new()
    }

    /// Describes the branches inside, one line per layer.
    fn describe_inside(&self, _text: &mut String, _depth: usize) {}

    /// Shape and law after the layer in the infinitely wide network, whose place is `at`.
    ///
    /// # Errors
    /// [`NtkError::Layer`] where a shape does not fit, [`NtkError::NoLimit`] where there is no infinite-width kernel.
    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError>;

    /// Whether the output has mean zero given everything outside a scope, if the input has (`here`).
    fn has_zero_mean(&self, here: bool) -> bool;

    /// Whether pairs of different pixels are summed over.
    fn mixes_pixels(&self) -> bool {
        false
    }

    /// The infinite half: adds the steps that this layer is.
    ///
    /// # Errors
    /// As [`Self::limit`].
    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError>;

    /// What the finite layer has to draw, and the shape after it.
    ///
    /// # Errors
    /// [`NtkError::Layer`] where a width or a window does not fit.
    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError>;

    /// Which number of channels comes out if `here` goes in: the same, one of its own, or one that must be equal to others.
    fn tie(&self, _ties: &mut Ties, here: Width) -> Width {
        here
    }

    /// Visits the widths of its own, with their places, in the order in which [`Rule::tie`] makes them.
    fn visit_widths(&mut self, _at: &str, _visit: &mut dyn FnMut(&str, &mut usize)) {}

    /// The finite half.
    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T>;
}

/// The entry of a kind of layer in the schema.
pub(crate) trait Entry: Sized {
    /// The name in the schema.
    const NAME: &'static str;

    /// The layer whose fields are `body`; `at` is its place, for complaints.
    ///
    /// # Errors
    /// [`NtkError::Schema`] if a field is missing, unknown or out of range.
    fn read(body: Value, at: &str) -> Result<Self, NtkError>;

    /// The fields; null if there are none.
    fn write(&self) -> Value {
        Value::Null
    }

    /// Layers of this kind with `width` channels that tests run over: of images they make images.
    fn examples(width: usize) -> Vec<Self>;
}

/// A layer of any kind, which branches consist of.
pub(crate) trait Node: Rule {
    /// Reads a layer of the schema; `place` says where it stands.
    ///
    /// # Errors
    /// [`NtkError::Schema`] with the layer's number and field.
    fn parse(value: Value, place: &str) -> Result<Self, NtkError>;

    /// Writes a layer of the schema.
    fn unparse(&self) -> Value;

    /// Branches for tests: to `width` channels, different from one another.
    fn example_branches(width: usize) -> Vec<Vec<Self>>;
}

/// Where a layer stands when it is compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Shape before the layer.
    pub(crate) shape: Shape,
    pub(crate) parameterization: Parameterization,
    /// `"layer 3 (conv)"`.
    pub(crate) at: &'a str,
}

/// `"layer 3 (conv)"`.
pub(crate) fn place(layer: &impl Rule, index: usize, prefix: &str) -> String {
    format!("{prefix}layer {} ({})", index + 1, layer.name())
}

/// The points before each layer of a list and after the last.
pub(crate) fn walk<L: Rule>(layers: &[L], start: Point, prefix: &str) -> Result<Vec<Point>, NtkError> {
    let mut points = vec![start];
    let mut here = start;
    for (i, layer) in layers.iter().enumerate() {
        here = layer.limit(here, &place(layer, i, prefix))?;
        points.push(here);
    }
    Ok(points)
}

/// [`Rule::has_zero_mean`] of a list. Taken relative to a branch (`start` false) it says that the branch ends in weights of its
/// own: two such branches are uncorrelated, and so is one with anything.
pub(crate) fn has_zero_mean<L: Rule>(layers: &[L], start: bool) -> bool {
    layers.iter().fold(start, |here, layer| layer.has_zero_mean(here))
}

/// [`Rule::plan`] of a list.
pub(crate) fn plan<L: Rule>(
    layers: &[L],
    planner: &mut Planner,
    start: Shape,
    prefix: &str,
) -> Result<(Vec<Spec>, Shape), NtkError> {
    let mut here = start;
    let mut specs = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let (spec, next) = layer.plan(planner, here, &place(layer, i, prefix))?;
        specs.push(spec);
        here = next;
    }
    Ok((specs, here))
}

/// [`Rule::tie`] of a list.
pub(crate) fn tie<L: Rule>(layers: &[L], ties: &mut Ties, here: Width) -> Width {
    layers.iter().fold(here, |here, layer| layer.tie(ties, here))
}

/// [`Rule::visit_widths`] of a list.
pub(crate) fn visit_widths<L: Rule>(layers: &mut [L], prefix: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
    for (i, layer) in layers.iter_mut().enumerate() {
        let at = place(layer, i, prefix);
        layer.visit_widths(&at, visit);
    }
}

/// [`Rule::apply`] of a list.
pub(crate) fn apply<L: Rule, T: Real>(
    layers: &[L],
    pass: &mut Pass<'_, T>,
    params: &[LayerParams<T>],
    x: &Tensor<T>,
) -> Tensor<T> {
    layers.iter().zip(params).fold(x.clone(), |x, (layer, params)| layer.apply(pass, params, &x))
}

/// [`Node::parse`] of a list.
pub(crate) fn parse<L: Node>(values: Vec<Value>, prefix: &str) -> Result<Vec<L>, NtkError> {
    values.into_iter().enumerate().map(|(i, v)| L::parse(v, &format!("{prefix}layer {}", i + 1))).collect()
}

/// [`Node::unparse`] of a list.
pub(crate) fn unparse<L: Node>(layers: &[L]) -> Value {
    layers.iter().map(L::unparse).collect()
}

/// Number, name and settings of a layer, without an end of line.
pub(crate) fn line(text: &mut String, layer: &impl Rule, index: usize, depth: usize) {
    let _ =
        write!(text, "{:indent$}{}. {}{}", "", index + 1, layer.name(), layer.settings(), indent = 2 * depth);
}

/// The lines of branches inside a layer.
pub(crate) fn describe_branches<L: Rule>(branches: &[Vec<L>], text: &mut String, depth: usize) {
    for (b, branch) in branches.iter().enumerate() {
        if branches.len() > 1 {
            let _ = writeln!(text, "{:indent$}branch {}:", "", b + 1, indent = 2 * depth);
        }
        for (i, layer) in branch.iter().enumerate() {
            line(text, layer, i, depth + 1);
            text.push('\n');
            layer.describe_inside(text, depth + 2);
        }
    }
}

/// `", b_std 0.1"`, or nothing.
pub(crate) fn bias_in_words(b_std: Option<f64>) -> String {
    b_std.map_or_else(String::new, |b| format!(", b_std {b}"))
}

/// The fields of a layer, with those of its bias if it has one.
pub(crate) fn with_bias(mut body: Value, b_std: Option<f64>) -> Value {
    if let Some(b_std) = b_std {
        body["b_std"] = b_std.into();
    }
    body
}
