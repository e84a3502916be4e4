//! Branches on the same input: their sum, their concatenation over channels, their product ([`super::branches`]).
//!
//! Cost: that of the branches, and a few operations per pair and branch for the margin.

use overparam_tensor::{Real, Tensor};
use serde_json::{Value, json};

use super::branches;
use super::rule::{self, Entry, Node, Place, Rule};
use crate::NtkError;
use crate::field::step::Step;
use crate::finite::params::{LayerParams, Spec};
use crate::finite::pass::Pass;
use crate::finite::plan::Planner;
use crate::finite::ties::{Ties, Width};
use crate::schema::fields::{Fields, word_of};
use crate::shape::{COMBINES, Combine, Point, Shape};

/// Branches on the same input, combined.
#[derive(Debug, Clone, PartialEq)]
pub struct Parallel<L> {
    /// The branches, at least one; an empty branch is the identity.
    pub branches: Vec<Vec<L>>,
    /// How their outputs come together.
    pub combine: Combine,
}

impl<L: Rule> Rule for Parallel<L> {
    fn name(&self) -> &str {
        "parallel"
    }

    fn settings(&self) -> String {
        match self.combine {
            Combine::Sum => " summed".into(),
            Combine::Concat => " concatenated".into(),
            Combine::Product => " multiplied".into(),
        }
    }

    fn describe_inside(&self, text: &mut String, depth: usize) {
        rule::describe_branches(&self.branches, text, depth);
    }

    fn limit(&self, here: Point, at: &str) -> Result<Point, NtkError> {
        let mut ends = Vec::with_capacity(self.branches.len());
        for (i, branch) in self.branches.iter().enumerate() {
            let points = rule::walk(branch, here, &format!("{at}, branch {}, ", i + 1))?;
            ends.push(*points.last().unwrap_or(&here));
        }
        let fresh: Vec<bool> = self.branches.iter().map(|b| rule::has_zero_mean(b, false)).collect();
        branches::limit(&ends, &fresh, self.combine, at)
    }

    fn has_zero_mean(&self, here: bool) -> bool {
        match self.combine {
            Combine::Sum | Combine::Concat => {
                self.branches.iter().all(|branch| rule::has_zero_mean(branch, here))
            }
            Combine::Product => self.branches.iter().any(|branch| rule::has_zero_mean(branch, false)),
        }
    }

    fn mixes_pixels(&self) -> bool {
        self.branches.iter().flatten().any(L::mixes_pixels)
    }

    fn steps<T: Real>(&self, place: &Place<'_>, steps: &mut Vec<Step<T>>) -> Result<(), NtkError> {
        steps.push(branches::steps(&self.branches, self.combine, place)?);
        Ok(())
    }

    fn plan(&self, planner: &mut Planner, here: Shape, at: &str) -> Result<(Spec, Shape), NtkError> {
        branches::plan(&self.branches, self.combine, planner, here, at)
    }

    /// What is concatenated grows together too.
    fn tie(&self, ties: &mut Ties, here: Width) -> Width {
        let ends: Vec<Width> = self.branches.iter().map(|branch| rule::tie(branch, ties, here)).collect();
        ends.into_iter().reduce(|a, b| ties.equal(a, b)).unwrap_or(here)
    }

    fn visit_widths(&mut self, at: &str, visit: &mut dyn FnMut(&str, &mut usize)) {
        for (i, branch) in self.branches.iter_mut().enumerate() {
            rule::visit_widths(branch, &format!("{at}, branch {}, ", i + 1), visit);
        }
    }

    fn apply<T: Real>(&self, pass: &mut Pass<'_, T>, params: &LayerParams<T>, x: &Tensor<T>) -> Tensor<T> {
        branches::apply(&self.branches, self.combine, pass, params, x)
    }
}

impl<L: Node> Entry for Parallel<L> {
    const NAME: &'static str = "parallel";

    fn read(body: Value, at: &str) -> Result<Self, NtkError> {
        let mut f = Fields::new(at, body)?;
        let branches = f.list("branches")?.ok_or_else(|| f.missing("branches"))?;
        let combine = f.word("combine", &COMBINES)?.unwrap_or_default();
        if branches.is_empty() {
            return Err(NtkError::Schema {
                at: format!("{at}, field `branches`"),
                reason: "expected at least one branch".into(),
            });
        }
        let read = |(i, branch): (usize, Value)| match branch {
            Value::Array(layers) => rule::parse(layers, &format!("{at}, branch {}, ", i + 1)),
            other => Err(NtkError::Schema {
                at: format!("{at}, branch {}", i + 1),
                reason: format!("expected a list of layers, got {other}"),
            }),
        };
        let branches = branches.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        f.finish()?;
        Ok(Self { branches, combine })
    }

    fn write(&self) -> Value {
        let branches: Value = self.branches.iter().map(|branch| rule::unparse(branch)).collect();
        json!({"branches": branches, "combine": word_of(&self.combine, &COMBINES)})
    }

    fn examples(width: usize) -> Vec<Self> {
        COMBINES.map(|(_, combine)| Self { branches: L::example_branches(width), combine }).to_vec()
    }
}
