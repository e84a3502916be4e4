//! The claims of five talks on over-parameterised networks, one file each.
//!
//! Each file states a claim and its source, lists the cells of its experiment and of a control without the theory's hypothesis (a
//! cell is one setting with one seed), computes a cell, and says what was predicted and what was measured. The first lines of each
//! file have the theory. [`TALKS`] is the registry of all claims, from which the program `overparam` runs them:
//!
//! ```
//! for talk in overparam_claims::TALKS {
//!     for claim in talk.claims {
//!         println!("{}: {}", claim.about().id, claim.about().statement);
//!     }
//! }
//! ```
//!
//! | module | talk |
//! |---|---|
//! | [`hu_2021`] | Wei Hu: deep linear networks find low rank; what the kernel of a wide net predicts |
//! | [`cao_2020`] | Yuan Cao: zero training error, what is learned, how wide is enough |
//! | [`mei_2020`] | Song Mei: linearised networks in high dimension, staircase and double descent |
//! | [`zou_2023`] | Difan Zou: the kernel regime and beyond |
//! | [`fang_2022`] | Cong Fang: convex formulations of deep networks |
//! | [`wide`] | nets of growing width, which several claims train |

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
