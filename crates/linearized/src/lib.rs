//! x
#![allow(missing_docs)]
pub mod activation;
pub mod asymptotics;
mod error;
pub mod hermite;
mod quadrature;
pub use error::Error;
