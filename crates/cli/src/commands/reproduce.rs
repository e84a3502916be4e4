//! `reproduce` and `report`: run what the store does not have, judge, write the report, print the verdicts.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use overparam_claims::TALKS;
use overparam_eval::claim::Doubling;
use overparam_eval::decide::Decision;
use overparam_eval::report::{CheckReport, ClaimFacts, ClaimReport, Report, RunFacts, State};
use overparam_eval::runner::{self, ClaimRuns, Request};
use overparam_eval::seal::{Lock, Seal};
use overparam_eval::table::number;
use serde_json::json;

use super::{double, launch, shard};
use crate::interrupt::{stopped, watch_for_stop};
use crate::machine;
use crate::options::{FigureOptions, LaunchOptions, RunOptions, Voice};
use crate::placement::{Placement, place};
use crate::progress::{event, watch};
use crate::terminal::{Table, bold, decision, duration, paragraph, state, width};

/// What becomes of a report.
pub(crate) struct After<'a> {
    /// How its figures are drawn.
    pub(crate) figures: &'a FigureOptions,
    /// Whether it takes the place of whatever report there is.
    pub(crate) force: bool,
}

/// Runs the selected claims: here, a shard of them here, or all of them elsewhere; with `fresh` whatever the store has.
pub(crate) fn reproduce(
    options: &RunOptions,
    fresh: bool,
    after: &After<'_>,
    doubling: Option<Doubling>,
    elsewhere: &LaunchOptions,
) -> Result<ExitCode> {
    if elsewhere.launcher.is_some() {
        return launch(options, fresh, after.figures, elsewhere);
    }
    let request = options.request(fresh)?;
    if let Some(part) = elsewhere.shard {
        return shard(options, &request, part, elsewhere.round);
    }
    if let Some(what) = doubling {
        return double(options, &request, what);
    }
    let stop = watch_for_stop()?;
    let start = Instant::now();
    let progress = watch(options.voice(), request.threads);
    let runs = runner::run(&request, &options.store(), &*progress, &stop);
    progress.clear();
    match runs {
        Ok(runs) => conclude(options, &request, &runs, start, after),
        Err(error) => stopped(options, error),
    }
}

/// Judges what the store has.
pub(crate) fn report(options: &RunOptions, after: &After<'_>) -> Result<ExitCode> {
    let store = options.filled_store()?;
    let request = options.request(false)?;
    let start = Instant::now();
    let progress = watch(options.voice(), request.threads);
    let runs = runner::collect(&request, &store, &*progress);
    progress.clear();
    conclude(options, &request, &runs, start, after)
}

fn conclude(
    options: &RunOptions,
    request: &Request,
    runs: &[ClaimRuns],
    start: Instant,
    after: &After<'_>,
) -> Result<ExitCode> {
    let lock = Lock::parse(overparam_claims::LOCK).context("claims.lock")?;
    let terms = options.terms(request);
    let judged = request.claims.iter().zip(runs).map(|(chosen, runs)| -> Result<ClaimReport> {
        let seal = Seal::of(chosen.claim, &lock)?;
        Ok(ClaimReport::of(chosen.claim, runs, Some(seal), &terms))
    });
    let claims = judged.collect::<Result<Vec<_>>>()?;
    let report = Report::new(request.scale, &options.command(), TALKS, claims);
    let facts = RunFacts {
        wall_seconds: start.elapsed().as_secs_f64(),
        threads: request.threads,
        machine: machine::description(),
        claims: runs
            .iter()
            .map(|r| ClaimFacts { id: r.about.id, cell_seconds: r.seconds, cells: r.cells, cached: r.cached })
            .collect(),
    };
    let Placement { folder, kept } = place(&options.out, &report, after.force);
    report.write(&folder, &facts, &after.figures.drawings())?;
    match options.voice() {
        Voice::Quiet => {}
        Voice::Json => tell_events(&folder, &report, &facts),
        Voice::Person => {
            report.claims.iter().for_each(print_claim);
            print_summary(&report, &facts);
            say!("\n{}", paragraph(&report.headline, 0));
            let page = folder.join("report.html");
            say!("report: {}  ({})", page.display(), duration(facts.wall_seconds));
            if let Some(command) = kept {
                let there = options.out.join("report.html");
                say!("{} stays that of `{command}`; --force would replace it", there.display());
            }
        }
    }
    Ok(status(&report))
}

