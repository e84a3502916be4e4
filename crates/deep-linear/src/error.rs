//! What can go wrong, in words that say what was given, what was expected and where.

use overparam_tensor::linalg::LinalgError;
use overparam_tensor::ode::OdeError;

/// Every error of this crate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeepLinearError {
    /// A network without layers.
    #[error("a deep linear network needs at least one layer (depth >= 1), got none")]
    NoLayers,
    /// A layer or matrix with an empty side.
    #[error("{what} is {rows} x {columns}: both sides must be at least 1")]
    EmptyMatrix {
        /// Which matrix.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// Two consecutive layers that do not compose.
    #[error(
        "layer {layer} has {outputs} outputs but layer {next} takes {inputs} inputs: consecutive weights must chain",
        next = layer + 1
    )]
    LayersDoNotChain {
        /// One-based index of the first of the two layers.
        layer: usize,
        /// Its rows.
        outputs: usize,
        /// Columns of the layer after it.
        inputs: usize,
    },
    /// A network and an objective (or two matrices of one data set) of different shapes.
    #[error("{what} is {} x {}, expected {} x {}", given.0, given.1, expected.0, expected.1)]
    Shape {
        /// What has the wrong shape.
        what: &'static str,
        /// Its rows and columns.
        given: (usize, usize),
        /// The rows and columns it should have.
        expected: (usize, usize),
    },
    /// A number outside its range.
    #[error("{what} must be {expected}, got {value}")]
    Configuration {
        /// Which number.
        what: &'static str,
        /// Its range in words.
        expected: &'static str,
        /// What was given.
        value: f64,
    },
    /// Nothing was observed: no entry, no measurement, no example.
    #[error("{what}: at least one is needed, got none")]
    NoData {
        /// What is missing.
        what: &'static str,
    },
    /// An observed entry outside the matrix.
    #[error("observed entry ({row}, {column}) lies outside a {rows} x {columns} matrix (indices start at 0)")]
    EntryOutside {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// The same entry observed twice.
    #[error("entry ({row}, {column}) is observed more than once")]
    EntryTwice {
        /// Row of the entry.
        row: usize,
        /// Column of the entry.
        column: usize,
    },
    /// Data with a NaN or an infinity.
    #[error("{what}: value number {index} (from 0) is {value}, expected a finite number")]
    NotFinite {
        /// Which data.
        what: &'static str,
        /// Zero-based position in them.
        index: usize,
        /// The value.
        value: f64,
    },
    /// An end matrix whose rank does not fit through a hidden layer.
    #[error("a matrix of rank {rank} cannot factor through hidden layer {layer} of width {width}")]
    RankDoesNotFit {
        /// Numerical rank of the requested end matrix.
        rank: usize,
        /// One-based index of the narrow hidden layer.
        layer: usize,
        /// Its width.
        width: usize,
    },
    /// A descent that left the finite numbers.
    #[error("training diverged at step {step}: loss {loss} (try a smaller step size)")]
    Diverged {
        /// Number of updates made before it was noticed.
        step: u64,
        /// The loss there.
        loss: f64,
    },
    /// An integration that stalled, left the finite numbers or used up its steps.
    #[error(transparent)]
    Integration(#[from] OdeError),
    /// A prediction of the singular-value equation that reaches infinity in finite time.
    #[error("predicted singular value {index} (from 0) reaches infinity between times {start} and {end}")]
    SingularValueBlowUp {
        /// Zero-based index, largest singular value first.
        index: usize,
        /// Time of the last finite prediction.
        start: f64,
        /// Time of the first prediction that is not finite.
        end: f64,
    },
    /// Snapshots that do not follow each other.
    #[error("snapshot at time {time} does not come after the one at time {previous}")]
    TimeNotIncreasing {
        /// Time of the rejected snapshot.
        time: f64,
        /// Time of the snapshot before it.
        previous: f64,
    },
    /// A convex solve that stopped without its certificate.
    #[error(
        "nuclear-norm completion: after {iterations} iterations the certified relative gap is {gap:e} and the \
         feasibility residual {feasibility:e}, tolerance {tolerance:e}"
    )]
    NotCertified {
        /// Iterations made.
        iterations: usize,
        /// Best relative feasibility residual.
        feasibility: f64,
        /// Best relative duality gap.
        gap: f64,
        /// What was asked for.
        tolerance: f64,
    },
    /// A decomposition failed.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
}

/// Checks that a configured number is in its range; NaN never is.
pub(crate) fn require(
    condition: bool,
    what: &'static str,
    expected: &'static str,
    value: f64,
) -> Result<(), DeepLinearError> {
    if condition { Ok(()) } else { Err(DeepLinearError::Configuration { what, expected, value }) }
}

/// Checks that all data are finite.
pub(crate) fn require_finite(
    what: &'static str,
    mut values: impl Iterator<Item = f64>,
) -> Result<(), DeepLinearError> {
    let mut seen = 0;
    match values.find(|x| {
        seen += 1;
        !x.is_finite()
    }) {
        None => Ok(()),
        Some(value) => Err(DeepLinearError::NotFinite { what, index: seen - 1, value }),
    }
}
