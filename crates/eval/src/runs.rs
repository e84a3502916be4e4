//! The runs of a grid as a judge sees them: which cells there are, what came of them, one number per seed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::check::Draw;
use crate::claim::Run;

/// A grid's cells and the runs that have an outcome, each with its seed.
#[derive(Debug, Clone)]
pub struct Grid<C, O> {
    cells: Vec<(u64, C)>,
    runs: Vec<(u64, Run<C, O>)>,
}

impl<C: Serialize, O> Grid<C, O> {
    /// The cells of a grid, and what came of those that were run.
    pub fn new(cells: Vec<C>, runs: Vec<Run<C, O>>) -> Self {
        Self {
            cells: cells.into_iter().map(|cell| (seed(&cell), cell)).collect(),
            runs: runs.into_iter().map(|run| (seed(&run.cell), run)).collect(),
        }
    }

    /// A view of all of it.
    pub fn view(&self) -> Runs<'_, C, O> {
        Runs {
            cells: self.cells.iter().map(|(seed, cell)| (*seed, cell)).collect(),
            runs: self.runs.iter().map(|(seed, run)| (*seed, run)).collect(),
        }
    }

    /// The runs that have an outcome.
    pub fn into_runs(self) -> Vec<Run<C, O>> {
        self.runs.into_iter().map(|(_, run)| run).collect()
    }
}

impl<C: Serialize + Clone, O> Grid<C, O> {
    /// A grid all of whose cells have an outcome.
    pub fn finished(runs: Vec<Run<C, O>>) -> Self {
        Self::new(runs.iter().map(|run| run.cell.clone()).collect(), runs)
    }
}

/// The field `seed` of a cell; 0 if it has none.
fn seed(cell: &impl Serialize) -> u64 {
    // Plain data always has a JSON form.
    let value = serde_json::to_value(cell).unwrap_or_default();
    value.get("seed").and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// A view of some of a grid's cells.
#[derive(Debug, Clone)]
pub struct Runs<'a, C, O> {
    cells: Vec<(u64, &'a C)>,
    runs: Vec<(u64, &'a Run<C, O>)>,
}

impl<'a, C, O> Runs<'a, C, O> {
    /// The cells, with an outcome or not: what the shape of the checks may depend on.
    pub fn cells(&self) -> impl Iterator<Item = &'a C> {
        self.cells.iter().map(|(_, cell)| *cell)
    }

    /// The runs that have an outcome, in the grid's order.
    pub fn iter(&self) -> impl Iterator<Item = &'a Run<C, O>> {
        self.runs.iter().map(|(_, run)| *run)
    }

    /// Whether there are no cells at all.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cells that are `wanted`, and their runs.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&C) -> bool) -> Self {
        Self {
            cells: self.cells.iter().copied().filter(|(_, cell)| wanted(cell)).collect(),
            runs: self.runs.iter().copied().filter(|(_, run)| wanted(&run.cell)).collect(),
        }
    }

    /// The distinct values of a key of the cells, ascending.
    pub fn distinct<K: Ord>(&self, key: impl Fn(&C) -> K) -> Vec<K> {
        let keys: BTreeSet<K> = self.cells().map(key).collect();
        keys.into_iter().collect()
    }

    /// The seeds of the cells, ascending.
    pub fn seeds(&self) -> Vec<u64> {
        let seeds: BTreeSet<u64> = self.cells.iter().map(|(seed, _)| *seed).collect();
        seeds.into_iter().collect()
    }

    /// One number per seed, from that seed's runs; `None` if none of them has an outcome, or if the value has none or is not a
    /// number.
    pub fn draws(&self, value: impl Fn(&[&'a Run<C, O>]) -> Option<f64>) -> Vec<Draw> {
        let mut by_seed: BTreeMap<u64, Vec<&'a Run<C, O>>> = BTreeMap::new();
        for (seed, run) in &self.runs {
            by_seed.entry(*seed).or_default().push(run);
        }
        let of = |seed: u64| by_seed.get(&seed).and_then(|runs| value(runs)).filter(|v| v.is_finite());
        self.seeds().into_iter().map(|seed| Draw { seed, value: of(seed) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::Grid;
    use crate::claim::Run;

    #[derive(Debug, Clone, Serialize)]
    struct Cell {
        width: usize,
        seed: u64,
    }

    fn grid(outcomes: &[(usize, u64, Option<f64>)]) -> Grid<Cell, f64> {
        let cells = outcomes.iter().map(|&(width, seed, _)| Cell { width, seed }).collect();
        let runs = outcomes.iter().filter_map(|&(width, seed, outcome)| {
            Some(Run { cell: Cell { width, seed }, outcome: outcome? })
        });
        Grid::new(cells, runs.collect())
    }

    #[test]
    fn a_draw_is_made_of_its_seeds_runs_alone() {
        let grid =
            grid(&[(1, 0, Some(1.0)), (2, 0, Some(2.0)), (1, 1, None), (2, 1, None), (1, 2, Some(f64::NAN))]);
        let runs = grid.view();
        let sum = |runs: &[&Run<Cell, f64>]| Some(runs.iter().map(|r| r.outcome).sum());
        let values: Vec<_> = runs.draws(sum).into_iter().map(|d| (d.seed, d.value)).collect();
        assert_eq!(values, [(0, Some(3.0)), (1, None), (2, None)]);
        assert_eq!(runs.distinct(|c| c.width), [1, 2]);
        let wide = runs.only(|c| c.width == 2);
        assert_eq!((wide.seeds(), wide.iter().count(), wide.cells().count()), (vec![0, 1], 1, 2));
        assert!(runs.only(|_| false).is_empty());
    }
}
