//! Reverse mode: operations recorded on a tape, walked backwards.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::primitive::{Needs, Point, Primitive};
use super::trace::{Kind, Trace, accumulate, open_level};
use super::tree::{Tree, check_same_structure};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// The operations of one level in the order they were applied. Indices `0..leaves` are the inputs of the function, index
/// `leaves + i` is the output of operation `i`.
pub(crate) struct Tape<T: Real> {
    level: u64,
    leaves: usize,
    nodes: Mutex<Vec<Node<T>>>,
}

struct Node<T: Real> {
    primitive: Arc<dyn Primitive<T>>,
    /// For each input its index on the tape, if it is there.
    parents: Vec<Option<usize>>,
    inputs: Vec<Tensor<T>>,
    output: Tensor<T>,
}

impl<T: Real> Tape<T> {
    fn open(leaves: usize) -> Arc<Self> {
        Arc::new(Self { level: open_level(), leaves, nodes: Mutex::default() })
    }

    pub(crate) fn level(&self) -> u64 {
        self.level
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node<T>>> {
        // A panic while the lock is held leaves whole nodes behind.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an operation, keeping of its inputs and output what its derivatives need; returns its index.
    pub(crate) fn record(
        &self,
        primitive: Arc<dyn Primitive<T>>,
        parents: Vec<Option<usize>>,
        mut inputs: Vec<Tensor<T>>,
        output: &Tensor<T>,
    ) -> usize {
        let needs = primitive.needs();
        for (i, input) in inputs.iter_mut().enumerate() {
            let kept = match needs {
                Needs::Inputs | Needs::Everything => true,
                Needs::OtherInputs => {
                    parents.iter().enumerate().any(|(j, parent)| j != i && parent.is_some())
                }
                Needs::Nothing | Needs::Output => false,
            };
            if !kept {
                *input = forgotten(input);
            }
        }
        let kept = matches!(needs, Needs::Output | Needs::Everything);
        let output = if kept { output.clone() } else { forgotten(output) };
        let mut nodes = self.nodes();
        nodes.push(Node { primitive, parents, inputs, output });
        self.leaves + nodes.len() - 1
    }

    fn index_of(&self, x: &Tensor<T>) -> Option<usize> {
        match x.traced_at(self.level)?.kind {
            Kind::Recorded { index, .. } => Some(index),
            _ => None,
        }
    }
}

/// The shape of `x` with NaN for numbers: reading what was not asked for shows.
fn forgotten<T: Real>(x: &Tensor<T>) -> Tensor<T> {
    Tensor::full(x.shape(), num_traits::Float::nan())
}

impl<T: Real> fmt::Debug for Tape<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tape(level {}, {} operations)", self.level, self.nodes().len())
    }
}

/// Applies the transposed derivative of one operation to the cotangent of its output.
fn pull_node<T: Real>(node: &Node<T>, cotangent: &Tensor<T>, cotangents: &mut [Option<Tensor<T>>]) {
    let at = Point { inputs: &node.inputs, output: &node.output };
    for (i, parent) in node.parents.iter().enumerate() {
        let Some(parent) = *parent else { continue };
        if let Some(pulled) = node.primitive.pull(&at, i, cotangent) {
            debug_assert_eq!(pulled.shape(), node.inputs[i].shape(), "pull of {:?}", node.primitive);
            cotangents[parent] = Some(match cotangents[parent].take() {
                Some(sum) => accumulate(sum, pulled),
                None => pulled,
            });
        }
    }
}

/// `f(x)` and the gradient of `f` at `x`, for a function with one output element.
///
/// # Panics
/// If `f` returns anything but one element.
///
/// ```
/// use overparam_tensor::{Tensor, value_and_grad};
///
/// let f = |(a, b): &(Tensor<f64>, Tensor<f64>)| (a * b).sum();
/// let at = (Tensor::from_vec(&[2], vec![1.0, 2.0]), Tensor::scalar(3.0));
/// let (value, (da, db)) = value_and_grad(f, &at);
/// assert_eq!((value.item(), da.array().to_vec(), db.item()), (9.0, vec![3.0, 3.0], 3.0));
/// ```
pub fn value_and_grad<T: Real, P: Tree<T>>(f: impl FnOnce(&P) -> Tensor<T>, x: &P) -> (Tensor<T>, P) {
    let (y, tape) = {
        let (watched, tape) = watch(x);
        (f(&watched), tape)
    };
    assert!(y.len() == 1, "grad needs a function with one output element, got shape {:?}", y.shape());
    let value = y.below(tape.level);
    let mut nodes = std::mem::take(&mut *tape.nodes());
    let mut cotangents: Vec<Option<Tensor<T>>> = vec![None; tape.leaves + nodes.len()];
    if let Some(index) = tape.index_of(&y) {
        cotangents[index] = Some(Tensor::full(y.shape(), T::ONE));
    }
    drop(y);
    // Operations are dropped as soon as they are done with, so that their buffers serve the rest of the walk.
    while let Some(node) = nodes.pop() {
        if let Some(cotangent) = cotangents.pop().flatten() {
            pull_node(&node, &cotangent, &mut cotangents);
        }
    }
    (value, leaves_or_zero(x, cotangents))
}

/// The gradient of `f` at `x`: [`value_and_grad`] without the value.
///
/// # Panics
/// If `f` returns anything but one element.
pub fn grad<T: Real, P: Tree<T>>(f: impl FnOnce(&P) -> Tensor<T>, x: &P) -> P {
    value_and_grad(f, x).1
}

