//! Differentiation of functions of [`Tensor`](crate::Tensor)s.
//!
//! # How it works
//!
//! An operation is a [`Primitive`]. It knows its value and, for each of its inputs, the derivative `D_i` along that input
//! as a linear map (`push`, used forward) and the transpose of that map (`pull`, used in reverse). Both rules are written
//! in tensor operations themselves, which is what makes derivatives of derivatives work.
//!
//! A transformation opens a *level*, numbered higher than all before it, and marks its inputs as belonging to it:
//!
//! * forward mode pairs a tensor with its tangent; an operation on pairs computes the value and `sum_i D_i t_i`;
//! * reverse mode records each operation on a tape, then walks it backwards applying `D_i^T`;
//! * [`vmap`] hides a leading axis. Every primitive acts on trailing axes and maps over leading ones, so there are no
//!   batching rules.
//!
//! An operation is interpreted at the highest level among its inputs; what it does there is again operations, on values
//! of lower levels. So transformations nest to any depth and in any order, and a perturbation of one level is never
//! mistaken for that of another (Siskind and Pearlmutter, "Perturbation confusion and referential transparency", 2005;
//! the design is that of JAX: Frostig, Johnson and Leary, "Compiling machine learning programs via high-level tracing",
//! 2018).
//!
//! | transformation | gives | cost, in evaluations of `f` |
//! |---|---|---|
//! | [`grad`], [`value_and_grad`] | gradient of a scalar function | about 3 |
//! | [`jvp`] | `f(x)` and `J v` | about 2 |
//! | [`linearize`], [`vjp`] | `f(x)`, then `J v` and `J^T u` for many `v` and `u` | 1, then 1 to 2 each |
//! | [`jacobian`] | `J`, in the cheaper mode | about 2 min(inputs, outputs) |
//! | [`per_example_jacobian`] | `J` of each example of a batch, together | about 2 outputs |
//! | [`hvp`] | Hessian times vector, forward over reverse | about 6 |
//! | [`taylor`] | all terms of the Taylor expansion along a direction | grows as 2^order |
//! | [`vmap`] | `f` of every item of a batch | batch size |

mod forward;
mod jacobian;
mod primitive;
mod reverse;
pub(crate) mod trace;
pub mod tree;
mod vmap;

pub use forward::{jvp, taylor};
pub use jacobian::{hvp, jacobian, per_example_jacobian};
pub use primitive::{Needs, Point, Primitive, apply};
pub use reverse::{Linearization, grad, linearize, value_and_grad, vjp};
pub use tree::Tree;
pub use vmap::vmap;
