//! The tools with which layers and activations read their entries in the JSON and TOML schema.
//!
//! [`document`] reads a text without forgetting what a map of numbers would; [`fields`] reads one object field by field, so that
//! every complaint names the layer and the field.
//!
//! Why not serde's derive with the path of an error: a complaint would say `layers[2].conv.filter: invalid length 1`, where ours says
//! `layer 3 (conv), field `filter`: expected two integers >= 1, got [3]`. Ranges, what was given, the known fields, and layers that are
//! a name or an object would each need a function of their own again; keys that stand twice and numbers that are not finite need
//! [`document`] in any case. Each entry now reads its own few fields in its own file, which is what the derive would have saved.

pub(crate) mod document;
pub(crate) mod fields;
