//! Branches on the same input: what `residual` and `parallel` have in common.
//!
//! | combination | `k'` | `ntk'` | source |
//! |---|---|---|---|
//! | sum | `sum k_i` | `sum ntk_i` | Huang et al. 2020 |
//! | concatenation, shares `c_i` | `sum c_i k_i` | `sum c_i ntk_i` | Novak et al. 2020 |
//! | product | `prod k_i` | `sum_i ntk_i prod_(j != i) k_j` | Novak et al. 2020 |
//!
//! Branches must be independent given the input: all but one end in weights of their own.

use overparam_tensor::{Real, Tensor};

use super::rule::{self, Place, Rule};
use crate::NtkError;
use crate::field::step::{Branches, Step};
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::parameterization::Parameterization;
use crate::shape::{Combine, Point, Shape, describe, uncountable};

/// Shape and law where branches come together; `fresh` says which of them end in weights of their own.
pub(super) fn limit(ends: &[Point], fresh: &[bool], combine: Combine, at: &str) -> Result<Point, NtkError> {
    let Some(first) = ends.first() else {
        return Err(NtkError::Layer { at: at.to_owned(), reason: "there are no branches".into() });
    };
    let differ = |end: &Point| {
        (end.shape.height, end.shape.width) != (first.shape.height, first.shape.width)
            || (combine != Combine::Concat && end.shape.channels != first.shape.channels)
    };
    // The width of an infinite layer is nominal: only pixels must agree for sums of fresh layers.
    let nominal =
        |end: &Point| (end.shape.height, end.shape.width) == (first.shape.height, first.shape.width);
    if let Some(end) = ends.iter().find(|end| differ(end) && !nominal(end)) {
        return Err(NtkError::Layer {
            at: at.to_owned(),
            reason: format!("branches end in {} and {}", describe(first.shape), describe(end.shape)),
        });
    }
    if combine != Combine::Concat && fresh.iter().filter(|fresh| !**fresh).count() > 1 {
        return Err(NtkError::NoLimit {
            at: at.to_owned(),
            reason: "more than one branch does not end in fresh weights, so the branches are correlated and their \
                     cross-covariance is not tracked: end all branches but one in a dense or conv layer"
                .into(),
        });
    }
    if combine == Combine::Product && ends.iter().filter(|end| !end.equal_covariance).count() > 1 {
        return Err(NtkError::NoLimit {
            at: at.to_owned(),
            reason: "in more than one branch channels have covariances of their own (the raw input, after flatten or concat), \
                     and a mean of products is no product of means: multiply before flatten or concat, or end all branches \
                     but one in a dense or conv layer"
                .into(),
        });
    }
    let channels = match combine {
        Combine::Concat => {
            let sum = ends.iter().try_fold(0usize, |sum, end| sum.checked_add(end.shape.channels));
            sum.ok_or_else(|| uncountable(at))?
        }
        Combine::Sum | Combine::Product => first.shape.channels,
    };
    let gaussian =
        combine == Combine::Sum && ends.iter().all(|end| end.gaussian) || ends.len() == 1 && first.gaussian;
    let equal_covariance =
        (combine != Combine::Concat || ends.len() == 1) && ends.iter().all(|end| end.equal_covariance);
    Ok(Point { shape: Shape { channels, ..first.shape }, gaussian, equal_covariance })
}

/// The branches compiled.
pub(super) fn steps<L: Rule, T: Real>(
    branches: &[Vec<L>],
    combine: Combine,
    place: &Place<'_>,
) -> Result<Step<T>, NtkError> {
    let Place { shape, parameterization, at } = *place;
    let start = Point { shape, gaussian: true, equal_covariance: true };
    let (mut compiled, mut widths) = (Vec::new(), Vec::new());
    for (b, branch) in branches.iter().enumerate() {
        let prefix = format!("{at}, branch {}, ", b + 1);
        let points = rule::walk(branch, start, &prefix)?;
        let mut steps = Vec::new();
        for (i, (layer, point)) in branch.iter().zip(&points).enumerate() {
            let at = rule::place(layer, i, &prefix);
            layer.steps(&Place { shape: point.shape, parameterization, at: &at }, &mut steps)?;
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
    Ok(Step::Branches(Branches { steps: compiled, combine, weights }))
}

/// What finite branches have to draw, and the shape where they come together.
pub(super) fn plan<L: Rule>(
    branches: &[Vec<L>],
    combine: Combine,
    planner: &mut Planner,
    here: Shape,
    at: &str,
) -> Result<(Spec, Shape), NtkError> {
    let (mut specs, mut ends) = (Vec::new(), Vec::new());
    for (i, branch) in branches.iter().enumerate() {
        let (spec, end) = rule::plan(branch, planner, here, &format!("{at}, branch {}, ", i + 1))?;
        specs.push(spec);
        ends.push(end);
    }
    Ok((Spec { branches: specs, ..Spec::default() }, join(&ends, combine, at)?))
}

/// The shape where finite branches come together.
pub(super) fn join(ends: &[Shape], combine: Combine, at: &str) -> Result<Shape, NtkError> {
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

/// The outputs of finite branches, together.
pub(super) fn apply<L: Rule, T: Real>(
    branches: &[Vec<L>],
    combine: Combine,
    pass: &mut Pass<'_, T>,
    params: &LayerParams<T>,
    x: &Tensor<T>,
) -> Tensor<T> {
    let each = branches.iter().zip(&params.branches);
    let ends: Vec<Tensor<T>> = each.map(|(layers, params)| rule::apply(layers, pass, params, x)).collect();
    combined(&ends, combine)
}

fn combined<T: Real>(ends: &[Tensor<T>], combine: Combine) -> Tensor<T> {
    let reduce = |f: fn(Tensor<T>, &Tensor<T>) -> Tensor<T>| ends[1..].iter().fold(ends[0].clone(), f);
    match combine {
        Combine::Sum => reduce(|a, b| a + b),
        Combine::Product => reduce(|a, b| a * b),
        Combine::Concat => Tensor::concatenate(&ends.iter().collect::<Vec<_>>(), ends[0].rank() - 1),
    }
}
