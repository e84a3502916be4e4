//! Running a plan: first each input alone (its variances through the network), then each pair.

use overparam_tensor::linalg::Real;

use super::conv::Around;
use super::field::{Field, Geometry, State};
use super::flatten::flatten;
use super::pointwise::Pointwise;
use super::scratch::Scratch;
use super::segment;
use super::step::{Plan, Slabs, Step};
use super::{attention, combine, lines};
use crate::activation::pair::Pair;
use crate::architecture::Combine;

/// The variances of one input (or one batch of vectors) after every step, in the order a pair meets them.
#[derive(Debug, Clone)]
pub(crate) struct Trace<T> {
    pub(crate) states: Vec<State<T>>,
}

impl<T: Real> Trace<T> {
    /// Runs `input` through the plan. `own` is its covariance with itself over all pixel pairs, where the plan needs that.
    pub(crate) fn new(
        plan: &Plan<T>,
        input: State<T>,
        own: Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> Self {
        let mut trace = Self { states: vec![input.clone()] };
        let mut own = own;
        trace.extend(&plan.steps, input, &mut own, scratch);
        if let Some(own) = own {
            own.give(scratch);
        }
        trace
    }

    /// The first place at which a variance is no finite number: beyond it every angle is made up.
    pub(crate) fn overflow(&self) -> Option<usize> {
        self.states.iter().find_map(|state| state.q.iter().position(|&q| !num_traits::Float::is_finite(q)))
    }

    /// The same for inputs `from..to` of a batch of vectors.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Self {
        Self { states: self.states.iter().map(|state| state.slice(from, to)).collect() }
    }

    fn extend(
        &mut self,
        steps: &[Step<T>],
        start: State<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> State<T> {
        let mut before = start;
        for step in steps {
            if let Step::Slabs(slabs) = step {
                before = self.slabs(slabs, before, own, scratch);
                continue;
            }
            let after = match (step, own.as_mut()) {
                (Step::Branches { branches, combine, weights }, _) => {
                    self.branches(branches, *combine, weights, &before, own, scratch)
                }
                (Step::Attention(attention), Some(own)) => {
                    let weights = attention.weights(own);
                    attention.apply(own, (&weights, &weights), scratch);
                    let after = attention::state(own, weights);
                    own.measure_margins((&after, &after));
                    after
                }
                (Step::Pool { .. } | Step::Global { .. } | Step::Diagonal { .. }, Some(own)) => {
                    // These sum over different pixels: the variances after are read off the covariances.
                    sum_pixels(step, own, scratch);
                    let after = State::new(own.diagonal());
                    own.measure_margins((&after, &after));
                    after
                }
                (step, own) => {
                    let after = advance(step, &before, scratch);
                    if let Some(own) = own {
                        apply(step, own, (&before, &before), (&after, &after), scratch);
                    }
                    after
                }
            };
            if matches!(step, Step::Diagonal { .. })
                && let Some(own) = own.take()
            {
                own.give(scratch);
            }
            self.states.push(after.clone());
            before = after;
        }
        before
    }

    /// Variances of every step first, which pairs of pixels need, then the pairs.
    fn slabs(
        &mut self,
        slabs: &Slabs<T>,
        before: State<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> State<T> {
        let at = self.states.len() - 1;
        let mut after = self.extend(&slabs.steps, before, &mut None, scratch);
        if slabs.global.is_some() {
            // Known once the pairs are: a placeholder that nothing but the margin reads.
            self.states.push(State::new(vec![T::ZERO]));
        }
        let Some(field) = own.as_mut() else { return after };
        let Geometry::Pixels { height, width } = field.geometry else { return after };
        let mut cursor = Cursor { left: self, right: self, at };
        let fill = |slab: &mut Field<T>| segment::gather(field, slab);
        let next = segment::through(slabs, (height, width), field.same, fill, &mut cursor, scratch);
        field.replace(next, scratch);
        if slabs.global.is_some() {
            after = State::new(field.diagonal());
            field.measure_margins((&after, &after));
            self.states.pop();
            self.states.push(after.clone());
        }
        after
    }

    fn branches(
        &mut self,
        branches: &[Vec<Step<T>>],
        how: Combine,
        weights: &[f64],
        before: &State<T>,
        own: &mut Option<Field<T>>,
        scratch: &mut Scratch<T>,
    ) -> State<T> {
        let mut merged: Option<(State<T>, Option<Field<T>>)> = None;
        for (branch, &weight) in branches.iter().zip(weights) {
            let mut field = own.as_ref().map(|own| own.copy(scratch));
            let mut state = self.extend(branch, before.clone(), &mut field, scratch);
            if how == Combine::Concat {
                state = combine::share_state(weight, &state);
                if let Some(field) = &mut field {
                    combine::share_field(weight, field);
                }
            }
            merged = Some(match merged {
                None => (state, field),
                Some((all, mut whole)) => {
                    let after = combine::states(how, &all, &state);
                    if let (Some(whole), Some(field)) = (&mut whole, field) {
                        let (a, b, c) = ((&all, &all), (&state, &state), (&after, &after));
                        combine::fields(how, whole, &field, a, b, c);
                        field.give(scratch);
                    }
                    (after, whole)
                }
            });
        }
        let (state, field) = merged.unwrap_or_else(|| (before.clone(), None));
        if let (Some(own), Some(field)) = (own, field) {
            own.replace(field, scratch);
        }
        state
    }
}

/// Variances after a step that acts on equal pixels only.
fn advance<T: Real>(step: &Step<T>, before: &State<T>, scratch: &mut Scratch<T>) -> State<T> {
    match step {
        Step::Pointwise(pointwise) => pointwise.advance(before),
        Step::Conv(conv) => conv.advance(before, scratch),
        Step::Series(series) => {
            let mut extra = Vec::with_capacity(before.q.len() * series.features());
            before.s.iter().for_each(|s| series.expand(s.f64(), &mut extra));
            let each = extra.chunks(series.features());
            let q = each.map(|own| T::of(series.moments(own, own, 1.0).0)).collect();
            State { extra, ..State::new(q) }
        }
        Step::Flatten { pixels } => State::new(vec![mean(&before.q, *pixels)]),
        Step::Diagonal { .. }
        | Step::Pool { .. }
        | Step::Global { .. }
        | Step::Attention(_)
        | Step::Slabs(_)
        | Step::Branches { .. } => before.clone(),
    }
}

fn mean<T: Real>(values: &[T], pixels: usize) -> T {
    T::of(values.iter().map(|q| q.f64()).sum::<f64>() / pixels as f64)
}

/// Where a pair stands in the traces of its two sides.
pub(crate) struct Cursor<'a, T> {
    pub(crate) left: &'a Trace<T>,
    pub(crate) right: &'a Trace<T>,
    pub(crate) at: usize,
}

impl<'a, T: Real> Cursor<'a, T> {
    pub(crate) fn new(left: &'a Trace<T>, right: &'a Trace<T>) -> Self {
        Self { left, right, at: 0 }
    }

