//! Forward mode: values that carry tangents.

use super::trace::{Kind, Trace, open_level};
use super::tree::{Tree, check_same_structure};
use crate::linalg::Real;
use crate::tensor::Tensor;

/// `f(x)` and `J v`, the derivative of `f` at `x` along `v`.
///
/// # Panics
/// If `v` has another structure or other shapes than `x`.
///
/// ```
/// use overparam_tensor::{Tensor, jvp};
///
/// let (y, dy) = jvp(|x: &Tensor<f64>| x.exp(), &Tensor::scalar(0.0), &Tensor::scalar(2.0));
/// assert_eq!((y.item(), dy.item()), (1.0, 2.0));
/// ```
pub fn jvp<T: Real, P: Tree<T>, Q: Tree<T>>(f: impl FnOnce(&P) -> Q, x: &P, v: &P) -> (Q, Q) {
    check_same_structure("jvp", x, v);
    let level = open_level();
    let y = f(&x.zip_map(v, &mut |x, v| Trace::dual(level, x.clone(), v.clone())));
    let tangent = |leaf: &Tensor<T>| match leaf.traced_at(level).map(|trace| &trace.kind) {
        Some(Kind::Dual { tangent, .. }) => tangent.clone(),
        _ => Tensor::zeros(leaf.shape()),
    };
    (y.map(&mut |leaf| leaf.below(level)), y.map(&mut |leaf| tangent(leaf)))
}

/// The terms `f(x), D f(x) v, D^2 f(x)[v, v] / 2!, ..., D^k f(x)[v, ..., v] / k!` of the Taylor expansion of
/// `t -> f(x + t v)` at 0, for `k = order`: their sum is the expansion at `x + v`.
///
/// By nesting [`jvp`], so the cost doubles with each order.
///
/// # Panics
/// If `v` has another structure or other shapes than `x`.
///
/// ```
/// use overparam_tensor::{Tensor, taylor};
///
/// let terms = taylor(&|x: &Tensor<f64>| x.exp(), &Tensor::scalar(0.0), &Tensor::scalar(1.0), 4);
/// let terms: Vec<f64> = terms.iter().map(|term| term.item()).collect();
/// assert_eq!(terms, [1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0]);
/// ```
pub fn taylor<T: Real, P: Tree<T>>(
    f: &dyn Fn(&P) -> Tensor<T>,
    x: &P,
    v: &P,
    order: usize,
) -> Vec<Tensor<T>> {
    let derivatives = derivatives(f, x, v, order);
    let mut factorial = 1.0;
    let scaled = derivatives.into_iter().enumerate().map(|(k, derivative)| {
        factorial *= k.max(1) as f64;
        derivative / T::of(factorial)
    });
    scaled.collect()
}

/// `D^k f(x)[v, ..., v]` for `k = 0..=order`: the derivatives up to one order less, and the last one differentiated.
fn derivatives<T: Real, P: Tree<T>>(
    f: &dyn Fn(&P) -> Tensor<T>,
    x: &P,
    v: &P,
    order: usize,
) -> Vec<Tensor<T>> {
    if order == 0 {
        return vec![f(x)];
    }
    let (mut lower, raised) = jvp(|x: &P| derivatives(f, x, v, order - 1), x, v);
    lower.extend(raised.into_iter().last());
    lower
}
