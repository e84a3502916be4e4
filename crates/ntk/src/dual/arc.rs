//! Angles to full relative accuracy, in vectors.
//!
//! For `v = 1 - cos psi` in `[0, 1]`,
//!
#![doc = overparam_formula::formula!("s = sin psi = sqrt(v (2 - v)),   psi = s (1 + v p(v)),   r = s - (1 - v) psi = s v (1 - (1 - v) p(v)),")]
//!
//! where `p` is a polynomial: interpolation of `(acos(1-v)/sqrt(v(2-v)) - 1)/v` at Chebyshev nodes of `[0, 1]`, error
//! 3e-17 (f64), 1e-8 (f32). The nearest singularity is at `v = 2`, so one polynomial covers the range and nothing branches. Likewise `asin x = x (1 + x^2 q(x^2))` while
//! `x^2 <= 1/2`, `q` with an error of 2e-17 (f64), 2e-8 (f32); beyond, the other angle of the triangle is taken.

use overparam_tensor::linalg::Real;
use overparam_tensor::simd::Wide;

/// `p` for f64, ascending.
const WIDE: [f64; 21] = [
    0.33333333333333337,
    0.1333333333333216,
    0.057142857144574496,
    0.025396825297269287,
    0.011544014593116173,
    0.0053279483088366185,
    0.0024871121300071887,
    0.0011638546001328132,
    0.0005940854424188283,
    7.211352983263087e-05,
    0.000833000937426987,
    -0.0019569674992866073,
    0.0045212623352351,
    -0.007800214739855487,
    0.010588885862776898,
    -0.011041195077543494,
    0.008721864552393708,
    -0.005044212363588533,
    0.002023068410342283,
    -0.0005042029562849602,
    5.9559620437726244e-05,
];

/// `p` for f32, ascending.
const NARROW: [f64; 10] = [
    0.3333333283713902,
    0.13333432331819872,
    0.057110587904944644,
    0.025800378262564438,
    0.009014792396712372,
    0.014275146695682042,
    -0.01629899420924802,
    0.02459185104827352,
    -0.01574707684781099,
    0.005381980214801952,
];

/// `q` for f64, ascending.
pub(super) const WIDE_SINE: [f64; 19] = [
    0.16666666666666669,
    0.07499999999998412,
    0.04464285714665563,
    0.030381944084994415,
    0.0223721770065477,
    0.017352221539201188,
    0.013975730180211136,
    0.01139924601483468,
    0.011310924828955462,
    -0.0032941927380090922,
    0.07377343868679113,
    -0.2809947932275328,
    0.952265420570822,
    -2.3535297860232123,
    4.3847119392409954,
    -5.883233416999023,
    5.436384462318588,
    -3.0948547605199717,
    0.8387674099544927,
];

/// `q` for f32, ascending.
pub(super) const NARROW_SINE: [f64; 8] = [
    0.16666665678232892,
    0.07500252163633334,
    0.044538813973175724,
    0.03199023922716213,
    0.010435325974988746,
    0.06379697638268081,
    -0.07972071595315332,
    0.09469734959597223,
];

/// `(psi, r)` of the module page for `v` in `[0, 1]`.
#[inline(always)]
pub(crate) fn arc<T: Real, W: Wide<T>>(w: W, v: W::V) -> (W::V, W::V) {
    let one = w.splat(T::ONE);
    let s = w.sqrt(w.mul(v, w.sub(w.splat(T::of(2.0)), v)));
    let p = if T::choose(true, false) { polynomial(w, &NARROW, v) } else { polynomial(w, &WIDE, v) };
    let psi = w.mul(s, w.mul_add(v, p, one));
    let r = w.mul(w.mul(s, v), w.sub(one, w.mul(w.sub(one, v), p)));
    (psi, r)
}

/// `asin x` of `0 <= x <= 1`, given `square = 1 - x^2` to full relative accuracy and its root: the arcsine of the smaller of
/// `x` and `root`, and whether that is `x`; if not, it is what `asin x` lacks of a right angle.
#[inline(always)]
pub(crate) fn arcsine<T: Real, W: Wide<T>>(w: W, x: W::V, square: W::V, root: W::V) -> (W::V, W::M) {
    let own = w.mul(x, x);
    let small = w.less(own, square);
    let (leg, u) = (w.select(small, x, root), w.select(small, own, square));
    let q =
        if T::choose(true, false) { polynomial(w, &NARROW_SINE, u) } else { polynomial(w, &WIDE_SINE, u) };
    (w.mul_add(w.mul(leg, u), q, leg), small)
}

