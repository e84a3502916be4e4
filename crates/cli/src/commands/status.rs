//! `status`: how far a run is, from the store alone.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use overparam_eval::claim::Scale;
use overparam_eval::runner::{self, ClaimStatus, Request};
use overparam_eval::store::Store;
use serde_json::{Value, json};

use crate::options::{RunOptions, Voice};
use crate::progress::event;
use crate::terminal::{Table, duration, utc, width};

/// Prints one line per claim, and what went wrong where.
pub(crate) fn status(options: &RunOptions) -> Result<ExitCode> {
    let store = options.filled_store()?;
    let scales = at_scales(options, &options.request(false)?, &store);
    for (scale, claims) in &scales {
        match options.voice() {
            Voice::Quiet => {}
            Voice::Json => claims.iter().for_each(|claim| event(&describe(*scale, claim))),
            Voice::Person => {
                say!("scale {scale}");
                print(claims);
            }
        }
    }
    let all = scales.iter().flat_map(|(_, claims)| claims).all(|claim| claim.decided);
    Ok(ExitCode::from(u8::from(!all)))
}

/// How far the claims are at the scale that was asked for; else at every scale of which the store has anything, or the usual
/// one if it has nothing.
pub(super) fn at_scales(
    options: &RunOptions,
    request: &Request,
    store: &Store,
) -> Vec<(Scale, Vec<ClaimStatus>)> {
    let at = |scale: Scale| (scale, runner::status(&Request { scale, ..request.clone() }, store));
    let touched =
        |claim: &ClaimStatus| claim.done + claim.rejected + claim.failed.len() + claim.in_progress.len() > 0;
    let known = |(_, claims): &(Scale, Vec<ClaimStatus>)| claims.iter().any(touched);
    let all: Vec<_> = if options.scale.is_some() {
        Vec::new()
    } else {
        Scale::ALL.into_iter().map(at).filter(known).collect()
    };
    if all.is_empty() { vec![at(request.scale)] } else { all }
}

fn describe(scale: Scale, claim: &ClaimStatus) -> Value {
    let failed = claim.failed.iter().map(|(cell, error)| json!({"cell": cell, "error": error}));
    let held = claim.in_progress.iter().map(|held| {
        json!({
            "cell": held.cell, "host": held.host, "pid": held.pid, "silent_seconds": held.silent.as_secs_f64(),
            "lost": held.lost
        })
    });
    json!({
        "event": "status", "scale": scale, "claim": claim.about.id, "look": claim.look, "looks": claim.looks,
        "decided": claim.decided, "done": claim.done, "cells": claim.cells,
        "rejected": claim.rejected, "failed": failed.collect::<Vec<_>>(), "in_progress": held.collect::<Vec<_>>(),
        "last_write": claim.last_write.map(seconds)
    })
}

fn print(claims: &[ClaimStatus]) {
    let heading = vec!["claim", "look", "done", "total", "failed", "in progress", "last result (UTC)"];
    let mut table = Table::new(1, heading);
    for claim in claims {
        let working = claim.in_progress.iter().filter(|held| !held.lost).count();
        let last = claim.last_write.map_or_else(|| "none".to_owned(), |time| utc(seconds(time)));
        let counts = [claim.done, claim.cells, claim.failed.len(), working].map(|n| n.to_string().into());
        let mut row = vec![claim.about.id.into(), format!("{}/{}", claim.look, claim.looks).into()];
        row.extend(counts);
        row.push(last.into());
        table.push(row);
    }
    say!("{}", table.lines(width()).join("\n"));
    for claim in claims {
        for (cell, error) in &claim.failed {
            say!("{}: failed: {error} ({cell})", claim.about.id);
        }
        for held in claim.in_progress.iter().filter(|held| held.lost) {
            let silent = duration(held.silent.as_secs_f64());
            say!(
                "{}: process {} on {} is gone; its last sign of life was {silent} ago ({})",
                claim.about.id,
                held.pid,
                held.host,
                held.cell
            );
        }
        if claim.rejected > 0 {
            say!("{}: {} results are damaged and will be computed again", claim.about.id, claim.rejected);
        }
    }
    let sum = |count: fn(&ClaimStatus) -> usize| claims.iter().map(count).sum::<usize>();
    say!(
        "{} of {} cells of the present looks are in the store",
        sum(|claim| claim.done),
        sum(|claim| claim.cells)
    );
}

/// Since 1970; before it, 0.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
