//! What layers share at finite width: parameters, the list of affine maps, a pass through the layers.

pub(crate) mod params;
pub(crate) mod pass;
pub(crate) mod plan;
pub(crate) mod ties;
