//! A kernel on disk, tile by tile: a Zarr v3 group with an array per kernel, readable while it grows.
//!
//! ```text
//! K.zarr/zarr.json           what the kernel is of: architecture, hashes of the inputs, precision, tile
//! K.zarr/ntk/zarr.json       the array, as Zarr describes it
//! K.zarr/ntk/c/3/1           one tile: rows first, little-endian, not compressed
//! K.zarr/ntk/tiles/3.1.json  the checksums of the tile: it counts as finished from here on
//! K.zarr/ntk/tiles/3.1.lease who computes the tile, while it is computed
//! ```
//!
//! A missing chunk is a tile that is not computed yet; Zarr reads it as NaN. At the right and lower edge, tiles are filled up
//! to a whole chunk with NaN, as Zarr wants chunks of one size. Of a symmetric kernel the tiles `(i, j)` with `i >= j`
//! are computed, and each is written twice, as it is and transposed.
//!
//! A tile is written beside its place and renamed, then its mirror image, then the checksums of both in the same way. So a process
//! that is killed leaves a finished tile or one that is computed again. A tile whose bytes do not have the checksum, or whose
//! checksums are those of another tile or another kernel, is [`State::Damaged`], and computed again.
//!
//! | module | what it holds |
//! |---|---|
//! | [`Spec`] | what a kernel is of, and how two of them differ |
//! | [`Grid`] | which tiles there are, how many pairs each has, which shard computes which |
//! | [`TileStore`] | the folder: reading and writing tiles |
//! | [`work`] | computes what is missing, one process of any number |

mod chunk;
mod error;
mod grid;
mod record;
mod spec;
mod store;
pub mod work;
mod zarr;

pub use chunk::Element;
pub use error::TileError;
pub use grid::{Grid, Tile};
pub use spec::{Input, Kind, Precision, Spec};
pub use store::{State, TileStore};
