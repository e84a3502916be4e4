//! Concatenation and gathering by index.

use std::sync::Arc;

use crate::array::{Array, Buffer, Dims, broadcast};
use crate::autodiff::{Needs, Point, Primitive, apply};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// Inputs one after another along the axis that is `axis` from the last.
#[derive(Debug)]
struct Concatenate {
    axis: usize,
}

impl<T: Real> Primitive<T> for Concatenate {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let rank = inputs.iter().map(|x| x.rank()).max().unwrap_or(0);
        let along = rank - 1 - self.axis;
        // Stretch the leading axes that vmap may have put in front of some inputs only.
        let before = |x: &Array<T>| Dims::new(&x.shape()[..x.rank() - 1 - self.axis]);
        let leading = inputs.iter().map(|x| before(x)).reduce(|a, b| broadcast("concatenate", &a, &b));
        let leading = leading.unwrap_or(Dims::EMPTY);
        let pieces: Vec<Array<T>> = inputs
            .iter()
            .map(|x| x.broadcast_to(&leading.join(&x.shape()[x.rank() - 1 - self.axis..])).contiguous())
            .collect();
        let mut shape = leading.join(&pieces[0].shape()[along..]);
        shape.as_mut()[along] = pieces.iter().map(|x| x.shape()[along]).sum();
        let mut out = Buffer::stale(shape.volume());
        let row: usize = shape[along..].iter().product();
        let mut start = 0;
        for piece in &pieces {
            let length: usize = piece.shape()[along..].iter().product();
            if length > 0 {
                let items = piece.elements();
                for (out, x) in out.chunks_exact_mut(row).zip(items.chunks_exact(length)) {
                    out[start..start + length].copy_from_slice(x);
                }
            }
            start += length;
        }
        Array::from_buffer(shape, out)
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn push(&self, at: &Point<'_, T>, input: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        let zeros = |x: &Tensor<T>| Tensor::zeros(x.shape());
        let pieces: Vec<Tensor<T>> = at
            .inputs
            .iter()
            .enumerate()
            .map(|(i, x)| if i == input { t.clone() } else { zeros(x) })
            .collect();
        Some(apply(Self { axis: self.axis }, &pieces.iter().collect::<Vec<_>>()))
    }

    fn pull(&self, at: &Point<'_, T>, input: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        let length = |x: &Tensor<T>| x.shape()[x.rank() - 1 - self.axis];
        let start: usize = at.inputs[..input].iter().map(length).sum();
        let x = &at.inputs[input];
        Some(u.slice(u.rank() - 1 - self.axis, start..start + length(x)).sum_to(x.shape()))
    }
}

/// Positions `indices` of the axis that is `axis` from the last, or the transpose: elements added up at them.
#[derive(Debug, Clone)]
struct Gather {
    axis: usize,
    indices: Arc<[usize]>,
    /// Length of the axis gathered from.
    size: usize,
    transposed: bool,
}

impl<T: Real> Primitive<T> for Gather {
    fn value(&self, inputs: &[&Array<T>]) -> Array<T> {
        let x = inputs[0].contiguous();
        let axis = x.rank() - 1 - self.axis;
        let mut shape = x.dims();
        let inner: usize = shape[axis + 1..].iter().product();
        let (few, many) = (self.indices.len() * inner, self.size * inner);
        let elements = x.elements();
        if self.transposed {
            shape.as_mut()[axis] = self.size;
            let mut out = Buffer::filled(shape.volume(), T::ZERO);
            if few * many > 0 {
                for (out, x) in out.chunks_exact_mut(many).zip(elements.chunks_exact(few)) {
                    for (&index, x) in self.indices.iter().zip(x.chunks_exact(inner)) {
                        let to = &mut out[index * inner..(index + 1) * inner];
                        to.iter_mut().zip(x).for_each(|(o, &x)| *o += x);
                    }
                }
            }
            return Array::from_buffer(shape, out);
        }
        shape.as_mut()[axis] = self.indices.len();
        let mut out = Buffer::stale(shape.volume());
        if few * many > 0 {
            for (out, x) in out.chunks_exact_mut(few).zip(elements.chunks_exact(many)) {
                for (&index, out) in self.indices.iter().zip(out.chunks_exact_mut(inner)) {
                    out.copy_from_slice(&x[index * inner..(index + 1) * inner]);
                }
            }
        }
        Array::from_buffer(shape, out)
    }

    fn needs(&self) -> Needs {
        Needs::Nothing
    }

    fn push(&self, _: &Point<'_, T>, _: usize, t: &Tensor<T>) -> Option<Tensor<T>> {
        Some(apply(self.clone(), &[t]))
    }

    fn pull(&self, _: &Point<'_, T>, _: usize, u: &Tensor<T>) -> Option<Tensor<T>> {
        Some(apply(Self { transposed: !self.transposed, ..self.clone() }, &[u]))
    }
}

/// Joining and gathering.
impl<T: Real> Tensor<T> {
    /// Tensors one after another along `axis`.
    ///
    /// # Panics
    /// If there is none, or they differ in the number of axes or in the length of another axis.
    #[must_use]
    pub fn concatenate(tensors: &[&Self], axis: usize) -> Self {
        let [first, rest @ ..] = tensors else { panic!("concatenate: nothing to concatenate") };
        for other in rest {
            let fits = first.rank() == other.rank()
                && first.shape().iter().zip(other.shape()).enumerate().all(|(i, (m, n))| i == axis || m == n);
            assert!(
                fits,
                "concatenate: shapes {:?} and {:?} along axis {axis}",
                first.shape(),
                other.shape()
            );
        }
        assert!(axis < first.rank(), "concatenate: axis {axis} of shape {:?}", first.shape());
        apply(Concatenate { axis: first.rank() - 1 - axis }, tensors)
    }

    /// Tensors of one shape along a new axis.
    ///
    /// # Panics
    /// If there is none or their shapes differ.
    #[must_use]
    pub fn stack(tensors: &[&Self], axis: usize) -> Self {
        let raised: Vec<Self> = tensors.iter().map(|x| x.unsqueeze(axis)).collect();
        Self::concatenate(&raised.iter().collect::<Vec<_>>(), axis)
    }

    /// Positions `indices` of one axis, in that order, with repetition.
    ///
    /// # Panics
    /// If there is no such axis or an index leaves it.
    #[must_use]
    pub fn gather(&self, axis: usize, indices: &[usize]) -> Self {
        assert!(axis < self.rank(), "gather: axis {axis} of shape {:?}", self.shape());
        let size = self.shape()[axis];
        if let Some(index) = indices.iter().find(|&&index| index >= size) {
            panic!("gather: index {index} into axis {axis} of shape {:?}", self.shape());
        }
        let gather =
            Gather { axis: self.rank() - 1 - axis, indices: indices.into(), size, transposed: false };
        apply(gather, &[self])
    }
}
