//! One function a subcommand.

mod bench;
mod completions;
mod explain;
mod kernel;
mod launch;
mod list;
mod predict;
mod reproduce;
mod shard;
mod status;
mod theory;

pub(crate) use bench::{BenchOptions, bench};
pub(crate) use completions::{CompletionOptions, completions};
pub(crate) use explain::explain;
pub(crate) use kernel::{KernelOptions, kernel};
pub(crate) use launch::launch;
pub(crate) use list::list;
pub(crate) use predict::{PredictOptions, Task, predict};
pub(crate) use reproduce::{report, reproduce};
pub(crate) use shard::shard;
pub(crate) use status::status;
pub(crate) use theory::{Theory, theory};
