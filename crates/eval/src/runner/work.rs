//! Computes what is to be done: a pool of threads, each cell under its lease.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use overparam_jobs::lease::Leases;

use super::grid::Progress;
use super::{Observer, Request, RunError};
use crate::claim::{CellError, Context};
use crate::registry::Task;
use crate::store::{Lookup, Record, Store, StoreError};

/// Between two looks at cells that other processes compute: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What came of one attempt at a cell.
enum Attempt {
    Done(Result<Record, CellError>),
    /// Another process holds its lease.
    Elsewhere,
    Unsaved(StoreError),
}

/// Computes what is to be done into the claims' results.
pub(super) fn compute(
    request: &Request,
    store: &Store,
    observer: &dyn Observer,
    stop: &Arc<AtomicBool>,
    progress: &mut Progress,
) -> Result<(), RunError> {
    let mut todo = std::mem::take(&mut progress.todo);
    if todo.is_empty() {
        return Ok(());
    }
    let mut finished = progress.finished();
    // Longest first, so that no long cell starts when all others are done. The order does not change any result.
    todo.sort_by(|a, b| b.1.cost.total_cmp(&a.1.cost));
    let mut cost_left: Vec<f64> = vec![0.0; progress.claims.len()];
    todo.iter().for_each(|(claim, task)| cost_left[*claim] += task.cost);

    let crew = Crew::new(request, store, stop)?;
    // A request for 0 threads has one per core.
    let threads = crew.pool.current_num_threads();
    let (sender, receiver) = mpsc::channel();
    let (mut waiting, mut at_work) = (VecDeque::from(todo), 0);
    let mut elsewhere: Vec<Job> = Vec::new();
    let (mut pause, mut looked, mut told) = (PAUSES.0, Instant::now(), 0);
    while at_work + waiting.len() + elsewhere.len() > 0 {
        if !elsewhere.is_empty() && looked.elapsed() >= pause {
            if at_work + waiting.len() == 0 && elsewhere.len() != told {
                told = elsewhere.len();
                observer.waiting(told);
            }
            (pause, looked) = ((2 * pause).min(PAUSES.1), Instant::now());
            waiting.extend(elsewhere.drain(..));
        }
        // No more than the threads, so that no more cells than that hold memory at a time: a thread that waits for a part of its cell
        // begins another one if there is any.
        while at_work < threads
            && let Some(job) = waiting.pop_front()
        {
            crew.spawn(job, &sender);
            at_work += 1;
        }
        let (job, attempt) = match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) if !stop.load(Ordering::Relaxed) => continue,
            Err(_) => {
                crew.abandon();
                return Err(RunError::Interrupted { finished, total: progress.total() });
            }
        };
        at_work -= 1;
        let result = match attempt {
            Attempt::Done(result) => result,
            Attempt::Elsewhere => {
                elsewhere.push(job);
                continue;
            }
            Attempt::Unsaved(error) => {
                crew.abandon();
                return Err(error.into());
            }
        };
        let (claim, task) = job;
        pause = PAUSES.0;
        finished += usize::from(result.is_ok());
        cost_left[claim] -= task.cost;
        let seconds = result.as_ref().map_or(0.0, |r| r.seconds);
        observer.finished(claim, cost_left[claim], seconds, result.as_ref().err());
        progress.claims[claim].results.insert(task.cell.to_string(), result);
    }
    Ok(())
}

type Job = (usize, Task);

/// The threads of a run and what they share.
struct Crew {
    pool: rayon::ThreadPool,
    shared: Arc<Shared>,
}

struct Shared {
    request: Request,
    store: Store,
    leases: Leases,
    stop: Arc<AtomicBool>,
    /// The run is over, although nobody asked to stop.
    over: AtomicBool,
}

impl Crew {
    fn new(request: &Request, store: &Store, stop: &Arc<AtomicBool>) -> Result<Self, RunError> {
        let failed = |reason: String| RunError::Threads { threads: request.threads, reason };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(request.threads).build();
        let shared = Shared {
            request: request.clone(),
            store: store.clone(),
            leases: store.leases().map_err(|e| failed(e.to_string()))?,
            stop: Arc::clone(stop),
            over: AtomicBool::new(false),
        };
        Ok(Self { pool: pool.map_err(|e| failed(e.to_string()))?, shared: Arc::new(shared) })
    }

    fn spawn(&self, job: Job, results: &mpsc::Sender<(Job, Attempt)>) {
        let (shared, results) = (Arc::clone(&self.shared), results.clone());
        // FIFO keeps the order of the sort; `spawn` would run the newest first.
        self.pool.spawn_fifo(move || {
            if !shared.stop.load(Ordering::Relaxed) && !shared.over.load(Ordering::Relaxed) {
                let attempt = shared.attempt(job.0, &job.1);
                // The receiver is gone only when the run is over, and then nobody waits for this result.
                let _ = results.send((job, attempt));
            }
        });
    }

    /// Ends without waiting for the cells in flight.
    fn abandon(self) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.shared.leases.release_all();
        // Dropping the pool would wait; the process is about to end.
        std::mem::forget(self.pool);
    }
}

impl Shared {
    fn attempt(&self, claim: usize, task: &Task) -> Attempt {
        let key = self.request.key(claim, &task.cell);
        // Another process may have finished the cell since the store was looked through.
        let stored = || match self.store.get(&key) {
            Lookup::Found(record) if !self.request.fresh => Some(Attempt::Done(Ok(record))),
            _ => None,
        };
        let lease = match self.store.take(&self.leases, &key) {
            Ok(Some(lease)) => lease,
            Ok(None) => return stored().unwrap_or(Attempt::Elsewhere),
            Err(error) => return Attempt::Unsaved(error),
        };
        if let Some(done) = stored() {
            return done;
        }
        let result = self.outcome(claim, task);
        // If the lease was given to another meanwhile and it was faster, its result stays.
        if let Some(done) = stored() {
            return done;
        }
        let saved = match &result {
            Ok(record) => self.store.put(&key, record),
            Err(error) => self.store.put_failure(&key, &error.0),
        };
        drop(lease);
        saved.map_or_else(Attempt::Unsaved, |()| Attempt::Done(result))
    }

    fn outcome(&self, claim: usize, task: &Task) -> Result<Record, CellError> {
        let chosen = self.request.claims[claim];
        let text = task.cell.to_string();
        let id = chosen.claim.about().id;
        let context = Context::new(chosen.master_seed, id, &text, &self.request.inputs);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| chosen.claim.run(&task.cell, &context)))
            .unwrap_or_else(|panic| Err(CellError(format!("panicked: {}", panic_message(panic.as_ref())))))?;
        Ok(Record { outcome, seconds: start.elapsed().as_secs_f64() })
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
