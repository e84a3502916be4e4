//! The kernel of the training inputs in a store of tiles, as the solvers ask for it.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{Element, Kind, State, TileStore};
use overparam_solve::{Blocks, SolveError};
use overparam_tensor::linalg::Real;

use super::task::Examples;

/// Tiles that were read last, by their place.
type Recent<T> = VecDeque<((usize, usize), Arc<DMatrix<T>>)>;

/// A symmetric kernel on disk.
pub(super) struct StoredKernel<T> {
    store: TileStore,
    kind: Kind,
    recent: Mutex<Recent<T>>,
    /// How many tiles are kept.
    kept: usize,
}

impl<T: Real + Element> StoredKernel<T> {
    /// Opens a store that must be the whole kernel of the examples. `memory` bytes are for tiles that are kept.
    pub(super) fn open(path: &Path, kind: Kind, examples: &Examples<impl Real>, memory: u64) -> Result<Self> {
        let store = Self::store(path, kind, examples)?;
        let lacking = lacking(&store);
        if lacking > 0 {
            bail!(
                "--kernel {}: {lacking} of {} tiles are missing or damaged; the `kernel` command that made the store computes them",
                path.display(),
                store.grid().tiles().len()
            );
        }
        let bytes = store.spec().chunk_bytes().max(1);
        let kept = usize::try_from(memory / bytes).unwrap_or(usize::MAX).max(2);
        Ok(Self { store, kind, recent: Mutex::default(), kept })
    }

    /// A store that must be of the kernel of the examples, whether its tiles are there or not.
    pub(super) fn store(path: &Path, kind: Kind, examples: &Examples<impl Real>) -> Result<TileStore> {
        let store = TileStore::open(path)?;
        let (spec, name) = (store.spec(), format!("--kernel {}", path.display()));
        if spec.x2.is_some() {
            bail!(
                "{name}: a kernel between two batches; expected that of the training inputs with themselves (--x1 alone)"
            );
        }
        if !spec.kinds.contains(&kind) {
            bail!("{name}: it has no {}; expected a store made with --kind {0} or both", kind.name());
        }
        let (hash, shape) = examples.train.fingerprint::<T>();
        if (&hash, &shape) != (&spec.x1.blake3, &spec.x1.shape) {
            bail!(
                "{name}: it is the kernel of other inputs, from {}; expected that of --train-x",
                spec.x1.path
            );
        }
        let asked: serde_json::Value = serde_json::from_str(&examples.network.to_json())?;
        if asked != spec.architecture {
            bail!("{name}: it is the kernel of another architecture than --arch");
        }
        Ok(store)
    }

    /// A tile, read or kept from before.
    fn tile(&self, at: (usize, usize)) -> Result<Arc<DMatrix<T>>, overparam_jobs::tiles::TileError> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tile)) = recent().iter().find(|(there, _)| *there == at) {
            return Ok(Arc::clone(tile));
        }
        // Two threads may read one tile: better than all waiting for one.
        let tile = Arc::new(self.store.read_tile::<T>(self.kind, at.0, at.1)?);
        let mut recent = recent();
        if recent.len() >= self.kept {
            recent.pop_front();
        }
        recent.push_back((at, Arc::clone(&tile)));
        Ok(tile)
    }

    fn gather<U: Real>(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        convert: impl Fn(T) -> U,
    ) -> Result<DMatrix<U>, SolveError> {
        let edge = self.store.tile_edge();
        let mut block = DMatrix::zeros(rows.len(), columns.len());
        for i in rows.start / edge..rows.end.div_ceil(edge) {
            for j in columns.start / edge..columns.end.div_ceil(edge) {
                let tile = self.tile((i, j)).map_err(|reason| SolveError::Kernel {
                    rows: rows.clone(),
                    columns: columns.clone(),
                    reason: Box::new(reason),
                })?;
                let [r, c] = [(i, &rows), (j, &columns)]
                    .map(|(at, range)| range.start.max(at * edge)..range.end.min((at + 1) * edge));
                let from = tile.view((r.start - i * edge, c.start - j * edge), (r.len(), c.len()));
                let mut to =
                    block.view_mut((r.start - rows.start, c.start - columns.start), (r.len(), c.len()));
                to.zip_apply(&from, |to, x| *to = convert(x));
            }
        }
        Ok(block)
    }
}

/// How many tiles are missing or damaged, by the sizes of their files.
pub(super) fn lacking(store: &TileStore) -> usize {
    store.grid().tiles().into_iter().filter(|&tile| store.quick_state(tile) != State::Finished).count()
}

impl<T: Real + Element> Blocks for StoredKernel<T> {
    fn len(&self) -> usize {
        self.store.shape()[0]
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError> {
        // The factor is in single precision.
        self.gather(rows, columns, |x| f32::of(x.f64()))
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        self.gather(rows, columns, Real::f64)
    }

    /// That of its tiles.
    fn side(&self) -> usize {
        self.store.tile_edge()
    }
}

/// A factor from stored tiles, and residuals from a kernel that is computed again with all digits: what is solved is the system of the
/// inputs, and not that of the rounded tiles.
pub(super) struct Refined<'a, T> {
    pub(super) tiles: StoredKernel<T>,
    pub(super) again: &'a dyn Blocks,
}

impl<T: Real + Element> Blocks for Refined<'_, T> {
    fn len(&self) -> usize {
        self.tiles.len()
    }

    fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f32>, SolveError> {
        self.tiles.block(rows, columns)
    }

    fn block_f64(&self, rows: Range<usize>, columns: Range<usize>) -> Result<DMatrix<f64>, SolveError> {
        self.again.block_f64(rows, columns)
    }

    fn parallel_f64(&self) -> bool {
        self.again.parallel_f64()
    }
}
