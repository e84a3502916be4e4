//! One bar per claim with its time left, and one for all with speed and time left.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::{Observer, Round};

use super::pace::Pace;
use super::{Count, Watch, rejection, standing};
use crate::terminal::duration;

pub(super) struct Bars {
    screen: MultiProgress,
    state: RefCell<State>,
}

struct State {
    pace: Pace,
    all: ProgressBar,
    claims: BTreeMap<usize, (Count, ProgressBar)>,
}

impl Bars {
    pub(super) fn new(threads: usize) -> Self {
        let screen = MultiProgress::new();
        let all = screen.add(bar("all claims"));
        Self { screen, state: RefCell::new(State { pace: Pace::new(threads), all, claims: BTreeMap::new() }) }
    }

    fn say(&self, text: &str) {
        // If the terminal is gone there is nobody to tell.
        let _ = self.screen.println(text);
    }
}

fn bar(name: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{prefix:40} [{bar:24}] {pos:>4}/{len:4} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name);
    bar
}

impl Observer for Bars {
    fn round(&self, round: &Round) {
        self.say(&standing(round));
    }

    fn planned(&self, claim: usize, about: &About, cells: usize, cached: usize, cost_left: f64) {
        let State { pace, all, claims } = &mut *self.state.borrow_mut();
        let new = || (Count::default(), self.screen.insert_before(all, bar(about.id)));
        let (count, line) = claims.entry(claim).or_insert_with(new);
        count.add(about, cells, cached);
        line.set_length(count.cells as u64);
        line.set_position(count.done as u64);
        all.inc_length(cells as u64);
        all.inc(cached as u64);
        pace.planned(claim, cost_left);
    }

    fn rejected(&self, path: &Path, reason: &str) {
        self.say(&rejection(path, reason));
    }

    fn waiting(&self, cells: usize) {
        self.state.borrow().all.set_message(format!("waiting for {cells} cells at work elsewhere"));
    }

    fn finished(&self, claim: usize, cost_left: f64, _seconds: f64, error: Option<&CellError>) {
        let State { pace, all, claims } = &mut *self.state.borrow_mut();
        pace.finished(claim, cost_left);
        let Some((count, line)) = claims.get_mut(&claim) else { return };
        count.done += 1;
        if let Some(error) = error {
            self.say(&format!("warning: {}: a cell has no outcome: {error}", count.id));
        }
        line.set_position(count.done as u64);
        line.set_message(if count.done == count.cells {
            "done".to_owned()
        } else {
            format!("about {} left", duration(pace.claim_left(claim)))
        });
        all.inc(1);
        all.set_message(format!("{:.0} cells a minute, about {} left", pace.rate(), duration(pace.left())));
    }
}

impl Watch for Bars {
    fn clear(&self) {
        // If the terminal is gone there is nothing to clear.
        let _ = self.screen.clear();
    }
}
