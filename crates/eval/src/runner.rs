//! Runs the cells of claims in parallel, each from its own streams, each saved as soon as it is finished.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::changes::Changes;
use crate::claim::{About, CellError, Context, Plan, Scale};
use crate::inputs::Inputs;
use crate::registry::{AnyClaim, RawRun, Task};
use crate::store::{Key, Lookup, Record, Store, StoreError};

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
    let found = |task: &&Task| matches!(store.get(&request.key(claim, &task.cell)), Lookup::Found(_));
    (grid.distinct.values().filter(found).count(), grid.distinct.len())
}

/// Runs every cell of the request that the store does not have, and returns all of them.
///
/// Cells run on a pool of their own, expensive ones first; each result is written to the store at once. When `stop`
/// turns true no further cell starts and the call returns [`RunError::Interrupted`]; cells in flight are abandoned.
/// A cell that panics or returns an error is a failure of its claim, not of the run.
///
/// # Errors
/// See [`RunError`].
pub fn run(
    request: &Request,
    store: &Store,
    observer: &dyn Observer,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<ClaimRuns>, RunError> {
    let Found { grids, mut results, mut todo } = look_up(request, store, observer);
    let cached: Vec<usize> = results.iter().map(BTreeMap::len).collect();
    let total: usize = grids.iter().map(|g| g.distinct.len()).sum();
    let mut finished: usize = cached.iter().sum();
    // Longest first, so that no long cell starts when all others are done. The order does not change any result.
    todo.sort_by(|a, b| b.1.cost.total_cmp(&a.1.cost));
    let mut cost_left: Vec<f64> = vec![0.0; grids.len()];
    todo.iter().for_each(|(claim, task)| cost_left[*claim] += task.cost);

    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(request.threads)
        .build()
        .map_err(|e| RunError::Threads { threads: request.threads, reason: e.to_string() })?;
    let (sender, receiver) = mpsc::channel();
    let mut waiting = todo.len();
    for (claim, task) in todo {
        let (sender, request, store, stop) =
            (sender.clone(), request.clone(), store.clone(), Arc::clone(stop));
        // FIFO keeps the order of the sort; `spawn` would run the newest first.
        pool.spawn_fifo(move || {
            if !stop.load(Ordering::Relaxed) {
                let (result, saved) = compute(&request, claim, &task.cell, &store);
                // The receiver is gone only when the run was stopped, and then nobody waits for this result.
                let _ = sender.send((claim, task, result, saved));
            }
        });
    }
    drop(sender);

    while waiting > 0 {
        let (claim, task, result, saved) = match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => continue,
            Err(_) => {
                // Leaks the pool instead of waiting for the cells in flight; the process is about to end.
                std::mem::forget(pool);
                return Err(RunError::Interrupted { finished, total });
            }
        };
        saved?;
        waiting -= 1;
        finished += usize::from(result.is_ok());
        cost_left[claim] -= task.cost;
        let seconds = result.as_ref().map_or(0.0, |r| r.seconds);
        observer.finished(claim, cost_left[claim], seconds, result.as_ref().err());
        results[claim].insert(task.cell.to_string(), result);
    }
    Ok(finish(request, &grids, &results, &cached))
}

/// Everything the store has for the request, nothing computed: missing cells are failures of their claim.
pub fn collect(request: &Request, store: &Store, observer: &dyn Observer) -> Vec<ClaimRuns> {
    let Found { grids, mut results, todo } = look_up(request, store, observer);
    let cached: Vec<usize> = results.iter().map(BTreeMap::len).collect();
    for (claim, task) in todo {
        results[claim].insert(task.cell.to_string(), Err(CellError("not in the store yet".to_owned())));
    }
    finish(request, &grids, &results, &cached)
}

type Results = BTreeMap<String, Result<Record, CellError>>;

/// The cells of a request, split into what the store has and what is to be done.
struct Found {
    grids: Vec<Grid>,
    results: Vec<Results>,
    todo: Vec<(usize, Task)>,
}

fn look_up(request: &Request, store: &Store, observer: &dyn Observer) -> Found {
    let grids: Vec<Grid> = (0..request.claims.len()).map(|claim| Grid::of(request, claim)).collect();
    let mut results: Vec<Results> = vec![BTreeMap::new(); grids.len()];
    let mut todo: Vec<(usize, Task)> = Vec::new();
    for (claim, grid) in grids.iter().enumerate() {
        let mut cost_left = 0.0;
        for (text, task) in &grid.distinct {
            let looked_up =
                if request.fresh { Lookup::Missing } else { store.get(&request.key(claim, &task.cell)) };
            if let Lookup::Rejected { path, reason } = &looked_up {
                observer.rejected(path, reason);
            }
            if let Lookup::Found(record) = looked_up {
                results[claim].insert(text.clone(), Ok(record));
            } else {
                cost_left += task.cost;
                todo.push((claim, task.clone()));
            }
        }
        let about = request.claims[claim].0.about();
        observer.planned(claim, &about, grid.distinct.len(), results[claim].len(), cost_left);
    }
    Found { grids, results, todo }
}

fn finish(request: &Request, grids: &[Grid], results: &[Results], cached: &[usize]) -> Vec<ClaimRuns> {
    let claims = request.claims.iter().zip(grids).zip(results).zip(cached);
    claims.map(|((((any, _), grid), results), cached)| grid.collect(any.about(), results, *cached)).collect()
}

fn compute(
    request: &Request,
    claim: usize,
    cell: &Value,
    store: &Store,
) -> (Result<Record, CellError>, Result<(), StoreError>) {
    let any = request.claims[claim].0;
    let text = cell.to_string();
    let context = Context::new(request.master_seed, any.about().id, &text, &request.inputs);
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| any.run(cell, &context)))
        .unwrap_or_else(|panic| Err(CellError(format!("panicked: {}", panic_message(panic.as_ref())))));
    let result = result.map(|outcome| Record { outcome, seconds: start.elapsed().as_secs_f64() });
    let saved = match &result {
        Ok(record) => store.put(&request.key(claim, cell), record),
        Err(_) => Ok(()),
    };
    (result, saved)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// A claim's cells: the two grids in order, and each distinct cell once.
struct Grid {
    runs: Vec<Value>,
    control: Vec<Value>,
    distinct: BTreeMap<String, Task>,
}

impl Grid {
    fn of(request: &Request, claim: usize) -> Self {
        let [runs, control] = request.tasks(claim);
        let cells = |tasks: &[Task]| tasks.iter().map(|t| t.cell.clone()).collect();
        Self {
            runs: cells(&runs),
            control: cells(&control),
            distinct: runs.into_iter().chain(control).map(|t| (t.cell.to_string(), t)).collect(),
        }
    }

    fn collect(&self, about: About, results: &Results, cached: usize) -> ClaimRuns {
        let outcomes = |cells: &[Value]| -> Vec<RawRun> {
            let outcome = |cell: &Value| match results.get(&cell.to_string()) {
                Some(Ok(record)) => Some(RawRun { cell: cell.clone(), outcome: record.outcome.clone() }),
                _ => None,
            };
            cells.iter().filter_map(outcome).collect()
        };
        let failures = self.distinct.iter().filter_map(|(text, task)| {
            let error = results.get(text)?.as_ref().err()?;
            Some((task.cell.clone(), error.clone()))
        });
        ClaimRuns {
            about,
            runs: outcomes(&self.runs),
            control: outcomes(&self.control),
            failures: failures.collect(),
            seconds: results.values().flatten().map(|r| r.seconds).sum(),
            cells: self.distinct.len(),
            cached,
        }
    }
}
