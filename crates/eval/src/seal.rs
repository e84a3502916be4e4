//! What a claim declares before anything runs, as a hash that is committed: checks, bounds, rivals and sizes cannot be tuned
//! to a result without leaving a trace, and the master seed that is judged follows from the hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::check::{Bound, Check, Kind};
use crate::claim::{CellError, Plan, Scale};
use crate::decide::Design;
use crate::decide::design::{ALPHA_NO, ALPHA_YES};
use crate::inputs::Inputs;
use crate::registry::{AnyClaim, RawGrid, Task};
use crate::theory::Theory;

/// One entry of the lock file: a declaration that was in force from a commit on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Of the declaration.
    pub hash: String,
    /// The commit on top of which it was sealed.
    pub commit: String,
    /// The day, as `2026-11-30`.
    pub date: String,
    /// Why the declaration changed.
    pub reason: String,
}

/// The lock file: the declarations of every claim, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// By the claim's identifier.
    pub claims: BTreeMap<String, Vec<Sealed>>,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// What is wrong with the text, with line and column.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of the lock file.
    pub fn text(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n")
    }

    /// The declaration of a claim that is in force.
    pub fn current(&self, claim: &str) -> Option<&Sealed> {
        self.claims.get(claim)?.last()
    }
}

/// How a claim's code stands to its seal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Of what the claim declares now.
    pub hash: String,
    /// The commit on top of which this declaration was sealed; empty if it is not.
    pub commit: String,
    /// When.
    pub sealed_at: String,
    /// How often the declaration was changed.
    pub reseals: usize,
    /// Whether the claim declares what the lock file says.
    pub matches: bool,
}

impl Seal {
    /// Compares what a claim declares with the lock file.
    ///
    /// # Errors
    /// If the claim cannot be asked: a defect of the claim.
    pub fn of(claim: &dyn AnyClaim, lock: &Lock) -> Result<Self, CellError> {
        let hash = hash(claim)?;
        let id = claim.about().id;
        let current = lock.current(id).filter(|sealed| sealed.hash == hash);
        Ok(Self {
            commit: current.map_or_else(String::new, |sealed| sealed.commit.clone()),
            sealed_at: current.map_or_else(String::new, |sealed| sealed.date.clone()),
            reseals: lock.claims.get(id).map_or(0, |all| all.len().saturating_sub(1)),
            matches: current.is_some(),
            hash,
        })
    }

    /// The master seed that is judged. 53 bits of the hash, so that every reader of JSON gets it as it is.
    pub fn master_seed(&self) -> u64 {
        let digest = blake3::hash(format!("overparam{}", self.hash).as_bytes());
        let bytes: [u8; 8] = std::array::from_fn(|i| digest.as_bytes()[i]);
        u64::from_le_bytes(bytes) >> 11
    }
}

/// The hash of a claim's declaration.
///
/// # Errors
/// If the claim cannot judge its own cells without outcomes: a defect of the claim.
pub fn hash(claim: &dyn AnyClaim) -> Result<String, CellError> {
    let text = declaration(claim)?.to_string();
    Ok(blake3::hash(text.as_bytes()).to_hex()[..32].to_owned())
}

/// Everything that a claim declares, as JSON with sorted keys.
///
/// # Errors
/// As [`hash`].
pub fn declaration(claim: &dyn AnyClaim) -> Result<Value, CellError> {
    let about = claim.about();
    let mut scales = serde_json::Map::new();
    for scale in Scale::ALL {
        let inputs = Inputs::none();
        // One seed shows the sizes; how many seeds there are is the schedule's.
        let plan = Plan { scale, seeds: 1, inputs: &inputs };
        let [experiment, control] = [claim.tasks(&plan), claim.control_tasks(&plan)].map(bare);
        let checks = claim.judge(&experiment, &control, &Theory::as_stated())?;
        let design = Design::of(scale, 1);
        scales.insert(
            scale.name().to_owned(),
            json!({
                "looks": design.looks, "weights": design.weights.iter().map(|w| rounded(*w)).collect::<Vec<_>>(),
                "experiment": experiment.cells, "control": control.cells,
                "checks": checks.experiment.iter().map(declared).collect::<Vec<_>>(),
                "on_control": checks.control.iter().map(declared).collect::<Vec<_>>(),
            }),
        );
    }
    Ok(json!({
        "id": about.id, "statement": about.statement, "prediction": about.prediction, "must_hold": about.must_hold,
        "control": about.control, "alpha_yes": ALPHA_YES, "alpha_no": ALPHA_NO, "scales": scales,
    }))
}

/// A grid before anything ran.
fn bare(tasks: Vec<Task>) -> RawGrid {
    RawGrid { cells: tasks.into_iter().map(|task| task.cell).collect(), runs: Vec::new() }
}

fn declared(check: &Check) -> Value {
    let bound = match check.bound {
        Bound::AtLeast(low) => json!({"at_least": rounded(low)}),
        Bound::AtMost(high) => json!({"at_most": rounded(high)}),
        Bound::Within { target, tolerance } => {
            json!({"target": rounded(target), "tolerance": rounded(tolerance)})
        }
        Bound::Factor { target, factor } => json!({"target": rounded(target), "factor": rounded(factor)}),
    };
    let kind = match check.kind {
        Kind::Exact => json!("exact"),
        Kind::Guard => json!("guard"),
        Kind::Share { at_least } => json!({"share": rounded(at_least)}),
        Kind::Mean { average, resolution } => json!({"mean": average, "resolution": rounded(resolution)}),
    };
    json!({
        "id": check.id, "bound": bound, "kind": kind, "must_fail": check.must_fail,
        "missing_is_outside": check.missing_is_outside,
        "rivals": check.rivals.iter().map(|r| json!([r.name, rounded(r.value)])).collect::<Vec<_>>(),
        "places": check.places.iter().map(|place| place.at.as_str()).collect::<Vec<_>>(),
    })
}

/// Nine digits: what a bound that is computed keeps on every machine.
fn rounded(x: f64) -> String {
    format!("{x:.8e}")
}

#[cfg(test)]
mod tests {
    use super::{Lock, Seal, Sealed};

    #[test]
    fn a_lock_file_survives_its_own_text_and_the_last_declaration_is_in_force() {
        let sealed = |hash: &str| Sealed {
            hash: hash.into(),
            commit: "c".into(),
            date: "2026-11-30".into(),
            reason: "first".into(),
        };
        let mut lock = Lock::default();
        lock.claims.insert("a/b".into(), vec![sealed("1"), sealed("2")]);
        assert_eq!(Lock::parse(&lock.text()).unwrap(), lock);
        assert_eq!(lock.current("a/b").unwrap().hash, "2");
        assert!(lock.current("a/c").is_none() && Lock::parse("{").is_err());
    }

    #[test]
    fn the_master_seed_follows_from_the_hash_and_fits_into_a_double() {
        let seal = |hash: &str| Seal {
            hash: hash.into(),
            commit: String::new(),
            sealed_at: String::new(),
            reseals: 0,
            matches: true,
        };
        let seeds = ["a", "b"].map(|hash| seal(hash).master_seed());
        assert!(seeds[0] != seeds[1] && seeds.iter().all(|seed| *seed < 1 << 53));
    }
}
