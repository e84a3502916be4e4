//! How far one long computation is: nothing within its first two seconds, then a bar on a terminal, a line at every
//! quarter elsewhere. On standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Watches `total` units of work.
pub(crate) struct Meter {
    name: &'static str,
    total: u64,
    done: u64,
    told: u64,
    start: Instant,
    bar: Option<ProgressBar>,
}

impl Meter {
    /// Starts the clock.
    pub(crate) fn new(name: &'static str, total: usize) -> Self {
        Self { name, total: total as u64, done: 0, told: 0, start: Instant::now(), bar: None }
    }

    /// Counts finished work.
    pub(crate) fn advance(&mut self, units: usize) {
        self.done += units as u64;
        if self.start.elapsed() < PATIENCE {
            return;
        }
        if std::io::stderr().is_terminal() {
            self.bar.get_or_insert_with(|| bar(self.name, self.total, self.start)).set_position(self.done);
            return;
        }
        let quarter = 4 * self.done / self.total.max(1);
        if quarter > self.told {
            self.told = quarter;
            let elapsed = duration(self.start.elapsed().as_secs_f64());
            eprintln!("{}: {} % after {elapsed}", self.name, 25 * quarter);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(name: &'static str, total: u64, start: Instant) -> ProgressBar {
    let bar = ProgressBar::new(total).with_elapsed(start.elapsed());
    if let Ok(style) = ProgressStyle::with_template("{prefix:24} [{bar:24}] {percent:>3} %, about {eta} left")
    {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name);
    bar
}
