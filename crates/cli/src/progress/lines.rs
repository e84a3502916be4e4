//! One line per claim at the start and at every quarter, for logs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::{Observer, Round};

use super::pace::Pace;
use super::{Count, Watch, rejection, standing};
use crate::terminal::duration;

pub(super) struct Lines(RefCell<State>);

struct State {
    pace: Pace,
    claims: BTreeMap<usize, (Count, usize)>,
}

impl Lines {
    pub(super) fn new(threads: usize) -> Self {
        Self(RefCell::new(State { pace: Pace::new(threads), claims: BTreeMap::new() }))
    }
}

impl Observer for Lines {
    fn round(&self, round: &Round) {
        note!("{}", standing(round));
    }

    fn planned(&self, claim: usize, about: &About, cells: usize, cached: usize, cost_left: f64) {
        note!("{}: {cells} cells, {cached} in the store", about.id);
        let mut state = self.0.borrow_mut();
        state.pace.planned(claim, cost_left);
        let (count, told) = state.claims.entry(claim).or_default();
        count.add(about, cells, cached);
        *told = 4 * count.done / count.cells.max(1);
    }

    fn rejected(&self, path: &Path, reason: &str) {
        note!("{}", rejection(path, reason));
    }

    fn waiting(&self, cells: usize) {
        note!("waiting for {cells} cells that other processes are at work on");
    }

    fn finished(&self, claim: usize, cost_left: f64, _seconds: f64, error: Option<&CellError>) {
        let State { pace, claims } = &mut *self.0.borrow_mut();
        pace.finished(claim, cost_left);
        let (count, told) = claims.entry(claim).or_default();
        count.done += 1;
        if let Some(error) = error {
            note!("warning: {}: a cell has no outcome: {error}", count.id);
        }
        let quarter = 4 * count.done / count.cells.max(1);
        if quarter > *told {
            *told = quarter;
            let Count { id, cells, done } = count;
            let (elapsed, left) = (duration(pace.elapsed()), duration(pace.left()));
            note!("{id}: {done} of {cells} cells after {elapsed}; {left} left for all claims");
        }
    }
}

impl Watch for Lines {}
