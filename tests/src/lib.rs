//! The workspace tests live in `tests/`.
