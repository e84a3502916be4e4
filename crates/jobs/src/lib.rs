//! Work in parts that any number of processes on any number of machines share: all that they have in common is a folder.
//!
//! A part is computed by one process at a time, the one that holds its [`lease`], and its result is a file that is written under a
//! temporary name and renamed. Whatever happens to a process, only the parts that it was computing are lost. Parts are
//! deterministic, so that two processes which compute the same part write the same bytes.
//!
//! The example stores one tile of a symmetric 3 x 3 kernel and reads its mirror image:
//!
//! ```
//! use nalgebra::DMatrix;
//! use overparam_jobs::tiles::{Input, Kind, Precision, Spec, TileStore};
//!
//! let folder = tempfile::tempdir()?;
//! let x1 = Input { blake3: "of the inputs".into(), shape: vec![3, 2], path: "x.npy".into(), layout: None };
//! let spec = Spec {
//!     architecture: serde_json::json!({"layers": ["dense"]}),
//!     x1,
//!     x2: None,
//!     precision: Precision::F64,
//!     kinds: vec![Kind::Ntk],
//!     tile: 2,
//! };
//! let store = TileStore::create(folder.path().join("K.zarr"), spec)?;
//! assert_eq!(store.missing(), [(0, 0), (1, 0), (1, 1)]); // of a symmetric kernel the lower half
//! store.put((1, 0), &[DMatrix::from_row_slice(1, 2, &[5.0, 6.0])])?;
//! assert_eq!(store.read_tile::<f64>(Kind::Ntk, 0, 1)?, DMatrix::from_row_slice(2, 1, &[5.0, 6.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`lease`] | who computes a part |
//! | [`leftovers`] | clearing away what killed processes left behind |
//! | [`tiles`] | a kernel on disk, tile by tile, as a Zarr array; computing the tiles that are missing |
//! | [`files`], [`plain`] | files that are complete or absent; reading files of unknown origin safely |

pub mod files;
mod holder;
pub mod lease;
pub mod leftovers;
pub mod plain;
pub mod tiles;
