//! What a run leaves behind: `report.html` for people, `report.json`, CSV and NPZ for programs, an SVG and a PNG a figure.
//!
//! Everything but `run.json` and the last section of the page holds results only and is byte-identical for the same
//! request, whatever the number of threads, the order of the cells or the number of interruptions. Times and machine
//! facts stand in those two places.

mod html;
mod tidy;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use overparam_tensor::array::NpyError;
use serde::Serialize;
use serde_json::Value;

use crate::check::{Check, Holds, Verdict};
use crate::claim::{About, CellError, Scale, Talk};
use crate::figure::{Figure, PngError};
use crate::registry::{AnyClaim, RawRun};
use crate::runner::ClaimRuns;
use crate::store::replace;
use crate::table::Table;

/// Version of the schema of `report.json`, which `docs/report.schema.json` describes. A field more keeps the number; a
/// field less or with another meaning raises it.
pub const FORMAT: &str = "overparam-report 2";

/// The command that repeats a run, in three parts so that the one that repeats a single claim follows.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// For example `cargo xtask reproduce`.
    pub program: String,
    /// Talks and claims as the user named them.
    pub names: Vec<String>,
    /// Whatever else determines the results.
    pub options: Vec<String>,
}

impl Command {
    /// The words as a shell takes them.
    fn line(&self, names: &[&str]) -> String {
        let words = names.iter().copied().chain(self.options.iter().map(String::as_str)).map(quoted);
        std::iter::once(self.program.clone()).chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// The word as a POSIX shell takes it: in single quotes if it would otherwise read more than a word into it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A talk whose claims are in the report.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TalkTitle {
    /// For example `hu-2021`.
    pub id: &'static str,
    /// Speaker and title.
    pub title: &'static str,
}

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
    /// The talks, in order.
    pub talks: Vec<TalkTitle>,
    /// One entry a claim.
    pub claims: Vec<ClaimReport>,
}

