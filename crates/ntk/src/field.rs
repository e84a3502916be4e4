//! The moments of many pairs at once, and what layers do to them.
//!
//! | file | what it has |
//! |---|---|
//! | `geometry`, `variances`, `moments` | how pairs lie in memory; what belongs to one side; what belongs to a pair |
//! | `lines` | a map of one pair ([`crate::pair`]) over all entries, in vectors |
//! | `scratch` | memory that is used again |
//! | `affine`, `convolution` | the maps of layers with weights |
//! | `window`, `slab`, `fused`, `pixels` | sums over windows, slab by slab, in one pass; sums over all pixels |
//! | `combine` | branches that come together |
//! | `step` | what a network is compiled to |
//!
//! *Invariant: bits depend on the pair alone*: not on the order of inputs, their batch, their neighbours or the threads.

pub(crate) mod affine;
pub(crate) mod combine;
pub(crate) mod convolution;
pub(crate) mod fused;
pub(crate) mod geometry;
pub(crate) mod lines;
pub(crate) mod moments;
pub(crate) mod pixels;
pub(crate) mod scratch;
pub(crate) mod slab;
pub(crate) mod step;
pub(crate) mod variances;
pub(crate) mod window;
