//! Two inputs of different lengths in one direction, without cancellation.
//!
//! After a function that is nearly linear, or nearly homogeneous, such inputs are nearly parallel still: the determinant of their
//! kernels is far smaller than the squares it is a difference of. Where the kernel of inputs in one direction is a series
//! `K(a, b) = ab + sum_j t_j (ab)^(j+2)`, `t_j >= 0`, Lagrange's identity makes the determinant a sum of squares; over `(ab)^1` it is
//! `(1 + S(a)) (1 + S(b)) - (1 + S(sqrt(ab)))^2` with `S(x) = x^2 sum_j t_j x^(2j)`. `excess` forms it from divided differences.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

/// `(1 + S(a)) (1 + S(b)) - (1 + S(sqrt(ab)))^2` with `S(x) = x^2 T(x^2)`, `T` having these coefficients, ascending, given
/// `difference = a - b` to full relative accuracy. The error is of the order of `a - b`, the result of its square.
///
/// With `w = ab`, `T(a^2) = T(w) + a (a - b) T_a`, `T(b^2) = T(w) - b (a - b) T_b`.
#[inline(always)]
pub(super) fn excess<T: Real, W: Wide<T>, const N: usize>(
    w: W,
    coefficients: &[f64; N],
    [a, b]: [W::V; 2],
    difference: W::V,
) -> W::V {
    let zero = w.splat(T::ZERO);
    let (middle, [first, second]) = (w.mul(a, b), [a, b].map(|v| w.mul(v, v)));
    let (mut value, mut by_a, mut by_b) = (zero, zero, zero);
    for &c in coefficients.iter().rev() {
        by_a = w.mul_add(by_a, first, value);
        by_b = w.mul_add(by_b, second, value);
        value = w.mul_add(value, middle, w.splat(T::of(c)));
    }
    let (by_a, by_b) = (w.mul(a, by_a), w.mul(b, by_b));
    let slope = w.sub(w.mul(first, by_a), w.mul(second, by_b));
    let sums = w.mul(difference, w.mul_add(difference, value, slope));
    let products =
        w.mul(difference, w.sub(w.mul(value, w.sub(by_a, by_b)), w.mul(difference, w.mul(by_a, by_b))));
    w.mul_add(w.mul(middle, middle), products, sums)
}
