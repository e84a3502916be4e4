//! Waiting for long work with the GIL released, so that other threads run and Ctrl-C is heard.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::{PyResult, Python};

use crate::pool;

/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Runs `work` on the threads of the pool. While it runs, `tick` is called about twenty times per second; an error of it, or a signal
/// such as Ctrl-C, ends the waiting. `stop` then tells the work, and whether or not it hears, nobody waits for it.
pub(crate) fn watched<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> R + Send + 'static,
    mut tick: impl FnMut(Python<'_>) -> PyResult<()> + Send,
    stop: impl FnOnce() + Send,
) -> PyResult<R> {
    let pool = pool::current()?;
    py.detach(move || {
        let (sender, receiver) = channel();
        pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            // Whoever was interrupted does not listen.
            let _ = sender.send(result);
        });
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(Ok(result)) => return Ok(result),
                Ok(Err(panic)) => return Err(bug(panic.downcast_ref::<String>().map(String::as_str))),
                Err(RecvTimeoutError::Disconnected) => return Err(bug(None)),
                Err(RecvTimeoutError::Timeout) => {
                    let heard = Python::attach(|py| {
                        py.check_signals()?;
                        tick(py)
                    });
                    if let Err(error) = heard {
                        stop();
                        pool::leave();
                        return Err(error);
                    }
                }
            }
        }
    })
}

/// [`watched`] by nothing but signals.
pub(crate) fn interruptible<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> R + Send + 'static,
) -> PyResult<R> {
    watched(py, work, |_| Ok(()), || ())
}

fn bug(message: Option<&str>) -> pyo3::PyErr {
    let message = message.unwrap_or("a thread ended without a result");
    PyRuntimeError::new_err(format!("a bug in overparam, please report it: {message}"))
}