/// What a run found out about one claim.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimReport {
    /// The claim.
    pub about: About,
    /// The command that repeats this claim alone.
    pub command: String,
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
        // A judge meets cells here that its author did not foresee: whatever the user changed.
        let judgement = catch_unwind(AssertUnwindSafe(|| claim.judge(&runs.runs, &runs.control)))
            .unwrap_or_else(|_| Err(CellError("these cells cannot be judged".to_owned())));
        let (checks, control, figures, tables) = match judgement {
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
            command: String::new(),
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

    /// The beginning of the names of its files and of its place on the page.
    fn stem(&self) -> String {
        self.about.id.replace('/', "--")
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
pub enum ReportError {
    /// The file system refused.
    #[error("cannot write the report at {path}: {source}", path = .path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A figure is too large.
    #[error(transparent)]
    Png(#[from] PngError),
    /// Arrays could not be packed.
    #[error("cannot pack the arrays of {claim}: {source}")]
    Arrays {
        /// Whose.
        claim: &'static str,
        /// Why.
        source: NpyError,
    },
}

impl Report {
    /// The report of these claims, told by talk.
    pub fn new(
        scale: Scale,
        master_seed: u64,
        command: &Command,
        talks: &[Talk],
        mut claims: Vec<ClaimReport>,
    ) -> Self {
        for claim in &mut claims {
            claim.command = command.line(&[claim.about.id]);
        }
        let told = |talk: &&Talk| claims.iter().any(|c| c.about.talk() == talk.id);
        let talks = talks.iter().filter(told).map(|t| TalkTitle { id: t.id, title: t.title }).collect();
        let names: Vec<&str> = command.names.iter().map(String::as_str).collect();
        let command = command.line(&names);
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            scale,
            master_seed,
            command,
            talks,
            claims,
        }
    }

    /// Writes `report.html`, `report.json`, `run.json`, `csv/`, `npz/` and `figures/` into a directory.
    ///
    /// # Errors
    /// If a file cannot be written. Every file is written beside and renamed, so none is left half-written.
    pub fn write(&self, directory: &Path, facts: &RunFacts) -> Result<(), ReportError> {
        let write = |name: PathBuf, content: &[u8]| {
            let path = directory.join(name);
            // Not flushed to disk: made again from the store at any time.
            replace(&path, content, false).map_err(|source| ReportError::File { path, source })
        };
        write("report.json".into(), pretty(self).as_bytes())?;
        write("run.json".into(), pretty(facts).as_bytes())?;
        for claim in &self.claims {
            let name = claim.stem();
            write(format!("csv/{name}.csv").into(), &tidy::cells(claim))?;
            let arrays = tidy::arrays(claim)
                .map_err(|source| ReportError::Arrays { claim: claim.about.id, source })?;
            if let Some(arrays) = arrays {
                write(format!("npz/{name}.npz").into(), &arrays)?;
            }
            for figure in &claim.figures {
                let stem = format!("{name}--{}", figure.name);
                write(format!("figures/{stem}.svg").into(), figure.svg().as_bytes())?;
                write(format!("figures/{stem}.png").into(), &figure.png()?)?;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cell, ClaimReport, Command, Report, RunFacts, html, quoted};
    use crate::check::{Bound, Check, Verdict};
    use crate::claim::{About, Scale, Source, Talk};
    use crate::stats::{Estimate, Interval};

    /// A claim with one check that holds and one cell.
    pub(super) fn claim_report() -> ClaimReport {
        let source = Source { citation: "A. Author <b>", place: "theorem 1", url: "https://example.org" };
        let about = About {
            id: "talk/claim",
            statement: "A statement.",
            formula: "a / b",
            sources: Box::leak(Box::new([source])),
            prediction: "a prediction",
            must_hold: "a bound",
            control: "a control",
            cpu_seconds: [0.0; 3],
        };
        let measured = Estimate { value: 1.0, interval: Interval { low: 0.9, high: 1.1 }, level: 0.9375 };
        let bound = Bound::Within { target: 1.0, tolerance: 0.2 };
        ClaimReport {
            about,
            command: String::new(),
            verdict: Verdict::Reproduced,
            reason: "one of one".into(),
            checks: vec![Check::new("slope", "1", Some(measured), bound, "theory")],
            control: Vec::new(),
            tables: Vec::new(),
            figures: Vec::new(),
            failures: Vec::new(),
            runs: vec![Cell {
                cell: json!({"seed": 3, "path": "<script>alert(1)</script>"}),
                outcome: json!(0.5),
            }],
            control_runs: Vec::new(),
        }
    }

    fn report() -> Report {
        let talk = Talk { id: "talk", title: "A talk", fingerprint: "", claims: &[] };
        let other = Talk { id: "other", title: "Another", ..talk };
        let command = Command {
            program: "cargo xtask reproduce".into(),
            names: vec!["talk".into()],
            options: vec!["--data".into(), "mnist=<script>'x".into()],
        };
        Report::new(Scale::Smoke, 0, &command, &[talk, other], vec![claim_report()])
    }

    #[test]
    fn a_shell_reads_every_word_as_given() {
        assert_eq!(quoted("hu-2021/few-shot"), "hu-2021/few-shot");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn each_claim_has_its_own_command_and_talks_without_claims_are_left_out() {
        let report = report();
        assert_eq!(report.command, "cargo xtask reproduce talk --data 'mnist=<script>'\\''x'");
        assert_eq!(
            report.claims[0].command,
            "cargo xtask reproduce talk/claim --data 'mnist=<script>'\\''x'"
        );
        assert_eq!(report.talks.iter().map(|t| t.id).collect::<Vec<_>>(), ["talk"]);
    }

    #[test]
    fn the_page_escapes_what_came_from_outside_and_loads_nothing() {
        let facts = RunFacts { wall_seconds: 1.0, threads: 1, machine: "<img>".into(), claims: Vec::new() };
        let page = html::page(&report(), &facts).into_string();
        assert_eq!(page.matches("<script").count(), 1, "the page's own");
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;img&gt;"));
        assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("));
        assert!(page.contains("1 [0.9, 1.1] (93.8%)") && page.contains("<mfrac>"), "{page}");
        assert!(page.contains("1 (3); control: none"));
    }
}
