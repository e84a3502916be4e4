//! The threads that compute: one pool per process.
//!
//! A process that was forked has its parent's pool without its threads, and would wait for them for ever; it gets one of its own.
//! Work that nobody waits for any more keeps the pool it runs in; what comes after it gets a new one.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::PyErr;
use pyo3::exceptions::PyRuntimeError;
use rayon::{ThreadPool, ThreadPoolBuilder};

struct Current {
    process: u32,
    pool: Arc<ThreadPool>,
}

static CURRENT: Mutex<Option<Current>> = Mutex::new(None);

/// The pool of this process.
pub(crate) fn current() -> Result<Arc<ThreadPool>, PyErr> {
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(kept) = current.as_ref().filter(|kept| kept.process == process) {
        return Ok(Arc::clone(&kept.pool));
    }
    // Its threads are in another process: nothing here could end them.
    std::mem::forget(current.take());
    let pool = ThreadPoolBuilder::new()
        .thread_name(|i| format!("overparam-{i}"))
        .build()
        .map_err(|e| PyRuntimeError::new_err(format!("cannot start the threads that compute: {e}")))?;
    let pool = Arc::new(pool);
    *current = Some(Current { process, pool: Arc::clone(&pool) });
    Ok(pool)
}

/// Leaves the pool to the work that is still running in it.
pub(crate) fn leave() {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner).take();
}
