//! Whole Jacobians and products with Hessians.

use super::forward::jvp;
use super::reverse::{grad, linearize};
use super::tree::Tree;
use super::vmap::vmap;
use crate::array::Dims;
use crate::linalg::Real;
use crate::tensor::Tensor;

/// The Jacobian of `f` at `x`: for each leaf of `x`, of shape `s`, a tensor of shape `[shape of f(x)..., s...]`.
///
/// Forward mode if there are fewer input than output elements, else reverse mode; all directions at once.
///
/// ```
/// use overparam_tensor::{Tensor, jacobian};
///
/// let x = Tensor::from_vec(&[2], vec![1.0, 2.0]);
/// let j = jacobian(|x: &Tensor<f64>| x.square(), &x);
/// assert_eq!(j.array().to_vec(), [2.0, 0.0, 0.0, 4.0]);
/// ```
pub fn jacobian<T: Real, P: Tree<T>>(f: impl FnOnce(&P) -> Tensor<T>, x: &P) -> P {
    let (y, derivative) = linearize(f, x);
    let out = Dims::new(y.shape());
    if y.len() <= x.element_count() {
        let rows = vmap(|u: &Tensor<T>| derivative.vjp(u), &basis(&y));
        return rows.map(&mut |leaf| leaf.reshape(&out.join(&leaf.shape()[1..])));
    }
    let count = x.leaf_count();
    let mut index = 0;
    x.map(&mut |leaf| {
        let own = index;
        index += 1;
        let columns = vmap(
            |v: &Tensor<T>| {
                let mut tangents = vec![None; count];
                tangents[own] = Some(v.clone());
                derivative.push(tangents)
            },
            &basis(leaf),
        );
        let order: Vec<usize> = (1..columns.rank()).chain([0]).collect();
        columns.permute(&order).reshape(&out.join(leaf.shape()))
    })
}

/// The Jacobian of every example's outputs with respect to the parameters.
///
/// `f(parameters, x)` maps a batch `x [n, ...]` to outputs `[n, k]` (or any shape that begins with `n`), each example on
/// its own. For each leaf of the parameters, of shape `s`, the result holds a tensor of shape `[n, k, s...]`.
///
/// `f` runs once, on all examples as a batch of batches of one; the `k` outputs of all examples are pulled back together.
/// Parameters are shared in the first pass, so a layer costs one large product there, and one product an example and
/// output in the second.
///
/// # Panics
/// If `x` has no axis, or `f` of a batch of one does not return a batch of one.
///
/// ```
/// use overparam_tensor::{Tensor, per_example_jacobian};
///
/// let w = Tensor::identity(2);
/// let x = Tensor::from_vec(&[3, 2], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// let j = per_example_jacobian(|w: &Tensor<f64>, x: &Tensor<f64>| x.matmul(w), &w, &x);
/// assert_eq!(j.shape(), [3, 2, 2, 2]);
/// assert_eq!(j.array().at(&[1, 0, 1, 0]), 4.0); // example 1, output 0, weight from input 1 to output 0
/// ```
pub fn per_example_jacobian<T: Real, P: Tree<T>>(
    f: impl FnOnce(&P, &Tensor<T>) -> Tensor<T>,
    parameters: &P,
    x: &Tensor<T>,
) -> P {
    vmap(
        |x: &Tensor<T>| {
            let x = x.reshape(&Dims::new(&[1]).join(x.shape()));
            let (y, derivative) = linearize(|p: &P| f(p, &x), parameters);
            assert!(
                y.shape().first() == Some(&1),
                "per_example_jacobian: a batch of one example gave outputs of shape {:?}",
                y.shape()
            );
            let outputs = Dims::new(&y.shape()[1..]);
            let rows = vmap(|u: &Tensor<T>| derivative.vjp(u), &basis(&y));
            rows.map(&mut |leaf| leaf.reshape(&outputs.join(&leaf.shape()[1..])))
        },
        x,
    )
}

/// The Hessian of a scalar function at `x` times `v`, forward over reverse.
///
/// # Panics
/// If `f` returns anything but one element, or `v` has another structure or other shapes than `x`.
///
/// ```
/// use overparam_tensor::{Tensor, hvp};
///
/// let f = |x: &Tensor<f64>| (x.square() * x).sum();
/// let x = Tensor::from_vec(&[2], vec![1.0, 2.0]);
/// assert_eq!(hvp(f, &x, &Tensor::full(&[2], 1.0)).array().to_vec(), [6.0, 12.0]);
/// ```
pub fn hvp<T: Real, P: Tree<T>>(f: impl Fn(&P) -> Tensor<T>, x: &P, v: &P) -> P {
    jvp(|x: &P| grad(&f, x), x, v).1
}

/// All unit tensors of the shape of `x`, along a new axis 0.
fn basis<T: Real>(x: &Tensor<T>) -> Tensor<T> {
    Tensor::identity(x.len()).reshape(&Dims::new(&[x.len()]).join(x.shape()))
}
