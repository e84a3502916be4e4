//! Beyond the kernel: networks whose features move.
pub mod activation;
mod error;
pub mod patches;
pub mod two_level;

pub use error::Error;
