//! What a run leaves behind: `report.html` for people, `report.json` and CSV for programs, an SVG a figure.
//!
//! `report.json` holds results only and is byte-identical for the same request, whatever the number of threads, the
//! order of the cells or the number of interruptions. Times and machine facts stand in `run.json`.

mod html;
mod tidy;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::check::{Check, Holds, Verdict};
use crate::claim::{About, Scale};
use crate::figure::Figure;
use crate::registry::{AnyClaim, RawRun};
use crate::runner::ClaimRuns;
use crate::table::Table;

/// Version of the schema of `report.json`.
pub const FORMAT: &str = "overparam-report 1";

/// Everything that a run found out.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    format: &'static str,
    version: &'static str,
    /// The size of the experiments.
    pub scale: Scale,
    /// The master seed.
    pub master_seed: u64,
    /// The command that repeats the run.
    pub command: String,
    /// One entry a claim.
    pub claims: Vec<ClaimReport>,
}

/// What a run found out about one claim.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimReport {
    /// The claim.
    pub about: About,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict's reason in one line.
    pub reason: String,
    /// The checks on the experiment.
    pub checks: Vec<Check>,
    /// The same checks on the control.
    pub control: Vec<Check>,
    /// Numbers that nothing is judged by.
    pub tables: Vec<Table>,
    /// Figures with their data.
    pub figures: Vec<Figure>,
    /// Cells without an outcome, and why.
    pub failures: Vec<Failure>,
    /// The experiment's cells and outcomes.
    pub runs: Vec<Cell>,
    /// The control's.
    pub control_runs: Vec<Cell>,
}

/// A cell that has no outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The parameters.
    pub cell: Value,
    /// What went wrong.
    pub error: String,
}

/// A cell and its outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// The parameters.
    pub cell: Value,
    /// The result.
    pub outcome: Value,
}

impl ClaimReport {
    /// Lets the claim judge its runs.
    pub fn of(claim: &dyn AnyClaim, runs: &ClaimRuns) -> Self {
        let mut failures: Vec<Failure> = runs
            .failures
            .iter()
            .map(|(cell, error)| Failure { cell: cell.clone(), error: error.to_string() })
            .collect();
        let (checks, control, figures, tables) = match claim.judge(&runs.runs, &runs.control) {
            Ok(j) => (j.checks, j.control, j.figures, j.tables),
            Err(error) => {
                failures.push(Failure { cell: Value::Null, error: error.to_string() });
                Default::default()
            }
        };
        let verdict = match Verdict::of(&checks, &control) {
            // A result that rests on part of the grid is not a result, whichever way it points.
            _ if !failures.is_empty() => Verdict::Inconclusive,
            verdict => verdict,
        };
        let reason = reason(&checks, &control, failures.first());
        let cells = |runs: &[RawRun]| {
            runs.iter().map(|r| Cell { cell: r.cell.clone(), outcome: r.outcome.clone() }).collect()
        };
        Self {
            about: runs.about,
            verdict,
            reason,
            checks,
            control,
            tables,
            figures,
            failures,
            runs: cells(&runs.runs),
            control_runs: cells(&runs.control),
        }
    }
}

fn reason(checks: &[Check], control: &[Check], failure: Option<&Failure>) -> String {
    if let Some(failure) = failure {
        return format!("a cell has no outcome: {} ({})", failure.error, failure.cell);
    }
    let count = |checks: &[Check], h: Holds| checks.iter().filter(|c| c.holds == h).count();
    let first = |h: Holds| checks.iter().find(|c| c.holds == h).map_or("", |c| c.quantity.as_str());
    let held = format!("{} of {} checks hold", count(checks, Holds::Yes), checks.len());
    let failed = count(control, Holds::No);
    match (count(checks, Holds::No), count(checks, Holds::Unclear)) {
        (0, 0) if failed > 0 => format!("{held}; the control fails {failed} of them"),
        (0, 0) => format!("{held}, but so do they on the control: they could not have failed"),
        (0, _) => format!("{held}; the interval straddles the bound of: {}", first(Holds::Unclear)),
        _ => format!("{held}; fails: {}", first(Holds::No)),
    }
}

/// Facts of one run that are not results.
#[derive(Debug, Clone, Serialize)]
pub struct RunFacts {
    /// Wall-clock seconds of this run.
    pub wall_seconds: f64,
    /// Worker threads.
    pub threads: usize,
    /// Processor and operating system.
    pub machine: String,
    /// Claim by claim: seconds of its cells one after the other, distinct cells, cells found in the store.
    pub claims: Vec<ClaimFacts>,
}

/// Facts about one claim's cells.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimFacts {
    /// The claim.
    pub id: &'static str,
    /// Seconds that its cells took, whenever they were computed.
    pub cell_seconds: f64,
    /// Distinct cells.
    pub cells: usize,
    /// Found in the store.
    pub cached: usize,
}

/// A file of the report that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report at {path}: {source}", path = .path.display())]
pub struct ReportError {
    path: PathBuf,
    source: io::Error,
}

impl Report {
    /// The report of these claims.
    pub fn new(scale: Scale, master_seed: u64, command: String, claims: Vec<ClaimReport>) -> Self {
        Self { format: FORMAT, version: env!("CARGO_PKG_VERSION"), scale, master_seed, command, claims }
    }

    /// Writes `report.html`, `report.json`, `run.json`, `csv/` and `figures/` into a directory.
    ///
    /// # Errors
    /// If a file cannot be written. Every file is written beside and renamed, so none is left half-written.
    pub fn write(&self, directory: &Path, facts: &RunFacts) -> Result<(), ReportError> {
        let write = |name: PathBuf, content: &[u8]| {
            let path = directory.join(name);
            replace(&path, content).map_err(|source| ReportError { path, source })
        };
        write("report.json".into(), pretty(self).as_bytes())?;
        write("run.json".into(), pretty(facts).as_bytes())?;
        for claim in &self.claims {
            let name = claim.about.id.replace('/', "--");
            write(format!("csv/{name}.csv").into(), &tidy::cells(claim))?;
            for figure in &claim.figures {
                let stem = format!("{name}--{}", figure.name);
                write(format!("figures/{stem}.svg").into(), figure.svg().as_bytes())?;
                write(format!("csv/{stem}.csv").into(), &tidy::figure(figure))?;
            }
        }
        write("report.html".into(), html::page(self, facts).into_string().as_bytes())
    }
}

fn pretty(value: &impl Serialize) -> String {
    // Through a value, so that object keys are sorted and the text does not depend on a struct's field order.
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    format!("{value:#}\n")
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}
