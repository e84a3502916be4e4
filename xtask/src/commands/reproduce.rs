//! `reproduce` and `report`: run what the store does not have, judge, write the report, print the verdicts.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use overparam_claims::TALKS;
use overparam_eval::check::{Check, Holds, Verdict};
use overparam_eval::report::{ClaimFacts, ClaimReport, Report, RunFacts};
use overparam_eval::runner::{self, ClaimRuns, Request, RunError};
use overparam_eval::table::number;
use serde_json::json;

use super::{launch, shard};
use crate::machine;
use crate::options::{LaunchOptions, RunOptions, Voice};
use crate::progress::{event, watch};
use crate::terminal::{bold, duration, holds, verdict};

/// Runs the selected claims: here, a shard of them here, or all of them elsewhere.
pub(crate) fn reproduce(options: &RunOptions, fresh: bool, elsewhere: &LaunchOptions) -> Result<ExitCode> {
    if elsewhere.launcher.is_some() {
        return launch(options, fresh, elsewhere);
    }
    let request = options.request(fresh)?;
    if let Some(part) = elsewhere.shard {
        return shard(options, &request, part);
    }
    let stop = watch_for_stop()?;
    let start = Instant::now();
    let progress = watch(options.voice(), request.threads);
    let runs = runner::run(&request, &options.store(), &*progress, &stop);
    progress.clear();
    match runs {
        Ok(runs) => conclude(options, &request, &runs, start),
        Err(error) => stopped(options, error),
    }
}

/// A flag that Ctrl-C and a termination turn on.
pub(super) fn watch_for_stop() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

/// Says how far a stopped run got; any other error is passed on.
pub(super) fn stopped(options: &RunOptions, error: RunError) -> Result<ExitCode> {
    let RunError::Interrupted { finished, total } = error else { return Err(error.into()) };
    if options.voice() == Voice::Json {
        event(&json!({"event": "stopped", "finished": finished, "cells": total}));
    }
    eprintln!("{error}. The same command goes on from there.");
    Ok(ExitCode::from(130))
}

/// Judges what the store has.
pub(crate) fn report(options: &RunOptions) -> Result<ExitCode> {
    let request = options.request(false)?;
    let start = Instant::now();
    let progress = watch(options.voice(), request.threads);
    let runs = runner::collect(&request, &options.store(), &*progress);
    progress.clear();
    conclude(options, &request, &runs, start)
}

fn conclude(options: &RunOptions, request: &Request, runs: &[ClaimRuns], start: Instant) -> Result<ExitCode> {
    let claims: Vec<ClaimReport> =
        request.claims.iter().zip(runs).map(|((claim, _), runs)| ClaimReport::of(*claim, runs)).collect();
    let report = Report::new(request.scale, request.master_seed, &options.command(), TALKS, claims);
    let facts = RunFacts {
        wall_seconds: start.elapsed().as_secs_f64(),
        threads: request.threads,
        machine: machine::description(),
        claims: runs
            .iter()
            .map(|r| ClaimFacts { id: r.about.id, cell_seconds: r.seconds, cells: r.cells, cached: r.cached })
            .collect(),
    };
    report.write(&options.out, &facts)?;
    match options.voice() {
        Voice::Quiet => {}
        Voice::Json => tell_events(options, &report, &facts),
        Voice::Person => {
            report.claims.iter().for_each(print_claim);
            print_summary(&report, &facts);
            let page = options.out.join("report.html");
            println!("\nreport: {}  ({})", page.display(), duration(facts.wall_seconds));
        }
    }
    let all = report.claims.iter().all(|c| c.verdict == Verdict::Reproduced);
    Ok(ExitCode::from(u8::from(!all)))
}

fn tell_events(options: &RunOptions, report: &Report, facts: &RunFacts) {
    for claim in &report.claims {
        event(&json!({
            "event": "verdict", "claim": claim.about.id, "verdict": claim.verdict, "reason": claim.reason,
            "checks": claim.checks, "control": claim.control
        }));
    }
    event(&json!({
        "event": "report", "path": options.out.join("report.json"), "seconds": facts.wall_seconds
    }));
}

fn print_claim(claim: &ClaimReport) {
    println!("{} {}", verdict(claim.verdict), bold(claim.about.id));
    println!("               {}", claim.reason);
    for check in &claim.checks {
        let control = claim.control.iter().find(|c| c.quantity == check.quantity);
        println!(
            "               {} {}: {}{}",
            holds(check.holds),
            check.quantity,
            measured(check),
            on_control(control)
        );
    }
}

/// A line a claim, where there is more than one.
fn print_summary(report: &Report, facts: &RunFacts) {
    if report.claims.len() < 2 {
        return;
    }
    let width = report.claims.iter().map(|c| c.about.id.len()).max().unwrap_or(0);
    let head = format!(
        "{:width$}  {:14} {:>7}  {:>13}  {:>6}  {:>8}",
        "claim", "verdict", "checks", "control fails", "cells", "CPU time"
    );
    println!("\n{}", bold(&head));
    for (claim, facts) in report.claims.iter().zip(&facts.claims) {
        let count = |checks: &[Check], h: Holds| checks.iter().filter(|c| c.holds == h).count();
        println!(
            "{:width$}  {} {:>7}  {:>13}  {:>6}  {:>8}",
            claim.about.id,
            verdict(claim.verdict),
            format!("{}/{}", count(&claim.checks, Holds::Yes), claim.checks.len()),
            format!("{}/{}", count(&claim.control, Holds::No), claim.control.len()),
            facts.cells,
            duration(facts.cell_seconds)
        );
    }
    let reproduced = report.claims.iter().filter(|c| c.verdict == Verdict::Reproduced).count();
    println!("{reproduced} of {} claims reproduced", report.claims.len());
}

fn measured(check: &Check) -> String {
    check.measured.as_ref().map_or_else(
        || "not measured".to_owned(),
        |m| format!("{} [{}, {}]", number(m.value), number(m.interval.low), number(m.interval.high)),
    )
}

fn on_control(control: Option<&Check>) -> String {
    control.map_or_else(String::new, |c| {
        let word = match c.holds {
            Holds::Yes => "holds",
            Holds::No => "fails",
            Holds::Unclear => "unclear",
        };
        format!("  (control: {}, {word})", measured(c))
    })
}
