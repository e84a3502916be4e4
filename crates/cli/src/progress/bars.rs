//! A bar for all claims with speed and time left, and above it one for each of the few claims whose cells were finished last.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::{Observer, Round};

use super::pace::Pace;
use super::{Count, Watch, rejection, standing};
use crate::terminal::{duration, size};

pub(super) struct Bars {
    screen: MultiProgress,
    state: RefCell<State>,
}

struct State {
    pace: Pace,
    all: ProgressBar,
    counts: BTreeMap<usize, Count>,
    /// Claims with a bar, the one that moved last at the end.
    shown: Vec<(usize, ProgressBar)>,
    /// How many of them fit.
    room: usize,
}

impl Bars {
    pub(super) fn new(threads: usize) -> Self {
        let (_, rows) = size();
        let screen = MultiProgress::new();
        let all = screen.add(bar("all claims"));
        // The total and what was said before stay in sight.
        let room = (rows / 3).clamp(1, 8);
        let (counts, shown) = (BTreeMap::new(), Vec::new());
        Self { screen, state: RefCell::new(State { pace: Pace::new(threads), all, counts, shown, room }) }
    }

    fn say(&self, text: &str) {
        // If the terminal is gone there is nobody to tell.
        let _ = self.screen.println(text);
    }

    /// Moves a claim's bar, gives it one, or takes away that of one whose cells are all done.
    fn show(&self, state: &mut State, claim: usize) {
        let State { pace, all, counts, shown, room } = state;
        let Some(count) = counts.get(&claim) else { return };
        let place = shown.iter().position(|(other, _)| *other == claim);
        if count.done >= count.cells {
            if let Some(place) = place {
                self.remove(&shown.remove(place).1);
            }
            return;
        }
        let (_, line) = match place {
            Some(place) => shown.remove(place),
            None => {
                if shown.len() >= *room {
                    self.remove(&shown.remove(0).1);
                }
                let name = count.id.split_once('/').map_or(count.id, |(_, name)| name);
                (claim, self.screen.insert_before(all, bar(name)))
            }
        };
        line.set_length(count.cells as u64);
        line.set_position(count.done as u64);
        line.set_message(format!("{} left", duration(pace.claim_left(claim))));
        shown.push((claim, line));
    }

    fn remove(&self, line: &ProgressBar) {
        line.finish_and_clear();
        self.screen.remove(line);
    }
}

/// From how many columns on everything is said.
const WIDE: usize = 72;

/// A line that no terminal of at least 30 columns wraps: what is too long is cut. It has nowhere to be drawn before it is given to
/// a screen: what it drew by itself would stay there.
fn bar(name: &'static str) -> ProgressBar {
    let template = if size().0 >= WIDE {
        "{prefix:30!} [{bar:14}] {pos:>4}/{len:<4} {wide_msg}"
    } else {
        "{prefix:16!} {pos:>4}/{len:<4} {wide_msg}"
    };
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden()).with_prefix(name);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

impl Observer for Bars {
    fn round(&self, round: &Round) {
        let told = standing(round);
        self.say(&if size().0 >= WIDE { told } else { told.replace(" claims decided", " decided") });
    }

    fn planned(&self, claim: usize, about: &About, cells: usize, cached: usize, cost_left: f64) {
        let State { pace, all, counts, .. } = &mut *self.state.borrow_mut();
        counts.entry(claim).or_default().add(about, cells, cached);
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
        let state = &mut *self.state.borrow_mut();
        state.pace.finished(claim, cost_left);
        if let Some(count) = state.counts.get_mut(&claim) {
            count.done += 1;
            if let Some(error) = error {
                self.say(&format!("warning: {}: a cell has no outcome: {error}", count.id));
            }
        }
        self.show(state, claim);
        let State { pace, all, .. } = state;
        all.inc(1);
        all.set_message(format!("{} left, {:.0}/min", duration(pace.left()), pace.rate()));
    }
}

impl Watch for Bars {
    fn clear(&self) {
        let State { all, shown, .. } = &mut *self.state.borrow_mut();
        shown.drain(..).for_each(|(_, line)| self.remove(&line));
        self.remove(all);
        // If the terminal is gone there is nothing to clear.
        let _ = self.screen.clear();
    }
}
