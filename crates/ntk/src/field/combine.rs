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

use super::moments::{Field, gap};
use super::scratch::Scratch;
use super::step::{Branches, Step};
use super::variances::Variances;
use crate::shape::Combine;

/// The end of a branch: variances of the left side and, unless an input meets itself, of the right one, and the moments of pairs
/// where they are needed.
pub(crate) struct End<T: Real> {
    pub(crate) left: Variances<T>,
    pub(crate) right: Option<Variances<T>>,
    pub(crate) field: Option<Field<T>>,
}

impl<T: Real> End<T> {
    fn sides(&self) -> Sides<'_, T> {
        (&self.left, self.right.as_ref().unwrap_or(&self.left))
    }

    /// A branch that holds `share` of the channels.
    fn share(mut self, share: f64) -> Self {
        if let Some(field) = &mut self.field {
            share_field(share, field);
        }
        let right = self.right.as_ref().map(|right| share_variances(share, right));
        Self { left: share_variances(share, &self.left), right, field: self.field }
    }

    fn join(mut self, other: Self, combine: Combine, scratch: &mut Scratch<T>) -> Self {
        let left = join_variances(combine, &self.left, &other.left);
        let right = self.right.as_ref().zip(other.right.as_ref());
        let right = right.map(|(a, b)| join_variances(combine, a, b));
        let mut whole = self.field.take();
        let after = (&left, right.as_ref().unwrap_or(&left));
        if let (Some(whole), Some(part)) = (&mut whole, &other.field) {
            join_fields(combine, whole, part, self.sides(), other.sides(), after);
        }
        if let Some(part) = other.field {
            part.give(scratch);
        }
        Self { left, right, field: whole }
    }
}

/// The branches, one after another, joined: `run` takes the steps of one to its end. `None` if there are no branches.
pub(crate) fn merge<T: Real>(
    branches: &Branches<T>,
    scratch: &mut Scratch<T>,
    mut run: impl FnMut(&[Step<T>], &mut Scratch<T>) -> End<T>,
) -> Option<End<T>> {
    let Branches { steps, combine, weights } = branches;
    let mut merged: Option<End<T>> = None;
    for (branch, &weight) in steps.iter().zip(weights) {
        let mut end = run(branch, scratch);
        if *combine == Combine::Concat {
            end = end.share(weight);
        }
        merged = Some(match merged {
            None => end,
            Some(whole) => whole.join(end, *combine, scratch),
        });
    }
    merged
}

/// Variances of two branches together.
fn join_variances<T: Real>(combine: Combine, a: &Variances<T>, b: &Variances<T>) -> Variances<T> {
    let product = |a: T, b: T| Variances::or_least(a * b, a == T::ZERO || b == T::ZERO);
    let merge = |(&a, &b): (&T, &T)| if combine == Combine::Product { product(a, b) } else { a + b };
    Variances::new(a.q.iter().zip(&b.q).map(merge).collect())
}

/// A branch that holds `share` of the channels.
fn share_variances<T: Real>(share: f64, variances: &Variances<T>) -> Variances<T> {
    Variances::new(variances.q.iter().map(|&q| q * T::of(share)).collect())
}

/// As [`share_variances`], for the moments.
fn share_field<T: Real>(share: f64, field: &mut Field<T>) {
    let share = T::of(share);
    for v in [&mut field.k, &mut field.m, &mut field.ntk] {
        v.iter_mut().for_each(|x| *x *= share);
    }
}

/// Both sides of a pair.
type Sides<'a, T> = (&'a Variances<T>, &'a Variances<T>);

/// `a <- a combined with b`; `of_a`, `of_b` and `after` are the variances of the parts and of the whole.
fn join_fields<T: Real>(
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
        a.m[i] = gap(ka, ma, ga, opposite) + gap(kb, mb, gb, opposite) + bracket;
    });
}
