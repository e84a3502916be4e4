//! What must hold of every parser, whatever the bytes: it refuses them in words that say where, or it accepts them and
//! what it read is what they say. Each check panics where that is not so, and returns whether the bytes were accepted.
//!
//! The fuzzer in `fuzz/` looks for bytes that break a check; `tests/corpus.rs` replays those it kept.

mod architectures;
mod arrays;
mod data_sets;
mod results;

use std::fmt::Display;

pub use architectures::{architecture_json, architecture_toml};
pub use arrays::{csv, npy, npz};
pub use data_sets::{cifar, idx, ratings};
pub use results::{lease, record};

/// A check of one parser.
pub type Check = fn(&[u8]) -> bool;

/// Every check, by the name of its fuzz target and corpus.
pub const CHECKS: [(&str, Check); 10] = [
    ("architecture_json", architecture_json),
    ("architecture_toml", architecture_toml),
    ("cifar", cifar),
    ("csv", csv),
    ("idx", idx),
    ("lease", lease),
    ("npy", npy),
    ("npz", npz),
    ("ratings", ratings),
    ("record", record),
];

/// An error that says where; always `false`.
fn refused(error: &impl Display, place: &[&str]) -> bool {
    let message = error.to_string();
    assert!(place.iter().any(|start| message.contains(start)), "{message:?} names none of {place:?}");
    assert!(message.len() > place.iter().map(|p| p.len()).min().unwrap_or(0) + 4, "{message:?} says nothing");
    false
}
