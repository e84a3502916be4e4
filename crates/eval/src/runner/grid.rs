//! The cells of a request look by look, and what came of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ClaimRuns, Observer, Request, Round};
use crate::claim::CellError;
use crate::decide::{Design, decide};
use crate::registry::{RawGrid, RawRun, Task};
use crate::store::{Lookup, Record, Store};
use crate::theory::Theory;

/// What came of a claim's cells, by their canonical text.
pub(super) type Results = BTreeMap<String, Result<Record, CellError>>;

/// A claim's cells at one look: the two grids in order, and each distinct cell once.
#[derive(Default)]
pub(super) struct Grid {
    runs: Vec<Value>,
    control: Vec<Value>,
    pub(super) distinct: BTreeMap<String, Task>,
}

impl Grid {
    pub(super) fn of(request: &Request, claim: usize, draws: usize) -> Self {
        let [runs, control] = request.tasks(claim, draws);
        let cells = |tasks: &[Task]| tasks.iter().map(|t| t.cell.clone()).collect();
        Self {
            runs: cells(&runs),
            control: cells(&control),
            distinct: runs.into_iter().chain(control).map(|t| (t.cell.to_string(), t)).collect(),
        }
    }

    fn raw(cells: &[Value], results: &Results) -> RawGrid {
        let run = |cell: &Value| match results.get(&cell.to_string()) {
            Some(Ok(record)) => Some(RawRun { cell: cell.clone(), outcome: record.outcome.clone() }),
            _ => None,
        };
        RawGrid { cells: cells.to_vec(), runs: cells.iter().filter_map(run).collect() }
    }
}

/// A claim on its way through the looks.
#[derive(Default)]
pub(super) struct ClaimState {
    /// The cells of the looks so far.
    pub(super) grid: Grid,
    pub(super) results: Results,
    /// How many cells the store had.
    cached: usize,
    /// The looks that are complete.
    pub(super) look: usize,
    /// Nothing more is to be computed: decided, or a cell has no outcome.
    pub(super) closed: bool,
}

impl ClaimState {
    fn failures(&self) -> Vec<(Value, CellError)> {
        let failure = |(text, task): (&String, &Task)| {
            let error = self.results.get(text)?.as_ref().err()?;
            Some((task.cell.clone(), error.clone()))
        };
        self.grid.distinct.iter().filter_map(failure).collect()
    }
}

/// The claims of a request on their way through the looks.
pub(super) struct Progress {
    pub(super) design: Design,
    pub(super) claims: Vec<ClaimState>,
    /// What the store does not have of the present look.
    pub(super) todo: Vec<(usize, Task)>,
}

impl Progress {
    pub(super) fn new(request: &Request) -> Self {
        let claims = request.claims.iter().map(|_| ClaimState::default()).collect();
        Self { design: request.design(), claims, todo: Vec::new() }
    }

    /// The claims that further draws may decide.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> {
        self.claims.iter().enumerate().filter(|(_, state)| !state.closed).map(|(claim, _)| claim)
    }

    /// Whether a look, from 1, has anything to do.
    pub(super) fn goes_on(&self, look: usize) -> bool {
        look <= self.design.looks.len() && self.open().next().is_some()
    }

    /// Asks the store for the cells that a look adds to the open claims, as far as they are `wanted`, by claim and canonical
    /// text. Cells beyond it are not read.
    pub(super) fn look_up(
        &mut self,
        request: &Request,
        look: usize,
        store: &Store,
        observer: &dyn Observer,
        wanted: &dyn Fn(usize, &str) -> bool,
    ) {
        let open: Vec<usize> = self.open().collect();
        observer.round(&Round {
            look,
            looks: self.design.looks.len(),
            draws: self.design.looks[look - 1],
            decided: self.claims.len() - open.len(),
            claims: self.claims.len(),
        });
        for claim in open {
            let state = &mut self.claims[claim];
            let mut grid = Grid::of(request, claim, self.design.looks[look - 1]);
            grid.distinct.retain(|text, _| state.results.contains_key(text) || wanted(claim, text));
            state.grid = grid;
            let mut cost_left = 0.0;
            let (mut new, mut found) = (0, 0);
            for (text, task) in &state.grid.distinct {
                if state.results.contains_key(text) {
                    continue;
                }
                new += 1;
                let looked_up =
                    if request.fresh { Lookup::Missing } else { store.get(&request.key(claim, &task.cell)) };
                if let Lookup::Rejected { path, reason } = &looked_up {
                    observer.rejected(path, reason);
                }
                if let Lookup::Found(record) = looked_up {
                    state.results.insert(text.clone(), Ok(record));
                    found += 1;
                } else {
                    cost_left += task.cost;
                    self.todo.push((claim, task.clone()));
                }
            }
            state.cached += found;
            observer.planned(claim, &request.claims[claim].claim.about(), new, found, cost_left);
        }
    }

    /// Judges the open claims, whose cells of this look all have a result, and closes those that are decided.
    pub(super) fn judge(&mut self, request: &Request, look: usize) {
        let open: Vec<usize> = self.open().collect();
        for claim in open {
            let design = &self.design;
            let state = &mut self.claims[claim];
            state.look = look;
            // A decision that rests on part of a grid is none, and more draws do not mend it.
            state.closed = !state.failures().is_empty() || {
                let experiment = Grid::raw(&state.grid.runs, &state.results);
                let control = Grid::raw(&state.grid.control, &state.results);
                let checks = request.claims[claim].claim.judge(&experiment, &control, &Theory::as_stated());
                checks.map_or(true, |checks| decide(&checks.experiment, &checks.control, design).settled)
            };
        }
    }

    /// How many cells have a result.
    pub(super) fn finished(&self) -> usize {
        self.claims.iter().map(|state| state.results.values().filter(|r| r.is_ok()).count()).sum()
    }

    /// How many cells there are in the looks so far.
    pub(super) fn total(&self) -> usize {
        self.claims.iter().map(|state| state.grid.distinct.len()).sum()
    }

    /// What the open claims lack of the present look, taken out of what is to be done: claim and number of cells.
    pub(super) fn lacking(&mut self) -> BTreeMap<usize, Vec<Task>> {
        let mut lacking: BTreeMap<usize, Vec<Task>> = BTreeMap::new();
        for (claim, task) in std::mem::take(&mut self.todo) {
            lacking.entry(claim).or_default().push(task);
        }
        lacking
    }

    /// By claim, in the grids' order.
    pub(super) fn collect(&self, request: &Request) -> Vec<ClaimRuns> {
        let claims = request.claims.iter().zip(&self.claims);
        claims
            .map(|(chosen, state)| {
                // A claim that lost a look halfway keeps results beyond its grid.
                let cells: BTreeSet<&String> = state.grid.distinct.keys().collect();
                let records = state.results.iter().filter(|(text, _)| cells.contains(text));
                ClaimRuns {
                    about: chosen.claim.about(),
                    master_seed: chosen.master_seed,
                    experiment: Grid::raw(&state.grid.runs, &state.results),
                    control: Grid::raw(&state.grid.control, &state.results),
                    failures: state.failures(),
                    seconds: records.filter_map(|(_, r)| r.as_ref().ok()).map(|r| r.seconds).sum(),
                    cells: state.grid.distinct.len(),
                    cached: state.cached,
                    look: state.look,
                }
            })
            .collect()
    }
}
