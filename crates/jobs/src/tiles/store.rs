//! The folder: making it, and reading and writing its tiles.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use super::chunk::{Element, pack, unpack};
use super::error::TileError;
use super::grid::{Grid, Tile};
use super::record::{self, Checksums, checksum};
use super::spec::{Kind, Spec};
use super::zarr;
use crate::files::{beside, replace, replace_by};
use crate::lease::{self, Patience, Sign};
use crate::{leftovers, plain};

/// Bytes of the description of a group, which has the architecture.
const LARGEST_GROUP: u64 = 16 << 20;

/// What the store has of a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing that counts.
    Missing,
    /// All of its kernels.
    Finished,
    /// Something that must not be trusted.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A kernel on disk. See the [module](super) for its files.
#[derive(Debug, Clone)]
pub struct TileStore {
    root: PathBuf,
    spec: Spec,
    grid: Grid,
    id: String,
    patience: Patience,
}

impl TileStore {
    /// The store in this folder.
    ///
    /// # Errors
    /// [`TileError::NotAStore`] if there is none, or one of another version.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, TileError> {
        let root = root.into();
        let refuse = |reason: String| TileError::NotAStore { path: root.clone(), reason };
        let (text, _) = plain::read(&root.join("zarr.json"), LARGEST_GROUP)
            .map_err(|e| refuse(format!("cannot read zarr.json in it: {e}")))?;
        let spec = zarr::read_group(&text).map_err(refuse)?;
        Ok(Self::of(root, spec))
    }

    /// The store of this kernel in this folder: a new one, or the one that is there.
    ///
    /// # Errors
    /// [`TileError::Different`] if the store that is there is of another kernel, [`TileError::NotAStore`] if something else is there,
    /// [`TileError::Write`].
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a spec is made for one store, which has it from then on"
    )]
    pub fn create(root: impl Into<PathBuf>, spec: Spec) -> Result<Self, TileError> {
        let root = root.into();
        let place = root.join("zarr.json");
        if fs::symlink_metadata(&place).is_err() && only_leftovers(&root, &place)? {
            publish(&place, &zarr::text(&zarr::group(&spec)))
                .map_err(|source| TileError::Write { path: place, source })?;
        }
        // Whoever was first: another process may have made it just now.
        let store = Self::open(root)?;
        if let Some(difference) = store.spec.difference(&spec) {
            return Err(TileError::Different { path: store.root, difference });
        }
        let description = zarr::text(&zarr::array(&store.spec));
        for kind in &store.spec.kinds {
            let path = store.root.join(kind.name()).join("zarr.json");
            if fs::read(&path).is_ok_and(|there| there == description.as_bytes()) {
                continue;
            }
            replace_by(&store.partial(&path), &path, description.as_bytes(), true)
                .map_err(|source| TileError::Write { path, source })?;
        }
        Ok(store)
    }

    fn of(root: PathBuf, spec: Spec) -> Self {
        let (grid, id) = (spec.grid(), spec.id());
        Self { root, spec, grid, id, patience: Patience::default() }
    }

    /// With other times for leases. All processes that share a store need the same.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the kernel is of.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Which tiles it has.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Rows and columns of the kernel.
    pub fn shape(&self) -> [usize; 2] {
        self.grid.shape
    }

    /// Rows and columns of a tile but for those at the edge: tile `(i, j)` begins at row `i edge` and column `j edge`.
    pub fn tile_edge(&self) -> usize {
        self.grid.edge
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The tiles that are to be computed and have no checksums yet, row by row; of a symmetric kernel those on and below the
    /// diagonal. Whether the others have the bytes that they should have, [`Self::state`] tells.
    pub fn missing(&self) -> Vec<Tile> {
        let lacks = |tile: &Tile| self.spec.kinds.iter().any(|&kind| !self.record_path(kind, *tile).exists());
        self.grid.tiles().into_iter().filter(lacks).collect()
    }

    /// Tile `(i, j)`, at most `edge x edge`, once its bytes are known to be those that were written.
    ///
    /// # Errors
    /// [`TileError::Missing`], [`TileError::Damaged`]; [`TileError::NotThere`] if the kernel has no such tile, kind or precision.
    pub fn read_tile<T: Element>(&self, kind: Kind, i: usize, j: usize) -> Result<DMatrix<T>, TileError> {
        let not_there =
            |asked: String, there: String| TileError::NotThere { path: self.root.clone(), asked, there };
        if !self.spec.kinds.contains(&kind) {
            let kinds = self.spec.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" and ");
            return Err(not_there(kind.to_string(), kinds));
        }
        if self.spec.precision != T::PRECISION {
            return Err(TileError::precision(self.root.clone(), T::PRECISION, self.spec.precision));
        }
        if !self.grid.has((i, j)) {
            let [rows, columns] = self.grid.counts();
            return Err(not_there(format!("tile ({i}, {j})"), format!("{rows} x {columns} tiles")));
        }
        let computed = self.grid.computed((i, j));
        let Some(sums) = self.checksums(kind, computed)? else {
            return Err(TileError::Missing { path: self.root.clone(), kind, i, j });
        };
        let sum = &sums[usize::from(computed != (i, j))];
        let bytes = self.chunk(kind, (i, j), sum)?;
        Ok(unpack(&bytes, self.grid.chunk(), self.grid.rows(i).len(), self.grid.columns(j).len()))
    }

    /// What the store has of a tile that is to be computed; every byte is checked.
    pub fn state(&self, tile: Tile) -> State {
        self.look(tile, |kind, place, sum| self.chunk(kind, place, sum).map(|_| ()))
    }

    /// As [`Self::state`], by the sizes of the files alone.
    pub fn quick_state(&self, tile: Tile) -> State {
        self.look(tile, |kind, place, _| {
            let path = self.chunk_path(kind, place);
            let metadata = fs::metadata(&path).map_err(|e| damaged(&path, e.to_string()))?;
            expect_size(&path, metadata.len(), self.spec.chunk_bytes())
        })
    }

    fn look(&self, tile: Tile, check: impl Fn(Kind, Tile, &str) -> Result<(), TileError>) -> State {
        let each = |kind: Kind| -> Result<bool, TileError> {
            let Some(sums) = self.checksums(kind, tile)? else { return Ok(false) };
            self.places(tile).zip(&sums).try_for_each(|(place, sum)| check(kind, place, sum)).map(|()| true)
        };
        let mut state = State::Finished;
        for &kind in &self.spec.kinds {
            match each(kind) {
                Ok(true) => {}
                Ok(false) => state = State::Missing,
                Err(TileError::Damaged { path, reason }) => return State::Damaged { path, reason },
                Err(other) => {
                    return State::Damaged { path: self.record_path(kind, tile), reason: other.to_string() };
                }
            }
        }
        state
    }

    /// Who is at work on a tile, if anyone.
    pub fn held(&self, tile: Tile) -> Option<Sign> {
        lease::sign(&self.lease_path(tile), self.patience)
    }

    /// Writes a tile that is to be computed, `results` in the order of the kinds of the [`Spec`].
    ///
    /// # Errors
    /// [`TileError::NotThere`] if there is no such tile, or it has another shape; [`TileError::Write`], and then nothing
    /// half-written is left.
    pub fn put<T: Element>(&self, tile: Tile, results: &[DMatrix<T>]) -> Result<(), TileError> {
        if self.spec.precision != T::PRECISION {
            return Err(TileError::precision(self.root.clone(), T::PRECISION, self.spec.precision));
        }
        let shape = (self.grid.rows(tile.0).len(), self.grid.columns(tile.1).len());
        let fits = results.len() == self.spec.kinds.len() && results.iter().all(|r| r.shape() == shape);
        if !fits || !self.grid.has(tile) || self.grid.computed(tile) != tile {
            let shapes = results.iter().map(DMatrix::shape).collect::<Vec<_>>();
            return Err(TileError::NotThere {
                path: self.root.clone(),
                asked: format!("tile {tile:?} with results of {shapes:?}"),
                there: format!("{} of {shape:?} there", self.spec.kinds.len()),
            });
        }
        for (&kind, result) in self.spec.kinds.iter().zip(results) {
            let mut sums = Vec::new();
            for place in self.places(tile) {
                let bytes = pack(result, self.grid.chunk(), place != tile);
                sums.push(checksum(&bytes));
                self.write(&self.chunk_path(kind, place), &bytes)?;
            }
            let text = Checksums::new(&self.id, kind, tile, sums).to_text();
            self.write(&self.record_path(kind, tile), text.as_bytes())?;
        }
        Ok(())
    }

    /// Clears away what killed processes left: see [`leftovers::sweep`].
    pub fn sweep(&self) {
        // What stays is in nobody's way.
        let folder = self.lease_path((0, 0)).parent().map(Path::to_owned).unwrap_or_default();
        let _ = leftovers::sweep(&folder, self.patience);
        let _ = leftovers::sweep(&self.root, self.patience);
    }

    /// The chunks that are written for a tile.
    fn places(&self, tile: Tile) -> impl Iterator<Item = Tile> + use<> {
        let mirror = self.grid.is_mirrored(tile).then_some((tile.1, tile.0));
        std::iter::once(tile).chain(mirror)
    }

    fn checksums(&self, kind: Kind, tile: Tile) -> Result<Option<Vec<String>>, TileError> {
        let path = self.record_path(kind, tile);
        let text = match plain::read(&path, record::LARGEST) {
            Ok((text, _)) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(damaged(&path, e.to_string())),
        };
        let sums = Checksums::parse(&text, &self.id, kind, tile, self.places(tile).count());
        sums.map(Some).map_err(|reason| damaged(&path, reason))
    }

    /// The bytes of a chunk that has this checksum.
    fn chunk(&self, kind: Kind, place: Tile, sum: &str) -> Result<Vec<u8>, TileError> {
        let path = self.chunk_path(kind, place);
        let size = self.spec.chunk_bytes();
        let (file, metadata) = plain::open(&path).map_err(|e| damaged(&path, e.to_string()))?;
        expect_size(&path, metadata.len(), size)?;
        // In one piece: a vector that grows would take twice as much.
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.take(size + 1).read_to_end(&mut bytes).map_err(|e| damaged(&path, e.to_string()))?;
        if checksum(&bytes) != sum {
            return Err(damaged(
                &path,
                "its bytes are not those that were written: altered, or of another tile".to_owned(),
            ));
        }
        Ok(bytes)
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<(), TileError> {
        replace_by(&self.partial(path), path, content, true)
            .map_err(|source| TileError::Write { path: path.to_owned(), source })
    }

    /// A name for what is to be renamed to `path`: all in one folder, where they are cleared away.
    fn partial(&self, path: &Path) -> PathBuf {
        let folder = self.lease_path((0, 0)).parent().map(Path::to_owned).unwrap_or_default();
        beside(&folder.join(path.file_name().unwrap_or_default()), "tmp")
    }

    fn chunk_path(&self, kind: Kind, (i, j): Tile) -> PathBuf {
        self.root.join(kind.name()).join("c").join(i.to_string()).join(j.to_string())
    }

    fn record_path(&self, kind: Kind, (i, j): Tile) -> PathBuf {
        self.root.join(kind.name()).join("tiles").join(format!("{i}.{j}.json"))
    }

    /// One lease for all kernels of a tile, which are computed together.
    pub(super) fn lease_path(&self, (i, j): Tile) -> PathBuf {
        let kind = self.spec.kinds.first().map_or("", |kind| kind.name());
        self.root.join(kind).join("tiles").join(format!("{i}.{j}.lease"))
    }
}

