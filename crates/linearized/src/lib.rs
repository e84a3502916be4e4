//! x
#![allow(missing_docs)]
pub mod activation;
pub mod asymptotics;
pub mod data;
pub mod equivalents;
mod error;
pub mod harmonics;
pub mod hermite;
pub mod models;
mod quadrature;
pub mod spectrum;
pub use error::Error;
