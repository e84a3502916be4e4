//! Ctrl-C: a flag that stops a run, and what is said of a run that stopped.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use overparam_eval::runner::RunError;
use serde_json::json;

use crate::options::{RunOptions, Voice};
use crate::progress::event;

/// A flag that Ctrl-C and a termination turn on.
pub fn watch_for_stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// Says how far a stopped run got; any other error is passed on.
pub fn stopped(options: &RunOptions, error: RunError) -> Result<ExitCode> {
    if matches!(error, RunError::Incomplete { .. }) {
        note!("{error}");
        return Ok(ExitCode::from(3));
    }
    let RunError::Interrupted { finished, total } = error else { return Err(error.into()) };
    if options.voice() == Voice::Json {
        event(&json!({"event": "stopped", "finished": finished, "cells": total}));
    }
    Ok(stopped_work(&error.to_string(), Kept::Work))
}

/// What is left of work that was stopped.
#[derive(Clone, Copy)]
pub(crate) enum Kept {
    /// What was done: the same command goes on.
    Work,
    /// Nothing.
    Nothing,
    /// Nothing, because this option was not given.
    NothingWithout(&'static str),
}

/// Says how far work got that was stopped, and what is left of it; the status is 130.
pub(crate) fn stopped_work(said: &str, kept: Kept) -> ExitCode {
    match kept {
        Kept::Work => note!("{said}. The same command goes on from there."),
        Kept::Nothing => note!("{said}. Nothing of it is kept."),
        Kept::NothingWithout(option) => {
            note!("{said}. Nothing of it is kept; with {option} the same command would go on.");
        }
    }
    ExitCode::from(130)
}
