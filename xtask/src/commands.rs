//! One function a subcommand.

mod explain;
mod list;
mod reproduce;

pub(crate) use explain::explain;
pub(crate) use list::list;
pub(crate) use reproduce::{report, reproduce};