    fn here(&self) -> (&'a State<T>, &'a State<T>) {
        (&self.left.states[self.at], &self.right.states[self.at])
    }

    pub(crate) fn next(&mut self) -> (&'a State<T>, &'a State<T>) {
        self.at += 1;
        self.here()
    }
}

/// Takes the moments of pairs through steps.
pub(crate) fn run<T: Real>(
    list: &[Step<T>],
    field: &mut Field<T>,
    cursor: &mut Cursor<'_, T>,
    scratch: &mut Scratch<T>,
) {
    let start = cursor.here();
    steps(list, field, start, cursor, scratch);
}

fn steps<'a, T: Real>(
    list: &[Step<T>],
    field: &mut Field<T>,
    start: (&'a State<T>, &'a State<T>),
    cursor: &mut Cursor<'a, T>,
    scratch: &mut Scratch<T>,
) -> (&'a State<T>, &'a State<T>) {
    let mut before = start;
    let mut rest = list;
    while let Some((step, tail)) = rest.split_first() {
        rest = tail;
        if let Step::Branches { branches, combine, weights } = step {
            run_branches(branches, *combine, weights, field, before, cursor, scratch);
            before = cursor.next();
            continue;
        }
        if let (Step::Slabs(slabs), Geometry::Pixels { height, width }) = (step, field.geometry) {
            let fill = |slab: &mut Field<T>| segment::gather(field, slab);
            let next = segment::through(slabs, (height, width), field.same, fill, cursor, scratch);
            field.replace(next, scratch);
            before = cursor.here();
            continue;
        }
        let mut after = cursor.next();
        if let (Step::Conv(conv), Some((Step::Pointwise(Pointwise::Kinked(kinked)), tail))) =
            (step, tail.split_first())
        {
            conv.apply(field, Around { before, after, then: Some(*kinked) }, scratch);
            rest = tail;
            after = cursor.next();
        } else {
            apply(step, field, before, after, scratch);
        }
        before = after;
    }
    before
}

