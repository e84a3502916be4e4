//! A5: one claim, its report the same byte for byte on 1 and 2 threads, from 3 shards per round, and from a store that already has
//! draws beyond the stopping look.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use overparam_claims::TALKS;
use overparam_eval::figure::Drawings;
use overparam_eval::report::{ClaimReport, Command, Report, RunFacts};
use overparam_eval::runner::{self, Request, Shard, Silent};
use overparam_eval::store::Store;
use serde_json::{Value, json};

use super::Finding;
use overparam_cli::options::RunOptions;

/// Cheap, and decided at the first look.
const CLAIM: &str = "hu-2021/rank-not-norm";
const SHARDS: u32 = 3;
const SPARE: u64 = 64;

/// Runs the claim in four ways, each in a store of its own.
pub(super) fn determinism(options: &RunOptions) -> Result<(Vec<Finding>, Value)> {
    let mut request = options.request(false)?;
    request.claims.retain(|chosen| chosen.claim.about().id == CLAIM);
    if request.claims.is_empty() {
        let finding = Finding::new("A5", "determinism", format!("{CLAIM} is not among the claims"), true);
        return Ok((vec![finding], Value::Null));
    }
    let folder = options.out.join("determinism");
    let stop = Arc::new(AtomicBool::new(false));
    let one = bytes(options, &with_threads(&request, 1), &folder.join("one"), |_, _| Ok(()))?;
    let two = bytes(options, &with_threads(&request, 2), &folder.join("two"), |_, _| Ok(()))?;
    let shards = bytes(options, &request, &folder.join("shards"), |request, store| {
        for round in 1..=request.design().looks.len() {
            for k in 1..=SHARDS {
                let shard: Shard = format!("{k}/{SHARDS}").parse()?;
                runner::run_shard(request, shard, Some(round), store, &Silent, &stop)?;
            }
        }
        Ok(())
    })?;
    let spare = bytes(options, &request, &folder.join("spare"), |request, store| {
        runner::run(&Request { seeds: Some(SPARE), ..request.clone() }, store, &Silent, &stop)?;
        Ok(())
    })?;
    let same = |name: &str, other: &[u8]| {
        let accepted = one == other;
        let found = if accepted { "the same bytes" } else { "other bytes" };
        Finding::new("A5", format!("report.json of {CLAIM}: 1 thread and {name}"), found, accepted)
    };
    let findings = vec![
        same("2 threads", &two),
        same("3 shards per round", &shards),
        same("a store with 64 draws", &spare),
    ];
    let _ = fs::remove_dir_all(&folder);
    Ok((findings, json!({"claim": CLAIM, "bytes": one.len()})))
}

fn with_threads(request: &Request, threads: usize) -> Request {
    Request { threads, ..request.clone() }
}

/// `report.json` after something was done to the store and the rest was run.
fn bytes(
    options: &RunOptions,
    request: &Request,
    folder: &Path,
    before: impl Fn(&Request, &Store) -> Result<()>,
) -> Result<Vec<u8>> {
    let _ = fs::remove_dir_all(folder);
    let store = Store::at(folder.join("store"));
    before(request, &store)?;
    let runs = runner::run(request, &store, &Silent, &Arc::new(AtomicBool::new(false)))?;
    let terms = options.terms(request);
    let claims = request.claims.iter().zip(&runs);
    let claims = claims.map(|(chosen, runs)| ClaimReport::of(chosen.claim, runs, None, &terms)).collect();
    let report = Report::new(request.scale, &Command::default(), TALKS, claims);
    let facts = RunFacts { wall_seconds: 0.0, threads: 1, machine: String::new(), claims: Vec::new() };
    let nothing = Drawings { formats: Vec::new(), slides: false, panels: false };
    report.write(folder, &facts, &nothing)?;
    let path = folder.join("report.json");
    fs::read(&path).with_context(|| path.display().to_string())
}
