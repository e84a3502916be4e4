//! Dual maps against two-dimensional quadrature of their definition.

use overparam_ntk::activation::{Activation, Numerical};
use proptest::prelude::*;

/// Gauss-Legendre's eight nodes on [-1, 1], by symmetry four, with their weights.
const LEGENDRE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];

/// `int_{-9}^{9} g(z) exp(-z^2/2) / sqrt(2 pi) dz` of a `g` that is analytic on either side of `kink`.
fn gaussian_integral(kink: f64, g: &dyn Fn(f64) -> f64) -> f64 {
    let kink = kink.clamp(-9.0, 9.0);
    let piece = |from: f64, to: f64| -> f64 {
        let panels = ((to - from) / 0.5).ceil().max(1.0);
        let half = (to - from) / panels / 2.0;
        let panel = |p: i32| {
            let centre = from + half * (2.0 * f64::from(p) + 1.0);
            let at = |z: f64| g(z) * (-z * z / 2.0).exp();
            LEGENDRE
                .iter()
                .map(|&(x, w)| w * half * (at(centre - half * x) + at(centre + half * x)))
                .sum::<f64>()
        };
        (0..panels as i32).map(panel).sum()
    };
    (piece(-9.0, kink) + piece(kink, 9.0)) / std::f64::consts::TAU.sqrt()
}

/// `E[f(u) f(v)]` for an `f` that may break at zero: the quadrature's pieces end where an argument changes sign.
fn expectation(f: &dyn Fn(f64) -> f64, qx: f64, qy: f64, k: f64) -> f64 {
    let (sx, c) = (qx.sqrt(), k / qx.sqrt());
    let rest = (qy - c * c).max(0.0).sqrt();
    gaussian_integral(0.0, &|a| {
        let kink = if rest > 0.0 { -c * a / rest } else { 0.0 };
        f(sx * a) * gaussian_integral(kink, &|b| f(c * a + rest * b))
    })
}

fn check(
    activation: &Activation,
    f: &dyn Fn(f64) -> f64,
    df: &dyn Fn(f64) -> f64,
    tolerance: f64,
    q: [f64; 2],
    c: f64,
) {
    let k = c * (q[0] * q[1]).sqrt();
    let ours = activation.dual(q[0], q[1], k).unwrap();
    let (kappa, dot) = (expectation(f, q[0], q[1], k), expectation(df, q[0], q[1], k));
    let scale = 1.0 + expectation(f, q[0], q[0], q[0]).max(expectation(f, q[1], q[1], q[1]));
    assert!(
        (ours.kappa - kappa).abs() < tolerance * scale,
        "{activation:?} {q:?} {c}: {} {kappa}",
        ours.kappa
    );
    let scale = 1.0 + expectation(df, q[0], q[0], q[0]).max(expectation(df, q[1], q[1], q[1]));
    assert!(
        (ours.kappa_dot - dot).abs() < tolerance * scale,
        "{activation:?}' {q:?} {c}: {} {dot}",
        ours.kappa_dot
    );
}

fn erf(x: f64) -> f64 {
    // Series and continued fraction are out of place here: 2/sqrt(pi) int_0^x exp(-t^2) by Simpson.
    let n = 400;
    let h = x / f64::from(n);
    let g = |i: i32| (-(h * f64::from(i)).powi(2)).exp();
    let sum: f64 = (0..n).step_by(2).map(|i| g(i) + 4.0 * g(i + 1) + g(i + 2)).sum();
    sum * h / 3.0 * 2.0 / std::f64::consts::PI.sqrt()
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + erf(x / 2f64.sqrt()))
}

mod properties {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn elementary(qx in 0.2..1.5f64, qy in 0.2..1.5f64, c in -0.95..0.95f64, a in -1.0..1.0f64) {
            let q = [qx, qy];
            check(&Activation::AbRelu { a, b: 1.0 }, &|x| x.max(0.0) + a * x.min(0.0), &|x| if x > 0.0 { 1.0 } else if x < 0.0 { a } else { (1.0 + a) / 2.0 }, 1e-12, q, c);
            check(&Activation::Sin { a: 1.3, b: 0.7, c: a }, &|x| 1.3 * (0.7 * x + a).sin(), &|x| 0.91 * (0.7 * x + a).cos(), 1e-12, q, c);
            check(&Activation::Cos { a: 1.3, b: 0.7, c: a }, &|x| 1.3 * (0.7 * x + a).cos(), &|x| -0.91 * (0.7 * x + a).sin(), 1e-12, q, c);
            let root = 2f64.sqrt();
            // gamma = 0.7: sqrt(2 gamma) = sqrt 1.4.
            let rate = 1.4f64.sqrt();
            check(&Activation::Rbf { gamma: 0.7 }, &|x| root * (rate * x + std::f64::consts::FRAC_PI_4).sin(), &|x| root * rate * (rate * x + std::f64::consts::FRAC_PI_4).cos(), 1e-12, q, c);
            check(&Activation::Exp { a: 0.5, b: 0.8 }, &|x| 0.5 * (0.8 * x).exp(), &|x| 0.4 * (0.8 * x).exp(), 1e-12, q, c);
            check(&Activation::Sign, &f64::signum, &|_| 0.0, 1e-12, q, c);
            check(&Activation::Monomial { degree: 3 }, &|x| x.powi(3), &|x| 3.0 * x * x, 1e-11, q, c);
            check(&Activation::RectifiedMonomial { degree: 2 }, &|x| x.max(0.0).powi(2), &|x| 2.0 * x.max(0.0), 1e-12, q, c);
            check(&Activation::RectifiedMonomial { degree: 3 }, &|x| x.max(0.0).powi(3), &|x| 3.0 * x.max(0.0).powi(2), 1e-11, q, c);
            check(&Activation::Polynomial { coefficients: vec![0.3, -1.0, a, 0.2] }, &|x| 0.3 - x + a * x * x + 0.2 * x.powi(3), &|x| -1.0 + 2.0 * a * x + 0.6 * x * x, 1e-11, q, c);
            check(&Activation::Hermite { coefficients: vec![0.0, 1.0, a] }, &|x| x + a * (x * x - 1.0) / root, &|x| 1.0 + a * root * x, 1e-11, q, c);
            check(&Activation::numerical("tanh", None).unwrap(), &f64::tanh, &|x| 1.0 - x.tanh().powi(2), 1e-6, q, c);
        }

        /// Closed forms against the series path on the same function.
        #[test]
        fn closed_forms_are_their_series(qx in 0.1..0.5f64, qy in 0.1..0.5f64, c in -0.99..0.99f64) {
            let slope = |x: f64| 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp();
            let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
            let k = c * (qx * qy).sqrt();
            for (closed, series) in [
                (Activation::Erf, Numerical::new("erf", erf, slope, 100)),
                (Activation::Gelu, Numerical::new("gelu", |x| x * normal_cdf(x), move |x| normal_cdf(x) + x * density(x), 100)),
            ] {
                let ours = closed.dual(qx, qy, k).unwrap();
                let theirs = Activation::Numerical(series).dual(qx, qy, k).unwrap();
                prop_assert!((ours.kappa - theirs.kappa).abs() < 1e-8, "{closed:?} {} {}", ours.kappa, theirs.kappa);
                prop_assert!((ours.kappa_dot - theirs.kappa_dot).abs() < 1e-7, "{closed:?}'");
            }
        }
    }
}
