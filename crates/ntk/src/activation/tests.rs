//! Dual maps at single points.

use super::{Activation, Erf, Exp, Gelu, Rbf, Sign, Sin};
use crate::dual::visit::DualMap;
use crate::pair::{Moments, Pair};

/// Activations of `tests/data/duals.csv`, with the largest errors allowed: of `kappa` and `kappa'` in units of their own last
/// place, where nothing cancels, and in units of the last place of what they are for the inputs with themselves.
fn of(name: &str) -> (Activation, [u64; 2], f64) {
    const CANCELS: u64 = u64::MAX;
    match name {
        "erf" => (Erf.into(), [4, 4], 4.0),
        "gelu" => (Gelu.into(), [CANCELS, CANCELS], 4.0),
        // An exponential has the error of its argument times the argument, here up to 16.
        "exp" => (Exp { a: 0.7, b: 0.9 }.into(), [8, 8], 8.0),
        "sin" => (Sin { a: 1.3, b: 0.7, c: 0.2 }.into(), [CANCELS, CANCELS], 4.0),
        "sin0" => (Sin { a: 1.0, b: 1.0, c: 0.0 }.into(), [4, 4], 4.0),
        "rbf" => (Rbf { gamma: 0.3 }.into(), [4, 4], 4.0),
        "sign" => (Sign.into(), [4, 0], 4.0),
        _ => panic!("no activation {name}"),
    }
}

/// An input with itself, whatever the rounding of `q_x q_y`, and what is no covariance.
#[test]
fn a_covariance_is_at_most_the_product_of_deviations() {
    for q in [1.0, 2.0, 0.3] {
        let own = Activation::abs().dual(q, q, q).unwrap();
        assert!((own.kappa - q).abs() < 1e-15 && own.kappa_dot == 1.0, "{own:?}");
        assert!(Activation::abs().dual(q, q, q * (1.0 + 1e-9)).is_err());
        assert!(Activation::abs().dual(q, 4.0 * q, -2.0 * q * (1.0 + 1e-9)).is_err());
    }
}

/// Closed forms against mpmath's values, nearly equal and nearly opposite inputs and variances of 1e-8 to 1e8 included.
#[test]
fn closed_forms_are_those_of_sixty_digits() {
    let table = include_str!("../../tests/data/duals.csv");
    for row in table.lines().filter(|row| !row.starts_with('#')) {
        let (name, numbers) = row.split_once(',').expect("a name");
        let numbers: Vec<f64> = numbers.split(',').map(|x| x.parse().expect("a number")).collect();
        let &[x, y, k, margin, kappa, kappa_dot] = &numbers[..] else { panic!("six numbers: {row}") };
        let (activation, units, relative) = of(name);
        let dual = activation.map().unwrap();
        let moments = |x: f64, y: f64, k, margin| {
            let pair = Pair::new(k, margin, [x, y], [x.sqrt(), y.sqrt()]);
            let Moments { kappa, kappa_dot } = dual.moments(&pair);
            [kappa, kappa_dot]
        };
        let (found, own) = (moments(x, y, k, margin), [x, y].map(|q| moments(q, q, q, 0.0)));
        for (i, expected) in [kappa, kappa_dot].into_iter().enumerate() {
            let apart =
                if found[i] == expected { 0 } else { found[i].to_bits().abs_diff(expected.to_bits()) };
            let scale = (own[0][i] * own[1][i]).sqrt() * f64::EPSILON;
            assert!(apart <= units[i], "{apart} units, {} for {expected} of {row}", found[i]);
            assert!((found[i] - expected).abs() <= relative * scale, "{} for {expected} of {row}", found[i]);
        }
    }
}
