//! The cells of a request, and what the store has of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ClaimRuns, Observer, Request};
use crate::claim::{About, CellError};
use crate::registry::{RawRun, Task};
use crate::store::{Lookup, Record, Store};

/// What came of a claim's cells, by their canonical text.
pub(super) type Results = BTreeMap<String, Result<Record, CellError>>;

/// A claim's cells: the two grids in order, and each distinct cell once.
pub(super) struct Grid {
    runs: Vec<Value>,
    control: Vec<Value>,
    pub(super) distinct: BTreeMap<String, Task>,
}

impl Grid {
    pub(super) fn of(request: &Request, claim: usize) -> Self {
        let [runs, control] = request.tasks(claim);
        let cells = |tasks: &[Task]| tasks.iter().map(|t| t.cell.clone()).collect();
        Self {
            runs: cells(&runs),
            control: cells(&control),
            distinct: runs.into_iter().chain(control).map(|t| (t.cell.to_string(), t)).collect(),
        }
    }

    /// One grid a claim.
    pub(super) fn all(request: &Request) -> Vec<Self> {
        (0..request.claims.len()).map(|claim| Self::of(request, claim)).collect()
    }

    fn collect(&self, about: About, results: &Results, cached: usize) -> ClaimRuns {
        let outcomes = |cells: &[Value]| -> Vec<RawRun> {
            let outcome = |cell: &Value| match results.get(&cell.to_string()) {
                Some(Ok(record)) => Some(RawRun { cell: cell.clone(), outcome: record.outcome.clone() }),
                _ => None,
            };
            cells.iter().filter_map(outcome).collect()
        };
        let failures = self.distinct.iter().filter_map(|(text, task)| {
            let error = results.get(text)?.as_ref().err()?;
            Some((task.cell.clone(), error.clone()))
        });
        ClaimRuns {
            about,
            runs: outcomes(&self.runs),
            control: outcomes(&self.control),
            failures: failures.collect(),
            seconds: results.values().flatten().map(|r| r.seconds).sum(),
            cells: self.distinct.len(),
            cached,
        }
    }
}

/// The wanted cells of a request, split into what the store has and what is to be done.
pub(super) struct Found {
    grids: Vec<Grid>,
    pub(super) results: Vec<Results>,
    pub(super) todo: Vec<(usize, Task)>,
}

impl Found {
    /// Asks the store for every cell that is `wanted`, by claim and canonical text; the others are left out.
    pub(super) fn look_up(
        request: &Request,
        store: &Store,
        observer: &dyn Observer,
        wanted: &dyn Fn(usize, &str) -> bool,
    ) -> Self {
        let mut grids = Grid::all(request);
        let mut results: Vec<Results> = vec![BTreeMap::new(); grids.len()];
        let mut todo: Vec<(usize, Task)> = Vec::new();
        for (claim, grid) in grids.iter_mut().enumerate() {
            grid.distinct.retain(|text, _| wanted(claim, text));
            let mut cost_left = 0.0;
            for (text, task) in &grid.distinct {
                let looked_up =
                    if request.fresh { Lookup::Missing } else { store.get(&request.key(claim, &task.cell)) };
                if let Lookup::Rejected { path, reason } = &looked_up {
                    observer.rejected(path, reason);
                }
                if let Lookup::Found(record) = looked_up {
                    results[claim].insert(text.clone(), Ok(record));
                } else {
                    cost_left += task.cost;
                    todo.push((claim, task.clone()));
                }
            }
            let about = request.claims[claim].0.about();
            observer.planned(claim, &about, grid.distinct.len(), results[claim].len(), cost_left);
        }
        Self { grids, results, todo }
    }

    /// How many cells of each claim have a result.
    pub(super) fn counts(&self) -> Vec<usize> {
        self.results.iter().map(BTreeMap::len).collect()
    }

    /// How many cells there are.
    pub(super) fn total(&self) -> usize {
        self.grids.iter().map(|grid| grid.distinct.len()).sum()
    }

    /// By claim, in the grids' order.
    pub(super) fn collect(&self, request: &Request, cached: &[usize]) -> Vec<ClaimRuns> {
        let claims = request.claims.iter().zip(&self.grids).zip(&self.results).zip(cached);
        claims
            .map(|(((claim, grid), results), cached)| grid.collect(claim.0.about(), results, *cached))
            .collect()
    }
}
