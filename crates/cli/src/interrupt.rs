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
    note!("{error}. The same command goes on from there.");
    Ok(ExitCode::from(130))
}