/// 0: all hold; 1: something is contradicted, or its control holds too; 4: something is undecided, nothing contradicted.
fn status(report: &Report) -> ExitCode {
    let any = |wanted: &[Decision]| report.claims.iter().any(|claim| wanted.contains(&claim.decision));
    ExitCode::from(if any(&[Decision::Fails, Decision::NotDiscriminating]) {
        1
    } else if any(&[Decision::Undecided]) {
        4
    } else {
        0
    })
}

fn tell_events(folder: &Path, report: &Report, facts: &RunFacts) {
    for claim in &report.claims {
        event(&json!({
            "event": "verdict", "claim": claim.about.id, "decision": claim.decision, "words": claim.words,
            "reason": claim.reason, "look": claim.stopped_at.look, "draws": claim.stopped_at.draws,
            "p_claim": claim.p_claim, "checks": claim.checks, "control": claim.control
        }));
    }
    event(&json!({
        "event": "report", "path": folder.join("report.json"), "headline": report.headline,
        "seconds": facts.wall_seconds
    }));
}

fn print_claim(claim: &ClaimReport) {
    let fits = claim.about.id.len() + 2 + claim.words.len() <= width();
    say!("{}{}{}", bold(claim.about.id), if fits { "  " } else { "\n  " }, decision(claim));
    let stopped = claim.stopped_at;
    let exploratory = if claim.exploratory.is_some() { ", exploratory" } else { "" };
    let text = format!(
        "{}; {} draws, scale {}, master seed {}{exploratory}",
        claim.reason, stopped.draws, claim.scale, claim.seed.value
    );
    say!("  {}", paragraph(&text, 2));
    for check in &claim.checks {
        let control = claim.control.iter().find(|c| c.id == check.id);
        let text = format!("{}: {}{}", check.quantity, measured(check), on_control(control));
        say!("  {} {}", state(check.state), paragraph(&text, 12));
    }
}

/// One line per claim, where there is more than one.
fn print_summary(report: &Report, facts: &RunFacts) {
    if report.claims.len() < 2 {
        return;
    }
    let heading = vec!["claim", "decision", "checks", "draws", "control fails", "p", "CPU time", "cells"];
    let mut table = Table::new(2, heading);
    for (claim, facts) in report.claims.iter().zip(&facts.claims) {
        let held = claim.checks.iter().filter(|c| c.state == State::Holds).count();
        let must = &claim.control_must;
        table.push(vec![
            claim.about.id.into(),
            decision(claim),
            format!("{held}/{}", claim.checks.len()).into(),
            claim.stopped_at.draws.to_string().into(),
            format!("{}/{}", must.failed.len(), must.must_fail.len()).into(),
            number(claim.p_claim).into(),
            duration(facts.cell_seconds).into(),
            facts.cells.to_string().into(),
        ]);
    }
    say!("\n{}", table.lines(width()).join("\n"));
}

fn measured(check: &CheckReport) -> String {
    let e = &check.evidence;
    let mut text = e.estimate.map_or_else(|| "not measured".to_owned(), number);
    if let Some(interval) = e.interval {
        text += &format!(" [{}, {}]", number(interval.low), number(interval.high));
    }
    if !e.at.is_empty() {
        text += &format!(" at {}", e.at);
    }
    format!("{text}, {} of {} inside", e.inside, e.n)
}

fn on_control(control: Option<&CheckReport>) -> String {
    control.map_or_else(String::new, |c| {
        let word = match c.state {
            State::Holds => "holds",
            State::Fails => "fails",
            State::Undecided => "undecided",
        };
        format!("  (control: {}, {word})", measured(c))
    })
}
