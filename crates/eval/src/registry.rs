//! Claims of any type behind one object-safe trait: cells and outcomes as JSON values.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::Check;
use crate::claim::{About, CellError, Claim, Context, Plan, Run};
use crate::figure::Figure;
use crate::table::Table;

/// A cell as plain JSON, ready to be keyed, scheduled and computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The cell. Object keys are sorted, so its text is canonical.
    pub cell: Value,
    /// Rough CPU seconds.
    pub cost: f64,
}

/// A cell and its outcome, both as plain JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct RawRun {
    /// The parameters.
    pub cell: Value,
    /// The result.
    pub outcome: Value,
}

/// Everything a claim says about its finished runs.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The checks on the experiment.
    pub checks: Vec<Check>,
    /// The same checks on the control.
    pub control: Vec<Check>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The tables.
    pub tables: Vec<Table>,
}

/// [`Claim`] without its types. Implemented for every claim.
pub trait AnyClaim: Sync + Send {
    /// What a person is told about the claim.
    fn about(&self) -> About;

    /// The experiment's grid.
    fn tasks(&self, plan: &Plan<'_>) -> Vec<Task>;

    /// The control's grid.
    fn control_tasks(&self, plan: &Plan<'_>) -> Vec<Task>;

    /// Computes one cell.
    ///
    /// # Errors
    /// The claim's own, or that the cell does not have the claim's type.
    fn run(&self, cell: &Value, context: &Context<'_>) -> Result<Value, CellError>;

    /// Judges finished runs.
    ///
    /// # Errors
    /// If a cell or outcome does not have the claim's type.
    fn judge(&self, runs: &[RawRun], control: &[RawRun]) -> Result<Judgement, CellError>;
}

impl<C: Claim> AnyClaim for C {
    fn about(&self) -> About {
        Claim::about(self)
    }

    fn tasks(&self, plan: &Plan<'_>) -> Vec<Task> {
        erase(self, &self.cells(plan))
    }

    fn control_tasks(&self, plan: &Plan<'_>) -> Vec<Task> {
        erase(self, &self.control(plan))
    }

    fn run(&self, cell: &Value, context: &Context<'_>) -> Result<Value, CellError> {
        let outcome = Claim::run(self, &typed(cell)?, context)?;
        let value = to_value(&outcome);
        // JSON has no NaN or infinity: a round trip finds them here, not in a later session that reads the store.
        typed::<C::Outcome>(&value)?;
        Ok(value)
    }

    fn judge(&self, runs: &[RawRun], control: &[RawRun]) -> Result<Judgement, CellError> {
        let (runs, control) = (typed_runs::<C>(runs)?, typed_runs::<C>(control)?);
        Ok(Judgement {
            checks: Claim::judge(self, &runs),
            control: Claim::judge(self, &control),
            figures: self.figures(&runs, &control),
            tables: self.tables(&runs),
        })
    }
}

type Runs<C> = Vec<Run<<C as Claim>::Cell, <C as Claim>::Outcome>>;

fn typed_runs<C: Claim>(runs: &[RawRun]) -> Result<Runs<C>, CellError> {
    runs.iter().map(|r| Ok(Run { cell: typed(&r.cell)?, outcome: typed(&r.outcome)? })).collect()
}

fn erase<C: Claim>(claim: &C, cells: &[C::Cell]) -> Vec<Task> {
    cells.iter().map(|cell| Task { cell: to_value(cell), cost: claim.cost(cell) }).collect()
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, CellError> {
    T::deserialize(value).map_err(|e| {
        CellError(format!("{} is not a {}: {e}", shorten(&value.to_string()), std::any::type_name::<T>()))
    })
}

fn to_value(x: &impl serde::Serialize) -> Value {
    // Plain structs of numbers, strings and lists always have a JSON form; a map with other keys would be null.
    serde_json::to_value(x).unwrap_or(Value::Null)
}

fn shorten(text: &str) -> String {
    if text.chars().count() > 200 {
        text.chars().take(200).chain("...".chars()).collect()
    } else {
        text.to_owned()
    }
}
