//! Computes the tiles that a store lacks: some threads of one process, beside any number of other processes.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nalgebra::DMatrix;
use serde_json::json;

use super::chunk::Element;
use super::error::TileError;
use super::grid::Tile;
use super::store::{State, TileStore};
use crate::lease::Leases;

/// Between two looks at tiles that other processes compute: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Between two calls of [`Observer::tick`].
const TICK: Duration = Duration::from_millis(50);

/// Who is told how the work goes. All but [`Observer::tick`] is called from the threads that compute.
pub trait Observer: Sync {
    /// The store has this tile now; this process computed it or found it.
    fn finished(&self, tile: Tile, computed: bool);
    /// A file must not be trusted: its tile is computed again.
    fn damaged(&self, path: &Path, reason: &str);
    /// Nothing is left but this many tiles that other processes compute.
    fn waiting(&self, tiles: usize);
    /// Again and again while the work lasts, on the thread that called [`run`].
    fn tick(&self);
    /// The work is over before its end, by an error or because it was told to stop: what is being computed may end.
    fn ending(&self);
}

/// Why the work ended before its end.
#[derive(Debug)]
pub enum WorkError<E> {
    /// A tile could not be computed.
    Compute {
        /// Which.
        tile: Tile,
        /// Why.
        error: E,
    },
    /// The store could not be written.
    Store(TileError),
    /// It was told to stop.
    Stopped,
}

impl<E> From<TileError> for WorkError<E> {
    fn from(error: TileError) -> Self {
        Self::Store(error)
    }
}

/// Computes those of `tiles` that the store does not have, and waits for those that other processes compute.
///
/// As many threads as `lanes` take a tile at a time: while one writes, the others compute. `compute` returns the results in
/// the order of the store's kinds. Every tile that the store has is checked, byte by byte, before it is taken for finished.
///
/// # Errors
/// See [`WorkError`]. Finished tiles stay in the store.
pub fn run<T: Element, E: Send>(
    store: &TileStore,
    tiles: Vec<Tile>,
    lanes: usize,
    stop: &AtomicBool,
    observer: &dyn Observer,
    compute: impl Fn(Tile) -> Result<Vec<DMatrix<T>>, E> + Sync,
) -> Result<(), WorkError<E>> {
    store.sweep();
    let leases = Leases::new(store.patience()).map_err(TileError::Threads)?;
    let crew = Crew {
        store,
        leases: &leases,
        observer,
        compute,
        stop,
        queue: Mutex::new(Queue { open: tiles.into(), ..Queue::default() }),
        failure: Mutex::new(None),
        over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes.max(1)).map(|_| scope.spawn(|| crew.lane())).collect();
        let mut told = false;
        while lanes.iter().any(|lane| !lane.is_finished()) {
            observer.tick();
            if crew.is_over() && !told {
                told = true;
                observer.ending();
            }
            std::thread::sleep(TICK);
        }
    });
    observer.tick();
    let Crew { failure, .. } = crew;
    if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    if stop.load(Ordering::Relaxed) {
        return Err(WorkError::Stopped);
    }
    store.sweep();
    Ok(())
}

/// What the threads take tiles from.
#[derive(Default)]
struct Queue {
    open: VecDeque<Tile>,
    /// Computed by other processes, as far as is known.
    elsewhere: Vec<Tile>,
    /// In the hands of a thread.
    at_work: usize,
    /// When those of other processes were last looked at, and how long until the next time.
    looked: Option<(Instant, Duration)>,
    /// How many were said to be waited for.
    told: usize,
}

/// The threads of a run and what they share.
struct Crew<'a, E, C> {
    store: &'a TileStore,
    leases: &'a Leases,
    observer: &'a dyn Observer,
    compute: C,
    stop: &'a AtomicBool,
    queue: Mutex<Queue>,
    failure: Mutex<Option<WorkError<E>>>,
    /// The run is over, although nobody asked to stop.
    over: AtomicBool,
}

/// What came of one attempt at a tile.
enum Attempt {
    Done,
    /// Another process holds its lease.
    Elsewhere,
}

/// What a thread does next.
enum Next {
    Try(Tile),
    Wait,
    End,
}

impl<E: Send, C> Crew<'_, E, C> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed)
    }

    fn lane<T: Element>(&self)
    where
        C: Fn(Tile) -> Result<Vec<DMatrix<T>>, E> + Sync,
    {
        while !self.is_over() {
            let tile = match self.next() {
                Next::Try(tile) => tile,
                Next::Wait => {
                    std::thread::sleep(TICK);
                    continue;
                }
                Next::End => return,
            };
            let attempt = self.attempt(tile);
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.at_work -= 1;
            match attempt {
                Ok(Attempt::Done) => queue.looked = None,
                Ok(Attempt::Elsewhere) => queue.elsewhere.push(tile),
                Err(error) => {
                    drop(queue);
                    // The first one counts: what follows may follow from it.
                    let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if !self.is_over() {
                        failure.get_or_insert(error);
                    }
                    self.over.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    fn next(&self) -> Next {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tile) = queue.open.pop_front() {
            queue.at_work += 1;
            return Next::Try(tile);
        }
        if queue.elsewhere.is_empty() {
            return if queue.at_work == 0 { Next::End } else { Next::Wait };
        }
        let (since, pause) = *queue.looked.get_or_insert((Instant::now(), PAUSES.0));
        if since.elapsed() < pause {
            return Next::Wait;
        }
        if queue.at_work == 0 && queue.told != queue.elsewhere.len() {
            queue.told = queue.elsewhere.len();
            self.observer.waiting(queue.told);
        }
        queue.looked = Some((Instant::now(), (2 * pause).min(PAUSES.1)));
        queue.open = std::mem::take(&mut queue.elsewhere).into();
        Next::Wait
    }

    fn attempt<T: Element>(&self, tile: Tile) -> Result<Attempt, WorkError<E>>
    where
        C: Fn(Tile) -> Result<Vec<DMatrix<T>>, E> + Sync,
    {
        if self.store.state(tile) == State::Finished {
            self.observer.finished(tile, false);
            return Ok(Attempt::Done);
        }
        let path = self.store.lease_path(tile);
        let part = json!({"tile": [tile.0, tile.1]});
        let taken = self.leases.take(&path, &part).map_err(|source| TileError::Write { path, source })?;
        let Some(lease) = taken else { return Ok(Attempt::Elsewhere) };
        // Another process may have finished the tile since it was looked at.
        match self.store.state(tile) {
            State::Finished => {
                self.observer.finished(tile, false);
                return Ok(Attempt::Done);
            }
            State::Damaged { path, reason } => self.observer.damaged(&path, &reason),
            State::Missing => {}
        }
        let results = (self.compute)(tile).map_err(|error| WorkError::Compute { tile, error })?;
        self.store.put(tile, &results)?;
        drop(lease);
        self.observer.finished(tile, true);
        Ok(Attempt::Done)
    }
}
