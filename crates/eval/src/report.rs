//! What a run leaves behind: `report.html` for people, `report.json`, CSV and NPZ for programs, drawings of each figure.
//!
//! Everything but `run.json` and the last section of the page holds results only and is byte-identical for the same
//! request, whatever the number of threads, the order of the cells or the number of interruptions. Times and machine
//! facts stand in those two places.

mod checks;
mod formula;
mod html;
mod index;
mod prose;
mod record;
mod sizes;
mod tidy;
mod words;

use std::io;
use std::path::{Path, PathBuf};

use overparam_jobs::files::replace;
use overparam_tensor::array::NpyError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::Kind;
use crate::claim::{About, Scale, Talk};
use crate::decide::verdict::holm;
use crate::decide::{Decision, Design, decide};
use crate::figure::{DrawError, Drawings, Figure};
use crate::registry::{AnyClaim, Checks, Illustration, RawGrid};
use crate::runner::ClaimRuns;
use crate::seal::Seal;
use crate::table::Table;
use crate::theory::Theory;

pub use checks::{CheckReport, ControlMust, RivalReport, State};
use checks::{control_must, reports};
pub use record::{Again, Circumstances, Record, Results};

/// Version of the schema of `report.json`, which `docs/report.schema.json` describes. A field more keeps the number; a
/// field less or with another meaning raises it.
pub const FORMAT: &str = "overparam-report 3";

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
    /// What came of all claims, with the levels, in one sentence.
    pub headline: String,
    /// The command that repeats the run.
    pub command: String,
    /// The talks, in order.
    pub talks: Vec<TalkTitle>,
    /// One entry per claim.
    pub claims: Vec<ClaimReport>,
}

/// On what terms claims are judged.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The size of the experiments.
    pub scale: Scale,
    /// Looks and levels.
    pub design: Design,
    /// Why this is not the sealed run, if it is not: another master seed, other fields, data of the user's own.
    pub exploratory: Option<String>,
}

/// What a run found out about one claim.
#[derive(Debug, Clone, Serialize)]
pub struct ClaimReport {
    /// The claim.
    pub about: About,
    /// The command that repeats this claim alone.
    pub command: String,
    /// The decision.
    pub decision: Decision,
    /// The decision as it may be said of an experiment of this size.
    pub words: String,
    /// Its reason in one line.
    pub reason: String,
    /// Why this is not the sealed run, if it is not.
    pub exploratory: Option<String>,
    /// The size of the experiment.
    pub scale: Scale,
    /// How it compares with the source's; at least 1 if it is as large.
    pub size_ratio: f64,
    /// Every check is an identity, which has no size.
    pub size_free: bool,
    /// Looks and levels.
    pub design: Design,
    /// Where the looking stopped.
    pub stopped_at: StoppedAt,
    /// The largest sequential p value of the checks.
    pub p_claim: f64,
    /// Adjusted for all claims of this report (Holm): for saying *which* of them hold.
    pub p_claim_holm: f64,
    /// The declaration and its seal.
    pub seal: Option<Seal>,
    /// The master seed.
    pub seed: MasterSeed,
    /// What the control did.
    pub control_must: ControlMust,
    /// Draws of the experiment without a value, over all checks.
    pub missing: usize,
    /// The checks on the experiment.
    pub checks: Vec<CheckReport>,
    /// The same checks on the control.
    pub control: Vec<CheckReport>,
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

/// The look at which a claim was decided, or the last complete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedAt {
    /// From 1; 0 if not even the first was complete.
    pub look: usize,
    /// Its draws.
    pub draws: usize,
}

/// The master seed of a claim's cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterSeed {
    /// The number.
    pub value: u64,
    /// Whether it follows from the seal.
    pub from_seal: bool,
}

