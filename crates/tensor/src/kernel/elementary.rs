//! Elementary functions without branches or calls, so that loops over them vectorise; plain additions and
//! multiplications, so that their bits do not depend on the processor.

use crate::simd::{INVERSE_FACTORIALS, NARROW, WIDE};

/// Functions of one number beyond those of `num_traits`.
pub trait Elementary {
    /// `e^x`, within 2 units in the last place.
    #[must_use]
    fn fast_exp(self) -> Self;
    /// Hyperbolic tangent, within 4 units in the last place.
    #[must_use]
    fn fast_tanh(self) -> Self;
    /// The error function.
    #[must_use]
    fn erf(self) -> Self;
}

macro_rules! elementary {
    ($scalar:ident, $mantissa:expr, $bias:expr, $of:path, $erf:path) => {
        impl Elementary for $scalar {
            #[inline(always)]
            fn fast_exp(self) -> Self {
                const RANGE: [$scalar; 2] = [$of.range[0] as $scalar, $of.range[1] as $scalar];
                let x = if self > RANGE[1] {
                    RANGE[1]
                } else if self < RANGE[0] {
                    RANGE[0]
                } else {
                    self
                };
                let (n, r) = $scalar::reduce(x);
                // 2^n in two factors: n may be beyond the exponents of normal numbers.
                let half = (n * 0.5 + $scalar::ROUND) - $scalar::ROUND;
                ($scalar::exp_m1_core(r) + 1.0)
                    * $scalar::power_of_two(half)
                    * $scalar::power_of_two(n - half)
            }

            /// `-t / (2 + t)` with `t = e^(-2|x|) - 1`.
            #[inline(always)]
            fn fast_tanh(self) -> Self {
                const SATURATED: $scalar = $of.saturated as $scalar;
                let x = -2.0 * self.abs();
                let (n, r) = $scalar::reduce(if x < SATURATED { SATURATED } else { x });
                let scale = $scalar::power_of_two(n);
                let t = scale * $scalar::exp_m1_core(r) + (scale - 1.0);
                (-t / (2.0 + t)).copysign(self)
            }

            fn erf(self) -> Self {
                $erf(self)
            }
        }

        impl Reduced for $scalar {
            /// Adding this rounds to an integer, which then stands in the low bits.
            const ROUND: Self = $of.round as Self;

            #[inline(always)]
            fn reduce(x: Self) -> (Self, Self) {
                let n = (x * std::$scalar::consts::LOG2_E + Self::ROUND) - Self::ROUND;
                (n, (x - n * $of.ln2[0] as Self) - n * $of.ln2[1] as Self)
            }

            #[inline(always)]
            fn power_of_two(n: Self) -> Self {
                Self::from_bits((n + Self::ROUND).to_bits().wrapping_add($bias) << $mantissa)
            }

            #[inline(always)]
            fn exp_m1_core(r: Self) -> Self {
                let mut sum = 0.0;
                let mut k = $of.degree;
                while k > 1 {
                    sum = sum * r + INVERSE_FACTORIALS[k] as Self;
                    k -= 1;
                }
                r + r * r * sum
            }
        }
    };
}

/// The range reduction of [`crate::simd::exp`], without fused operations.
trait Reduced: Sized {
    const ROUND: Self;
    /// `(n, r)`.
    fn reduce(x: Self) -> (Self, Self);
    /// `2^n` for an integer `n` among the exponents of normal numbers.
    fn power_of_two(n: Self) -> Self;
    /// `e^r - 1` by its Taylor polynomial: at this degree the remainder is below half a unit in the last place.
    fn exp_m1_core(r: Self) -> Self;
}

elementary!(f64, 52, 1023, WIDE, libm::erf);
elementary!(f32, 23, 127, NARROW, libm::erff);

#[cfg(test)]
mod tests {
    use super::Elementary;

    /// Distance in units in the last place of the expected value (or in the smallest number).
    fn ulps(value: f64, expected: f64, epsilon: f64, smallest: f64) -> f64 {
        (value - expected).abs() / (expected.abs() * epsilon).max(smallest)
    }

    #[test]
    fn agree_with_the_standard_library() {
        let tiny = f64::from_bits(1);
        for i in -200_000..200_000 {
            let x = f64::from(i) * 4e-3 + 1e-4;
            if x.exp().is_finite() {
                assert!(ulps(x.fast_exp(), x.exp(), f64::EPSILON, tiny) <= 2.0, "exp({x})");
            }
            let x = x / 20.0;
            assert!(ulps(x.fast_tanh(), x.tanh(), f64::EPSILON, tiny) <= 4.0, "tanh({x})");
            let x = f64::from(i) * 1e-7;
            assert!(ulps(x.fast_tanh(), x.tanh(), f64::EPSILON, tiny) <= 4.0, "tanh({x})");
            let x = i as f32 * 5e-4;
            let (epsilon, tiny) = (f64::from(f32::EPSILON), f64::from(f32::from_bits(1)));
            let wide = f64::from(x).exp();
            if wide < f64::from(f32::MAX) {
                assert!(ulps(f64::from(x.fast_exp()), wide, epsilon, tiny) <= 2.0, "exp({x})");
            }
            let x = x / 5.0;
            assert!(ulps(f64::from(x.fast_tanh()), f64::from(x).tanh(), epsilon, tiny) <= 4.0, "tanh({x})");
        }
    }

    /// At most four units in the last place (representable numbers) from the correctly rounded values, which are mpmath's.
    #[test]
    fn are_within_four_units_of_the_correctly_rounded_value() {
        let table = include_str!("../../tests/elementary.csv");
        let mut worst = [0u64; 6];
        for row in table.lines().filter(|row| !row.starts_with('#')) {
            let fields: Vec<&str> = row.split(',').collect();
            let [name, x, y] = fields[..] else { panic!("three fields: {row}") };
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            let apply = |x: f64| match name {
                "exp" => x.fast_exp(),
                "tanh" => x.fast_tanh(),
                _ => Elementary::erf(x),
            };
            let narrow = |x: f32| match name {
                "exp" => x.fast_exp(),
                "tanh" => x.fast_tanh(),
                _ => Elementary::erf(x),
            };
            let which = ["exp", "tanh", "erf"].iter().position(|&n| n == name).expect("a function");
            let apart = apply(x).to_bits().abs_diff(y.to_bits());
            // The same at the nearest number that f32 has, by f64, good to 1e-15.
            let (found, expected) = (narrow(x as f32), apply(f64::from(x as f32)) as f32);
            let narrow_apart = u64::from(found.to_bits().abs_diff(expected.to_bits()));
            worst[which] = worst[which].max(apart);
            worst[3 + which] = worst[3 + which].max(narrow_apart);
        }
        assert!(worst.iter().all(|&n| n <= 4), "{worst:?}");
        assert!(worst.iter().all(|&n| n > 0), "the comparison sees rounding: {worst:?}");
    }

    #[test]
    fn ends_are_kept() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        assert_eq!([inf.fast_exp(), (-inf).fast_exp(), 0.0.fast_exp()], [inf, 0.0, 1.0]);
        assert_eq!([inf.fast_tanh(), (-inf).fast_tanh()], [1.0, -1.0]);
        assert!((-0.0f64).fast_tanh().is_sign_negative());
        assert!(nan.fast_exp().is_nan() && nan.fast_tanh().is_nan());
        assert_eq!([f32::INFINITY.fast_exp(), (-f32::INFINITY).fast_exp()], [f32::INFINITY, 0.0]);
        assert!(f32::NAN.fast_exp().is_nan() && f32::NAN.fast_tanh().is_nan());
    }
}
