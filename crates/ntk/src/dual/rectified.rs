//! `phi(x) = max(x, 0)^n`: the arc-cosine kernels of degree `n` (Cho and Saul 2009).
//!
#![doc = overparam_formula::formula!("kappa = g^n J_n(c) / (2 pi),   kappa' = n^2 g^(n-1) J_(n-1)(c) / (2 pi),   J_n = A_n(c) sin t + B_n(c) (pi - t).")]
//!
//! `J_0 = pi - t`. Since `dJ_n/dc = n^2 J_(n-1)`, the polynomials follow from
//! `B_n' = n^2 B_(n-1)`, `(1 - c^2) A_n' - c A_n = n^2 (1 - c^2) A_(n-1) - B_n`; `B_n(c) = E[z^n w^n]` for standard normals of
//! correlation `c` fixes the constant.
//!
//! For nearly parallel inputs, at an angle `psi`, the margin is formed without a difference:
//!
#![doc = overparam_formula::formula!("g^n (J_n(1) - J_n(c)) / (2 pi) = g^n n^2 / (2 pi) int_0^psi J_(n-1)(cos t) sin t dt,    for n = 0:  psi / (2 pi).")]

use std::f64::consts::PI;

use super::visit::OneByOne;
use crate::pair::{Moments, Pair};

/// Polynomials of degrees `n` and `n - 1`.
#[derive(Debug, Clone)]
pub(crate) struct Rectified {
    degree: u32,
    this: [Vec<f64>; 2],
    lower: Option<[Vec<f64>; 2]>,
}

impl Rectified {
    pub(crate) fn new(degree: u32) -> Self {
        let mut lower = None;
        let mut this = [vec![0.0], vec![1.0]];
        for n in 1..=degree as usize {
            let next = raise(&this, n);
            lower = Some(std::mem::replace(&mut this, next));
        }
        Self { degree, this, lower }
    }
}

impl OneByOne for Rectified {
    fn moments(&self, p: &Pair) -> Moments {
        let (c, v) = (p.correlation(), p.versine());
        let sine = (v * (2.0 - v)).sqrt();
        let angle = PI - sine.atan2(c);
        let j = |[a, b]: &[Vec<f64>; 2]| (horner(a, c) * sine + horner(b, c) * angle) / (2.0 * PI);
        let n = self.degree as i32;
        let kappa_dot =
            self.lower.as_ref().map_or(0.0, |lower| f64::from(n * n) * p.scale().powi(n - 1) * j(lower));
        Moments { kappa: p.scale().powi(n) * j(&self.this), kappa_dot }
    }

    /// `sqrt(kappa_xx kappa_yy) - kappa` of nearly parallel inputs, by Gauss's three nodes: the part that they miss is of order
    /// `psi^6`.
    fn margin(&self, p: &Pair) -> f64 {
        let v = p.versine();
        let psi = (v * (2.0 - v)).sqrt().atan2(1.0 - v);
        let Some([a, b]) = &self.lower else { return psi / (2.0 * PI) };
        let integrand = |t: f64| {
            let (sine, c) = t.sin_cos();
            (horner(a, c) * sine + horner(b, c) * (PI - t)) * sine
        };
        let offset = 0.6f64.sqrt();
        let nodes = [(1.0 - offset, 5.0), (1.0, 8.0), (1.0 + offset, 5.0)];
        let mean = nodes.map(|(at, weight)| weight * integrand(psi / 2.0 * at)).iter().sum::<f64>() / 18.0;
        let n = self.degree as i32;
        p.scale().powi(n) * f64::from(n * n) / (2.0 * PI) * psi * mean
    }
}

fn horner(coefficients: &[f64], c: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, a| sum * c + a)
}

/// `(A_n, B_n)` from `(A_(n-1), B_(n-1))`.
fn raise([a, b]: &[Vec<f64>; 2], n: usize) -> [Vec<f64>; 2] {
    let square = (n * n) as f64;
    let mut next_b = vec![if n.is_multiple_of(2) { odd_factorial(n).powi(2) } else { 0.0 }];
    next_b.extend(b.iter().enumerate().map(|(i, x)| square * x / (i + 1) as f64));
    // Coefficient of c^i in (1 - c^2) A' - c A is (i+1) A_(i+1) - i A_(i-1): solve from the top.
    let at = |p: &[f64], i: usize| p.get(i).copied().unwrap_or(0.0);
    let right = |i: usize| {
        let below = if i >= 2 { at(a, i - 2) } else { 0.0 };
        square * (at(a, i) - below) - at(&next_b, i)
    };
    let mut next_a = vec![0.0; n];
    for i in (1..=n).rev() {
        next_a[i - 1] = ((i + 1) as f64 * at(&next_a, i + 1) - right(i)) / i as f64;
    }
    [next_a, next_b]
}

/// `(n - 1)!! = E[z^n]` for even `n`.
fn odd_factorial(n: usize) -> f64 {
    (1..n).step_by(2).map(|i| i as f64).product()
}

#[cfg(test)]
mod properties {
    use super::Rectified;
    use crate::dual::visit::OneByOne;
    use crate::pair::Pair;

    /// Cho and Saul's J_2 = 3 sin t cos t + (pi - t)(1 + 2 cos^2 t).
    #[test]
    fn degree_two_is_the_published_one() {
        let two = Rectified::new(2);
        assert_eq!(two.this, [vec![0.0, 3.0], vec![1.0, 0.0, 2.0]]);
        assert_eq!(two.lower, Some([vec![1.0], vec![0.0, 1.0]]));
    }

    /// Moments of a normal `z`: `E z_+^(2n) = (2n - 1)!!/2` on equal inputs, `(E z_+^n)^2` on orthogonal ones, with
    /// `E z_+^n = (n - 1)!!/2` times `sqrt(2/pi)` for odd `n`, and nothing on opposite ones.
    #[test]
    fn ends_and_middle_are_moments_of_a_normal() {
        let odd = |n: u32| (1..=n).rev().step_by(2).map(f64::from).product::<f64>();
        let half = |n: u32| {
            let share = if n % 2 == 1 { (2.0 / std::f64::consts::PI).sqrt() } else { 1.0 };
            odd(n.saturating_sub(1)) / 2.0 * share
        };
        for n in 1..=6u32 {
            let at = |c: f64| {
                let pair = Pair { k: 4.0 * c, margin: 4.0 * (1.0 - c.abs()), q: [16.0, 1.0], s: [4.0, 1.0] };
                Rectified::new(n).moments(&pair)
            };
            let near = |found: f64, expected: f64| (found - expected).abs() < 1e-11 * (1.0 + expected);
            let (scale, slope) = (4f64.powi(n as i32), f64::from(n * n) * 4f64.powi(n as i32 - 1));
            assert!(near(at(1.0).kappa, scale * odd(2 * n - 1) / 2.0), "{n} {:?}", at(1.0));
            assert!(near(at(0.0).kappa, scale * half(n).powi(2)), "{n} {:?}", at(0.0));
            assert!(near(at(0.0).kappa_dot, slope * half(n - 1).powi(2)), "{n} {:?}", at(0.0));
            assert!(near(at(-1.0).kappa, 0.0), "{n} {:?}", at(-1.0));
        }
    }
}
