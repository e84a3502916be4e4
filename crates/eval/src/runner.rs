//! Runs the cells of claims in parallel, each from its own streams, each saved as soon as it is finished.
//!
//! The cells come in rounds, one per look of the [`Design`]: a round adds the seeds of its look to the claims that the looks before
//! it have not decided. Which claims those are follows from complete cells alone, so that threads, shards and what a store
//! happens to have play no part in any decision.
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

use crate::changes::{Changes, Side};
use crate::claim::{About, CellError, Doubling, Plan, Scale};
use crate::decide::Design;
use crate::double::doubled;
use crate::inputs::Inputs;
use crate::registry::{AnyClaim, RawGrid, Task};
use crate::store::{Key, Lookup, Store, StoreError};

use grid::Progress;

pub use shard::{Shard, ShardError, ShardRuns, run_shard, unfinished_shards};
pub use status::{ClaimStatus, InProgress, status};

/// A claim to run.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// The claim.
    pub claim: &'static dyn AnyClaim,
    /// The fingerprint of the code that computes it.
    pub fingerprint: &'static str,
    /// The master seed of its cells.
    pub master_seed: u64,
}

/// What to run.
#[derive(Clone)]
pub struct Request {
    /// The claims.
    pub claims: Vec<Chosen>,
    /// How many claims the repository has: levels do not depend on what else is asked for.
    pub repository: usize,
    /// The size of the experiments.
    pub scale: Scale,
    /// The number of seeds, for one look at them, if not the scale's own looks.
    pub seeds: Option<u64>,
    /// Worker threads; 0 means one per core.
    pub threads: usize,
    /// Compute every cell anew, whatever the store has.
    pub fresh: bool,
    /// Data sets that the user brought.
    pub inputs: Arc<Inputs>,
    /// Other values for fields of the cells than the claims' own.
    pub changes: Changes,
    /// Double the size or horizon of every cell; claims that have none are left without cells.
    pub double: Option<Doubling>,
}

impl Request {
    /// When claims are looked at, and the levels of their decisions.
    pub fn design(&self) -> Design {
        match self.seeds {
            Some(seeds) => Design::single(usize::try_from(seeds).unwrap_or(usize::MAX), self.repository),
            None => Design::of(self.scale, self.repository),
        }
    }

    /// The part of the request that a claim's grid depends on, for a number of draws.
    pub fn plan(&self, draws: usize) -> Plan<'_> {
        Plan { scale: self.scale, seeds: draws as u64, inputs: &self.inputs }
    }

    /// The cells of a claim's experiment and control at a number of draws, with this request's changes, each cell once in
    /// either: two that a change has made the same are one measurement, not two.
    pub fn tasks(&self, claim: usize, draws: usize) -> [Vec<Task>; 2] {
        let any = self.claims[claim].claim;
        let plan = self.plan(draws);
        Side::BOTH.map(|side| {
            let mut tasks = match side {
                Side::Experiment => any.tasks(&plan),
                Side::Control => any.control_tasks(&plan),
            };
            if let Some(what) = self.double {
                // A cell of the claim's own always has the claim's type.
                tasks = doubled(any, &tasks, what).ok().flatten().unwrap_or_default();
            }
            if !self.changes.is_empty() {
                let mut seen = BTreeSet::new();
                tasks.iter_mut().for_each(|task| self.changes.apply(side, &mut task.cell));
                tasks.retain(|task| seen.insert(task.cell.to_string()));
            }
            tasks
        })
    }

    fn key(&self, claim: usize, cell: &Value) -> Key {
        let Chosen { claim, fingerprint, master_seed } = self.claims[claim];
        Key {
            claim: claim.about().id.to_owned(),
            seed: master_seed,
            fingerprint: fingerprint.to_owned(),
            cell: cell.clone(),
        }
    }
}

/// Where a run is among the looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// The look that begins, from 1.
    pub look: usize,
    /// How many there are at most.
    pub looks: usize,
    /// The draws of this look.
    pub draws: usize,
    /// Claims that the looks before it have decided.
    pub decided: usize,
    /// All claims of the request.
    pub claims: usize,
}

/// How the run is going. Called from one thread.
pub trait Observer {
    /// A look begins.
    fn round(&self, _round: &Round) {}
    /// A look adds this many distinct cells to a claim, of which some were found in the store; `_cost_left` is that of the
    /// others.
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

/// One claim's cells with what came of them, in the grid's order, as far as its looks went.
#[derive(Debug, Clone)]
pub struct ClaimRuns {
    /// The claim.
    pub about: About,
    /// The master seed of its cells.
    pub master_seed: u64,
    /// The experiment's cells and runs.
    pub experiment: RawGrid,
    /// The control's.
    pub control: RawGrid,
    /// Cells without an outcome, and why.
    pub failures: Vec<(Value, CellError)>,
    /// Seconds that the cells took, one after the other, whenever they were computed.
    pub seconds: f64,
    /// How many distinct cells there are.
    pub cells: usize,
    /// How many of them were found in the store.
    pub cached: usize,
    /// The looks that are complete.
    pub look: usize,
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
    /// A shard of a round was asked for before the round before it is complete.
    #[error("round {round} lacks {missing} cells: the rounds after it follow from all of its results")]
    Incomplete {
        /// The round that is not complete, from 1.
        round: usize,
        /// How many cells the store does not have.
        missing: usize,
    },
    /// The threads could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// As requested.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

/// Runs, look by look, every cell that the store does not have and that the claims need to be decided.
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
    let mut progress = Progress::new(request);
    let mut look = 1;
    while progress.goes_on(look) {
        progress.look_up(request, look, store, observer, &|_, _| true);
        work::compute(request, store, observer, stop, &mut progress)?;
        progress.judge(request, look);
        look += 1;
    }
    for chosen in &request.claims {
        // A folder that cannot be cleared is no reason to keep the results back.
        let _ = store.sweep(chosen.claim.about().id);
    }
    Ok(progress.collect(request))
}

/// Everything the store has for the request, nothing computed. A claim whose first look is not complete has failures, one
/// per missing cell; one whose later look is not complete is judged by the look before it, with one failure that says so.
pub fn collect(request: &Request, store: &Store, observer: &dyn Observer) -> Vec<ClaimRuns> {
    let mut progress = Progress::new(request);
    let mut broken: Vec<(usize, CellError)> = Vec::new();
    let mut look = 1;
    while progress.goes_on(look) {
        progress.look_up(request, look, store, observer, &|_, _| true);
        for (claim, tasks) in progress.lacking() {
            let state = &mut progress.claims[claim];
            state.closed = true;
            if look > 1 {
                let lacks = format!("look {look} lacks {} cells in the store", tasks.len());
                broken.push((claim, CellError(lacks)));
                state.grid = grid::Grid::of(request, claim, progress.design.looks[look - 2]);
                continue;
            }
            for task in tasks {
                let error = store.failure(&request.key(claim, &task.cell));
                let error = error.unwrap_or_else(|| "not in the store yet".to_owned());
                state.results.insert(task.cell.to_string(), Err(CellError(error)));
            }
        }
        progress.judge(request, look);
        look += 1;
    }
    let mut runs = progress.collect(request);
    for (claim, error) in broken {
        runs[claim].failures.push((Value::Null, error));
    }
    runs
}

fn is_stored(request: &Request, claim: usize, cell: &Value, store: &Store) -> bool {
    matches!(store.get(&request.key(claim, cell)), Lookup::Found(_))
}
