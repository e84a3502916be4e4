//! Running a loop compiled for the vector instructions of this processor.

use rayon::prelude::*;

/// Loops of at least this many elements are cut into pieces of [`PIECE`] that may run on several threads.
pub(crate) const PARALLEL: usize = 1 << 18;
pub(crate) const PIECE: usize = 1 << 16;

/// Runs `f` compiled for the widest instructions available. Element-wise arithmetic gives the same bits on all of them.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// `f(i, piece)` for pieces of `out` that begin at element `i`; in parallel if `out` is large.
pub(super) fn in_pieces<T: Send>(out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    if out.len() < PARALLEL {
        vectorized(
            #[inline(always)]
            || f(0, out),
        );
    } else {
        out.par_chunks_mut(PIECE).enumerate().for_each(|(i, piece)| {
            vectorized(
                #[inline(always)]
                || f(i * PIECE, piece),
            );
        });
    }
}
