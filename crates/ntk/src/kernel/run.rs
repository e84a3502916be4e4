//! Running a plan: first each input alone (its variances through the network), then each pair.

use overparam_tensor::linalg::Real;

use super::plan::Plan;
use super::slabs;
use crate::NtkError;
use crate::dual::expansion::Half;
use crate::field::combine::{End, merge};
use crate::field::convolution::Around;
use crate::field::geometry::Geometry;
use crate::field::lines::{self, Sides};
use crate::field::moments::Field;
use crate::field::scratch::Scratch;
use crate::field::slab::gather;
use crate::field::step::{Branches, Slabs, Step};
use crate::field::variances::Variances;

/// The larger of two numbers; what is no number is larger.
fn larger<T: Real>(a: T, b: T) -> T {
    if a >= b { a } else { b }
}

/// The variances of one input (or one batch of vectors) after every step, in the order in which a pair meets them.
#[derive(Debug, Clone)]
pub(crate) struct VariancePath<T> {
    pub(crate) states: Vec<Variances<T>>,
}

impl<T: Real> VariancePath<T> {
    /// Runs `input` through the plan. `own` is its covariance with itself over all pixel pairs, where the plan needs that.
    pub(crate) fn new(
        plan: &Plan<T>,
        input: Variances<T>,
        own: Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> Self {
        let mut path = Self { states: vec![input.clone()] };
        let mut own = own;
        path.extend(&plan.steps, input, &mut own, scratch);
        if let Some(own) = own {
            own.give(scratch);
        }
        path
    }

    /// Refuses variances that are no finite numbers, or too small, on the way of input `i`, which is one of a batch of vectors or,
    /// for `whole`, all that there is: the pixels of an image, of which the largest is what counts.
    pub(crate) fn check(&self, which: &'static str, i: usize, whole: bool) -> Result<(), NtkError> {
        let of = |state: &Variances<T>| {
            if whole { state.q.iter().copied().fold(T::ZERO, larger) } else { state.q[i] }
        };
        for state in &self.states {
            if state.unresolved.is_some_and(|at| whole || at == i) {
                return Err(NtkError::Unresolved { which, input: i });
            }
            let q = of(state);
            if !num_traits::Float::is_finite(q) {
                return Err(NtkError::Overflow { which, input: i, scalar: T::NAME });
            }
            if q > T::ZERO && q < Variances::least() {
                return Err(NtkError::Underflow { which, input: i, scalar: T::NAME });
            }
        }
        Ok(())
    }

    /// The same for inputs `from..to` of a batch of vectors on one side of pairs.
    pub(crate) fn slice(&self, from: usize, to: usize, side: Half) -> Self {
        Self { states: self.states.iter().map(|state| state.slice(from, to, side)).collect() }
    }

    fn extend(
        &mut self,
        steps: &[Step<T>],
        start: Variances<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> Variances<T> {
        let mut before = start;
        for step in steps {
            let after = match (step, own.as_mut()) {
                (Step::Slabs(slabs), _) => {
                    before = self.slabs(slabs, before, own, scratch);
                    continue;
                }
                (Step::Branches(branches), _) => self.branches(branches, &before, own, scratch),
                (Step::Map(map), Some(own)) => map.own(own, &before, scratch),
                (Step::Map(map), None) => map.advance(&before, scratch),
                (Step::Diagonal { pixels }, Some(field)) => {
                    diagonal(*pixels, field, scratch);
                    let after = lines::measure_own(field);
                    if let Some(own) = own.take() {
                        own.give(scratch);
                    }
                    after
                }
                (Step::Diagonal { .. }, None) => before,
            };
            self.states.push(after.clone());
            before = after;
        }
        before
    }

    /// Variances of every step first, which pairs of pixels need, then the pairs.
    fn slabs(
        &mut self,
        slabs: &Slabs<T>,
        before: Variances<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> Variances<T> {
        let at = self.states.len() - 1;
        let mut after = self.extend(&slabs.steps, before, &mut None, scratch);
        if slabs.global.is_some() {
            // Known once the pairs are: a placeholder that nothing but the margin reads.
            self.states.push(Variances::new(vec![T::ZERO]));
        }
        let Some(field) = own.as_mut() else { return after };
        let Geometry::Pixels { height, width } = field.geometry else { return after };
        let mut cursor = Cursor { left: self, right: self, at };
        let fill = |slab: &mut Field<T>| gather(field, slab);
        let next = cursor.slabs(slabs, (height, width), field.same, fill, scratch);
        field.replace(next, scratch);
        if slabs.global.is_some() {
            after = lines::measure_own(field);
            self.states.pop();
            self.states.push(after.clone());
        }
        after
    }

    fn branches(
        &mut self,
        branches: &Branches<T>,
        before: &Variances<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> Variances<T> {
        let end = merge(branches, scratch, |steps, scratch| {
            let mut field = own.as_ref().map(|own| own.copy(scratch));
            let left = self.extend(steps, before.clone(), &mut field, scratch);
            End { left, right: None, field }
        });
        let Some(End { left, field, .. }) = end else { return before.clone() };
        if let (Some(own), Some(field)) = (own, field) {
            own.replace(field, scratch);
        }
        left
    }
}

/// Where a pair stands on the paths of its two sides.
pub(crate) struct Cursor<'a, T> {
    pub(crate) left: &'a VariancePath<T>,
    pub(crate) right: &'a VariancePath<T>,
    pub(crate) at: usize,
}

/// Variances of both sides of a pair.
type Both<'a, T> = (&'a Variances<T>, &'a Variances<T>);

impl<'a, T: Real> Cursor<'a, T> {
    pub(crate) fn new(left: &'a VariancePath<T>, right: &'a VariancePath<T>) -> Self {
        Self { left, right, at: 0 }
    }

    fn here(&self) -> Both<'a, T> {
        (&self.left.states[self.at], &self.right.states[self.at])
    }

    fn next(&mut self) -> Both<'a, T> {
        self.at += 1;
        self.here()
    }

    /// Takes the moments of pairs through steps.
    pub(crate) fn run(&mut self, steps: &[Step<T>], field: &mut Field<T>, scratch: &mut Scratch<T>) {
        let start = self.here();
        self.steps(steps, field, start, scratch);
    }

    /// Takes the pairs of two images through slabs; `fill` writes the moments of a slab before them.
    pub(crate) fn slabs(
        &mut self,
        slabs: &Slabs<T>,
        size: (usize, usize),
        same: Option<isize>,
        fill: impl Fn(&mut Field<T>),
        scratch: &mut Scratch<T>,
    ) -> Field<T> {
        let start = self.at;
        let walk = |steps: &[Step<T>], slab: &mut Field<T>, scratch: &mut Scratch<T>| {
            self.at = start;
            self.run(steps, slab, scratch);
        };
        let mut result = slabs::through(slabs, size, same, fill, walk, scratch);
        if slabs.global.is_some() {
            lines::measure_margins(&mut result, self.next());
        }
        result
    }

    fn steps(
        &mut self,
        list: &[Step<T>],
        field: &mut Field<T>,
        start: Both<'a, T>,
        scratch: &mut Scratch<T>,
    ) -> Both<'a, T> {
        let mut before = start;
        let mut rest = list;
        while let Some((step, tail)) = rest.split_first() {
            rest = tail;
            match (step, field.geometry) {
                (Step::Branches(branches), _) => {
                    self.branches(branches, field, before, scratch);
                    before = self.next();
                }
                (Step::Slabs(slabs), Geometry::Pixels { height, width }) => {
                    let fill = |slab: &mut Field<T>| gather(field, slab);
                    let next = self.slabs(slabs, (height, width), field.same, fill, scratch);
                    field.replace(next, scratch);
                    before = self.here();
                }
                (Step::Map(map), _) => {
                    let mut after = self.next();
                    let then = match tail.split_first() {
                        Some((Step::Map(next), tail)) => next.piecewise_linear().map(|next| (next, tail)),
                        _ => None,
                    };
                    if let (Some(convolution), Some((then, tail))) = (map.convolution(), then) {
                        convolution.apply(field, Around { before, after, then: Some(then) }, scratch);
                        rest = tail;
                        after = self.next();
                    } else {
                        map.apply(field, Sides { before, after }, scratch);
                        field.fresh = false;
                    }
                    before = after;
                }
                (Step::Diagonal { pixels }, _) => {
                    before = self.next();
                    diagonal(*pixels, field, scratch);
                    field.fresh = false;
                }
                // Plans have slabs of pairs of pixels alone.
                (Step::Slabs(_), _) => before = self.next(),
            }
        }
        before
    }

    fn branches(
        &mut self,
        branches: &Branches<T>,
        field: &mut Field<T>,
        before: Both<'a, T>,
        scratch: &mut Scratch<T>,
    ) {
        let end = merge(branches, scratch, |steps, scratch| {
            let mut part = field.copy(scratch);
            let (left, right) = self.steps(steps, &mut part, before, scratch);
            End { left: left.clone(), right: Some(right.clone()), field: Some(part) }
        });
        if let Some(whole) = end.and_then(|end| end.field) {
            field.replace(whole, scratch);
        }
    }
}

/// Keeps the pairs of equal pixels.
fn diagonal<T: Real>(pixels: usize, field: &mut Field<T>, scratch: &mut Scratch<T>) {
    let Geometry::Pixels { height, width } = field.geometry else { return };
    let mut next = Field::take(Geometry::Diagonal { height, width }, field.same, scratch);
    for p in 0..pixels {
        let i = Geometry::pixel_pair(height, width, p, p);
        (next.k[p], next.m[p], next.ntk[p]) = (field.k[i], field.m[i], field.ntk[i]);
    }
    field.replace(next, scratch);
}
