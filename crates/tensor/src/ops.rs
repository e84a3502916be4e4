//! The primitives and the tensor methods made of them, one family a file.
//!
//! | family | primitives | also |
//! |---|---|---|
//! | [`unary`] | `-x`, `a x + b`, powers, `exp`, `ln`, `tanh`, `erf`, `relu`, ... | `gelu`, `silu` |
//! | [`binary`] | `+`, `-`, `*`, `/`, `maximum`, `minimum`, `gate` | operators |
//! | [`reduce`] | sums and maxima over axes | means, variances, norms |
//! | [`shape`] | `reshape`, `permute`, `broadcast_to`, `slice` | `transpose`, `squeeze`, ... |
//! | [`join`] | `concatenate`, `gather` | `stack` |
//! | [`product`] | (batched) matrix product | |
//! | [`convolution`] | 2-D convolution | |
//! | [`pooling`] | windows of an image | average, sum, maximum |
//! | [`softmax`] | | log-sum-exp, softmax, log-softmax |

pub mod binary;
pub mod convolution;
pub mod join;
pub mod pooling;
pub mod product;
pub mod reduce;
pub mod shape;
pub mod softmax;
pub mod unary;
