//! One request cut into parts for as many processes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::str::FromStr;

use serde_json::Value;

use super::Request;
use super::grid::Grid;
use crate::claim::{About, CellError};
use crate::registry::Task;

/// The K-th of N parts of a request, for example `2/8`.
///
/// Every process works out the same partition, from nothing but the request and N: cells in order of the cost that
/// their claim states, the longest first, each to the part with the least to do so far; ties by the number of cells,
/// then by the part's number. What the store has plays no part, because it changes while the shards look; cells that
/// are stored are skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// Not a shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not K/N with 1 <= K <= N <= 100000, for example 2/8")]
pub struct ShardError(String);

impl Shard {
    const MOST: u32 = 100_000;

    /// Counted from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Of how many.
    pub fn count(self) -> u32 {
        self.count
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) && count <= Self::MOST => {
                Ok(Self { index, count })
            }
            _ => Err(ShardError(text.to_owned())),
        }
    }
}

/// What a shard did, and what the run still lacks.
#[derive(Debug, Clone)]
pub struct ShardRuns {
    /// How many cells are the shard's.
    pub cells: usize,
    /// How many of them the store had.
    pub cached: usize,
    /// Its cells without an outcome, and why, by claim.
    pub failures: Vec<(About, Vec<(Value, CellError)>)>,
    /// Cells of the whole run that the store does not have now, by claim: other shards' and failed ones.
    pub remaining: Vec<(About, usize)>,
}

/// Which shard owns which cell.
pub(super) struct Parts {
    owners: Vec<BTreeMap<String, (Task, u32)>>,
}

impl Parts {
    pub(super) fn of(request: &Request, count: u32) -> Self {
        let grids = Grid::all(request);
        let cells: Vec<(usize, &String, &Task)> = grids
            .iter()
            .enumerate()
            .flat_map(|(claim, grid)| grid.distinct.iter().map(move |(text, task)| (claim, text, task)))
            .collect();
        let costs: Vec<u64> = cells.iter().map(|(_, _, task)| milliseconds(task.cost)).collect();
        let mut owners: Vec<BTreeMap<String, (Task, u32)>> = vec![BTreeMap::new(); grids.len()];
        for ((claim, text, task), owner) in cells.into_iter().zip(deal(&costs, count)) {
            owners[claim].insert(text.clone(), (task.clone(), owner));
        }
        Self { owners }
    }

    /// The shard of a cell, by its canonical text; 0, which no shard is, if there is no such cell.
    pub(super) fn owner(&self, claim: usize, text: &str) -> u32 {
        self.owners[claim].get(text).map_or(0, |(_, owner)| *owner)
    }

    /// Claim, cell and shard of every cell.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Value, u32)> {
        let claims = self.owners.iter().enumerate();
        claims.flat_map(|(claim, cells)| cells.values().map(move |(task, owner)| (claim, &task.cell, *owner)))
    }
}

/// Whole numbers, so that machines whose last bits differ agree on sums and ties.
fn milliseconds(cost: f64) -> u64 {
    // A cast saturates; NaN is 0.
    ((1e3 * cost).round() as u64).clamp(1, u64::MAX >> 32)
}

/// The owner of each cost, 1 to `count`: the longest first, to whom has the least.
fn deal(costs: &[u64], count: u32) -> Vec<u32> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|&i| (Reverse(costs[i]), i));
    let mut least: BinaryHeap<Reverse<(u64, usize, u32)>> = (1..=count).map(|k| Reverse((0, 0, k))).collect();
    let mut owners = vec![0; costs.len()];
    for i in order {
        if let Some(Reverse((load, cells, k))) = least.pop() {
            owners[i] = k;
            least.push(Reverse((load + costs[i], cells + 1, k)));
        }
    }
    owners
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::{Shard, deal, milliseconds};

    proptest! {
        /// Graham's bound: the last cell of the heaviest shard went to whom had the least, so that its load is at most
        /// the mean and (1 - 1/n) of a cell.
        #[test]
        fn every_cell_has_one_owner_and_no_owner_has_much_more_than_his_share(
            costs in prop::collection::vec(1u64..1000, 1..60), count in 1u32..12,
        ) {
            let owners = deal(&costs, count);
            prop_assert!(owners.iter().all(|k| (1..=count).contains(k)));
            let n = u64::from(count);
            let load = |k: u32| owners.iter().zip(&costs).filter(|(o, _)| **o == k).map(|(_, c)| c).sum::<u64>();
            let total: u64 = costs.iter().sum();
            prop_assert_eq!((1..=count).map(load).sum::<u64>(), total);
            let heaviest = (1..=count).map(load).max().unwrap_or(0);
            let longest = costs.iter().copied().max().unwrap_or(0);
            prop_assert!(heaviest * n <= total + (n - 1) * longest);
        }

        #[test]
        fn equal_costs_are_dealt_evenly(cells in 0usize..100, count in 1u32..12) {
            let owners = deal(&vec![milliseconds(0.0); cells], count);
            let share = |k: u32| owners.iter().filter(|o| **o == k).count();
            let (most, least) = ((1..=count).map(share).max().unwrap(), (1..=count).map(share).min().unwrap());
            prop_assert!(most - least <= 1);
        }
    }

    #[test]
    fn shards_are_counted_from_one() {
        let shard: Shard = "2/8".parse().unwrap();
        assert_eq!((shard.index(), shard.count()), (2, 8));
        assert!("1/1".parse::<Shard>().is_ok());
        for wrong in ["0/2", "3/2", "1", "/", "1/0", "a/b", "1/100001", "-1/2", "1/2/3", ""] {
            let error = wrong.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")), "{error}");
        }
    }

    #[test]
    fn costs_that_make_no_sense_are_small_or_large() {
        assert_eq!([f64::NAN, -1.0, 0.0, 0.0004].map(milliseconds), [1; 4]);
        assert_eq!(milliseconds(1.5), 1500);
        assert!(milliseconds(f64::INFINITY) < u64::MAX / 1_000_000);
    }
}
