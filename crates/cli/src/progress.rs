//! How a run is going, for whoever watches: bars on a terminal, plain lines elsewhere, events for programs, or nothing.

mod bars;
mod events;
mod lines;
mod pace;

use std::path::Path;

use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::{Observer, Round};

pub use events::event;

use crate::options::Voice;
use bars::Bars;
use events::Events;
use lines::Lines;

/// Watches a run and tells about it.
pub trait Watch: Observer {
    /// The run is over: leave nothing on the screen that is not worth keeping.
    fn clear(&self) {}
}

/// The one that suits the user's choice and standard error.
pub fn watch(voice: Voice, threads: usize) -> Box<dyn Watch> {
    use std::io::IsTerminal;
    match voice {
        Voice::Quiet => Box::new(Warnings),
        Voice::Json => Box::new(Events::default()),
        Voice::Person if std::io::stderr().is_terminal() => Box::new(Bars::new(threads)),
        Voice::Person => Box::new(Lines::new(threads)),
    }
}

/// Only what should not be missed.
struct Warnings;

impl Observer for Warnings {
    fn rejected(&self, path: &Path, reason: &str) {
        note!("{}", rejection(path, reason));
    }

    fn finished(&self, _claim: usize, _cost_left: f64, _seconds: f64, error: Option<&CellError>) {
        if let Some(error) = error {
            note!("warning: a cell has no outcome: {error}");
        }
    }
}

impl Watch for Warnings {}

fn rejection(path: &Path, reason: &str) -> String {
    format!("warning: {}: {reason}; computing that cell again", path.display())
}

/// What all of them count, one per claim. A claim's cells grow from look to look.
#[derive(Default)]
struct Count {
    id: &'static str,
    cells: usize,
    done: usize,
}

impl Count {
    fn add(&mut self, about: &About, cells: usize, cached: usize) {
        self.id = about.id;
        self.cells += cells;
        self.done += cached;
    }
}

/// `look 2 of 3: 16 draws, 9 of 26 claims decided`.
fn standing(round: &Round) -> String {
    let Round { look, looks, draws, decided, claims } = round;
    format!("look {look} of {looks}: {draws} draws, {decided} of {claims} claims decided")
}
