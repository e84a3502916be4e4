//! Runs the cells of claims in parallel, each from its own streams, each saved as soon as it is finished.
//!
//! Any number of processes may run the same request, or shards of it, on one store: a cell is computed by the one that
//! holds its lease, and the others take its result.

mod grid;
mod shard;
mod status;
mod work;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::changes::Changes;
use crate::claim::{About, CellError, Plan, Scale};
use crate::inputs::Inputs;
use crate::registry::{AnyClaim, RawRun, Task};
use crate::store::{Key, Lookup, Store, StoreError};

use grid::{Found, Grid};

pub use shard::{Shard, ShardError, ShardRuns};
pub use status::{ClaimStatus, InProgress, status};

/// What to run.
#[derive(Clone)]
pub struct Request {
    /// The claims, each with the fingerprint of the code that computes it.
    pub claims: Vec<(&'static dyn AnyClaim, &'static str)>,
    /// The size of the experiments.
    pub scale: Scale,
    /// The number of seeds, if not each claim's own.
    pub seeds: Option<u64>,
    /// The master seed.
    pub master_seed: u64,
    /// Worker threads; 0 means one a core.
    pub threads: usize,
    /// Compute every cell anew, whatever the store has.
    pub fresh: bool,
    /// Data sets that the user brought.
    pub inputs: Arc<Inputs>,
    /// Other values for fields of the cells than the claims' own.
    pub changes: Changes,
}

impl Request {
    /// The part of the request that a claim's grid depends on.
    pub fn plan(&self) -> Plan<'_> {
        Plan { scale: self.scale, seeds: self.seeds, inputs: &self.inputs }
    }

    /// The cells of a claim's experiment and control, with this request's changes, each cell once in either: two that
    /// a change has made the same are one measurement, not two.
    pub fn tasks(&self, claim: usize) -> [Vec<Task>; 2] {
        let any = self.claims[claim].0;
        [any.tasks(&self.plan()), any.control_tasks(&self.plan())].map(|mut tasks| {
            if !self.changes.is_empty() {
                let mut seen = BTreeSet::new();
                tasks.iter_mut().for_each(|task| self.changes.apply(&mut task.cell));
                tasks.retain(|task| seen.insert(task.cell.to_string()));
            }
            tasks
        })
    }

    fn key(&self, claim: usize, cell: &Value) -> Key {
        let (any, fingerprint) = self.claims[claim];
        Key {
            claim: any.about().id.to_owned(),
            seed: self.master_seed,
            fingerprint: fingerprint.to_owned(),
            cell: cell.clone(),
        }
    }
}

/// How the run is going. Called from one thread.
pub trait Observer {
    /// A claim has this many distinct cells, of which some were found in the store; `_cost_left` is that of the others.
    fn planned(&self, _claim: usize, _about: &About, _cells: usize, _cached: usize, _cost_left: f64) {}
    /// A file of the store is not trusted; its cell is computed again.
    fn rejected(&self, _path: &Path, _reason: &str) {}
    /// Nothing is left but this many cells that other processes are at work on.
    fn waiting(&self, _cells: usize) {}
    /// A cell is finished, well or not.
    fn finished(&self, _claim: usize, _cost_left: f64, _seconds: f64, _error: Option<&CellError>) {}
}

/// An [`Observer`] that says nothing.
pub struct Silent;

impl Observer for Silent {}

/// One claim's cells with what came of them, in the grid's order.
#[derive(Debug, Clone)]
pub struct ClaimRuns {
    /// The claim.
    pub about: About,
    /// The experiment's runs that have an outcome.
    pub runs: Vec<RawRun>,
    /// The control's.
    pub control: Vec<RawRun>,
    /// Cells without an outcome, and why.
    pub failures: Vec<(Value, CellError)>,
    /// Seconds that the cells took, one after the other, whenever they were computed.
    pub seconds: f64,
    /// How many distinct cells there are.
    pub cells: usize,
    /// How many of them were found in the store.
    pub cached: usize,
}