fn damaged(path: &Path, reason: String) -> TileError {
    TileError::Damaged { path: path.to_owned(), reason }
}

fn expect_size(path: &Path, found: u64, expected: u64) -> Result<(), TileError> {
    if found == expected {
        return Ok(());
    }
    Err(damaged(path, format!("it has {found} bytes, expected {expected}")))
}

/// Whether a store can be made in the folder: it has nothing but what a process leaves that is killed while it makes one. `false`
/// if another process has made one meanwhile; anything else is refused.
fn only_leftovers(root: &Path, place: &Path) -> Result<bool, TileError> {
    let refuse = |reason: String| Err(TileError::NotAStore { path: root.to_owned(), reason });
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(true),
        Err(e) => return refuse(e.to_string()),
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("zarr.json.") && name.ends_with(".tmp") {
            continue;
        }
        // A store begins with its zarr.json: if there is still none, this is something else.
        if fs::symlink_metadata(place).is_ok() {
            return Ok(false);
        }
        return refuse(format!("the folder has {name:?} and no zarr.json; expected an empty or a new one"));
    }
    Ok(true)
}

/// Writes a file unless there is one: of processes that make a store at once, one is first.
fn publish(place: &Path, text: &str) -> std::io::Result<()> {
    let own = beside(place, "tmp");
    replace(&own, text.as_bytes(), true)?;
    let linked = fs::hard_link(&own, place);
    let placed = match linked {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        // A file system without links: whoever is last wins, and the tiles of another are not trusted.
        Err(_) => fs::rename(&own, place),
    };
    // It may have been renamed. If it stays, it is cleared away with what killed processes leave.
    let _ = fs::remove_file(&own);
    placed
}
