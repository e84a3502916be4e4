//! The runner on a small claim that can be asked to misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use overparam_eval::changes::Changes;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Scale, Source};
use overparam_eval::decide::Decision;
use overparam_eval::figure::Figure;
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::AnyClaim;
use overparam_eval::report::{ClaimReport, Terms};
use overparam_eval::runner::{self, Chosen, ClaimRuns, Observer, Request, RunError, Silent};
use overparam_eval::runs::Runs;
use overparam_eval::store::Store;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Behaviour {
    Draw,
    Fail,
    Panic,
    NotFinite,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Cell {
    behaviour: Behaviour,
    shift: f64,
    seed: u64,
}

/// Draws around 0 (experiment) and around 3 (control); its first cell behaves as it is told.
struct Shifted(Behaviour);

static COMPUTED: AtomicUsize = AtomicUsize::new(0);

impl Claim for Shifted {
    type Cell = Cell;
    type Outcome = f64;

    fn about(&self) -> About {
        About {
            id: "test/shifted",
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
        let behaviour = |seed| if seed == 0 { self.0 } else { Behaviour::Draw };
        plan.seeds().map(|seed| Cell { behaviour: behaviour(seed), shift: 0.0, seed }).collect()
    }

    fn control(&self, plan: &Plan<'_>) -> Vec<Cell> {
        let shifted = plan.seeds().map(|seed| Cell { behaviour: Behaviour::Draw, shift: 3.0, seed });
        // One cell that the experiment has too: it is computed once.
        shifted.chain([Cell { behaviour: Behaviour::Draw, shift: 0.0, seed: 1 }]).collect()
    }

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<f64, CellError> {
        COMPUTED.fetch_add(1, Ordering::Relaxed);
        match cell.behaviour {
            Behaviour::Draw => {
                Ok(cell.shift + context.shared("draw", cell.seed).normal_vector::<f64>(1, 1.0)[0])
            }
            Behaviour::Fail => Err(CellError("no such luck".into())),
            Behaviour::Panic => panic!("at seed {}", cell.seed),
            Behaviour::NotFinite => Ok(f64::NAN),
        }
    }

    fn judge(&self, runs: &Runs<'_, Cell, f64>, _: &Theory) -> Vec<Check> {
        let bound = Bound::Within { target: 0.0, tolerance: 1.0 };
        let first = runs.draws(|runs| Some(runs[0].outcome));
        vec![Check::new("mean", "mean", bound).mean().control_fails().draws(first)]
    }

    fn figures(&self, _: &[Run<Cell, f64>], _: &[Run<Cell, f64>]) -> Vec<Figure> {
        Vec::new()
    }
}

fn request(claim: &'static dyn AnyClaim, threads: usize) -> Request {
    Request {
        claims: vec![Chosen { claim, fingerprint: "code", master_seed: 7 }],
        repository: 26,
        scale: Scale::Smoke,
        seeds: Some(20),
        threads,
        fresh: false,
        inputs: Arc::new(Inputs::none()),
        changes: Changes::none(),
        double: None,
    }
}

fn judged(claim: &'static Shifted, runs: &ClaimRuns) -> ClaimReport {
    let terms = Terms { scale: Scale::Smoke, design: request(claim, 1).design(), exploratory: None };
    ClaimReport::of(claim, runs, None, &terms)
}

/// Done and all cells of the present look.
fn cached(request: &Request, store: &Store) -> (usize, usize) {
    let status = runner::status(request, store).remove(0);
    (status.done, status.cells)
}

fn never() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

#[test]
fn a_claim_runs_once_and_gives_the_same_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let before = COMPUTED.load(Ordering::Relaxed);
    let runs = [1, 2, 3, 8].map(|threads| {
        let store = Store::at(folder.path().join(threads.to_string()));
        runner::run(&request(&Shifted(Behaviour::Draw), threads), &store, &Silent, &never())
            .unwrap()
            .remove(0)
    });
    assert!(COMPUTED.load(Ordering::Relaxed) >= before + 4 * 40);
    for other in &runs[1..] {
        assert_eq!(runs[0].experiment, other.experiment);
        assert_eq!(runs[0].control, other.control);
    }
    assert_eq!((runs[0].experiment.runs.len(), runs[0].control.runs.len(), runs[0].cells), (20, 21, 40));
    assert_eq!(judged(&Shifted(Behaviour::Draw), &runs[0]).decision, Decision::Holds);

    let again = runner::run(
        &request(&Shifted(Behaviour::Draw), 2),
        &Store::at(folder.path().join("2")),
        &Silent,
        &never(),
    );
    let again = again.unwrap().remove(0);
    assert_eq!((again.cached, again.cells), (40, 40));
    assert_eq!(again.experiment, runs[0].experiment);
}

/// A cell without an outcome never costs another cell its own, and leaves the claim undecided.
#[test]
fn a_cell_that_fails_panics_or_has_no_finite_outcome_is_a_failure_of_its_claim() {
    static CLAIMS: [Shifted; 3] =
        [Shifted(Behaviour::Fail), Shifted(Behaviour::Panic), Shifted(Behaviour::NotFinite)];
    for (claim, words) in CLAIMS.iter().zip(["no such luck", "panicked: at seed 0", "null"]) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        let runs = runner::run(&request(claim, 2), &store, &Silent, &never()).unwrap().remove(0);
        assert_eq!((runs.experiment.runs.len(), runs.failures.len()), (19, 1));
        assert!(runs.failures[0].1.to_string().contains(words), "{}", runs.failures[0].1);
        let report = judged(claim, &runs);
        assert_eq!(report.decision, Decision::Undecided);
        assert!(report.reason.contains(words), "{}", report.reason);
        // The failure is not stored: the next run tries again.
        assert_eq!(cached(&request(claim, 2), &store), (39, 40));
    }
}

