//! Looks: seeds are added until a claim is decided, cells beyond the deciding look are never read, and neither threads nor shards nor
//! what a store has to spare plays a part.

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use overparam_eval::changes::Changes;
use overparam_eval::check::{Bound, Check};
use overparam_eval::claim::{About, CellError, Claim, Context, Plan, Run, Scale};
use overparam_eval::decide::Decision;
use overparam_eval::figure::{Drawings, Figure};
use overparam_eval::inputs::Inputs;
use overparam_eval::mutate::mutate;
use overparam_eval::registry::AnyClaim;
use overparam_eval::report::{ClaimReport, Command, Report, RunFacts, Terms};
use overparam_eval::runner::{self, Chosen, ClaimRuns, Observer, Request, Round, RunError, Shard, Silent};
use overparam_eval::runs::Runs;
use overparam_eval::seal::hash;
use overparam_eval::store::Store;
use overparam_eval::theory::Theory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Cell {
    shift: f64,
    seed: u64,
}

/// Its draw lies outside the bound at some seeds: at none, it is decided by the first look; at one of the first eight, by the second; at
/// many, never.
struct Spoiled {
    seeds: &'static [u64],
    id: &'static str,
    computed: AtomicUsize,
}

impl Claim for Spoiled {
    type Cell = Cell;
    type Outcome = f64;

