//! Which results are wanted, and what they are returned in.

use nalgebra::DMatrix;

/// Which kernels are wanted; the other one stays unallocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    pub(crate) nngp: bool,
    pub(crate) ntk: bool,
}

impl Wanted {
    /// Both kernels.
    pub const BOTH: Self = Self { nngp: true, ntk: true };
    /// The NNGP kernel alone.
    pub const NNGP: Self = Self { nngp: true, ntk: false };
    /// The NTK alone.
    pub const NTK: Self = Self { nngp: false, ntk: true };
}

/// A pair of `n1 x n2` results; a matrix nobody wanted is empty.
pub(crate) type Results<T> = (DMatrix<T>, DMatrix<T>);
