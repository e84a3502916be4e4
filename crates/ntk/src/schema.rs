//! The tools with which layers and activations read their entries in the JSON and TOML schema.
//!
//! [`document`] reads a text without forgetting what a map of numbers would; [`fields`] reads one object field by field, so that
//! every complaint names the layer and the field.

pub(crate) mod document;
pub(crate) mod fields;
