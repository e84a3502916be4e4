//! The crate from outside.

mod common;
mod conjugate;
mod factor;
mod leave_one_out;
mod predict;
mod refusals;
mod resumption;
mod threads;
