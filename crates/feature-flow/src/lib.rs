//! Beyond the kernel: networks whose features move.
pub mod activation;
mod adam;
mod error;
pub mod flow;
pub mod nfr;
pub mod patches;
pub mod two_level;

pub use error::Error;
