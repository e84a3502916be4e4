//! How far a run is, from the store alone: nothing is computed or written.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::grid::Grid;
use super::{Request, Silent, collect};
use crate::claim::About;
use crate::store::{Lookup, Store};

/// How far a claim is.
#[derive(Debug, Clone)]
pub struct ClaimStatus {
    /// The claim.
    pub about: About,
    /// The look that it is at, from 1.
    pub look: usize,
    /// How many looks there are at most.
    pub looks: usize,
    /// Nothing more is to be computed: the claim is decided, or its last look is complete.
    pub decided: bool,
    /// How many distinct cells there are up to this look.
    pub cells: usize,
    /// How many have a result that passes every check.
    pub done: usize,
    /// Cells whose last attempt had no outcome, and why. The next run tries again.
    pub failed: Vec<(Value, String)>,
    /// Files in the place of a result that must not be trusted. The next run computes their cells again.
    pub rejected: usize,
    /// Cells without a result that a process holds.
    pub in_progress: Vec<InProgress>,
    /// When the newest result was written, by the clock of the store's file system.
    pub last_write: Option<SystemTime>,
}

/// A cell that a process holds.
#[derive(Debug, Clone, PartialEq)]
pub struct InProgress {
    /// The cell.
    pub cell: Value,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: u32,
    /// Since its last sign of life, by this machine's clock against the store's.
    pub silent: Duration,
    /// The process is known to be gone, or silent for so long that another may take over.
    pub lost: bool,
}

/// How far each claim of the request is.
pub fn status(request: &Request, store: &Store) -> Vec<ClaimStatus> {
    (0..request.claims.len()).map(|claim| of_claim(request, claim, store)).collect()
}

fn of_claim(request: &Request, claim: usize, store: &Store) -> ClaimStatus {
    // The look that the store has reached: that of a run on it now.
    let alone = Request { claims: vec![request.claims[claim]], fresh: false, ..request.clone() };
    let runs = collect(&alone, store, &Silent).remove(0);
    let design = request.design();
    let complete = runs.look;
    let lacks_later = runs.failures.iter().any(|(cell, _)| cell.is_null());
    let look = complete + usize::from(complete == 0 || lacks_later);
    let grid = Grid::of(request, claim, design.looks[look - 1]);
    let mut status = ClaimStatus {
        about: request.claims[claim].claim.about(),
        look,
        looks: design.looks.len(),
        decided: complete == look,
        cells: grid.distinct.len(),
        done: 0,
        failed: Vec::new(),
        rejected: 0,
        in_progress: Vec::new(),
        last_write: None,
    };
    for task in grid.distinct.values() {
        let key = request.key(claim, &task.cell);
        match store.get(&key) {
            Lookup::Found(_) => {
                status.done += 1;
                status.last_write = status.last_write.max(store.written(&key));
                continue;
            }
            Lookup::Rejected { .. } => status.rejected += 1,
            Lookup::Missing => {}
        }
        if let Some(held) = store.held(&key) {
            let silent = SystemTime::now().duration_since(held.beat).unwrap_or_default();
            let cell = task.cell.clone();
            status.in_progress.push(InProgress {
                cell,
                host: held.host,
                pid: held.pid,
                silent,
                lost: held.lost,
            });
        } else if let Some(error) = store.failure(&key) {
            status.failed.push((task.cell.clone(), error));
        }
    }
    status
}
