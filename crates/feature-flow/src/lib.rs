//! A crate of the design; a later issue fills it.
