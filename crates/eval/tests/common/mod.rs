//! A small claim whose cells take about a millisecond, runs of it in other processes, and its report's bytes.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use overparam_eval::changes::Changes;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Scale, Source, Talk};
use overparam_eval::figure::{Axis, Drawings, Figure, Panel, Point, Role, Series};
use overparam_eval::inputs::Inputs;
use overparam_eval::report::{ClaimReport, Report, RunFacts, Terms};
use overparam_eval::runner::{self, Chosen, ClaimRuns, Observer, Request, RunError};
use overparam_eval::runs::Runs;
use overparam_eval::store::{Patience, Store};
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) const SEEDS: u64 = 20;
/// Of experiment and control.
pub(crate) const CELLS: usize = 2 * SEEDS as usize;
/// What this process's cells do: nothing special, or some trouble at seed 3.
pub(crate) const TROUBLE: &str = "TINY_TROUBLE";
const STORE: &str = "TINY_STORE";

#[derive(Serialize, Deserialize, JsonSchema)]
pub(crate) struct Cell {
    pub(crate) shift: f64,
    pub(crate) seed: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    mean: f64,
    draws: Vec<f64>,
}

/// Means of normals around 0 (experiment) and around 3 (control). Counts the cells that it computes.
#[derive(Default)]
pub(crate) struct Tiny {
    computed: AtomicUsize,
    at_work: AtomicUsize,
    most_at_work: AtomicUsize,
}

impl Tiny {
    /// One that lives as long as the tests.
    pub(crate) fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn computed(&self) -> usize {
        self.computed.load(Ordering::Relaxed)
    }

    /// The most cells that were begun and not ended at any time.
    pub(crate) fn most_at_work(&self) -> usize {
        self.most_at_work.load(Ordering::Relaxed)
    }
}

impl Claim for Tiny {
    type Cell = Cell;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            id: "test/tiny",
            statement: "Normals have mean 0.",
            formula: "E x = 0",
            sources: &[Source { citation: "none", place: "none", url: "https://example.org" }],
            prediction: "0",
            must_hold: "within 1",
            control: "mean 3",
            cpu_seconds: [0.0; 3],
            size_ratio: [0.1, 0.5, 1.0],
        }
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<Cell> {
        plan.seeds().map(|seed| Cell { shift: 0.0, seed }).collect()
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        plan.seeds().map(|seed| Cell { shift: 3.0, seed }).collect()
    }

    fn cost(&self, cell: &Cell) -> f64 {
        // Unequal and not in the grid's order, so that schedules differ from it.
        1.0 + (7 * cell.seed % SEEDS) as f64
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<Outcome, CellError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let at_work = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(at_work, Ordering::SeqCst);
        let trouble = std::env::var(TROUBLE).unwrap_or_default();
        match trouble.as_str() {
            "" => {}
            "slow" => std::thread::sleep(std::time::Duration::from_millis(100)),
            _ if (cell.seed, cell.shift) != (3, 0.0) => {}
            "panic" => panic!("at seed {}", cell.seed),
            // 64 TiB: no machine that runs tests has them, and no overcommitment grants them.
            "memory" => drop(std::hint::black_box(vec![1u8; 1 << 46])),
            other => return Err(CellError(format!("unknown trouble {other}"))),
        }
        // About a millisecond, part of it on another thread, so that this one waits and looks for other work.
        let draw = || context.shared("draw", cell.seed).normal_vector::<f64>(20_000, 1.0);
        let (draws, ()) = rayon::join(draw, || std::thread::sleep(std::time::Duration::from_micros(500)));
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        Ok(Outcome { mean: cell.shift + draws.mean(), draws: draws.as_slice()[..5].to_vec() })
    }

    fn judge(&self, runs: &Runs<'_, Cell, Outcome>, _: &Theory) -> Vec<Check> {
        let bound = Bound::Within { target: 0.0, tolerance: 1.0 };
        let check = Check::new("mean", "mean", bound).predicted("0").because("far above the standard error");
        vec![check.mean().control_fails().draws(runs.draws(|runs| Some(runs[0].outcome.mean)))]
    }

    fn figures(&self, runs: &[Run<Cell, Outcome>], _: &[Run<Cell, Outcome>]) -> Vec<Figure> {
        let points = runs.iter().map(|run| Point::new(run.cell.seed as f64, run.outcome.mean)).collect();
        let (x, y) = (Axis::linear("seed"), Axis::linear("mean"));
        let series = vec![Series::new("means", Role::Experiment, 0, points)];
        let panels = vec![Panel { title: "Means".into(), x, y, series }];
        vec![Figure { name: "means".into(), title: "Means".into(), caption: "All.".into(), panels }]
    }
}

