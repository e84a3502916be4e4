//! What is kept of a run for good: of each claim its declaration, every draw, and what was decided. A few kilobytes a claim, from
//! which anybody decides again without running anything.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Design, FORMAT, Failure, MasterSeed, Scale, StoppedAt, words};
use crate::check::{Check, Kind};
use crate::decide::{Decision, decide};
use crate::seal::Seal;

/// One claim of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The claim's identifier.
    pub claim: String,
    /// The command that repeats it.
    pub command: String,
    /// Where and when it ran.
    pub circumstances: Circumstances,
    /// Everything else, as the report has it.
    #[serde(flatten)]
    pub results: Results,
}

/// What a decision rests on, and the decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The size of the experiment.
    pub scale: Scale,
    /// How it compares with the source's.
    pub size_ratio: f64,
    /// Why this is not the sealed run, if it is not.
    pub exploratory: Option<String>,
    /// The declaration and its seal.
    pub seal: Option<Seal>,
    /// The master seed.
    pub seed: MasterSeed,
    /// Looks and levels.
    pub design: Design,
    /// The decision.
    pub decision: Decision,
    /// The decision as it may be said at this size.
    pub words: String,
    /// Its reason in one line.
    pub reason: String,
    /// Where the looking stopped.
    pub stopped_at: StoppedAt,
    /// The largest sequential p value of the checks.
    pub p_claim: f64,
    /// Cells without an outcome, and why.
    pub failures: Vec<Failure>,
    /// The checks, with every draw.
    pub checks: Vec<Check>,
    /// The same on the control.
    pub control: Vec<Check>,
}

/// Where and when a claim ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// The day on which it was recorded, as `2026-11-30`.
    pub date: String,
    /// The commit of the checkout that recorded it.
    pub commit: String,
    /// Processor and operating system.
    pub machine: String,
    /// Seconds that its cells took, one after the other.
    pub cell_seconds: f64,
    /// Distinct cells.
    pub cells: u64,
}

/// A decision that was made again from the draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// The decision.
    pub decision: Decision,
    /// As it may be said.
    pub words: String,
    /// The draws that it took.
    pub draws: usize,
    /// The largest sequential p value of the checks.
    pub p_claim: f64,
}

impl Record {
    /// The claims of a run, from the texts of its `report.json` and `run.json`.
    ///
    /// # Errors
    /// What is wrong with which of the two.
    pub fn of_run(report: &str, run: &str, date: &str, commit: &str) -> Result<Vec<Self>, String> {
        let of = |file: &str, e: &dyn std::fmt::Display| format!("{file}: {e}");
        let report: Value = serde_json::from_str(report).map_err(|e| of("report.json", &e))?;
        let run: Value = serde_json::from_str(run).map_err(|e| of("run.json", &e))?;
        if report["format"] != FORMAT {
            return Err(format!("report.json: its format is {}, expected {FORMAT:?}", report["format"]));
        }
        let claims = report["claims"].as_array().ok_or("report.json: it has no claims")?;
        let facts = run["claims"].as_array().ok_or("run.json: it has no claims")?;
        let record = |value: &Value| {
            let claim = value["about"]["id"].as_str().ok_or("report.json: a claim has no id")?.to_owned();
            let fact = facts.iter().find(|fact| fact["id"] == claim.as_str());
            let fact = fact.ok_or_else(|| format!("run.json: {claim} is missing"))?;
            let results = Results::deserialize(value).map_err(|e| format!("report.json: {claim}: {e}"))?;
            Ok(Self {
                command: value["command"].as_str().unwrap_or_default().to_owned(),
                circumstances: Circumstances {
                    date: date.to_owned(),
                    commit: commit.to_owned(),
                    machine: run["machine"].as_str().unwrap_or_default().to_owned(),
                    cell_seconds: fact["cell_seconds"].as_f64().unwrap_or(f64::NAN),
                    cells: fact["cells"].as_u64().unwrap_or(0),
                },
                claim,
                results,
            })
        };
        claims.iter().map(record).collect()
    }
}

impl Results {
    /// Decides again, from the draws and the levels alone.
    pub fn again(&self) -> Again {
        let verdict = decide(&self.checks, &self.control, &self.design);
        // A result that rests on part of the grid is no result.
        let decision = if self.failures.is_empty() { verdict.decision } else { Decision::Undecided };
        let identity = !self.checks.is_empty() && self.checks.iter().all(|c| c.kind == Kind::Exact);
        Again {
            decision,
            words: words::words(decision, self.scale, self.size_ratio, identity, verdict.approximate),
            draws: verdict.draws,
            p_claim: verdict.p_claim,
        }
    }

    /// A digest of every draw, of the experiment and of the control: what is drawn or written from one run tells it from another's.
    pub fn digest(&self) -> String {
        // Through a value, so that the text does not depend on the order of a struct's fields.
        let draws = serde_json::json!({"checks": self.checks, "control": self.control}).to_string();
        blake3::hash(draws.as_bytes()).to_hex()[..32].to_owned()
    }

    /// What the draws say otherwise than the record, if anything.
    pub fn contradiction(&self) -> Option<String> {
        let again = self.again();
        let said = (self.decision, self.words.as_str(), self.stopped_at.draws);
        let found = (again.decision, again.words.as_str(), again.draws);
        if said != found {
            return Some(format!("it says {said:?}, and its draws say {found:?}"));
        }
        let close = (self.p_claim - again.p_claim).abs() <= 1e-12 * self.p_claim.abs();
        (!close).then(|| format!("it says p = {}, and its draws say {}", self.p_claim, again.p_claim))
    }
}
