//! Views: reshape, permute, broadcast, slice. All linear; the transpose of each is another of the family or a sum.

use std::ops::Range;

use crate::array::{Array, Buffer, Dims};
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::linalg::Real;
use crate::tensor::Tensor;

#[derive(Debug, Clone)]
enum View {
    /// The last `from` axes take the shape `to`.
    Reshape { from: usize, to: Dims },
    /// Axis `i` of the last `order.len()` is axis `order[i]` of them.
    Permute { order: Dims },
    /// The last `from` axes stretch to `to`.
    Broadcast { from: usize, to: Dims },
    /// Positions of the axis that is `axis` from the last.
    Slice { axis: usize, range: Range<usize>, step: usize },
    /// The transpose of `Slice`: zeros around, in an axis of length `size`.
    Spread { axis: usize, range: Range<usize>, step: usize, size: usize },
}

impl<T: Real> Primitive<T> for View {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let x = inputs[0];
        let leading = |core: usize| Dims::new(&x.shape()[..x.rank() - core]);
        match self {
            Self::Reshape { from, to } => x.reshape(&leading(*from).join(to)),
            Self::Permute { order } => {
                let first = x.rank() - order.len();
                let order: Dims = (0..first).chain(order.iter().map(|axis| axis + first)).collect();
                x.permute(&order)
            }
            Self::Broadcast { from, to } => {
                let ones = Dims::filled(to.len() - from, 1);
                let aligned = leading(*from).join(&ones).join(&x.shape()[x.rank() - from..]);
                x.reshape(&aligned).broadcast_to(&leading(*from).join(to))
            }
            Self::Slice { axis, range, step } => x.slice(x.rank() - 1 - axis, range.clone(), *step),
            Self::Spread { axis, range, step, size } => {
                let axis = x.rank() - 1 - axis;
                let mut shape = x.dims();
                shape.as_mut()[axis] = *size;
                let inner: usize = shape[axis + 1..].iter().product();
                let mut out = Buffer::filled(shape.volume(), T::ZERO);
                let elements = x.elements();
                let positions = range.clone().step_by(*step);
                if !elements.is_empty() {
                    let items = elements.chunks_exact(positions.len() * inner);
                    for (out, x) in out.chunks_exact_mut(size * inner).zip(items) {
                        for (position, x) in positions.clone().zip(x.chunks_exact(inner)) {
                            out[position * inner..(position + 1) * inner].copy_from_slice(x);
                        }
                    }
                }
                Array::from_buffer(shape, out)
            }
        }
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn push(&self, _: &Point<'_, T>, _: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        Some(apply(self.clone(), &[t]))
    }

    fn pull(&self, at: &Point<'_, T>, _: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        let input = at.inputs[0].shape();
        Some(match self {
            Self::Reshape { .. } => u.reshape(input),
            Self::Permute { order } => {
                let mut inverse = Dims::filled(order.len(), 0);
                order.iter().enumerate().for_each(|(i, &axis)| inverse.as_mut()[axis] = i);
                apply(Self::Permute { order: inverse }, &[u])
            }
            // Leading axes, if vmap put some there, stand in front of those that were added: sum the latter alone.
            Self::Broadcast { from, to } => {
                let core = &input[input.len() - from..];
                let aligned = Dims::filled(to.len() - from, 1).join(core);
                let over: Vec<bool> =
                    aligned.iter().zip(to.iter()).map(|(&own, &full)| own == 1 && full != 1).collect();
                u.sum_trailing(&over).reshape(input)
            }
            Self::Slice { axis, range, step } => {
                let size = input[input.len() - 1 - axis];
                apply(Self::Spread { axis: *axis, range: range.clone(), step: *step, size }, &[u])
            }
            Self::Spread { axis, range, step, .. } => {
                apply(Self::Slice { axis: *axis, range: range.clone(), step: *step }, &[u])
            }
        })
    }
}

