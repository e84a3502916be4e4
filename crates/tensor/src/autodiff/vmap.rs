//! Batching: a function of one item applied to all items at once.

use super::trace::{Kind, Trace, open_level};
use super::tree::Tree;
use crate::linalg::Real;

/// `f` of every item along axis 0 of the leaves of `x`, stacked along axis 0 of the leaves of the result.
///
/// `f` is called once, with tensors whose shape lacks the batch axis; what it does to them is done to all items. Tensors
/// that `f` captures are shared by all items.
///
/// # Panics
/// If the leaves have no axis 0 or differ in its length, or there is no leaf.
///
/// ```
/// use overparam_tensor::{Tensor, grad, vmap};
///
/// // The gradient of each example's loss, together.
/// let w = Tensor::from_vec(&[2], vec![1.0, -1.0]);
/// let x = Tensor::from_vec(&[3, 2], vec![1.0, 0.0, 0.0, 2.0, 1.0, 1.0]);
/// let each = vmap(|x: &Tensor<f64>| grad(|w: &Tensor<f64>| (w * x).sum().square(), &w), &x);
/// assert_eq!(each.array().to_vec(), [2.0, 0.0, 0.0, -8.0, 0.0, 0.0]);
/// ```
pub fn vmap<T: Real, P: Tree<T>, Q: Tree<T>>(f: impl FnOnce(&P) -> Q, x: &P) -> Q {
    let mut batch = None;
    for leaf in x.leaves() {
        let Some(&size) = leaf.shape().first() else { panic!("vmap: a leaf has no axis to map over") };
        let expected = *batch.get_or_insert(size);
        assert!(size == expected, "vmap: leaves have {expected} and {size} items along axis 0");
    }
    let Some(batch) = batch else { panic!("vmap: there is no leaf to map over") };
    let level = open_level();
    let y = f(&x.map(&mut |leaf| Trace::batched(level, leaf.clone())));
    y.map(&mut |leaf| match leaf.traced_at(level).map(|trace| &trace.kind) {
        Some(Kind::Batched { values }) => values.clone(),
        _ => leaf.broadcast_to(&crate::array::Dims::new(&[batch]).join(leaf.shape())),
    })
}
