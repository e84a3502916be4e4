//! The claims: which there are, and running them. Reports cross over as JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Parser;
use overparam_claims::{LOCK, TALKS};
use overparam_cli::options::RunOptions;
use overparam_cli::out::told;
use overparam_eval::claim::{About, CellError};
use overparam_eval::report::{ClaimReport, Report};
use overparam_eval::runner::{self, Observer};
use overparam_eval::seal::{Lock, Seal};
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::value;
use crate::wait::watched;

/// What `overparam reproduce` takes.
#[derive(Parser)]
#[command(name = "reproduce")]
struct Arguments {
    #[command(flatten)]
    options: RunOptions,
}

/// Every claim with its talk, as JSON.
#[pyfunction]
pub(crate) fn claims() -> String {
    let one = |talk: &str, about: &About| json!({"talk": talk, "about": about});
    let all = TALKS.iter().flat_map(|talk| talk.claims.iter().map(|claim| one(talk.title, &claim.about())));
    Value::Array(all.collect()).to_string()
}

/// Runs claims with the arguments of `overparam reproduce`: the report and its figures, as JSON.
///
/// `progress` is called with `(cells finished, cells planned)`, about twenty times per second.
#[pyfunction]
#[pyo3(signature = (words, fresh, progress=None))]
pub(crate) fn reproduce(
    py: Python<'_>,
    words: Vec<String>,
    fresh: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let words = std::iter::once("reproduce".to_owned()).chain(words);
    let Arguments { options } = Arguments::try_parse_from(words).map_err(|usage| value(one_line(&usage)))?;
    let request = options.request(fresh).map_err(|e| value(told(&e)))?;
    let (store, terms, command) = (options.store(), options.terms(&request), options.command());
    let counted = Arc::new(Counted::default());
    let stop = Arc::new(AtomicBool::new(false));
    let (seen, heard) = (Arc::clone(&counted), Arc::clone(&stop));
    let work = move || -> Result<String, String> {
        let runs = runner::run(&request, &store, &*counted, &stop).map_err(|e| e.to_string())?;
        let lock = Lock::parse(LOCK).map_err(|e| e.to_string())?;
        let judged = request.claims.iter().zip(&runs).map(|(chosen, runs)| {
            let seal = Seal::of(chosen.claim, &lock).map_err(|e| e.to_string())?;
            Ok(ClaimReport::of(chosen.claim, runs, Some(seal), &terms))
        });
        let claims = judged.collect::<Result<Vec<_>, String>>()?;
        let report = Report::new(request.scale, &command, TALKS, claims);
        let figures =
            |claim: &ClaimReport| -> Vec<String> { claim.figures.iter().map(|f| f.svg()).collect() };
        let svg: Vec<_> = report.claims.iter().map(figures).collect();
        Ok(json!({"report": report, "svg": svg}).to_string())
    };
    let tick = move |py: Python<'_>| match &progress {
        Some(told) => {
            let (done, planned) = (seen.done.load(Ordering::Relaxed), seen.planned.load(Ordering::Relaxed));
            told.call1(py, (done, planned)).map(|_| ())
        }
        None => Ok(()),
    };
    watched(py, work, tick, move || heard.store(true, Ordering::Relaxed))?.map_err(value)
}

/// How many cells there are and how many are finished.
#[derive(Default)]
struct Counted {
    planned: AtomicU64,
    done: AtomicU64,
}

impl Observer for Counted {
    fn planned(&self, _: usize, _: &About, cells: usize, cached: usize, _: f64) {
        self.planned.fetch_add(cells as u64, Ordering::Relaxed);
        self.done.fetch_add(cached as u64, Ordering::Relaxed);
    }

    fn finished(&self, _: usize, _: f64, _: f64, _: Option<&CellError>) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// The first paragraph of a complaint about usage.
fn one_line(usage: &clap::Error) -> String {
    let text = usage.render().to_string();
    let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    first.join(" ").trim_start_matches("error: ").to_owned()
}
