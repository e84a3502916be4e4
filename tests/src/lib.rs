//! Tests that need more than one crate, or the real binary. They live in `tests/`:
//!
//! | file | what it holds |
//! |---|---|
//! | `house.rs` | the house's rules: floors, file lengths, no unfinished code |
//! | `registry.rs` | every claim of the registry is complete and consistent |
//! | `end_to_end.rs` | the command line as a user meets it: output, exit status, files |
//! | `runner.rs` | interruption, panics, unusable outcomes, shared cells, thread counts, on a small claim |
//! | `determinism.rs` | the same bytes on any number of threads, and after being killed |
//! | `many_machines.rs` | shards, status, the launcher's scripts, and what is refused |
//! | `bad_input.rs` | wrong data and wrong words: one clear error each, exit status 2 |
//! | `kernel.rs`, `predict.rs` | kernels and predictions from the shell against golden values |
//! | `pipes.rs` | closed pipes, full disks, readers of progress that go away |
//! | `odd_files.rs` | what is read and written: inputs that are outputs, reports in each other's way, bombs, pipes and links |
//! | `meant.rs` | data read as they are meant: echoes, warnings, layouts, classes |
//! | `kernel_refusals.rs` | wrong files and options for them |
//! | `kernel_jobs.rs`, `kernel_npy.rs` | kernels computed tile by tile: a store, one array |
//! | `predict_large.rs` | predictions from kernels that are not in memory |
//! | `outside.rs` | the report's JSON against its schema, CSV and NPZ against NumPy and pandas, events, completions |
//! | `browser.rs` | the page in a headless Chromium |
//! | `book.rs` | the book's shell and Python code, its links |
//! | `theory.rs` | the calculator against independent values |
//! | `corpus.rs` | what the fuzzer found interesting, once more |
//!
//! What holds of every parser is in [`parsers`], for the replay and for the fuzzer in `fuzz/`.

pub mod parsers;

/// The book's Rust code compiles and runs.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/one-crate.md")]
    pub struct OneCrate;

    #[doc = include_str!("../../docs/your-own-claim.md")]
    pub struct YourOwnClaim;

    #[doc = include_str!("../../docs/from-neural-tangents.md")]
    pub struct FromNeuralTangents;

    #[doc = include_str!("../../docs/architectures.md")]
    pub struct Architectures;
}
