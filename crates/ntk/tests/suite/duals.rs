//! Dual maps against two-dimensional quadrature of their definition.

use overparam_ntk::activation::{
    AbRelu, Activation, Cos, Erf, Exp, Gelu, Hermite, Monomial, Numerical, Polynomial, Rbf,
    RectifiedMonomial, Sign, Sin, TABLE,
};
use overparam_ntk::{
    Architecture,
    layer::{self, Layer},
};
use overparam_tensor::{Tensor, grad};
use proptest::prelude::*;

/// Gauss-Legendre's eight nodes on [-1, 1], by symmetry four, with their weights.
const LEGENDRE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_5),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_3),
];

/// Nodes and weights of `int_{-9}^{9} g(z) exp(-z^2/2) / sqrt(2 pi) dz` for a `g` that is analytic on either side of `kink`.
fn line(kink: f64) -> Vec<(f64, f64)> {
    let kink = kink.clamp(-9.0, 9.0);
    let mut nodes = Vec::new();
    for (from, to) in [(-9.0, kink), (kink, 9.0)] {
        let panels = ((to - from) / 0.5f64).ceil().max(1.0);
        let half = (to - from) / panels / 2.0;
        for p in 0..panels as i32 {
            let centre = from + half * (2.0 * f64::from(p) + 1.0);
            for (x, w) in LEGENDRE {
                for z in [centre - half * x, centre + half * x] {
                    nodes.push((z, w * half * (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt()));
                }
            }
        }
    }
    nodes
}

/// The integral of one function.
fn gaussian_integral(kink: f64, g: &dyn Fn(f64) -> f64) -> f64 {
    line(kink).into_iter().map(|(z, w)| w * g(z)).sum()
}

/// Nodes `u`, `v` and weights of the same quadrature for a pair of these moments.
fn plane(qx: f64, qy: f64, k: f64) -> (Tensor<f64>, Tensor<f64>, Vec<f64>) {
    let (sx, c) = (qx.sqrt(), k / qx.sqrt());
    let rest = (qy - c * c).max(0.0).sqrt();
    let (mut u, mut v, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (a, outer) in line(0.0) {
        for (b, inner) in line(if rest > 0.0 { -c * a / rest } else { 0.0 }) {
            u.push(sx * a);
            v.push(c * a + rest * b);
            weights.push(outer * inner);
        }
    }
    let n = weights.len();
    (Tensor::from_vec(&[n], u), Tensor::from_vec(&[n], v), weights)
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
            check(&AbRelu { a, b: 1.0 }.into(), &|x| x.max(0.0) + a * x.min(0.0), &|x| if x > 0.0 { 1.0 } else if x < 0.0 { a } else { (1.0 + a) / 2.0 }, 1e-12, q, c);
            check(&Sin { a: 1.3, b: 0.7, c: a }.into(), &|x| 1.3 * (0.7 * x + a).sin(), &|x| 0.91 * (0.7 * x + a).cos(), 1e-12, q, c);
            check(&Cos { a: 1.3, b: 0.7, c: a }.into(), &|x| 1.3 * (0.7 * x + a).cos(), &|x| -0.91 * (0.7 * x + a).sin(), 1e-12, q, c);
            let root = 2f64.sqrt();
            // gamma = 0.7: sqrt(2 gamma) = sqrt 1.4.
            let rate = 1.4f64.sqrt();
            check(&Rbf { gamma: 0.7 }.into(), &|x| root * (rate * x + std::f64::consts::FRAC_PI_4).sin(), &|x| root * rate * (rate * x + std::f64::consts::FRAC_PI_4).cos(), 1e-12, q, c);
            check(&Exp { a: 0.5, b: 0.8 }.into(), &|x| 0.5 * (0.8 * x).exp(), &|x| 0.4 * (0.8 * x).exp(), 1e-12, q, c);
            check(&Sign.into(), &f64::signum, &|_| 0.0, 1e-12, q, c);
            check(&Monomial { degree: 3 }.into(), &|x| x.powi(3), &|x| 3.0 * x * x, 1e-11, q, c);
            check(&RectifiedMonomial { degree: 2 }.into(), &|x| x.max(0.0).powi(2), &|x| 2.0 * x.max(0.0), 1e-12, q, c);
            check(&RectifiedMonomial { degree: 3 }.into(), &|x| x.max(0.0).powi(3), &|x| 3.0 * x.max(0.0).powi(2), 1e-11, q, c);
            check(&Polynomial { coefficients: vec![0.3, -1.0, a, 0.2] }.into(), &|x| 0.3 - x + a * x * x + 0.2 * x.powi(3), &|x| -1.0 + 2.0 * a * x + 0.6 * x * x, 1e-11, q, c);
            check(&Hermite { coefficients: vec![0.0, 1.0, a] }.into(), &|x| x + a * (x * x - 1.0) / root, &|x| 1.0 + a * root * x, 1e-11, q, c);
            check(&Activation::numerical("tanh", None).unwrap(), &f64::tanh, &|x| 1.0 - x.tanh().powi(2), 1e-6, q, c);
        }

        /// Whatever the table has: the infinite half is the expectation of the finite half.
        #[test]
        fn both_halves_of_every_entry_agree(qx in 0.2..1.5f64, qy in 0.2..1.5f64, c in -0.95..0.95f64) {
            let (u, v, weights) = plane(qx, qy, c * (qx * qy).sqrt());
            for activation in TABLE.iter().flat_map(|entry| (entry.examples)()) {
                let values = [&u, &v].map(|x| activation.apply(x).array().to_vec());
                let slopes =
                    [&u, &v].map(|x| grad(|x: &Tensor<f64>| activation.apply(x).sum(), x).array().to_vec());
                // One-dimensional quadrature stands for the closed form that there is not.
                let tolerance = if matches!(activation, Activation::Numerical(_)) { 1e-6 } else { 1e-10 };
                let ours = activation.dual(qx, qy, c * (qx * qy).sqrt()).unwrap();
                for (found, [x, y]) in [(ours.kappa, values), (ours.kappa_dot, slopes)] {
                    let mean = |x: &[f64], y: &[f64]| {
                        weights.iter().zip(x).zip(y).map(|((w, x), y)| w * x * y).sum::<f64>()
                    };
                    let (expected, scale) = (mean(&x, &y), 1.0 + mean(&x, &x).max(mean(&y, &y)));
                    prop_assert!((found - expected).abs() < tolerance * scale, "{activation:?}: {found} {expected}");
                }
            }
        }

        /// The schema gives back what it was given.
        #[test]
        fn every_entry_survives_its_schema(width in 1usize..9) {
            let activations = TABLE.iter().flat_map(|entry| (entry.examples)()).map(Layer::from);
            let layers = layer::TABLE.iter().flat_map(|entry| (entry.examples)(width));
            let net = Architecture::new(layers.chain(activations));
            prop_assert_eq!(&Architecture::from_json(&net.to_json()).unwrap(), &net);
        }

        /// Closed forms against the series path on the same function.
        #[test]
        fn closed_forms_are_their_series(qx in 0.1..0.5f64, qy in 0.1..0.5f64, c in -0.99..0.99f64) {
            let slope = |x: f64| 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp();
            let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
            let k = c * (qx * qy).sqrt();
            for (closed, series) in [
                (Activation::Erf(Erf), Numerical::new("erf", erf, slope, 100)),
                (Activation::Gelu(Gelu), Numerical::new("gelu", |x| x * normal_cdf(x), move |x| normal_cdf(x) + x * density(x), 100)),
            ] {
                let ours = closed.dual(qx, qy, k).unwrap();
                let theirs = Activation::Numerical(series).dual(qx, qy, k).unwrap();
                prop_assert!((ours.kappa - theirs.kappa).abs() < 1e-8, "{closed:?} {} {}", ours.kappa, theirs.kappa);
                prop_assert!((ours.kappa_dot - theirs.kappa_dot).abs() < 1e-7, "{closed:?}'");
            }
        }
    }
}
