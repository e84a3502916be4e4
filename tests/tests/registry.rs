//! Every claim of the registry is complete and consistent.

use std::collections::BTreeSet;

use overparam_claims::TALKS;
use overparam_eval::changes::fields;
use overparam_eval::check::{Bound, Check, Kind};
use overparam_eval::claim::{Plan, Scale};
use overparam_eval::decide::{Decision, Design, decide};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::{AnyClaim, Checks, RawGrid, Task};
use overparam_eval::seal::{Lock, Seal};
use overparam_eval::theory::Theory;

fn claims() -> impl Iterator<Item = &'static dyn AnyClaim> {
    TALKS.iter().flat_map(|talk| talk.claims.iter().copied())
}

#[test]
fn every_claim_says_what_it_is() {
    let mut ids = BTreeSet::new();
    for talk in TALKS {
        assert!(!talk.fingerprint.is_empty());
        for about in talk.claims.iter().map(|c| c.about()) {
            assert_eq!(about.talk(), talk.id, "{} is told in its own talk", about.id);
            assert!(ids.insert(about.id), "{} is told twice", about.id);
            assert!(!about.sources.is_empty(), "{} has a source", about.id);
            for text in [about.statement, about.formula, about.prediction, about.must_hold, about.control] {
                assert!(text.len() > 5, "{} explains itself", about.id);
            }
            for source in about.sources {
                assert!(!source.place.is_empty(), "{} names theorem or figure", about.id);
            }
        }
    }
}

#[test]
fn every_claim_has_a_control_and_cells_with_a_cost_at_every_scale() {
    let inputs = Inputs::none();
    for claim in claims() {
        for scale in Scale::ALL {
            let plan = Plan { scale, seeds: 2, inputs: &inputs };
            for (name, tasks) in [("experiment", claim.tasks(&plan)), ("control", claim.control_tasks(&plan))]
            {
                let place = format!("{} {name} at {scale}", claim.about().id);
                assert!(!tasks.is_empty(), "{place} has cells");
                assert!(tasks.iter().all(|t| t.cost.is_finite() && t.cost > 0.0), "{place}: costs");
                let texts: BTreeSet<String> = tasks.iter().map(|t| t.cell.to_string()).collect();
                assert_eq!(texts.len(), tasks.len(), "{place}: no cell twice");
            }
        }
    }
}

#[test]
fn the_cells_of_a_look_contain_those_of_the_looks_before_it_on_experiment_and_control() {
    let inputs = Inputs::none();
    for claim in claims() {
        let id = claim.about().id;
        let cells = |seeds, control: bool| -> BTreeSet<String> {
            let plan = Plan { scale: Scale::Smoke, seeds, inputs: &inputs };
            let tasks = if control { claim.control_tasks(&plan) } else { claim.tasks(&plan) };
            tasks.into_iter().map(|task| task.cell.to_string()).collect()
        };
        for control in [false, true] {
            let (few, many) = (cells(2, control), cells(4, control));
            assert!(few.is_subset(&many), "{id}");
            assert_eq!(many.len(), 2 * few.len(), "{id}: cells grow with seeds");
        }
        let plan = Plan { scale: Scale::Smoke, seeds: 3, inputs: &inputs };
        for task in claim.tasks(&plan).into_iter().chain(claim.control_tasks(&plan)) {
            assert!(task.cell["seed"].as_u64().is_some_and(|seed| seed < 3), "{id}: {}", task.cell);
        }
    }
}

/// The checks of a claim at a scale, before anything ran.
fn declared(claim: &dyn AnyClaim, scale: Scale) -> Checks {
    let inputs = Inputs::none();
    let plan = Plan { scale, seeds: 1, inputs: &inputs };
    let bare = |tasks: Vec<Task>| RawGrid {
        cells: tasks.into_iter().map(|task| task.cell).collect(),
        runs: Vec::new(),
    };
    let (experiment, control) = (bare(claim.tasks(&plan)), bare(claim.control_tasks(&plan)));
    claim.judge(&experiment, &control, &Theory::as_stated()).expect("a claim judges its own cells")
}