/// Why a run ended early. What was finished is in the store.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The user asked to stop.
    #[error("stopped: {finished} of {total} cells are in the store")]
    Interrupted {
        /// Cells with a stored result.
        finished: usize,
        /// All cells of the request.
        total: usize,
    },
    /// A result could not be saved.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// As requested.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

/// How much of a claim is in the store already: (cached, all) distinct cells.
pub fn cached(request: &Request, claim: usize, store: &Store) -> (usize, usize) {
    let grid = Grid::of(request, claim);
    let found = |task: &&Task| is_stored(request, claim, &task.cell, store);
    (grid.distinct.values().filter(found).count(), grid.distinct.len())
}

/// Runs every cell of the request that the store does not have, and returns all of them.
///
/// Cells run on a pool of their own, expensive ones first; each result is written to the store at once. A cell that
/// another process is at work on is left to it; the call waits for its result, or takes over if that process is gone.
/// When `stop` turns true no further cell starts and the call returns [`RunError::Interrupted`]; cells in flight are
/// abandoned. A cell that panics or returns an error is a failure of its claim, not of the run. At the end the folders
/// are cleared of what killed processes left, where no other is at work.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    request: &Request,
    store: &Store,
    observer: &dyn Observer,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<ClaimRuns>, RunError> {
    let mut found = Found::look_up(request, store, observer, &|_, _| true);
    let cached = found.counts();
    work::compute(request, store, observer, stop, &mut found)?;
    for (any, _) in &request.claims {
        // A folder that cannot be cleared is no reason to keep the results back.
        let _ = store.sweep(any.about().id);
    }
    Ok(found.collect(request, &cached))
}

/// Runs the cells of one shard that the store does not have: cells only, nothing is judged.
///
/// Which cells are a shard's follows from the request and the number of shards alone, never from the store, which other
/// shards are writing to; see [`Shard`].
///
/// # Errors
/// See [`RunError`], whose counts are then those of the shard.
pub fn run_shard(
    request: &Request,
    shard: Shard,
    store: &Store,
    observer: &dyn Observer,
    stop: &Arc<AtomicBool>,
) -> Result<ShardRuns, RunError> {
    let parts = shard::Parts::of(request, shard.count());
    let mut found =
        Found::look_up(request, store, observer, &|claim, cell| parts.owner(claim, cell) == shard.index());
    let cached = found.counts();
    work::compute(request, store, observer, stop, &mut found)?;
    let mine = found.collect(request, &cached);
    Ok(ShardRuns {
        cells: mine.iter().map(|claim| claim.cells).sum(),
        cached: cached.iter().sum(),
        failures: mine.into_iter().map(|claim| (claim.about, claim.failures)).collect(),
        remaining: status::remaining(request, store),
    })
}

/// The shards, counted from 1, that have cells which the store does not have.
pub fn unfinished_shards(request: &Request, count: u32, store: &Store) -> Vec<u32> {
    let parts = shard::Parts::of(request, count);
    let missing = |claim: usize, cell: &Value| request.fresh || !is_stored(request, claim, cell, store);
    let mut shards: Vec<u32> =
        parts.iter().filter(|(claim, cell, _)| missing(*claim, cell)).map(|(_, _, owner)| owner).collect();
    shards.sort_unstable();
    shards.dedup();
    shards
}

/// Everything the store has for the request, nothing computed: missing cells are failures of their claim.
pub fn collect(request: &Request, store: &Store, observer: &dyn Observer) -> Vec<ClaimRuns> {
    let mut found = Found::look_up(request, store, observer, &|_, _| true);
    let cached = found.counts();
    for (claim, task) in std::mem::take(&mut found.todo) {
        let error = store.failure(&request.key(claim, &task.cell));
        let error = error.unwrap_or_else(|| "not in the store yet".to_owned());
        found.results[claim].insert(task.cell.to_string(), Err(CellError(error)));
    }
    found.collect(request, &cached)
}

fn is_stored(request: &Request, claim: usize, cell: &Value, store: &Store) -> bool {
    matches!(store.get(&request.key(claim, cell)), Lookup::Found(_))
}
