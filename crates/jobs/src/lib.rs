//! Work in parts that any number of processes on any number of machines share: all that they have in common is a folder.
//!
//! A part is computed by one process at a time, which holds its [`lease`], and its result is a file that is written beside its
//! place and renamed. Whatever happens to a process costs the parts that it was computing, and no more. Parts are
//! deterministic, so that two processes which compute one part write the same bytes.
//!
//!
//! | module | what it holds |
//! |---|---|
//! | [`lease`] | who computes a part |
//! | [`leftovers`] | what killed processes left, cleared away |
//! | [`files`], [`plain`] | files that are there whole or not at all; reading files that anyone may have put there |

pub mod files;
mod holder;
pub mod lease;
pub mod leftovers;
pub mod plain;
