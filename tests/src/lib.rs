//! Tests that need more than one crate, or the real binary. They live in `tests/`:
//!
//! | file | what it holds |
//! |---|---|
//! | `house.rs` | the house's rules: floors, file lengths, no unfinished code |
//! | `registry.rs` | every claim of the registry is complete and consistent |
//! | `end_to_end.rs` | the command line as a user meets it: output, exit status, files |
//! | `determinism.rs` | the same bytes on any number of threads, and after being killed |
//! | `bad_input.rs` | wrong data and wrong words: one clear error each, exit status 2 |