/// A cell that has no outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Lets the claim judge its runs, and decides on these terms.
    pub fn of(claim: &dyn AnyClaim, runs: &ClaimRuns, seal: Option<Seal>, terms: &Terms) -> Self {
        let mut failures: Vec<Failure> = runs
            .failures
            .iter()
            .map(|(cell, error)| Failure { cell: cell.clone(), error: error.to_string() })
            .collect();
        let mut fail = |error: crate::claim::CellError| {
            failures.push(Failure { cell: Value::Null, error: error.to_string() });
        };
        let checks = claim.judge(&runs.experiment, &runs.control, &Theory::as_stated());
        let checks = checks.unwrap_or_else(|e| {
            fail(e);
            Checks::default()
        });
        let shown = claim.illustrate(&runs.experiment, &runs.control);
        let shown = shown.unwrap_or_else(|e| {
            fail(e);
            Illustration::default()
        });
        let mut verdict = decide(&checks.experiment, &checks.control, &terms.design);
        let unsealed = seal.as_ref().is_some_and(|seal| !seal.matches);
        if let Some(failure) = failures.first() {
            // A result that rests on part of the grid is not a result, whichever way it points.
            verdict.decision = Decision::Undecided;
            verdict.reason = if failure.cell.is_null() {
                failure.error.clone()
            } else {
                format!("a cell has no outcome: {} ({})", failure.error, failure.cell)
            };
        } else if unsealed && terms.exploratory.is_none() {
            verdict.decision = Decision::Undecided;
            verdict.reason = "unsealed: what the claim declares is not what claims.lock says".to_owned();
        }
        let size_ratio = runs.about.size_ratio[terms.scale as usize];
        let size_free =
            !checks.experiment.is_empty() && checks.experiment.iter().all(|c| c.kind == Kind::Exact);
        let cells = |grid: &RawGrid| {
            grid.runs.iter().map(|r| Cell { cell: r.cell.clone(), outcome: r.outcome.clone() }).collect()
        };
        Self {
            about: runs.about,
            command: String::new(),
            decision: verdict.decision,
            words: words::words(verdict.decision, terms.scale, size_ratio, size_free, verdict.approximate),
            reason: verdict.reason.clone(),
            exploratory: terms.exploratory.clone(),
            scale: terms.scale,
            size_ratio,
            size_free,
            design: terms.design.clone(),
            stopped_at: StoppedAt { look: verdict.look, draws: verdict.draws },
            p_claim: verdict.p_claim,
            p_claim_holm: verdict.p_claim,
            seed: MasterSeed {
                value: runs.master_seed,
                from_seal: seal.as_ref().is_some_and(|seal| seal.master_seed() == runs.master_seed),
            },
            seal,
            control_must: control_must(&checks, &verdict, &terms.design),
            missing: verdict.checks.iter().map(|e| e.missing).sum(),
            checks: reports(
                &checks.experiment,
                &verdict.checks,
                terms.design.alpha_no / checks.experiment.len().max(1) as f64,
                &terms.design,
            ),
            control: reports(&checks.control, &verdict.control, terms.design.alpha_yes, &terms.design),
            tables: shown.tables,
            figures: shown.figures,
            failures,
            runs: cells(&runs.experiment),
            control_runs: cells(&runs.control),
        }
    }

    /// The beginning of the names of its files and of its place on the page.
    fn stem(&self) -> String {
        self.about.id.replace('/', "--")
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
    Figure(#[from] DrawError),
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
    pub fn new(scale: Scale, command: &Command, talks: &[Talk], mut claims: Vec<ClaimReport>) -> Self {
        let adjusted = holm(&claims.iter().map(|c| c.p_claim).collect::<Vec<_>>());
        for (claim, p) in claims.iter_mut().zip(adjusted) {
            claim.command = command.line(&[claim.about.id]);
            claim.p_claim_holm = p;
        }
        let told = |talk: &&Talk| claims.iter().any(|c| c.about.talk() == talk.id);
        let talks = talks.iter().filter(told).map(|t| TalkTitle { id: t.id, title: t.title }).collect();
        let names: Vec<&str> = command.names.iter().map(String::as_str).collect();
        let command = command.line(&names);
        let said: Vec<String> = claims.iter().map(|c| c.words.clone()).collect();
        let decisions: Vec<Decision> = claims.iter().map(|c| c.decision).collect();
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            scale,
            headline: words::headline(scale, &said, &decisions),
            command,
            talks,
            claims,
        }
    }

    /// Writes `report.html`, `report.json`, `run.json`, `csv/`, `npz/` and `figures/` into a directory, each figure as these drawings.
    ///
    /// # Errors
    /// If a file cannot be written. Every file is written beside and renamed, so none is left half-written.
    pub fn write(&self, directory: &Path, facts: &RunFacts, drawings: &Drawings) -> Result<(), ReportError> {
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
                for (path, drawing) in drawings.files(figure, &stem)? {
                    write(format!("figures/{path}").into(), &drawing)?;
                }
                write(format!("csv/{stem}.csv").into(), &tidy::figure(figure))?;
            }
        }
        write("report.html".into(), html::page(self, facts, &drawings.formats).into_string().as_bytes())
    }
}

fn pretty(value: &impl Serialize) -> String {
    // Through a value, so that object keys are sorted and the text does not depend on a struct's field order.
    let value = serde_json::to_value(value).unwrap_or(Value::Null);
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests;
