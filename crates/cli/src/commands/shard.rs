//! `reproduce --shard K/N`: the cells of one shard, for any scheduler.

use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::runner::{self, Request, Shard, ShardRuns};
use serde_json::json;

use crate::interrupt::{stopped, watch_for_stop};
use crate::options::{RunOptions, Voice};
use crate::progress::{event, watch};

/// Computes the shard's cells that the store does not have, and says what the run still lacks.
pub(crate) fn shard(
    options: &RunOptions,
    request: &Request,
    shard: Shard,
    round: Option<u8>,
) -> Result<ExitCode> {
    let stop = watch_for_stop()?;
    let progress = watch(options.voice(), request.threads);
    let round = round.map(usize::from);
    let done = runner::run_shard(request, shard, round, &options.store(), &*progress, &stop);
    progress.clear();
    match done {
        Ok(done) => Ok(tell(options.voice(), shard, &done)),
        Err(error) => stopped(options, error),
    }
}

fn tell(voice: Voice, shard: Shard, done: &ShardRuns) -> ExitCode {
    let failed: usize = done.failures.iter().map(|(_, failures)| failures.len()).sum();
    let remaining = || done.remaining.iter().filter(|(_, cells)| *cells > 0);
    let left: usize = remaining().map(|(_, cells)| cells).sum();
    match voice {
        Voice::Quiet => {}
        Voice::Json => {
            let claims = remaining().map(|(about, cells)| (about.id.to_owned(), json!(cells)));
            event(&json!({
                "event": "shard", "round": done.round, "open": done.open, "shard": shard.index(), "shards": shard.count(), "cells": done.cells,
                "cached": done.cached, "failed": failed, "remaining": left,
                "remaining_by_claim": serde_json::Value::Object(claims.collect())
            }));
        }
        Voice::Person => {
            if done.open == 0 {
                say!(
                    "round {}: every claim is decided; `{} report` with the same arguments reports",
                    done.round,
                    crate::name()
                );
                return ExitCode::SUCCESS;
            }
            say!(
                "round {}, shard {}/{}: {} of its {} cells are in the store, {} were before; {failed} failed",
                done.round,
                shard.index(),
                shard.count(),
                done.cells - failed,
                done.cells,
                done.cached
            );
            for (about, cells) in remaining() {
                say!("  {}: {cells} cells of the round remain", about.id);
            }
            if left == 0 {
                say!(
                    "every cell of the round is in the store; the same command goes on with the next round, and \
                     `{} report` with the same arguments reports",
                    crate::name()
                );
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}
