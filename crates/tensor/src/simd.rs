//! Arithmetic on vectors of lanes, chosen for the processor at run time.
//!
//! A loop that must not depend on what the compiler manages to vectorise is written over [`Wide`]: once, for `f32` and `f64`,
//! AVX-512, AVX2 and plain scalars. It stands in a [`pulp::WithSimd`] and asks for its vectors with [`Lanes::wide`]:
//!
//! ```
//! use overparam_tensor::simd::{Lanes, Wide};
//!
//! /// `x <- sqrt(x)`.
//! struct Roots<'a, T>(&'a mut [T]);
//!
//! impl<T: Lanes> pulp::WithSimd for Roots<'_, T> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn with_simd<S: pulp::Simd>(self, simd: S) {
//!         let wide = T::wide(simd);
//!         let (vectors, rest) = wide.split_mut(self.0);
//!         vectors.iter_mut().for_each(|x| *x = wide.sqrt(*x));
//!         let last = wide.sqrt(wide.load(rest));
//!         wide.store(rest, last);
//!     }
//! }
//!
//! let mut x = vec![4.0f32; 37];
//! pulp::Arch::new().dispatch(Roots(&mut x));
//! assert_eq!(x, vec![2.0; 37]);
//! ```
//!
//! Every operation is the correctly rounded one of IEEE 754, the multiply-add fused: the bits do not depend on the number of
//! lanes. Comparisons with NaN are false.

use pulp::Simd;

mod exponential;

pub(crate) use exponential::{INVERSE_FACTORIALS, NARROW, WIDE};
pub use exponential::{exp, exp_m1};

/// A number that comes in vectors.
pub trait Lanes: Copy {
    /// Its vectors under the instructions `S`.
    type Wide<S: Simd>: Wide<Self>;

    /// The operations under the instructions `simd`.
    fn wide<S: Simd>(simd: S) -> Self::Wide<S>;
}

/// Operations on vectors of `T`.
pub trait Wide<T>: Copy {
    /// Some `T` side by side.
    type V: Copy;
    /// A truth value a lane.
    type M: Copy;

    /// Whole vectors, and the numbers left over.
    fn split(self, from: &[T]) -> (&[Self::V], &[T]);
    /// As [`Self::split`], to write to.
    fn split_mut(self, from: &mut [T]) -> (&mut [Self::V], &mut [T]);
    /// The first numbers of `from`; zeros where there are too few.
    fn load(self, from: &[T]) -> Self::V;
    /// The first lanes, as many as `to` takes.
    fn store(self, to: &mut [T], v: Self::V);
    /// `x` in every lane.
    fn splat(self, x: T) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a b + c`, rounded once.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The square root.
    fn sqrt(self, a: Self::V) -> Self::V;
    /// The absolute value.
    fn abs(self, a: Self::V) -> Self::V;
    /// `a < b`.
    fn less(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a == b`.
    fn equal(self, a: Self::V, b: Self::V) -> Self::M;
    /// `a` where `m` holds, `b` elsewhere.
    fn select(self, m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// The largest lane of a vector without NaN.
    fn max(self, a: Self::V) -> T;
    /// `2^n` of integers `n` among the exponents of normal numbers.
    fn power_of_two(self, n: Self::V) -> Self::V;
}

/// [`Wide`] of `f64`.
#[derive(Debug, Clone, Copy)]
pub struct Wide64<S>(S);

/// [`Wide`] of `f32`.
#[derive(Debug, Clone, Copy)]
pub struct Wide32<S>(S);

macro_rules! wide {
    ($scalar:ident, $bits:ident, $wide:ident, $v:ident, $m:ident, $split:ident, $split_mut:ident, $load:ident, $store:ident, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $div:ident, $mul_add:ident, $sqrt:ident, $abs:ident, $less:ident, $equal:ident,
     $select:ident, $max:ident) => {
        impl Lanes for $scalar {
            type Wide<S: Simd> = $wide<S>;

            #[inline(always)]
            fn wide<S: Simd>(simd: S) -> $wide<S> {
                $wide(simd)
            }
        }

        impl<S: Simd> Wide<$scalar> for $wide<S> {
            type V = S::$v;
            type M = S::$m;

            #[inline(always)]
            fn split(self, from: &[$scalar]) -> (&[S::$v], &[$scalar]) {
                S::$split(from)
            }

            #[inline(always)]
            fn split_mut(self, from: &mut [$scalar]) -> (&mut [S::$v], &mut [$scalar]) {
                S::$split_mut(from)
            }

            #[inline(always)]
            fn load(self, from: &[$scalar]) -> S::$v {
                self.0.$load(from)
            }

            #[inline(always)]
            fn store(self, to: &mut [$scalar], v: S::$v) {
                self.0.$store(to, v);
            }

            #[inline(always)]
            fn splat(self, x: $scalar) -> S::$v {
                self.0.$splat(x)
            }

            #[inline(always)]
            fn add(self, a: S::$v, b: S::$v) -> S::$v {
                self.0.$add(a, b)
            }

            #[inline(always)]
            fn sub(self, a: S::$v, b: S::$v) -> S::$v {
                self.0.$sub(a, b)
            }

            #[inline(always)]
            fn mul(self, a: S::$v, b: S::$v) -> S::$v {
                self.0.$mul(a, b)
            }

            #[inline(always)]
            fn div(self, a: S::$v, b: S::$v) -> S::$v {
                self.0.$div(a, b)
            }

            #[inline(always)]
            fn mul_add(self, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                self.0.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn sqrt(self, a: S::$v) -> S::$v {
                self.0.$sqrt(a)
            }

            #[inline(always)]
            fn abs(self, a: S::$v) -> S::$v {
                self.0.$abs(a)
            }

            #[inline(always)]
            fn less(self, a: S::$v, b: S::$v) -> S::$m {
                self.0.$less(a, b)
            }

            #[inline(always)]
            fn equal(self, a: S::$v, b: S::$v) -> S::$m {
                self.0.$equal(a, b)
            }

            #[inline(always)]
            fn select(self, m: S::$m, a: S::$v, b: S::$v) -> S::$v {
                self.0.$select(m, a, b)
            }

            #[inline(always)]
            fn max(self, a: S::$v) -> $scalar {
                self.0.$max(a)
            }

            #[inline(always)]
            fn power_of_two(self, n: S::$v) -> S::$v {
                const MANTISSA: u32 = $scalar::MANTISSA_DIGITS - 1;
                // Adding this puts the biased exponent into the low bits.
                let round = 1.5 * (1u64 << MANTISSA) as $scalar + ($scalar::MAX_EXP - 1) as $scalar;
                let mut v = self.0.$add(n, self.0.$splat(round));
                let lanes: &mut [$bits] = pulp::bytemuck::cast_slice_mut(std::slice::from_mut(&mut v));
                lanes.iter_mut().for_each(|bits| *bits <<= MANTISSA);
                v
            }
        }
    };
}

wide!(
    f64,
    u64,
    Wide64,
    f64s,
    m64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_f64s,
    sqrt_f64s,
    abs_f64s,
    less_than_f64s,
    equal_f64s,
    select_f64s,
    reduce_max_f64s
);
wide!(
    f32,
    u32,
    Wide32,
    f32s,
    m32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_f32s,
    sqrt_f32s,
    abs_f32s,
    less_than_f32s,
    equal_f32s,
    select_f32s,
    reduce_max_f32s
);

#[cfg(test)]
mod tests {
    use super::{Lanes, Wide};

    /// Every operation on `a` and `b`, lane by lane.
    struct All<'a, T> {
        a: &'a [T],
        b: &'a [T],
        n: &'a [T],
        out: [Vec<T>; 10],
    }

    impl<T: Lanes + num_traits::Float> pulp::WithSimd for All<'_, T> {
        type Output = ([Vec<T>; 10], T);

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(mut self, simd: S) -> Self::Output {
            let w = T::wide(simd);
            let width = size_of_val(&w.splat(T::zero())) / size_of::<T>();
            let mut top = w.splat(T::neg_infinity());
            for start in (0..self.a.len()).step_by(width) {
                let end = (start + width).min(self.a.len());
                let (a, b) = (w.load(&self.a[start..end]), w.load(&self.b[start..end]));
                let c = w.splat(T::one());
                let results = [
                    w.add(a, b),
                    w.sub(a, b),
                    w.mul(a, b),
                    w.div(a, b),
                    w.mul_add(a, b, c),
                    w.sqrt(a),
                    w.abs(a),
                    w.select(w.less(a, b), a, b),
                    w.select(w.equal(a, b), c, a),
                    w.power_of_two(w.load(&self.n[start..end])),
                ];
                top = w.select(w.less(top, a), a, top);
                for (out, v) in self.out.iter_mut().zip(results) {
                    w.store(&mut out[start..end], v);
                }
            }
            (self.out, w.max(top))
        }
    }

