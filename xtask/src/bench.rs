//! `bench`: our work against the same work in the programs our users have today, and against the machine's limits.
//!
//! A [`case::Case`] names a piece of work, prepares it ([`workloads`]) and says what the least is that it could cost. The same
//! work in Python stands in `benches/peers/`, under the same name and on the same inputs ([`inputs`]). [`race`] runs both in
//! turn, [`worker`] being the process on the other side; [`peaks`] measures what the machine can do in the same run;
//! [`figures`] is the arithmetic, [`outcome`], [`document`], [`table`] and [`page`] are how it is told. [`counted`] has small kernels whose
//! instructions `tests/callgrind/run` counts, because time on a shared machine guards nothing.

pub(crate) mod case;
pub(crate) mod counted;
pub(crate) mod document;
mod figures;
mod inputs;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod outcome;
pub(crate) mod page;
pub(crate) mod peaks;
pub(crate) mod race;
pub(crate) mod table;
pub(crate) mod worker;
mod workloads;

pub(crate) use workloads::{cases, layers::PREFIX as EVERY_LAYER};
