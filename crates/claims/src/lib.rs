//! The claims of five talks, one file each.
//!
//! Each file states a claim and its source, lists the cells of its experiment and of its control, computes a cell, and
//! judges all of them. [`TALKS`] is the registry that the command line reads.

pub mod cao_2020;
pub mod fang_2022;
pub mod hu_2021;
pub mod mei_2020;
mod summary;
pub mod wide;
mod widths;
pub mod zou_2023;

use overparam_eval::claim::Talk;

/// Every talk with its claims, in the order of the talks.
pub static TALKS: &[Talk] = &[hu_2021::TALK, cao_2020::TALK, mei_2020::TALK, zou_2023::TALK, fang_2022::TALK];

/// The seals of all claims: what each declares, and since when. `cargo xtask seal` writes it.
pub static LOCK: &str = include_str!("../claims.lock");
