//! Tests that need more than one crate, or the real binary. They live in `tests/`:
//!
//! | file | what it holds |
//! |---|---|
//! | `house.rs` | the house's rules: floors, file lengths, no unfinished code |
//! | `registry.rs` | every claim of the registry is complete and consistent |
//! | `end_to_end.rs` | the command line as a user meets it: output, exit status, files |
//! | `runner.rs` | interruption, panics, unusable outcomes, shared cells, thread counts, on a small claim |
//! | `determinism.rs` | the same bytes on any number of threads, and after being killed |
//! | `bad_input.rs` | wrong data and wrong words: one clear error each, exit status 2 |
//! | `kernel.rs`, `predict.rs` | kernels and predictions from the shell against golden values |
//! | `kernel_refusals.rs` | wrong files and options for them |
//! | `theory.rs` | the calculator against independent values |

/// The README's code compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The code of the chapter for users of neural-tangents compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/from-neural-tangents.md")]
pub struct FromNeuralTangents;

/// The code of the reference of architectures compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/architectures.md")]
pub struct Architectures;
