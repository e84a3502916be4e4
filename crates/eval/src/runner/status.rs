//! How far a run is, from the store alone: nothing is computed or written.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::grid::Grid;
use super::{Request, cached};
use crate::claim::About;
use crate::store::{Lookup, Store};

/// How far a claim is.
#[derive(Debug, Clone)]
pub struct ClaimStatus {
    /// The claim.
    pub about: About,
    /// How many distinct cells there are.
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
    let claims = request.claims.iter().zip(Grid::all(request)).enumerate();
    claims.map(|(claim, ((any, _), grid))| of_claim(request, claim, any.about(), &grid, store)).collect()
}

/// By claim, how many cells the store does not have.
pub(super) fn remaining(request: &Request, store: &Store) -> Vec<(About, usize)> {
    let claims = request.claims.iter().enumerate();
    let missing = |claim| {
        let (cached, all) = cached(request, claim, store);
        all - cached
    };
    claims.map(|(claim, (any, _))| (any.about(), missing(claim))).collect()
}

fn of_claim(request: &Request, claim: usize, about: About, grid: &Grid, store: &Store) -> ClaimStatus {
    let mut status = ClaimStatus {
        about,
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