/// Views and other changes of shape.
impl<T: Real> Tensor<T> {
    /// The same elements in row-major order under another shape.
    ///
    /// # Panics
    /// If the number of elements differs.
    #[must_use]
    pub fn reshape(&self, shape: &[usize]) -> Self {
        let to = Dims::new(shape);
        assert!(to.volume() == self.len(), "reshape: {:?} does not reshape to {shape:?}", self.shape());
        if to == self.dims() { self.clone() } else { apply(View::Reshape { from: self.rank(), to }, &[self]) }
    }

    /// Axis 0 kept, all others merged: `[n, ...]` to `[n, d]`.
    ///
    /// # Panics
    /// If there is no axis.
    #[must_use]
    pub fn flatten(&self) -> Self {
        let [n, rest @ ..] = self.shape() else { panic!("flatten: a number has no axis to keep") };
        self.reshape(&[*n, rest.iter().product()])
    }

    /// Axis `i` of the result is axis `order[i]` of this tensor.
    ///
    /// # Panics
    /// If `order` is not a permutation of the axes.
    #[must_use]
    pub fn permute(&self, order: &[usize]) -> Self {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        assert!(
            sorted.into_iter().eq(0..self.rank()),
            "permute: order {order:?} of shape {:?}",
            self.shape()
        );
        apply(View::Permute { order: Dims::new(order) }, &[self])
    }

    /// The last two axes exchanged.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[must_use]
    pub fn t(&self) -> Self {
        assert!(self.rank() >= 2, "t: shape {:?} has fewer than two axes", self.shape());
        apply(View::Permute { order: Dims::new(&[1, 0]) }, &[self])
    }

    /// Two axes exchanged.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    pub fn transpose(&self, a: usize, b: usize) -> Self {
        assert!(a.max(b) < self.rank(), "transpose: axes {a} and {b} of shape {:?}", self.shape());
        let mut order: Dims = (0..self.rank()).collect();
        order.as_mut().swap(a, b);
        self.permute(&order)
    }

    /// This tensor stretched to `shape`: axes are aligned at the end, an axis of length 1 repeats.
    ///
    /// # Panics
    /// If it does not stretch to `shape`.
    #[must_use]
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        let to = Dims::new(shape);
        if to == self.dims() {
            return self.clone();
        }
        let stretches = self.rank() <= to.len()
            && self.shape().iter().rev().zip(shape.iter().rev()).all(|(&own, &full)| own == full || own == 1);
        assert!(stretches, "broadcast_to: {:?} does not stretch to {shape:?}", self.shape());
        apply(View::Broadcast { from: self.rank(), to }, &[self])
    }

    /// Positions `range` of one axis.
    ///
    /// # Panics
    /// If there is no such axis or the range leaves it.
    #[must_use]
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Self {
        self.slice_step(axis, range, 1)
    }

    /// Positions `range.start, range.start + step, ...` below `range.end` of one axis.
    ///
    /// # Panics
    /// If there is no such axis, the range leaves it, or `step` is 0.
    #[must_use]
    pub fn slice_step(&self, axis: usize, range: Range<usize>, step: usize) -> Self {
        let fits =
            axis < self.rank() && range.start <= range.end && range.end <= self.shape()[axis] && step > 0;
        assert!(fits, "slice: {range:?} in steps of {step} along axis {axis} of shape {:?}", self.shape());
        apply(View::Slice { axis: self.rank() - 1 - axis, range, step }, &[self])
    }

    /// A new axis of length 1 at position `axis`.
    ///
    /// # Panics
    /// If `axis` is greater than the number of axes.
    #[must_use]
    pub fn unsqueeze(&self, axis: usize) -> Self {
        assert!(axis <= self.rank(), "unsqueeze: position {axis} in shape {:?}", self.shape());
        let (before, after) = self.shape().split_at(axis);
        self.reshape(&Dims::new(before).join(&[1]).join(after))
    }

    /// Without axis `axis`, which has length 1.
    ///
    /// # Panics
    /// If there is no such axis or it has another length.
    #[must_use]
    pub fn squeeze(&self, axis: usize) -> Self {
        assert!(self.shape().get(axis) == Some(&1), "squeeze: axis {axis} of shape {:?}", self.shape());
        let shape = self.shape();
        self.reshape(&Dims::new(&shape[..axis]).join(&shape[axis + 1..]))
    }
}
