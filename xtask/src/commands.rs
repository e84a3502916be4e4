//! One function a subcommand.

mod completions;
mod explain;
mod kernel;
mod list;
mod predict;
mod reproduce;
mod theory;

pub(crate) use completions::{CompletionOptions, completions};
pub(crate) use explain::explain;
pub(crate) use kernel::{KernelOptions, kernel};
pub(crate) use list::list;
pub(crate) use predict::{PredictOptions, Task, predict};
pub(crate) use reproduce::{report, reproduce};
pub(crate) use theory::{Theory, theory};
