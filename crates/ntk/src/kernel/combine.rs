//! Branches come together.
//!
//! | combination | `k` | `ntk` |
//! |---|---|---|
//! | sum of branches independent given the input | `sum k_i` | `sum ntk_i` |
//! | concatenation, branch `i` holding a share `c_i` of the channels | `sum c_i k_i` | `sum c_i ntk_i` |
//! | elementwise product of independent branches | `prod k_i` | `sum_i ntk_i prod_(j != i) k_j` |
//!
//! Margins: with `g_i = s_i t_i`, `sqrt(sum s_i^2 sum t_i^2) - sum g_i = sum_(i<j) (s_i t_j - s_j t_i)^2 / (g + sum g_i)`
//! by Lagrange's identity, so that sums of nearly parallel parts stay accurate, to which come `g_i - k_i`, or `g_i + k_i` where the
//! sum is negative; for products
//! `g_1 g_2 - |k_1 k_2| = g_1 m_2 + g_2 m_1 - m_1 m_2`.

use overparam_tensor::linalg::Real;

use super::field::{Field, State, apart};
use crate::architecture::Combine;

/// Variances of two branches together.
pub(crate) fn states<T: Real>(combine: Combine, a: &State<T>, b: &State<T>) -> State<T> {
    let merge = |(&a, &b): (&T, &T)| if combine == Combine::Product { a * b } else { a + b };
    State::new(a.q.iter().zip(&b.q).map(merge).collect())
}

/// A branch that holds `share` of the channels.
pub(crate) fn share_state<T: Real>(share: f64, state: &State<T>) -> State<T> {
    State::new(state.q.iter().map(|&q| q * T::of(share)).collect())
}

/// As [`share_state`], for the moments.
pub(crate) fn share_field<T: Real>(share: f64, field: &mut Field<T>) {
    let share = T::of(share);
    for v in [&mut field.k, &mut field.m, &mut field.ntk] {
        v.iter_mut().for_each(|x| *x *= share);
    }
}

/// Both sides of a pair.
pub(crate) type Sides<'a, T> = (&'a State<T>, &'a State<T>);

/// `a <- a combined with b`; `of_a`, `of_b` and `after` are the variances of the parts and of the whole.
pub(crate) fn fields<T: Real>(
    combine: Combine,
    a: &mut Field<T>,
    b: &Field<T>,
    of_a: Sides<'_, T>,
    of_b: Sides<'_, T>,
    after: Sides<'_, T>,
) {
    let geometry = a.geometry;
    a.fresh = false;
    let zero = T::of(0.0);
    geometry.for_each(|i, p, r| {
        let (sa, ta, sb, tb) = (of_a.0.s[p], of_a.1.s[r], of_b.0.s[p], of_b.1.s[r]);
        let (ga, gb) = (sa * ta, sb * tb);
        let (ka, kb, ma, mb) = (a.k[i], b.k[i], a.m[i], b.m[i]);
        if combine == Combine::Product {
            a.ntk[i] = a.ntk[i] * kb + ka * b.ntk[i];
            a.k[i] = ka * kb;
            a.m[i] = ga * mb + gb * ma - ma * mb;
            return;
        }
        let (k, g) = (ka + kb, after.0.s[p] * after.1.s[r]);
        let area = sa * tb - sb * ta;
        let total = g + ga + gb;
        let bracket = if total > zero { area * area / total } else { zero };
        let opposite = k < zero;
        a.ntk[i] += b.ntk[i];
        a.k[i] = k;
        a.m[i] = apart(ka, ma, ga, opposite) + apart(kb, mb, gb, opposite) + bracket;
    });
}
