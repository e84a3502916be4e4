//! What a claim is: a statement, an experiment over a grid of cells, a judge, a control, figures.

use std::fmt;

use overparam_tensor::random::Stream;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::check::Check;
use crate::figure::Figure;
use crate::inputs::Inputs;
pub use crate::runs::Run;
use crate::runs::Runs;
use crate::table::Table;
use crate::theory::Theory;

/// How large an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Seconds a claim: what the tests run.
    Smoke,
    /// The default: enough to judge.
    Standard,
    /// The source's own sizes; may take hours.
    Paper,
}

impl Scale {
    /// All scales, smallest first.
    pub const ALL: [Scale; 3] = [Scale::Smoke, Scale::Standard, Scale::Paper];

    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Smoke => "smoke",
            Scale::Standard => "standard",
            Scale::Paper => "paper",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A publication a claim rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Authors, title, year.
    pub citation: &'static str,
    /// Which theorem, figure or table.
    pub place: &'static str,
    /// Where to read it.
    pub url: &'static str,
}

/// What a person is told about a claim before anything runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct About {
    /// `talk/claim`, for example `hu-2021/low-rank-completion`.
    pub id: &'static str,
    /// One sentence.
    pub statement: &'static str,
    /// The central formula, in plain text.
    pub formula: &'static str,
    /// The publications.
    pub sources: &'static [Source],
    /// What the theory predicts for this experiment.
    pub prediction: &'static str,
    /// What the measurements must show for the claim to hold.
    pub must_hold: &'static str,
    /// The hypothesis that the control takes away.
    pub control: &'static str,
    /// Rough CPU seconds at smoke, standard and paper scale, of all looks.
    pub cpu_seconds: [f64; 3],
    /// How the sizes at smoke, standard and paper scale compare with the source's: 1 if an experiment is as large as the
    /// one that is reproduced, less if it is smaller. Only at 1 and above can a claim be called reproduced.
    pub size_ratio: [f64; 3],
}

impl About {
    /// The part of the identifier before the slash.
    pub fn talk(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(talk, _)| talk)
    }

    /// The part of the identifier after the slash.
    pub fn name(&self) -> &'static str {
        self.id.split_once('/').map_or(self.id, |(_, name)| name)
    }
}

/// What is asked of a claim's grid.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The size of the experiment.
    pub scale: Scale,
    /// How many seeds: the draws of a look. The cells of a look contain those of the looks before it.
    pub seeds: u64,
    /// Data sets that the user brought.
    pub inputs: &'a Inputs,
}

impl Plan<'_> {
    /// The seeds, from 0: the same for every setting, on the experiment and on the control.
    pub fn seeds(&self) -> std::ops::Range<u64> {
        0..self.seeds
    }

    /// Picks by scale: smoke, standard, paper.
    pub fn by_scale<T: Copy>(&self, [smoke, standard, paper]: [T; 3]) -> T {
        match self.scale {
            Scale::Smoke => smoke,
            Scale::Standard => standard,
            Scale::Paper => paper,
        }
    }
}

/// What is doubled to see where a limit's finite size shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doubling {
    /// Widths, examples, dimensions: whatever the limit sends to infinity.
    Size,
    /// Steps or time.
    Horizon,
}

impl Doubling {
    /// As a person reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Horizon => "horizon",
        }
    }
}

/// What a cell may draw on besides its own parameters. All of it is a pure function of master seed, claim and cell.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    shared: Stream,
    own: Stream,
    inputs: &'a Inputs,
}

impl<'a> Context<'a> {
    /// The context of the cell with this canonical text, of this claim, under this master seed.
    pub fn new(master_seed: u64, claim: &str, cell: &str, inputs: &'a Inputs) -> Self {
        let claim = Stream::root(master_seed).named(claim);
        Self { shared: claim.named("shared"), own: claim.named("cell").named(cell), inputs }
    }

    /// A stream of this cell alone.
    pub fn own(&self, purpose: &str) -> Stream {
        self.own.named(purpose)
    }

    /// A stream that all cells of the claim with this `seed` share: common random numbers, so that two methods are
    /// compared on the same data.
    pub fn shared(&self, purpose: &str, seed: u64) -> Stream {
        self.shared.named(purpose).indexed(seed)
    }

    /// Data sets that the user brought.
    pub fn inputs(&self) -> &'a Inputs {
        self.inputs
    }
}

/// Why a cell has no outcome: the message of the theory crate's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CellError(pub String);

impl CellError {
    /// Wraps any error's message.
    pub fn new(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A statement from the literature as an experiment that can fail. One file per claim.
///
/// Outcomes must hold finite numbers: they travel through JSON, which has no NaN and no infinity. A quantity that may
/// be missing is an `Option`.
pub trait Claim: Sync + Send {
    /// One point of the grid: plain data with a field `seed`, the index of the draw that it belongs to. Two cells with the
    /// same JSON are the same cell. The documentation of its fields is what a user is told of them.
    type Cell: Serialize + DeserializeOwned + JsonSchema;
    /// What one cell measures: plain data.
    type Outcome: Serialize + DeserializeOwned;

    /// What a person is told about the claim.
    fn about(&self) -> About;

    /// The grid of the experiment.
    fn cells(&self, plan: &Plan<'_>) -> Vec<Self::Cell>;

    /// The grid of the control: the same experiment with the theory's hypothesis taken away.
    fn control(&self, plan: &Plan<'_>) -> Vec<Self::Cell>;

    /// Rough CPU seconds of a cell: the expensive ones start first, and the time left is told by it.
    fn cost(&self, _cell: &Self::Cell) -> f64 {
        1.0
    }

    /// The cell with its size or horizon doubled; `None` if the claim has none.
    fn doubled(&self, _cell: &Self::Cell, _what: Doubling) -> Option<Self::Cell> {
        None
    }

    /// Computes one cell. Pure: the same cell and context give the same bits. A run that diverges or does not finish is an
    /// outcome, not an error: the judge sees it.
    ///
    /// # Errors
    /// What makes the cell meaningless (data that cannot be used, say), with its message.
    fn run(&self, cell: &Self::Cell, context: &Context<'_>) -> Result<Self::Outcome, CellError>;

    /// What theory predicts and what each seed measured: checks with one value per seed and place, without any decision.
    /// Called with the experiment's runs, and again with the control's. Which checks there are, and their bounds, depends on the
    /// cells alone, never on outcomes; the value of a seed depends on that seed's outcomes alone. Constants that the theory
    /// names pass through `theory`.
    fn judge(&self, runs: &Runs<'_, Self::Cell, Self::Outcome>, theory: &Theory) -> Vec<Check>;

    /// Theory as lines, experiment as points with error bars.
    fn figures(
        &self,
        runs: &[Run<Self::Cell, Self::Outcome>],
        control: &[Run<Self::Cell, Self::Outcome>],
    ) -> Vec<Figure>;

    /// Numbers worth reading that nothing is judged by.
    fn tables(&self, _runs: &[Run<Self::Cell, Self::Outcome>]) -> Vec<Table> {
        Vec::new()
    }
}

/// The claims of one talk, in the order they are told.
#[derive(Clone, Copy)]
pub struct Talk {
    /// For example `hu-2021`.
    pub id: &'static str,
    /// Speaker and title.
    pub title: &'static str,
    /// Fingerprint of the code that computes its cells.
    pub fingerprint: &'static str,
    /// Its claims.
    pub claims: &'static [&'static dyn crate::registry::AnyClaim],
}