/// A check that a wrong theory passes, or that nothing can fail, is no check.
#[test]
fn every_check_can_fail_and_excludes_its_rivals() {
    for claim in claims() {
        for scale in Scale::ALL {
            let id = format!("{} at {scale}", claim.about().id);
            let checks = declared(claim, scale);
            let mut names = BTreeSet::new();
            assert!(checks.experiment.iter().any(|c| c.kind != Kind::Guard), "{id} has no check");
            for check in &checks.experiment {
                let place = format!("{id}: {}", check.id);
                assert!(names.insert(&check.id), "{place} stands twice");
                assert!(!check.places.is_empty(), "{place} has no draws");
                for text in [&check.quantity, &check.prediction, &check.reason] {
                    assert!(!text.is_empty(), "{place} explains itself");
                }
                assert_eq!(check.admitted_rival(), None, "{place} admits a rival");
                if let (Bound::Within { target, tolerance }, Some(nearest)) = (check.bound, nearest(check)) {
                    assert!(
                        tolerance <= 0.5 * (nearest - target).abs() * (1.0 + 1e-9),
                        "{place}: the tolerance is more than half the distance to the nearest rival"
                    );
                }
                let on_control = checks.control.iter().any(|c| c.id == check.id);
                assert!(!check.must_fail || on_control, "{place}: the control does not measure it");
                assert!(
                    check.kind == Kind::Guard || check.must_fail || !check.rivals.is_empty(),
                    "{place}: neither a control nor a rival"
                );
            }
        }
    }
}

fn nearest(check: &Check) -> Option<f64> {
    let target = check.bound.target()?;
    let values = check.rivals.iter().map(|rival| rival.value);
    values.min_by(|a, b| (a - target).abs().total_cmp(&(b - target).abs()))
}

/// Nothing measured is not the same as nothing wrong: without draws no claim holds.
#[test]
fn without_draws_nothing_holds() {
    let design = Design::of(Scale::Smoke, 26);
    for claim in claims() {
        let checks = declared(claim, Scale::Smoke);
        let verdict = decide(&checks.experiment, &checks.control, &design);
        assert_eq!(verdict.decision, Decision::Undecided, "{}", claim.about().id);
    }
}

/// Sizes grow from smoke to paper, and nobody claims the source's size who does not say so.
#[test]
fn sizes_are_compared_with_the_sources() {
    for about in claims().map(|claim| claim.about()) {
        let [smoke, standard, paper] = about.size_ratio;
        assert!(
            0.0 < smoke && smoke <= standard && standard <= paper,
            "{}: {:?}",
            about.id,
            about.size_ratio
        );
    }
}

/// What a claim declares is what the lock file says: `cargo xtask seal` writes it, with a reason.
#[test]
fn every_claim_is_sealed() {
    let lock = Lock::parse(overparam_claims::LOCK).expect("claims.lock is readable");
    for claim in claims() {
        let seal = Seal::of(claim, &lock).expect("a claim judges its own cells");
        assert!(seal.matches, "{}: run `cargo xtask seal --reason ...`", claim.about().id);
    }
    assert_eq!(lock.claims.len(), claims().count(), "claims.lock has claims that are not there");
}

#[test]
fn every_field_of_a_cell_says_what_it_means() {
    let inputs = Inputs::none();
    for claim in claims() {
        let meanings = claim.meanings();
        for scale in Scale::ALL {
            let plan = Plan { scale, seeds: 1, inputs: &inputs };
            let tasks: Vec<Task> = claim.tasks(&plan).into_iter().chain(claim.control_tasks(&plan)).collect();
            for field in fields(tasks.iter().map(|task| &task.cell)).into_keys() {
                let meaning = meanings.get(&field).map_or("", String::as_str);
                let words = meaning.split(' ').filter(|word| word.len() > 2).count();
                assert!(words > 1, "{}: {field} means {meaning:?}, expected a few words", claim.about().id);
            }
        }
    }
}
