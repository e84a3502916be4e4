//! `reproduce` and `report`: run what the store does not have, judge, write the report, print the verdicts.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use overparam_eval::check::{Check, Holds, Verdict};
use overparam_eval::report::{ClaimFacts, ClaimReport, Report, RunFacts};
use overparam_eval::runner::{self, ClaimRuns, Request, RunError};
use overparam_eval::table::number;

use crate::options::RunOptions;
use crate::progress::Progress;
use crate::terminal::{bold, duration, holds, verdict};

/// Runs the selected claims.
pub(crate) fn reproduce(options: &RunOptions, fresh: bool) -> Result<ExitCode> {
    let request = options.request(fresh)?;
    let stop = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&stop);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed)).context("cannot watch for Ctrl-C")?;
    let start = Instant::now();
    let progress = Progress::new(request.threads);
    let runs = runner::run(&request, &options.store(), &progress, &stop);
    progress.clear();
    match runs {
        Ok(runs) => conclude(options, &request, &runs, start),
        Err(stopped @ RunError::Interrupted { .. }) => {
            eprintln!("{stopped}. The same command goes on from there.");
            Ok(ExitCode::from(130))
        }
        Err(error) => Err(error.into()),
    }
}

/// Judges what the store has.
pub(crate) fn report(options: &RunOptions) -> Result<ExitCode> {
    let request = options.request(false)?;
    let start = Instant::now();
    let runs = runner::collect(&request, &options.store(), &Progress::new(request.threads));
    conclude(options, &request, &runs, start)
}

fn conclude(options: &RunOptions, request: &Request, runs: &[ClaimRuns], start: Instant) -> Result<ExitCode> {
    let claims: Vec<ClaimReport> =
        request.claims.iter().zip(runs).map(|((claim, _), runs)| ClaimReport::of(*claim, runs)).collect();
    let report = Report::new(request.scale, request.master_seed, options.command(), claims);
    let facts = RunFacts {
        wall_seconds: start.elapsed().as_secs_f64(),
        threads: request.threads,
        machine: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        claims: runs
            .iter()
            .map(|r| ClaimFacts { id: r.about.id, cell_seconds: r.seconds, cells: r.cells, cached: r.cached })
            .collect(),
    };
    report.write(&options.out, &facts)?;
    print_verdicts(&report);
    println!("\nreport: {}  ({})", options.out.join("report.html").display(), duration(facts.wall_seconds));
    let all = report.claims.iter().all(|c| c.verdict == Verdict::Reproduced);
    Ok(ExitCode::from(u8::from(!all)))
}

fn print_verdicts(report: &Report) {
    for claim in &report.claims {
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
