//! One function per subcommand.

mod accept;
mod bench;
mod completions;
mod double;
mod explain;
mod kernel;
mod launch;
mod list;
mod mutate;
mod predict;
mod reproduce;
mod seal;
mod shard;
mod status;
mod theory;

pub(crate) use accept::{AcceptOptions, accept};
pub(crate) use bench::{BenchOptions, bench};
pub(crate) use completions::{CompletionOptions, completions};
pub(crate) use double::double;
pub(crate) use explain::explain;
pub(crate) use kernel::{KernelOptions, kernel};
pub(crate) use launch::launch;
pub(crate) use list::list;
pub(crate) use mutate::mutations;
pub(crate) use predict::{PredictOptions, Task, predict};
pub(crate) use reproduce::{report, reproduce};
pub(crate) use seal::{SealOptions, seal};
pub(crate) use shard::shard;
pub(crate) use status::status;
pub(crate) use theory::{Theory, theory};
