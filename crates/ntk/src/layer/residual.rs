//! `x + branch(x)` (He et al. 2016; its kernel: Huang et al. 2020).
//!
#![doc = overparam_formula::formula!("k' = k + k_branch,     ntk' = ntk + ntk_branch")]
//!
//! if the branch ends in weights of its own. Cost: that of the branch, and a few operations per pair for the margin.

use overparam_tensor::{Real, Tensor};
use serde_json::Value;

use super::branches;
use super::rule::{self, Entry, Node, Place, Rule};
use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::finite::ties::{Ties, Width};
use crate::shape::{Combine, Point, Shape};

/// `x + branch(x)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual<L> {
    /// The layers of the branch, first applied first.
    pub branch: Vec<L>,
}

impl<L: Rule> Rule for Residual<L> {
    fn name(&self) -> &str {
        "residual"
    }

    fn describe_inside(&self, text: &mut String, depth: usize) {
        rule::describe_branches(std::slice::from_ref(&self.branch), text, depth);
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        let end = *rule::walk(&self.branch, here, &format!("{at}, "))?.last().unwrap_or(&here);
        let fresh = [false, rule::has_zero_mean(&self.branch, false)];
        branches::limit(&[here, end], &fresh, Combine::Sum, at)
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        here && rule::has_zero_mean(&self.branch, here)
    }

    fn mixes_pixels(&self) -> bool {
        self.branch.iter().any(L::mixes_pixels)
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        steps.push(branches::steps(&[Vec::new(), self.branch.clone()], Combine::Sum, place)?);
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        let (specs, end) = rule::plan(&self.branch, planner, here, &format!("{at}, "))?;
        let shape = branches::join(&[here, end], Combine::Sum, at)?;
        Ok((Spec { branches: vec![specs], ..Spec::default() }, shape))
    }

    fn tie(&self, ties: &mut Ties, here: Width) -> Width {
        let end = rule::tie(&self.branch, ties, here);
        ties.equal(here, end)
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        rule::visit_widths(&mut self.branch, &format!("{at}, "), visit);
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        x + rule::apply(&self.branch, pass, &params.branches[0], x)
    }
}

impl<L: Node> Entry for Residual<L> {
    const NAME: &'static str = "residual";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let Value::Array(branch) = body else {
            return Err(NtkError::Schema {
                at: at.to_owned(),
                reason: format!("expected a list of layers, got {body}"),
            });
        };
        Ok(Self { branch: rule::parse(branch, &format!("{at}, "))? })
    }

    fn write(&self) -> Value {
        rule::unparse(&self.branch)
    }

    fn examples(width: usize) -> Vec<Self> {
        L::example_branches(width).into_iter().skip(1).map(|branch| Self { branch }).collect()
    }
}
