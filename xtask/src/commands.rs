//! One function a subcommand.

mod explain;
mod list;
mod reproduce;
mod theory;

pub(crate) use explain::explain;
pub(crate) use list::list;
pub(crate) use reproduce::{report, reproduce};
pub(crate) use theory::{Theory, theory};
