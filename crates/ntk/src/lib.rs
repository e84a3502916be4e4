//! Neural tangent kernels: issue 4 fills this crate.
