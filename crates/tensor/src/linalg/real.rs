//! The two scalar types of the workspace.

use crate::array::Pooled;
use crate::kernel::Elementary;
use crate::simd::Lanes;

/// `f32` or `f64`: every numerical routine is written once over this trait.
///
/// Sealed: the determinism and accuracy notes of this crate hold for these two types.
pub trait Real:
    nalgebra::RealField
    + faer::traits::RealField
    + num_traits::Float
    + num_traits::NumAssign
    + std::iter::Sum
    + Default
    + std::fmt::LowerExp
    + Pooled
    + Elementary
    + Lanes
    + sealed::Sealed
{
    /// `0`.
    const ZERO: Self;

    /// `1`.
    const ONE: Self;

    /// The type's name as users write it: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// Rounds an `f64` to this type.
    fn of(x: f64) -> Self;

    /// Widens (exactly) to `f64`.
    fn f64(self) -> f64;

    /// What differs between the two types: a tolerance, a table, a degree.
    fn choose<X>(for_f32: X, for_f64: X) -> X;
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const NAME: &'static str = "f32";

    #[allow(clippy::cast_possible_truncation)]
    fn of(x: f64) -> Self {
        x as f32
    }

    fn f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn choose<X>(for_f32: X, _: X) -> X {
        for_f32
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const NAME: &'static str = "f64";

    fn of(x: f64) -> Self {
        x
    }

    fn f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn choose<X>(_: X, for_f64: X) -> X {
        for_f64
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
