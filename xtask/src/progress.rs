//! Progress: bars with the time left on a terminal, plain lines elsewhere. All on standard error.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::Observer;

use crate::terminal::duration;

struct Line {
    id: &'static str,
    bar: ProgressBar,
    cells: usize,
    done: usize,
    cost_left: f64,
    told: usize,
}

/// Watches a run and tells a person about it.
pub(crate) struct Progress {
    interactive: bool,
    bars: MultiProgress,
    threads: usize,
    start: Instant,
    lines: RefCell<Vec<Line>>,
}

impl Progress {
    /// Starts the clock.
    pub(crate) fn new(threads: usize) -> Self {
        let interactive = std::io::stderr().is_terminal();
        Self {
            interactive,
            bars: MultiProgress::new(),
            threads,
            start: Instant::now(),
            lines: RefCell::default(),
        }
    }

    /// Takes the bars off the screen.
    pub(crate) fn clear(&self) {
        // If the terminal is gone there is nothing to clear.
        let _ = self.bars.clear();
    }

    fn say(&self, text: &str) {
        if self.interactive {
            let _ = self.bars.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

impl Observer for Progress {
    fn planned(&self, _claim: usize, about: &About, cells: usize, cached: usize) {
        let bar = if self.interactive {
            let bar = self.bars.add(ProgressBar::new(cells as u64));
            let template = "{prefix:40} [{bar:24}] {pos:>4}/{len:4} {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(about.id);
            bar.set_position(cached as u64);
            bar
        } else {
            self.say(&format!("{}: {cells} cells, {cached} in the store", about.id));
            ProgressBar::hidden()
        };
        let line = Line { id: about.id, bar, cells, done: cached, cost_left: 0.0, told: 0 };
        self.lines.borrow_mut().push(line);
    }

    fn rejected(&self, path: &Path, reason: &str) {
        self.say(&format!("warning: {}: {reason}; computing that cell again", path.display()));
    }

    fn finished(&self, claim: usize, cost_left: f64, _seconds: f64, error: Option<&CellError>) {
        let mut lines = self.lines.borrow_mut();
        let line = &mut lines[claim];
        line.done += 1;
        line.cost_left = cost_left;
        if let Some(error) = error {
            self.say(&format!("warning: {}: a cell has no outcome: {error}", line.id));
        }
        let left = cost_left / self.threads.max(1) as f64;
        line.bar.set_position(line.done as u64);
        let complete = line.done == line.cells;
        line.bar.set_message(if complete {
            "done".to_owned()
        } else {
            format!("about {} left", duration(left))
        });
        // Elsewhere than on a terminal: a line at every quarter.
        let quarter = 4 * line.done / line.cells.max(1);
        if !self.interactive && quarter > line.told {
            line.told = quarter;
            let elapsed: Duration = self.start.elapsed();
            eprintln!(
                "{}: {} of {} cells after {}",
                line.id,
                line.done,
                line.cells,
                duration(elapsed.as_secs_f64())
            );
        }
    }
}
