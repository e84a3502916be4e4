//! How far one long computation is: nothing within its first half second, then a bar on a terminal, a line at every
//! quarter elsewhere. On standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::{duration, size};

const PATIENCE: Duration = Duration::from_millis(500);

/// Lines in a log are of interest when there is something to wait for.
const LINES_FROM: Duration = Duration::from_secs(2);

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
        let elapsed = self.start.elapsed();
        if elapsed < PATIENCE {
            return;
        }
        if std::io::stderr().is_terminal() {
            let bar = self.bar.get_or_insert_with(|| bar(self.name, self.total));
            bar.set_position(self.done);
            bar.set_message(format!("{} left", duration(left(elapsed.as_secs_f64(), self.done, self.total))));
            return;
        }
        let quarter = 4 * self.done / self.total.max(1);
        if elapsed >= LINES_FROM && quarter > self.told {
            self.told = quarter;
            note!("{}: {} % after {}", self.name, 25 * quarter, duration(elapsed.as_secs_f64()));
        }
    }
}

/// Seconds left at the speed so far.
fn left(elapsed: f64, done: u64, total: u64) -> f64 {
    elapsed * total.saturating_sub(done) as f64 / done.max(1) as f64
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// No terminal of at least 40 columns wraps it.
fn bar(name: &'static str, total: u64) -> ProgressBar {
    const WIDE: usize = 72;
    let (columns, _) = size();
    let template = if columns >= WIDE {
        "{prefix:18!} [{bar:24}] {percent:>3} % {wide_msg}"
    } else {
        "{prefix:18!} {percent:>3} % {wide_msg}"
    };
    let bar = ProgressBar::new(total).with_prefix(name);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn time_left_is_by_the_speed_so_far() {
        assert_eq!(left(2.0, 25, 100), 6.0);
        assert_eq!(left(2.0, 100, 100), 0.0);
    }
}