pub(crate) fn request(claim: &'static Tiny, threads: usize) -> Request {
    Request {
        claims: vec![Chosen { claim, fingerprint: "code", master_seed: 7 }],
        repository: 26,
        scale: Scale::Smoke,
        seeds: Some(SEEDS),
        threads,
        fresh: false,
        inputs: Arc::new(Inputs::none()),
        changes: Changes::none(),
        double: None,
    }
}

pub(crate) fn never() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

/// Counts what a run tells.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) rejected: AtomicUsize,
    pub(crate) finished: AtomicUsize,
}

impl Observer for Counter {
    fn rejected(&self, _: &Path, _: &str) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn finished(&self, _: usize, _: f64, _: f64, _: Option<&CellError>) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs what the store lacks on two threads.
pub(crate) fn run(claim: &'static Tiny, store: &Store, counter: &Counter) -> Result<ClaimRuns, RunError> {
    runner::run(&request(claim, 2), store, counter, &never()).map(|mut runs| runs.remove(0))
}

/// Every file of the report that holds results, by its path within the report's folder.
pub(crate) type Bytes = BTreeMap<PathBuf, Vec<u8>>;

/// The report's files of these runs.
pub(crate) fn report(claim: &'static Tiny, runs: &ClaimRuns) -> Bytes {
    let terms = Terms { scale: Scale::Smoke, design: request(claim, 1).design(), exploratory: None };
    let report = ClaimReport::of(claim, runs, None, &terms);
    let talks = [Talk { id: "test", title: "A test", fingerprint: "code", claims: &[] }];
    let report = Report::new(Scale::Smoke, &Default::default(), &talks, vec![report]);
    let facts = RunFacts { wall_seconds: 0.0, threads: 1, machine: "one".into(), claims: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    report.write(folder.path(), &facts, &Drawings::default()).unwrap();
    let mut bytes = Bytes::new();
    files(folder.path(), folder.path(), &mut bytes);
    // The two that say how long it took, and where.
    for name in ["run.json", "report.html"] {
        assert!(bytes.remove(Path::new(name)).is_some());
    }
    let kinds: BTreeSet<_> = bytes.keys().filter_map(|path| path.extension()).collect();
    assert_eq!(kinds, ["csv", "json", "npz", "png", "svg"].map(std::ffi::OsStr::new).into());
    bytes
}

fn files(root: &Path, folder: &Path, into: &mut Bytes) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files(root, &path, into);
        } else {
            into.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}

/// The report of a run that nothing happened to.
pub(crate) fn undisturbed() -> Bytes {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let runs = run(claim, &Store::at(folder.path()), &Counter::default()).unwrap();
    assert_eq!((runs.cells, runs.cached, claim.computed()), (CELLS, 0, CELLS));
    report(claim, &runs)
}

/// A process that runs the tiny claim on this store: the test binary again, in which [`work`] must be called by a test
/// named `worker`.
pub(crate) fn process(store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["worker", "--exact", "--nocapture"]).env(STORE, store);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// In a process started by [`process`], runs the claim; elsewhere nothing.
pub(crate) fn work(patience: Patience) {
    if let Some(store) = std::env::var_os(STORE) {
        run(Tiny::new(), &Store::at(store).with_patience(patience), &Counter::default()).unwrap();
    }
}
