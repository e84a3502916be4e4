//! A long solve beside a thread that shows how far it is and passes on a wish to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use overparam_solve::{Progress, SolveError, Stage};
use serde_json::json;

use crate::interrupt::{Kept, stopped_work};
use crate::meter::Meter;
use crate::progress::event;

/// Runs the work.
pub(super) fn watched<R: Send>(
    stop: &Arc<AtomicBool>,
    work: impl FnOnce(&Progress) -> Result<R> + Send,
) -> Result<R> {
    const UNITS: usize = 1000;
    let (progress, ended) = (Progress::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stage, mut meter, mut shown) = (Stage::Waiting, None, 0);
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
                if stop.load(Ordering::Relaxed) {
                    progress.stop();
                }
                if progress.stage() != stage {
                    stage = progress.stage();
                    (meter, shown) = (Some(Meter::new(name(stage), UNITS)), 0);
                }
                let now = (progress.fraction() * UNITS as f64) as usize;
                if let (Some(meter), true) = (&mut meter, now > shown) {
                    meter.advance(now - shown);
                    shown = now;
                }
            }
        });
        let result = work(&progress);
        ended.store(true, Ordering::Relaxed);
        result
    })
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Waiting => "waiting",
        Stage::Factoring => "factor",
        Stage::Preconditioning => "preconditioner",
        Stage::Iterating => "solution",
        Stage::LeavingOut => "leaving one out",
        Stage::Predicting => "test outputs",
    }
}

/// Status 130 after a wish to stop, with what is `kept` of the work; any other error as it is.
pub(super) fn stopped_or(error: anyhow::Error, kept: Kept, json: bool) -> Result<ExitCode> {
    if !matches!(error.downcast_ref(), Some(SolveError::Stopped)) {
        return Err(error);
    }
    if json {
        event(&json!({"event": "stopped", "kept": matches!(kept, Kept::Work)}));
    }
    Ok(stopped_work("stopped", kept))
}