/// `(asin x - x) / x` and `asin x / x` for `x^2 <= 1/2`, which the caller sees to.
#[inline(always)]
pub(super) fn small_arcsine<T: Real, W: Wide<T>>(w: W, x: W::V) -> [W::V; 2] {
    let u = w.mul(x, x);
    let q =
        if T::choose(true, false) { polynomial(w, &NARROW_SINE, u) } else { polynomial(w, &WIDE_SINE, u) };
    let rest = w.mul(u, q);
    [rest, w.add(w.splat(T::ONE), rest)]
}

/// The whole of `asin x`, from the same numbers.
#[inline(always)]
pub(crate) fn whole_arcsine<T: Real, W: Wide<T>>(w: W, x: W::V, square: W::V, root: W::V) -> W::V {
    let (angle, small) = arcsine(w, x, square, root);
    w.select(small, angle, w.sub(w.splat(T::of(std::f64::consts::FRAC_PI_2)), angle))
}

/// `sum_i c_i v^i` as four polynomials in `v^4`: one chain of twenty multiply-adds would leave the processor waiting.
#[inline(always)]
fn polynomial<T: Real, W: Wide<T>, const N: usize>(w: W, coefficients: &[f64; N], v: W::V) -> W::V {
    let v2 = w.mul(v, v);
    let v4 = w.mul(v2, v2);
    let mut parts = [w.splat(T::ZERO); 4];
    for i in (0..N).rev() {
        let c = w.splat(T::of(coefficients[i]));
        parts[i % 4] = if i + 4 < N { w.mul_add(parts[i % 4], v4, c) } else { c };
    }
    let [a, b, c, d] = parts;
    w.mul_add(w.mul_add(d, v, c), v2, w.mul_add(b, v, a))
}

#[cfg(test)]
mod tests {
    use overparam_tensor::linalg::Real;
    use overparam_tensor::simd::Wide;

    /// One number.
    fn arc<T: Real>(v: T) -> (T, T) {
        let w = T::wide(pulp::Scalar::new());
        let (psi, r) = super::arc(w, w.splat(v));
        let (mut a, mut b) = ([v], [v]);
        w.store(&mut a, psi);
        w.store(&mut b, r);
        (a[0], b[0])
    }

    /// Representable numbers between two positive ones.
    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    /// At most four units in the last place from the correctly rounded values, which are mpmath's.
    #[test]
    fn arc_is_within_four_units_in_the_last_place() {
        let table = include_str!("../../tests/data/arc.csv");
        let mut worst = [0; 2];
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let numbers: Vec<f64> = row.split(',').map(|x| x.parse().expect("a number")).collect();
            let &[v, psi, r] = &numbers[..] else { panic!("three numbers: {row}") };
            let found = arc(v);
            let apart = [ulps(found.0, psi), ulps(found.1, r)];
            assert!(apart.iter().all(|&n| n <= 4), "v = {v}: {found:?} is {apart:?} from ({psi}, {r})");
            worst = [worst[0].max(apart[0]), worst[1].max(apart[1])];
        }
        assert!(worst.iter().all(|&n| n > 0), "the comparison sees rounding: {worst:?}");
    }

    /// In f32 the function in f64, good to 1e-15, stands for the correctly rounded value.
    #[test]
    fn narrow_arc_is_within_four_units_in_the_last_place() {
        for i in 1..=100_000u32 {
            for v in [i as f32 / 100_000.0, 10f32.powf(i as f32 / -5_000.0)] {
                let (found, exact) = (arc(v), arc(f64::from(v)));
                for (found, exact) in [(found.0, exact.0 as f32), (found.1, exact.1 as f32)] {
                    let apart = found.to_bits().abs_diff(exact.to_bits());
                    assert!(apart <= 4, "v = {v}: {found} is {apart} from {exact}");
                }
            }
        }
    }

    #[test]
    fn arc_keeps_its_relative_accuracy_at_the_edge() {
        for exponent in 1..=200 {
            let v = 10f64.powi(-exponent);
            let (psi, r) = arc(v);
            assert!((psi / (2.0 * v).sqrt() - 1.0).abs() <= 0.1 * v + 1e-15);
            assert!((r / (2.0 / 3.0 * v * (2.0 * v).sqrt()) - 1.0).abs() <= v + 1e-15);
        }
    }

    /// Beside the standard library's, on both sides of the place where the two branches meet.
    #[test]
    fn arcsines_are_those_of_the_standard_library() {
        let w = <f64 as overparam_tensor::simd::Lanes>::wide(pulp::Scalar::new());
        for i in 0..=100_000 {
            let t = f64::from(i) / 100_000.0 * std::f64::consts::FRAC_PI_2;
            let (x, root) = (t.sin(), t.cos());
            let (angle, small) = super::arcsine(w, x, root * root, root);
            let expected = if small { t } else { std::f64::consts::FRAC_PI_2 - t };
            assert!(
                (angle - expected).abs() <= 8.0 * f64::EPSILON * t.max(expected),
                "{t}: {angle} for {expected}"
            );
        }
    }
}
