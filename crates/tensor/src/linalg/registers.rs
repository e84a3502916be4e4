//! What foreign vector code leaves in the registers.

use pulp::Simd;

use crate::simd::{Lanes, Wide};

/// Runs kernels of faer, and then clears the upper halves of the vector registers.
///
/// faer's kernels leave them as they are. Code for plain SSE, which is most of Rust's and of the C library's, then waits
/// for them with each instruction: on an AMD processor with AVX2, `exp` took 5 ns before a product and 160 ns after it, for as long
/// as the thread lived. A function that the compiler has made for AVX clears them when it returns; calling one costs a few
/// nanoseconds.
pub fn cleanly<R>(run: impl FnOnce() -> R) -> R {
    let result = run();
    let mut vector = [0.0; 16];
    pulp::Arch::new().dispatch(Double(&mut vector));
    std::hint::black_box(vector);
    result
}

/// `x <- x + x`.
struct Double<'a>(&'a mut [f32]);

impl pulp::WithSimd for Double<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let wide = f32::wide(simd);
        let (vectors, _) = wide.split_mut(self.0);
        vectors.iter_mut().for_each(|x| *x = wide.add(*x, *x));
    }
}

#[cfg(test)]
mod tests {
    use super::cleanly;

    #[test]
    fn what_runs_cleanly_runs_once_and_returns() {
        let mut runs = 0;
        assert_eq!((cleanly(|| 7), cleanly(|| runs += 1), runs), (7, (), 1));
    }
}
