//! x
#![allow(missing_docs)]
pub mod activation;
pub mod asymptotics;
pub mod equivalents;
mod error;
pub mod harmonics;
pub mod hermite;
mod quadrature;
pub mod spectrum;
pub use error::Error;
