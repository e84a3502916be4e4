//! Watched tensors, and how an operation on them is interpreted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::primitive::{Point, Primitive};
use super::reverse::Tape;
use crate::array::{Array, Dims};
use crate::linalg::Real;
use crate::tensor::{Tensor, Value};

/// A tensor watched by the transformation of one level.
#[derive(Debug)]
pub(crate) struct Trace<T: Real> {
    pub(crate) level: u64,
    pub(crate) dims: Dims,
    pub(crate) kind: Kind<T>,
}

#[derive(Debug)]
pub(crate) enum Kind<T: Real> {
    /// Forward mode: a value and its tangent.
    Dual { primal: Tensor<T>, tangent: Tensor<T> },
    /// Reverse mode: a value and its place on the tape.
    Recorded { primal: Tensor<T>, tape: Arc<Tape<T>>, index: usize },
    /// Batching: the values of all items along a leading axis that `dims` does not show.
    Batched { values: Tensor<T> },
}

/// A number for a new level. Numbers are never reused, and a transformation opened inside another has the higher one.
pub(crate) fn open_level() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<T: Real> Trace<T> {
    pub(crate) fn dual(level: u64, primal: Tensor<T>, tangent: Tensor<T>) -> Tensor<T> {
        debug_assert_eq!(primal.shape(), tangent.shape());
        let dims = primal.dims();
        Tensor(Value::Traced(Arc::new(Self { level, dims, kind: Kind::Dual { primal, tangent } })))
    }

    pub(crate) fn recorded(tape: &Arc<Tape<T>>, primal: Tensor<T>, index: usize) -> Tensor<T> {
        let (level, dims) = (tape.level(), primal.dims());
        let kind = Kind::Recorded { primal, tape: Arc::clone(tape), index };
        Tensor(Value::Traced(Arc::new(Self { level, dims, kind })))
    }

    pub(crate) fn batched(level: u64, values: Tensor<T>) -> Tensor<T> {
        let dims = Dims::new(&values.shape()[1..]);
        Tensor(Value::Traced(Arc::new(Self { level, dims, kind: Kind::Batched { values } })))
    }

    /// The value one level down.
    pub(crate) fn inner(&self) -> &Tensor<T> {
        match &self.kind {
            Kind::Dual { primal, .. } | Kind::Recorded { primal, .. } => primal,
            Kind::Batched { values } => values,
        }
    }
}

impl<T: Real> Tensor<T> {
    /// The trace of this tensor at `level`, if that level is watching it.
    pub(crate) fn traced_at(&self, level: u64) -> Option<&Trace<T>> {
        match &self.0 {
            Value::Traced(trace) if trace.level == level => Some(trace),
            _ => None,
        }
    }

    /// This tensor without what `level` knows about it.
    pub(crate) fn below(&self, level: u64) -> Self {
        self.traced_at(level).map_or_else(|| self.clone(), |trace| trace.inner().clone())
    }

    fn level(&self) -> u64 {
        match &self.0 {
            Value::Data(_) => 0,
            Value::Traced(trace) => trace.level,
        }
    }
}

/// Applies a primitive at the highest level among its inputs.
pub(crate) fn interpret<T: Real>(primitive: &Arc<dyn Primitive<T>>, inputs: &[&Tensor<T>]) -> Tensor<T> {
    let Some(top) = inputs.iter().copied().max_by_key(|x| x.level()) else {
        return primitive.value(&[]).into();
    };
    let Value::Traced(top) = &top.0 else {
        let arrays: Vec<&Array<T>> = inputs.iter().map(|x| x.array()).collect();
        return primitive.value(&arrays).into();
    };
    let level = top.level;
    match &top.kind {
        Kind::Dual { .. } => {
            let (primals, output) = evaluate_below(primitive, inputs, level);
            let at = Point { inputs: &primals, output: &output };
            let tangent = inputs
                .iter()
                .enumerate()
                .filter_map(|(i, x)| match x.traced_at(level)?.kind {
                    Kind::Dual { ref tangent, .. } => primitive.push(&at, i, tangent),
                    _ => None,
                })
                .reduce(accumulate);
            match tangent {
                Some(tangent) => Trace::dual(level, output, tangent),
                None => output,
            }
        }
        Kind::Recorded { tape, .. } => {
            let (primals, output) = evaluate_below(primitive, inputs, level);
            let parents: Vec<Option<usize>> = inputs
                .iter()
                .map(|x| match x.traced_at(level)?.kind {
                    Kind::Recorded { index, .. } => Some(index),
                    _ => None,
                })
                .collect();
            let index = tape.record(Arc::clone(primitive), parents, primals, &output);
            Trace::recorded(tape, output, index)
        }
        Kind::Batched { .. } => {
            let rank = inputs.iter().map(|x| x.rank()).max().unwrap_or(0);
            let aligned: Vec<Tensor<T>> = inputs
                .iter()
                .map(|x| match x.traced_at(level) {
                    // Broadcasting aligns shapes at the end: keep the batch axis in front of the longest.
                    Some(trace) => align(trace.inner(), rank),
                    None => (*x).clone(),
                })
                .collect();
            Trace::batched(level, interpret(primitive, &aligned.iter().collect::<Vec<_>>()))
        }
    }
}

fn evaluate_below<T: Real>(
    primitive: &Arc<dyn Primitive<T>>,
    inputs: &[&Tensor<T>],
    level: u64,
) -> (Vec<Tensor<T>>, Tensor<T>) {
    let primals: Vec<Tensor<T>> = inputs.iter().map(|x| x.below(level)).collect();
    let output = match primals.as_slice() {
        [x] => interpret(primitive, &[x]),
        [x, y] => interpret(primitive, &[x, y]),
        all => interpret(primitive, &all.iter().collect::<Vec<_>>()),
    };
    (primals, output)
}

/// Inserts axes of length 1 after the batch axis until there are `rank` axes behind it.
fn align<T: Real>(values: &Tensor<T>, rank: usize) -> Tensor<T> {
    let [batch, item @ ..] = values.shape() else { unreachable!("batched values have a leading axis") };
    if item.len() == rank {
        return values.clone();
    }
    values.reshape(&Dims::new(&[*batch]).join(&Dims::filled(rank - item.len(), 1)).join(item))
}

/// `a + b`, in place of `a` if its numbers belong to nobody else.
pub(crate) fn accumulate<T: Real>(a: Tensor<T>, b: Tensor<T>) -> Tensor<T> {
    match (a, b) {
        (Tensor(Value::Data(mut a)), Tensor(Value::Data(b))) if a.shape() == b.shape() => {
            crate::kernel::zip_in_place("accumulate", &mut a, &b, |a, b| a + b);
            a.into()
        }
        (a, b) => a + b,
    }
}
