//! Every claim of the registry is complete and consistent.

use std::collections::BTreeSet;

use overparam_claims::TALKS;
use overparam_eval::claim::{Plan, Scale};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::AnyClaim;

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
            let plan = Plan { scale, seeds: None, inputs: &inputs };
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
fn the_number_of_seeds_is_the_users_to_choose() {
    let inputs = Inputs::none();
    for claim in claims() {
        let cells =
            |seeds| claim.tasks(&Plan { scale: Scale::Smoke, seeds: Some(seeds), inputs: &inputs }).len();
        assert_eq!(cells(4), 2 * cells(2), "{}: cells grow with seeds", claim.about().id);
    }
}

/// Nothing measured is not the same as nothing wrong: without runs no check may hold.
#[test]
fn without_runs_nothing_holds() {
    for claim in claims() {
        let judgement = claim.judge(&[], &[]).expect("an empty list is of any type");
        for check in judgement.checks {
            assert_ne!(
                check.holds,
                overparam_eval::check::Holds::Yes,
                "{}: {}",
                claim.about().id,
                check.quantity
            );
        }
    }
}