    fn check<T: Lanes + num_traits::Float + std::fmt::Debug>(of: fn(f64) -> T) {
        let a: Vec<T> = (0..37).map(|i| of(f64::from(i % 9) * 0.37 - 1.1)).collect();
        let b: Vec<T> = (0..37).map(|i| of(f64::from(i * 7 % 11) * 0.21 - 0.73)).collect();
        // From the least exponent of a normal number to the largest.
        let two = T::one() + T::one();
        let least = T::min_positive_value().log2();
        let n: Vec<T> =
            (0..37).map(|i| least + of(f64::from(i % 2 * i)) - least * of(f64::from(i / 36 * 2))).collect();
        let out = std::array::from_fn(|_| vec![T::zero(); 37]);
        let (all, top) = pulp::Arch::new().dispatch(All { a: &a, b: &b, n: &n, out });
        for i in 0..37 {
            let (x, y, one) = (a[i], b[i], T::one());
            let expected = [
                x + y,
                x - y,
                x * y,
                x / y,
                x.mul_add(y, one),
                x.sqrt(),
                x.abs(),
                if x < y { x } else { y },
                if x == y { one } else { x },
                two.powf(n[i]),
            ];
            for (op, &e) in expected.iter().enumerate() {
                assert!(
                    all[op][i] == e || e.is_nan() && all[op][i].is_nan(),
                    "operation {op} of {x:?}, {y:?}"
                );
            }
        }
        assert_eq!(top, a.iter().copied().fold(T::neg_infinity(), T::max));
    }

    #[test]
    fn lanes_are_scalars() {
        check::<f64>(|x| x);
        check::<f32>(|x| x as f32);
    }

    /// Tails of every length, and NaN that no comparison lets through.
    #[test]
    fn parts_and_nan() {
        struct Part<'a>(&'a mut [f64]);
        impl pulp::WithSimd for Part<'_> {
            type Output = ();
            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, simd: S) {
                let w = f64::wide(simd);
                let (zero, one) = (w.splat(0.0), w.splat(1.0));
                let (vectors, rest) = w.split_mut(self.0);
                let map = |x| w.select(w.less(x, one), zero, one);
                vectors.iter_mut().for_each(|x| *x = map(*x));
                let last = map(w.load(rest));
                w.store(rest, last);
            }
        }
        for n in 0..40 {
            let mut x = vec![f64::NAN; n];
            pulp::Arch::new().dispatch(Part(&mut x));
            assert!(x.iter().all(|&x| x == 1.0), "{n}");
        }
    }
}