fn watch<T: Real, P: Tree<T>>(x: &P) -> (P, Arc<Tape<T>>) {
    let tape = Tape::open(x.leaf_count());
    let mut index = 0;
    let watched = x.map(&mut |leaf| {
        index += 1;
        Trace::recorded(&tape, leaf.clone(), index - 1)
    });
    (watched, tape)
}

fn leaves_or_zero<T: Real, P: Tree<T>>(x: &P, cotangents: Vec<Option<Tensor<T>>>) -> P {
    let mut cotangents = cotangents.into_iter();
    x.map(&mut |leaf| cotangents.next().flatten().unwrap_or_else(|| Tensor::zeros(leaf.shape())))
}

/// The derivative `J` of a function at a point, to be applied any number of times in either direction.
pub struct Linearization<T: Real, P: Tree<T>, Q: Tree<T>> {
    tape: Arc<Tape<T>>,
    inputs: P,
    /// The outputs as constants of this level, and where each stands on the tape.
    outputs: Q,
    indices: Vec<Option<usize>>,
    scalar: PhantomData<T>,
}

impl<T: Real, P: Tree<T>, Q: Tree<T>> Linearization<T, P, Q> {
    /// `J v`, for `v` of the structure and shapes of the input.
    ///
    /// # Panics
    /// If `v` has another structure or other shapes.
    pub fn jvp(&self, v: &P) -> Q {
        check_same_structure("Linearization::jvp", &self.inputs, v);
        self.push(v.leaves().into_iter().cloned().map(Some).collect())
    }

    /// `J v` for the `v` with these leaves; `None` is zero.
    pub(super) fn push(&self, mut tangents: Vec<Option<Tensor<T>>>) -> Q {
        for node in self.tape.nodes().iter() {
            let at = Point { inputs: &node.inputs, output: &node.output };
            let tangent = node
                .parents
                .iter()
                .enumerate()
                .filter_map(|(i, parent)| node.primitive.push(&at, i, tangents[(*parent)?].as_ref()?))
                .reduce(accumulate);
            tangents.push(tangent);
        }
        let mut indices = self.indices.iter();
        self.outputs.map(&mut |output| {
            let index = indices.next().copied().flatten();
            index.and_then(|i| tangents[i].clone()).unwrap_or_else(|| Tensor::zeros(output.shape()))
        })
    }

    /// `J^T u`, for `u` of the structure and shapes of the output.
    ///
    /// # Panics
    /// If `u` has another structure or other shapes.
    pub fn vjp(&self, u: &Q) -> P {
        check_same_structure("Linearization::vjp", &self.outputs, u);
        let nodes = self.tape.nodes();
        let mut cotangents: Vec<Option<Tensor<T>>> = vec![None; self.tape.leaves + nodes.len()];
        for (index, u) in self.indices.iter().zip(u.leaves()) {
            let Some(index) = *index else { continue };
            cotangents[index] = Some(match cotangents[index].take() {
                Some(sum) => accumulate(sum, u.clone()),
                None => u.clone(),
            });
        }
        for node in nodes.iter().rev() {
            if let Some(cotangent) = cotangents.pop().flatten() {
                pull_node(node, &cotangent, &mut cotangents);
            }
        }
        leaves_or_zero(&self.inputs, cotangents)
    }
}

/// `f(x)` and the derivative of `f` at `x` as a linear map: `f` is evaluated once, however often the map is applied.
///
/// ```
/// use overparam_tensor::{Tensor, linearize};
///
/// let x = Tensor::from_vec(&[2], vec![3.0, 4.0]);
/// let (y, derivative) = linearize(|x: &Tensor<f64>| x.square(), &x);
/// assert_eq!(y.array().to_vec(), [9.0, 16.0]);
/// let v = Tensor::from_vec(&[2], vec![1.0, 10.0]);
/// assert_eq!(derivative.jvp(&v).array().to_vec(), [6.0, 80.0]);
/// assert_eq!(derivative.vjp(&v).array().to_vec(), [6.0, 80.0]);
/// ```
pub fn linearize<T: Real, P: Tree<T>, Q: Tree<T>>(
    f: impl FnOnce(&P) -> Q,
    x: &P,
) -> (Q, Linearization<T, P, Q>) {
    let (y, tape) = {
        let (watched, tape) = watch(x);
        (f(&watched), tape)
    };
    let indices = y.leaves().into_iter().map(|leaf| tape.index_of(leaf)).collect();
    let outputs = y.map(&mut |leaf| leaf.below(tape.level));
    let derivative =
        Linearization { tape, inputs: x.clone(), outputs: outputs.clone(), indices, scalar: PhantomData };
    (outputs, derivative)
}

/// `f(x)` and the map `u -> J^T u`.
///
/// ```
/// use overparam_tensor::{Tensor, vjp};
///
/// let a = Tensor::from_vec(&[2, 2], vec![1.0, 2.0, 3.0, 4.0]);
/// let x = Tensor::from_vec(&[2, 1], vec![1.0, 1.0]);
/// let (y, pull) = vjp(|x: &Tensor<f64>| a.matmul(x), &x);
/// assert_eq!(y.array().to_vec(), [3.0, 7.0]);
/// assert_eq!(pull(&Tensor::from_vec(&[2, 1], vec![1.0, 0.0])).array().to_vec(), [1.0, 2.0]);
/// ```
pub fn vjp<T: Real, P: Tree<T>, Q: Tree<T>>(f: impl FnOnce(&P) -> Q, x: &P) -> (Q, impl Fn(&Q) -> P) {
    let (y, derivative) = linearize(f, x);
    (y, move |u: &Q| derivative.vjp(u))
}
