//! Optimisers, learning-rate schedules, and the loop that runs them.
//!
//! With gradient `g_t` at parameters `w_t`, learning rate `eta_t` (schedule times the leaf's multiplier) and weight decay
//! `lambda`:
//!
//! | method | update | source |
//! |---|---|---|
//! | [`Method::Descent`] | `w <- w - eta (g + lambda w)` | |
//! | [`Method::Momentum`] | `v <- mu v + g + lambda w`, `w <- w - eta v`; Nesterov: `w <- w - eta (g + lambda w + mu v)` | Sutskever et al. 2013, in PyTorch's form |
//! | [`Method::RmsProp`] | `s <- beta s + (1 - beta) g^2`, `w <- w - eta g / (sqrt(s) + eps)` | Tieleman and Hinton 2012 |
//! | [`Method::Adam`] | bias-corrected first and second moments of `g + lambda w`; AdamW decays `w` apart | Kingma and Ba 2015; Loshchilov and Hutter 2019 |
//!
//! Stochastic descent is any of these on the gradient of a minibatch: [`Minibatches`] draws them.
//!
//! The rules themselves, on plain slices, are in [`rule`]. Updates work in place: with [`train`], a step after the first allocates no large buffer.

mod method;
mod minibatch;
pub mod rule;
mod schedule;
mod train;

pub use method::{Method, Optimizer};
pub use minibatch::Minibatches;
pub use schedule::Schedule;
pub use train::{Diverged, Report, Stop, StopReason, train};
