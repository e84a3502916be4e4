//! Claims of any type behind one object-safe trait: cells and outcomes as JSON values.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::check::Check;
use crate::claim::{About, CellError, Claim, Context, Doubling, Plan, Run};
use crate::figure::Figure;
use crate::meaning;
use crate::runs::Grid;
use crate::table::Table;
use crate::theory::Theory;

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

/// The cells of a grid, and the runs of those that have an outcome, as plain JSON.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawGrid {
    /// All cells.
    pub cells: Vec<Value>,
    /// Those with an outcome, in the same order.
    pub runs: Vec<RawRun>,
}

/// A claim's checks on its experiment and on its control.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    /// On the experiment.
    pub experiment: Vec<Check>,
    /// On the control.
    pub control: Vec<Check>,
}

/// What a claim shows of its runs beside the checks.
#[derive(Debug, Clone, Default)]
pub struct Illustration {
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

    /// A cell with its size or horizon doubled, if the claim has one.
    ///
    /// # Errors
    /// That the cell does not have the claim's type.
    fn doubled(&self, cell: &Value, what: Doubling) -> Result<Option<Task>, CellError>;

    /// Whether a cell has the claim's type, which one with a changed field need not have.
    ///
    /// # Errors
    /// That it has not, and why.
    fn accepts(&self, cell: &Value) -> Result<(), CellError>;

    /// What the fields of its cells mean, by their paths.
    fn meanings(&self) -> BTreeMap<String, String>;

    /// Computes one cell.
    ///
    /// # Errors
    /// The claim's own, or that the cell does not have the claim's type.
    fn run(&self, cell: &Value, context: &Context<'_>) -> Result<Value, CellError>;

    /// The checks on runs of the experiment and of the control.
    ///
    /// # Errors
    /// If a cell or outcome does not have the claim's type, or the judge cannot make sense of the cells.
    fn judge(&self, experiment: &RawGrid, control: &RawGrid, theory: &Theory) -> Result<Checks, CellError>;

    /// Figures and tables.
    ///
    /// # Errors
    /// As [`AnyClaim::judge`].
    fn illustrate(&self, experiment: &RawGrid, control: &RawGrid) -> Result<Illustration, CellError>;
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

    fn accepts(&self, cell: &Value) -> Result<(), CellError> {
        serde_json::from_value::<C::Cell>(cell.clone()).map(drop).map_err(|e| CellError(e.to_string()))
    }

    fn meanings(&self) -> BTreeMap<String, String> {
        meaning::meanings::<C::Cell>()
    }

    fn run(&self, cell: &Value, context: &Context<'_>) -> Result<Value, CellError> {
        let outcome = Claim::run(self, &typed(cell)?, context)?;
        let value = to_value(&outcome);
        // JSON has no NaN or infinity: a round trip finds them here, not in a later session that reads the store.
        typed::<C::Outcome>(&value)?;
        Ok(value)
    }

    fn doubled(&self, cell: &Value, what: Doubling) -> Result<Option<Task>, CellError> {
        let doubled = Claim::doubled(self, &typed(cell)?, what);
        Ok(doubled.map(|cell| Task { cell: to_value(&cell), cost: self.cost(&cell) }))
    }

    fn judge(&self, experiment: &RawGrid, control: &RawGrid, theory: &Theory) -> Result<Checks, CellError> {
        let (experiment, control) = (typed_grid::<C>(experiment)?, typed_grid::<C>(control)?);
        // A judge meets cells here that its author did not foresee: whatever the user changed.
        catch_unwind(AssertUnwindSafe(|| Checks {
            experiment: Claim::judge(self, &experiment.view(), theory),
            control: Claim::judge(self, &control.view(), theory),
        }))
        .map_err(|_| CellError("these cells cannot be judged".to_owned()))
    }

    fn illustrate(&self, experiment: &RawGrid, control: &RawGrid) -> Result<Illustration, CellError> {
        let (runs, control) =
            (typed_grid::<C>(experiment)?.into_runs(), typed_grid::<C>(control)?.into_runs());
        catch_unwind(AssertUnwindSafe(|| Illustration {
            figures: self.figures(&runs, &control),
            tables: self.tables(&runs),
        }))
        .map_err(|_| CellError("these cells cannot be drawn".to_owned()))
    }
}

fn typed_grid<C: Claim>(grid: &RawGrid) -> Result<Grid<C::Cell, C::Outcome>, CellError> {
    let runs = grid.runs.iter().map(|r| Ok(Run { cell: typed(&r.cell)?, outcome: typed(&r.outcome)? }));
    let cells: Result<Vec<C::Cell>, CellError> = grid.cells.iter().map(typed).collect();
    Ok(Grid::new(cells?, runs.collect::<Result<_, CellError>>()?))
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
