//! One piece of work: what it is, how ours is prepared, what it costs at least.

use anyhow::Result;

/// Work that is ready to run, again and again.
pub(crate) trait Workload {
    /// One repetition: what is timed.
    fn run(&mut self) -> Result<()>;
    /// Some numbers that the last repetition's result has and another result has not. Not timed.
    fn summary(&self) -> Result<Vec<f64>>;
}

struct Job<S, R, M> {
    state: S,
    run: R,
    summary: M,
}

impl<S, R: FnMut(&mut S) -> Result<()>, M: Fn(&S) -> Result<Vec<f64>>> Workload for Job<S, R, M> {
    fn run(&mut self) -> Result<()> {
        (self.run)(&mut self.state)
    }

    fn summary(&self) -> Result<Vec<f64>> {
        (self.summary)(&self.state)
    }
}

/// A workload of a state, what changes it, and what it says.
pub(crate) fn job<S: 'static>(
    state: S,
    run: impl FnMut(&mut S) -> Result<()> + 'static,
    summary: impl Fn(&S) -> Result<Vec<f64>> + 'static,
) -> Box<dyn Workload> {
    Box::new(Job { state, run, summary })
}

/// Of the arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Precision {
    /// Single
    F32,
    /// Double
    F64,
}

impl Precision {
    /// `f32` or `f64`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Of one number.
    pub(crate) fn bytes(self) -> f64 {
        match self {
            Self::F32 => 4.0,
            Self::F64 => 8.0,
        }
    }
}

/// How many threads our side may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Threads {
    /// One: such work is run many at a time, a core each.
    One,
    /// All that the machine has.
    All,
}

impl Threads {
    /// `one` or `all`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
        }
    }
}

/// The least that the work can cost, by counting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Floating-point operations.
    pub(crate) flops: f64,
    /// Bytes that must come from or go to memory once: inputs and results.
    pub(crate) bytes: f64,
    /// What is counted.
    pub(crate) counted: &'static str,
}

/// One row of the table.
pub(crate) struct Case {
    /// Ours and the peer's name of it.
    pub(crate) name: String,
    /// One sentence.
    pub(crate) work: String,
    /// The Python packages of the other side.
    pub(crate) packages: &'static [&'static str],
    /// The peer's time over ours that we want.
    pub(crate) target: f64,
    pub(crate) precision: Precision,
    pub(crate) threads: Threads,
    pub(crate) cost: Cost,
    /// How much the two sides' summaries may differ, relative to the larger.
    pub(crate) tolerance: f64,
    /// How many rounds, unless the user says.
    pub(crate) rounds: usize,
    pub(crate) prepare: Box<dyn Fn() -> Result<Box<dyn Workload>> + Sync>,
}

impl Case {
    /// Whether each timed run may follow an untimed one: a case of one round has a peer that takes half a minute.
    pub(crate) fn is_quick(&self) -> bool {
        self.rounds > 1
    }
}