/// Steps that sum over pixels: covariance and NTK, margins left to the caller.
fn sum_pixels<T: Real>(step: &Step<T>, field: &mut Field<T>, scratch: &mut Scratch<T>) {
    let single = Geometry::Diagonal { height: 1, width: 1 };
    let one = |scratch: &mut Scratch<T>, k: f64, ntk: f64, same| {
        let mut next = Field::take(single, same, scratch);
        (next.k[0], next.ntk[0]) = (T::of(k), T::of(ntk));
        next
    };
    let next = match step {
        Step::Pool { window, factor } => {
            let scaled = |v: &[T], scratch: &mut Scratch<T>| {
                let mut sums = window.pool_sums(v, scratch);
                sums.iter_mut().for_each(|x| *x *= T::of(*factor));
                sums
            };
            let (k, ntk) = (scaled(&field.k, scratch), scaled(&field.ntk, scratch));
            let geometry = window.geometry(field.geometry);
            Field { geometry, m: scratch.take(k.len()), k, ntk, same: field.same, fresh: false }
        }
        Step::Global { factor } => one(scratch, factor * sum(&field.k), factor * sum(&field.ntk), field.same),
        Step::Diagonal { pixels } => {
            let Geometry::Pixels { height, width } = field.geometry else { return };
            let mut next = Field::take(Geometry::Diagonal { height, width }, field.same, scratch);
            for p in 0..*pixels {
                let i = Geometry::pixel_pair(height, width, p, p);
                (next.k[p], next.m[p], next.ntk[p]) = (field.k[i], field.m[i], field.ntk[i]);
            }
            next
        }
        _ => return,
    };
    field.replace(next, scratch);
}

/// Sum in f64 over eight fixed lanes.
pub(crate) fn sum<T: Real>(values: &[T]) -> f64 {
    pulp::Arch::new().dispatch(Sum(values))
}

/// A struct of its own, because closures are not compiled for the processor's vectors.
struct Sum<'a, T>(&'a [T]);

impl<T: Real> pulp::WithSimd for Sum<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> f64 {
        let mut lanes = [0.0; 8];
        let (chunks, rest) = self.0.as_chunks::<8>();
        for chunk in chunks {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x.f64();
            }
        }
        lanes.iter().sum::<f64>() + rest.iter().map(|x| x.f64()).sum::<f64>()
    }
}

fn apply<T: Real>(
    step: &Step<T>,
    field: &mut Field<T>,
    before: (&State<T>, &State<T>),
    after: (&State<T>, &State<T>),
    scratch: &mut Scratch<T>,
) {
    match step {
        Step::Pointwise(pointwise) => pointwise.apply(field, before, after),
        Step::Conv(conv) => conv.apply(field, Around { before, after, then: None }, scratch),
        Step::Series(series) => {
            let n = series.features();
            let (k, m, ntk) = (&mut field.k, &mut field.m, &mut field.ntk);
            field.geometry.for_each(|i, p, r| {
                let pair = Pair {
                    k: k[i].f64(),
                    margin: m[i].f64(),
                    q: [0.0; 2],
                    s: [before.0.s[p].f64(), before.1.s[r].f64()],
                };
                let (x, y) = (&after.0.extra[p * n..][..n], &after.1.extra[r * n..][..n]);
                let (kappa, dot) = series.moments(x, y, pair.correlation());
                k[i] = T::of(kappa);
                m[i] = lines::direct(k[i], after, (p, r));
                if m[i] < lines::close::<T>() * T::of(kappa.abs()) {
                    let scale = after.0.s[p].f64() * after.1.s[r].f64();
                    let careful = series.determinant(x, y, &pair) / (scale + kappa.abs());
                    m[i] = if careful.is_finite() { T::of(careful.max(0.0)) } else { m[i] };
                }
                ntk[i] *= T::of(dot);
            });
        }
        Step::Flatten { .. } => flatten(field, before, after, scratch),
        Step::Pool { .. } | Step::Global { .. } => {
            sum_pixels(step, field, scratch);
            field.measure_margins(after);
        }
        Step::Diagonal { .. } => sum_pixels(step, field, scratch),
        Step::Attention(attention) => {
            attention.apply(field, (&after.0.extra, &after.1.extra), scratch);
            field.measure_margins(after);
        }
        Step::Slabs(_) | Step::Branches { .. } => {}
    }
    field.fresh = false;
}

fn run_branches<'a, T: Real>(
    branches: &[Vec<Step<T>>],
    how: Combine,
    weights: &[f64],
    field: &mut Field<T>,
    before: (&'a State<T>, &'a State<T>),
    cursor: &mut Cursor<'a, T>,
    scratch: &mut Scratch<T>,
) {
    let mut merged: Option<(State<T>, State<T>, Field<T>)> = None;
    for (branch, &weight) in branches.iter().zip(weights) {
        let mut part = field.copy(scratch);
        let end = steps(branch, &mut part, before, cursor, scratch);
        let (mut x, mut y) = (end.0.clone(), end.1.clone());
        if how == Combine::Concat {
            (x, y) = (combine::share_state(weight, &x), combine::share_state(weight, &y));
            combine::share_field(weight, &mut part);
        }
        merged = Some(match merged {
            None => (x, y, part),
            Some((u, v, mut whole)) => {
                let (left, right) = (combine::states(how, &u, &x), combine::states(how, &v, &y));
                combine::fields(how, &mut whole, &part, (&u, &v), (&x, &y), (&left, &right));
                part.give(scratch);
                (left, right, whole)
            }
        });
    }
    if let Some((_, _, whole)) = merged {
        field.replace(whole, scratch);
    }
}
