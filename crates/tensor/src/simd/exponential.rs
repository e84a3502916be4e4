//! Exponentials of vectors.

use super::Wide;
use crate::linalg::Real;

/// What `x = n ln 2 + r`, `|r| <= ln(2)/2`, and `e^r` need of a type (Cody and Waite 1980).
pub(crate) struct Reduction {
    /// Adding it rounds to an integer.
    pub(crate) round: f64,
    /// `ln 2` as a sum, `n` times the first part being exact.
    pub(crate) ln2: [f64; 2],
    /// Of the Taylor polynomial of `e^r - 1`: the remainder is below half a unit in the last place.
    pub(crate) degree: usize,
    /// Below and beyond these `e^x` is zero and infinity.
    pub(crate) range: [f64; 2],
    /// Below this `e^x - 1` is -1.
    pub(crate) saturated: f64,
}

/// Of f32.
pub(crate) const NARROW: Reduction = Reduction {
    round: 1.5 * (1u64 << 23) as f64,
    ln2: [6.933_594e-1, -2.121_944_4e-4],
    degree: 7,
    range: [-110.0, 95.0],
    saturated: -40.0,
};

/// Of f64.
pub(crate) const WIDE: Reduction = Reduction {
    round: 1.5 * (1u64 << 52) as f64,
    ln2: [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10],
    degree: 13,
    range: [-760.0, 720.0],
    saturated: -60.0,
};

/// `1/k!`.
pub(crate) const INVERSE_FACTORIALS: [f64; 14] = {
    let (mut all, mut k, mut factorial) = ([1.0; 14], 1, 1.0);
    while k < 14 {
        factorial *= k as f64;
        all[k] = 1.0 / factorial;
        k += 1;
    }
    all
};

/// `(n, e^r - 1)` of [`Reduction`].
#[inline(always)]
fn reduce<T: Real, W: Wide<T>>(w: W, x: W::V) -> (W::V, W::V) {
    let of = T::choose(&NARROW, &WIDE);
    let round = w.splat(T::of(of.round));
    let n = w.sub(w.mul_add(x, w.splat(T::of(std::f64::consts::LOG2_E)), round), round);
    let (high, low) = (w.splat(T::of(-of.ln2[0])), w.splat(T::of(-of.ln2[1])));
    let r = w.mul_add(n, low, w.mul_add(n, high, x));
    let mut sum = w.splat(T::ZERO);
    for k in (2..=of.degree).rev() {
        sum = w.mul_add(sum, r, w.splat(T::of(INVERSE_FACTORIALS[k])));
    }
    (n, w.mul_add(w.mul(r, r), sum, r))
}

/// `e^x`, within 2 units in the last place; the bits do not depend on the number of lanes.
#[inline(always)]
pub fn exp<T: Real, W: Wide<T>>(w: W, x: W::V) -> W::V {
    let of = T::choose(&NARROW, &WIDE);
    let (least, most) = (w.splat(T::of(of.range[0])), w.splat(T::of(of.range[1])));
    // NaN fails both comparisons and stays.
    let x = w.select(w.less(x, least), least, w.select(w.less(most, x), most, x));
    let (n, less_one) = reduce(w, x);
    // 2^n in two factors: n may be beyond the exponents of normal numbers.
    let round = w.splat(T::of(of.round));
    let half = w.sub(w.mul_add(n, w.splat(T::of(0.5)), round), round);
    let power = w.add(less_one, w.splat(T::ONE));
    w.mul(w.mul(power, w.power_of_two(half)), w.power_of_two(w.sub(n, half)))
}

/// `e^x - 1` for `x <= 0`, within 4 units in the last place.
#[inline(always)]
pub fn exp_m1<T: Real, W: Wide<T>>(w: W, x: W::V) -> W::V {
    let least = w.splat(T::of(T::choose(&NARROW, &WIDE).saturated));
    let (n, less_one) = reduce(w, w.select(w.less(x, least), least, x));
    let scale = w.power_of_two(n);
    w.mul_add(scale, less_one, w.sub(scale, w.splat(T::ONE)))
}

#[cfg(test)]
mod tests {
    use super::{exp, exp_m1};
    use crate::linalg::Real;

    /// `e^x` and `e^(-|x|) - 1` in place of `x`, in vectors.
    struct Both<'a, T>(&'a mut [[T; 16]; 2]);

    impl<T: Real> pulp::WithSimd for Both<'_, T> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) {
            use crate::simd::Wide;
            let w = T::wide(simd);
            let [first, second] = self.0;
            w.split_mut(first).0.iter_mut().for_each(|x| *x = exp(w, *x));
            w.split_mut(second).0.iter_mut().for_each(|x| *x = exp_m1(w, w.sub(w.splat(T::ZERO), w.abs(*x))));
        }
    }

    /// The same number in all lanes, by the processor's vectors and one at a time: the bits agree.
    fn both<T: Real>(x: T) -> [T; 2] {
        let (mut lanes, mut alone) = ([[x; 16]; 2], [[x; 16]; 2]);
        pulp::Arch::new().dispatch(Both(&mut lanes));
        pulp::Simd::vectorize(pulp::Scalar::new(), Both(&mut alone));
        let same = |a: &T, b: &T| a == b || (*a).f64().is_nan() && (*b).f64().is_nan();
        assert!(lanes.as_flattened().iter().zip(alone.as_flattened()).all(|(a, b)| same(a, b)), "{x}");
        [lanes[0][0], lanes[1][0]]
    }

    /// At most two units in the last place from mpmath's correctly rounded values; f32 from f64's.
    #[test]
    fn exponentials_are_within_two_units() {
        let table = include_str!("../../tests/elementary.csv");
        let rows = table.lines().filter_map(|row| row.strip_prefix("exp,")?.split_once(','));
        let mut worst = [0, 0];
        for (x, y) in rows {
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            worst[0] = worst[0].max(both(x)[0].to_bits().abs_diff(y.to_bits()));
            let narrow = x as f32;
            let expected = f64::from(narrow).exp() as f32;
            worst[1] = worst[1].max(u64::from(both(narrow)[0].to_bits().abs_diff(expected.to_bits())));
        }
        assert!(worst.iter().all(|&units| (1..=2).contains(&units)), "{worst:?}");
    }

    #[test]
    fn what_an_exponential_lacks_of_one_is_within_four_units() {
        let mut worst = [0, 0];
        for i in 1..40_000 {
            for x in [f64::from(i) * 1e-3, 10f64.powf(f64::from(i) * -5e-4)] {
                worst[0] = worst[0].max(both(x)[1].to_bits().abs_diff((-x).exp_m1().to_bits()));
                let narrow = x as f32;
                let expected = (-f64::from(narrow)).exp_m1() as f32;
                worst[1] = worst[1].max(u64::from(both(narrow)[1].to_bits().abs_diff(expected.to_bits())));
            }
        }
        assert!(worst.iter().all(|&units| (1..=4).contains(&units)), "{worst:?}");
    }

    #[test]
    fn ends_are_kept() {
        let inf = f64::INFINITY;
        assert_eq!([both(inf)[0], both(-inf)[0], both(0.0)[0]], [inf, 0.0, 1.0]);
        assert_eq!([both(inf)[1], both(0.0)[1]], [-1.0, 0.0]);
        assert_eq!([both(f32::INFINITY)[0], both(-f32::INFINITY)[0]], [f32::INFINITY, 0.0]);
        assert!(both(f64::NAN).iter().all(|x| x.is_nan()) && both(f32::NAN).iter().all(|x| x.is_nan()));
    }
}