/// Stops the run after five cells.
struct StopAfterFive {
    seen: AtomicUsize,
    stop: Arc<AtomicBool>,
}

impl Observer for StopAfterFive {
    fn finished(&self, _: usize, _: f64, _: f64, _: Option<&CellError>) {
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 == 5 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn an_interrupted_run_keeps_what_it_finished_and_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let request = request(&Shifted(Behaviour::Draw), 1);
    let stop = never();
    // One thread can be ahead of the observer, so the run may finish before it sees the flag: either is correct.
    let observer = StopAfterFive { seen: AtomicUsize::new(0), stop: Arc::clone(&stop) };
    match runner::run(&request, &store, &observer, &stop) {
        Err(RunError::Interrupted { finished, total }) => assert!(finished >= 5 && total == 40),
        Ok(runs) => assert_eq!(runs[0].cells, 40),
        Err(error) => panic!("{error}"),
    }
    let (cached, cells) = cached(&request, &store);
    assert!(cached >= 5 && cells == 40, "{cached} of {cells}");
    let collected = runner::collect(&request, &store, &Silent).remove(0);
    assert_eq!(collected.failures.len(), 40 - cached);
    let resumed = runner::run(&request, &store, &Silent, &never()).unwrap().remove(0);
    assert_eq!((resumed.cached, resumed.experiment.runs.len()), (cached, 20));
}

#[test]
fn another_seed_or_fingerprint_is_another_result() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::at(folder.path());
    let first = request(&Shifted(Behaviour::Draw), 2);
    let runs = runner::run(&first, &store, &Silent, &never()).unwrap().remove(0);
    let chosen = first.claims[0];
    let other_seed = Request { claims: vec![Chosen { master_seed: 8, ..chosen }], ..first.clone() };
    let other_code = Request { claims: vec![Chosen { fingerprint: "newer code", ..chosen }], ..first };
    assert_eq!(cached(&other_seed, &store).0, 0);
    assert_eq!(cached(&other_code, &store).0, 0);
    let reseeded = runner::run(&other_seed, &store, &Silent, &never()).unwrap().remove(0);
    assert_ne!(runs.experiment, reseeded.experiment);
}
