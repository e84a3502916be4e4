//! What the crate promises, tested from outside.

mod convolution;
mod determinism;
mod expressions;
mod files;
mod jacobians;
mod panics;
mod views;
