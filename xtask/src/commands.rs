//! One function per developers' command.

mod accept;
mod bench;
mod checkout;
mod figures;
mod mutate;
mod results;
mod seal;
mod wheel;

pub(crate) use accept::{AcceptOptions, accept};
pub(crate) use bench::{BenchOptions, bench};
pub(crate) use figures::{FigureOptions, figures};
pub(crate) use mutate::mutations;
pub(crate) use results::{ResultsOptions, results};
pub(crate) use seal::{SealOptions, seal};
pub(crate) use wheel::{WheelOptions, wheel};
