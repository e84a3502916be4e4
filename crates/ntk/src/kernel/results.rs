//! Which results are wanted, and what they are returned in.

use nalgebra::DMatrix;

/// Which results are wanted; the other stays unallocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) nngp: bool,
    pub(crate) ntk: bool,
}

/// A pair of `n1 x n2` results; a matrix nobody wanted is empty.
pub(crate) type Results<T> = (DMatrix<T>, DMatrix<T>);