    fn about(&self) -> About {
        About {
            id: self.id,
            statement: "Draws lie below 1.",
            formula: "x < 1",
            sources: &[],
            prediction: "0",
            must_hold: "below 1",
            control: "shifted by 3",
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

    fn run(&self, cell: &Cell, context: &Context<'_>) -> Result<f64, CellError> {
        self.computed.fetch_add(1, Ordering::Relaxed);
        let noise = 0.01 * context.own("noise").normal_vector::<f64>(1, 1.0)[0];
        Ok(cell.shift + noise + if self.seeds.contains(&cell.seed) { 2.0 } else { 0.5 })
    }

    fn judge(&self, runs: &Runs<'_, Cell, f64>, theory: &Theory) -> Vec<Check> {
        let scale = theory.constant("unit", 1.0);
        let draws = runs.draws(|runs| Some(runs.first()?.outcome / scale));
        vec![Check::new("x", "x", Bound::AtMost(1.0)).control_fails().rival("shifted", 3.0).draws(draws)]
    }

    fn figures(&self, _: &[Run<Cell, f64>], _: &[Run<Cell, f64>]) -> Vec<Figure> {
        Vec::new()
    }
}

fn spoiled(id: &'static str, seeds: &'static [u64]) -> &'static Spoiled {
    Box::leak(Box::new(Spoiled { seeds, id, computed: AtomicUsize::new(0) }))
}

fn request(claims: &[&'static Spoiled], threads: usize) -> Request {
    let chosen = |&claim: &&'static Spoiled| Chosen { claim, fingerprint: "code", master_seed: 7 };
    Request {
        claims: claims.iter().map(chosen).collect(),
        repository: 26,
        scale: Scale::Smoke,
        seeds: None,
        threads,
        fresh: false,
        inputs: Arc::new(Inputs::none()),
        changes: Changes::none(),
        double: None,
    }
}

fn never() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

fn three() -> [&'static Spoiled; 3] {
    [
        spoiled("t/soon", &[]),
        spoiled("t/later", &[3]),
        spoiled("t/never", &[0, 1, 2, 3, 4, 9, 11, 13, 20, 22, 24]),
    ]
}

fn judged(request: &Request, runs: &[ClaimRuns]) -> Vec<ClaimReport> {
    let terms = Terms { scale: Scale::Smoke, design: request.design(), exploratory: None };
    let claims = request.claims.iter().zip(runs);
    claims.map(|(chosen, runs)| ClaimReport::of(chosen.claim, runs, None, &terms)).collect()
}

/// `report.json` of these runs.
fn bytes(request: &Request, runs: &[ClaimRuns]) -> Vec<u8> {
    let report = Report::new(Scale::Smoke, &Command::default(), &[], judged(request, runs));
    let facts = RunFacts { wall_seconds: 0.0, threads: 1, machine: String::new(), claims: Vec::new() };
    let folder = tempfile::tempdir().unwrap();
    report.write(folder.path(), &facts, &Drawings::default()).unwrap();
    fs::read(folder.path().join("report.json")).unwrap()
}

#[derive(Default)]
struct Rounds(Mutex<Vec<(usize, usize, usize)>>, AtomicUsize);

impl Observer for Rounds {
    fn round(&self, round: &Round) {
        self.0.lock().unwrap().push((round.look, round.draws, round.decided));
    }

    fn rejected(&self, _: &std::path::Path, _: &str) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn seeds_are_added_to_the_claims_that_need_them() {
    let (claims, folder) = (three(), tempfile::tempdir().unwrap());
    let (request, rounds) = (request(&claims, 2), Rounds::default());
    let runs = runner::run(&request, &Store::at(folder.path()), &rounds, &never()).unwrap();
    assert_eq!(*rounds.0.lock().unwrap(), [(1, 8, 0), (2, 16, 1), (3, 32, 2)]);
    let computed = claims.map(|claim| claim.computed.load(Ordering::Relaxed));
    assert_eq!(computed, [16, 32, 64]);
    let reports = judged(&request, &runs);
    let decisions: Vec<_> = reports.iter().map(|r| (r.decision, r.stopped_at.draws)).collect();
    assert_eq!(decisions, [(Decision::Holds, 8), (Decision::Holds, 16), (Decision::Undecided, 32)]);
    assert_eq!(reports[1].words, "holds at toy size");
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_shards_nor_on_what_the_store_has_to_spare() {
    let folder = tempfile::tempdir().unwrap();
    let store = |name: &str| Store::at(folder.path().join(name));
    let run = |threads, name: &str| {
        let request = request(&three(), threads);
        let runs = runner::run(&request, &store(name), &Silent, &never()).unwrap();
        bytes(&request, &runs)
    };
    let expected = run(1, "one");
    assert_eq!(run(4, "four"), expected);

    // Three shards per round, in another order each time; the second round follows from the first.
    let sharded = request(&three(), 1);
    for round in 1..=3 {
        for k in [2, 3, 1].into_iter().cycle().skip(round).take(3) {
            let shard: Shard = format!("{k}/3").parse().unwrap();
            let done =
                runner::run_shard(&sharded, shard, Some(round), &store("shards"), &Silent, &never()).unwrap();
            assert_eq!((done.round, done.open), (round, 4 - round));
        }
    }
    assert_eq!(bytes(&sharded, &runner::collect(&sharded, &store("shards"), &Silent)), expected);
    let done = runner::run_shard(&sharded, "1/3".parse().unwrap(), None, &store("shards"), &Silent, &never())
        .unwrap();
    assert_eq!((done.round, done.cells), (4, 0), "nothing is left");

    // A store with 64 draws of every claim, of which those beyond the deciding look are damaged: nobody looks at them.
    let many = Request { seeds: Some(64), ..request(&three(), 2) };
    runner::run(&many, &store("spare"), &Silent, &never()).unwrap();
    for entry in fs::read_dir(folder.path().join("spare/t/soon")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let beyond = (8..64).any(|seed| {
            text.contains(&format!("\"seed\":{seed},")) || text.contains(&format!("\"seed\":{seed}}}"))
        });
        if beyond {
            fs::write(entry.path(), "nonsense").unwrap();
        }
    }
    let (spare, rounds) = (request(&three(), 2), Rounds::default());
    let runs = runner::run(&spare, &store("spare"), &rounds, &never()).unwrap();
    assert_eq!(bytes(&spare, &runs), expected);
    assert_eq!(rounds.1.load(Ordering::Relaxed), 0, "no damaged file was read");
}

#[test]
fn a_shard_of_a_round_before_which_another_is_not_complete_is_refused() {
    let (request, folder) = (request(&three(), 1), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path());
    let run =
        |k: &str, round| runner::run_shard(&request, k.parse().unwrap(), round, &store, &Silent, &never());
    assert_eq!(run("1/2", None).unwrap().round, 1);
    match run("1/2", Some(2)) {
        Err(RunError::Incomplete { round, missing }) => assert_eq!((round, missing), (1, 24)),
        other => panic!("{other:?}"),
    }
    run("2/2", Some(1)).unwrap();
    assert_eq!(run("1/2", None).unwrap().round, 2);
    // What is there is judged by its complete looks; what is missing is said.
    let runs = runner::collect(&request, &store, &Silent);
    assert_eq!(runs.iter().map(|r| r.look).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(runs[1].failures[0].1.to_string().contains("look 2 lacks"), "{:?}", runs[1].failures);
    assert_eq!(judged(&request, &runs)[0].decision, Decision::Holds);
}

#[test]
fn wrong_theories_are_noticed_on_the_same_draws() {
    let (claims, folder) = ([spoiled("t/soon", &[])], tempfile::tempdir().unwrap());
    let request = request(&claims, 2);
    let runs = runner::run(&request, &Store::at(folder.path()), &Silent, &never()).unwrap();
    let mutation = mutate(claims[0], &runs[0], &request.design()).unwrap();
    // Eight draws of eight outside are not enough to contradict at the level of a whole run.
    assert_eq!((mutation.stated, mutation.exchanged), (Decision::Holds, Decision::Undecided));
    // Draws are 0.5 in units of the constant and must be below 1: halving it leaves them on the bound, doubling inside.
    let unit = &mutation.constants[0];
    assert_eq!((unit.constant.as_str(), unit.value, unit.resolution), ("unit", 1.0, None));
}

/// What a claim declares follows from its cells, not from its outcomes.
#[test]
fn a_declaration_changes_with_the_claim_and_not_with_runs() {
    let of = |claim: &'static dyn AnyClaim| hash(claim).unwrap();
    assert_eq!(of(spoiled("t/a", &[])), of(spoiled("t/a", &[1, 2])));
    assert_ne!(of(spoiled("t/a", &[])), of(spoiled("t/b", &[])));
}
