//! One request cut into parts for as many processes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::grid::{Grid, Progress};
use super::{Observer, Request, RunError, is_stored, work};
use crate::claim::{About, CellError};
use crate::registry::Task;
use crate::store::Store;

/// The K-th of N parts of a round, for example `2/8`.
///
/// Every process works out the same partition, from nothing but the request, the complete rounds before it, and N: cells in order of the cost that
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

/// What a shard did, and what its round still lacks.
#[derive(Debug, Clone)]
pub struct ShardRuns {
    /// The round, from 1.
    pub round: usize,
    /// Claims that the rounds before it left open: those of this round.
    pub open: usize,
    /// How many cells are the shard's.
    pub cells: usize,
    /// How many of them the store had.
    pub cached: usize,
    /// Its cells without an outcome, and why, by claim.
    pub failures: Vec<(About, Vec<(Value, CellError)>)>,
    /// Cells of the round that the store does not have now, by claim: other shards' and failed ones.
    pub remaining: Vec<(About, usize)>,
}

/// Runs the cells of one shard of a round that the store does not have: cells only.
///
/// Without a round it is the first that the store does not have in full. Which claims are open in a round follows from the
/// complete rounds before it; which cells are a shard's, from those claims and the number of shards. What the store has of the
/// round itself plays no part, because other shards are writing to it.
///
/// # Errors
/// [`RunError::Incomplete`] if a round before the one asked for is not complete; else see [`RunError`], whose counts are then
/// those of the rounds so far.
pub fn run_shard(
    request: &Request,
    shard: Shard,
    round: Option<usize>,
    store: &Store,
    observer: &dyn Observer,
    stop: &Arc<AtomicBool>,
) -> Result<ShardRuns, RunError> {
    let (mut progress, round) = before(request, round, store)?;
    let parts = Parts::of(request, &progress, round, shard.count());
    let open: Vec<usize> = progress.open().collect();
    if progress.goes_on(round) {
        progress.look_up(request, round, store, observer, &|claim, cell| {
            parts.owner(claim, cell) == shard.index()
        });
    }
    let mine: Vec<(usize, String)> = parts.of_owner(shard.index());
    let left = progress.todo.len();
    work::compute(request, store, observer, stop, &mut progress)?;
    let failures = open.iter().map(|&claim| {
        let failed = mine.iter().filter(|(c, _)| *c == claim).filter_map(|(_, text)| {
            let state = &progress.claims[claim];
            let error = state.results.get(text)?.as_ref().err()?;
            Some((state.grid.distinct.get(text)?.cell.clone(), error.clone()))
        });
        (request.claims[claim].claim.about(), failed.collect())
    });
    let failures = failures.collect();
    Ok(ShardRuns {
        round,
        open: open.len(),
        cells: mine.len(),
        cached: mine.len() - left,
        failures,
        remaining: parts.remaining(request, store),
    })
}

/// The shards, counted from 1, that have cells of the first incomplete round which the store does not have; and that round.
pub fn unfinished_shards(request: &Request, count: u32, store: &Store) -> (usize, Vec<u32>) {
    // Without a round nothing is asked for that could be incomplete.
    let Ok((progress, round)) = before(request, None, store) else { return (1, (1..=count).collect()) };
    let parts = Parts::of(request, &progress, round, count);
    let missing = |claim: usize, cell: &Value| request.fresh || !is_stored(request, claim, cell, store);
    let mut shards: Vec<u32> =
        parts.iter().filter(|(claim, cell, _)| missing(*claim, cell)).map(|(_, _, owner)| owner).collect();
    shards.sort_unstable();
    shards.dedup();
    (round, shards)
}

/// The claims after the rounds before `round`, or before the first round that is not complete.
fn before(request: &Request, round: Option<usize>, store: &Store) -> Result<(Progress, usize), RunError> {
    // Rounds before this one are taken as they are, even if this one is to be computed anew.
    let stored = Request { fresh: false, ..request.clone() };
    let first = |round: usize| request.fresh && round == 1;
    let mut progress = Progress::new(&stored);
    let mut look = 1;
    while progress.goes_on(look) && round.is_none_or(|round| look < round) {
        if round.is_none() && first(look) {
            break;
        }
        let missing = missing(&stored, &progress, look, store);
        match (missing, round) {
            (0, _) => {
                progress.look_up(&stored, look, store, &super::Silent, &|_, _| true);
                progress.todo.clear();
                progress.judge(&stored, look);
            }
            (_, None) => break,
            (missing, Some(_)) => return Err(RunError::Incomplete { round: look, missing }),
        }
        look += 1;
    }
    Ok((progress, round.unwrap_or(look)))
}

/// The cells of a look that the store does not have.
fn missing(request: &Request, progress: &Progress, look: usize, store: &Store) -> usize {
    let lacks = |claim: usize| {
        let grid = Grid::of(request, claim, progress.design.looks[look - 1]);
        let known = &progress.claims[claim].results;
        let unknown = grid.distinct.iter().filter(|(text, _)| !known.contains_key(*text));
        unknown.filter(|(_, task)| !is_stored(request, claim, &task.cell, store)).count()
    };
    progress.open().map(lacks).sum()
}

/// Which shard owns which cell of a round.
pub(super) struct Parts {
    owners: BTreeMap<(usize, String), (Task, u32)>,
}

impl Parts {
    fn of(request: &Request, progress: &Progress, round: usize, count: u32) -> Self {
        if !progress.goes_on(round) {
            return Self { owners: BTreeMap::new() };
        }
        let draws = progress.design.looks[round - 1];
        let cells: Vec<(usize, String, Task)> = progress
            .open()
            .flat_map(|claim| {
                let known = &progress.claims[claim].results;
                let grid = Grid::of(request, claim, draws);
                let new = grid.distinct.into_iter().filter(|(text, _)| !known.contains_key(text));
                new.map(move |(text, task)| (claim, text, task)).collect::<Vec<_>>()
            })
            .collect();
        let costs: Vec<u64> = cells.iter().map(|(_, _, task)| milliseconds(task.cost)).collect();
        let owners = cells.into_iter().zip(deal(&costs, count));
        Self { owners: owners.map(|((claim, text, task), owner)| ((claim, text), (task, owner))).collect() }
    }

    /// The shard of a cell, by its canonical text; 0, which no shard is, if there is no such cell.
    fn owner(&self, claim: usize, text: &str) -> u32 {
        self.owners.get(&(claim, text.to_owned())).map_or(0, |(_, owner)| *owner)
    }

    /// The cells of a shard: claim and canonical text.
    fn of_owner(&self, shard: u32) -> Vec<(usize, String)> {
        self.owners.iter().filter(|(_, (_, owner))| *owner == shard).map(|(key, _)| key.clone()).collect()
    }

    /// Claim, cell and shard of every cell.
    fn iter(&self) -> impl Iterator<Item = (usize, &Value, u32)> {
        self.owners.iter().map(|((claim, _), (task, owner))| (*claim, &task.cell, *owner))
    }

    /// By claim, how many cells the store does not have.
    fn remaining(&self, request: &Request, store: &Store) -> Vec<(About, usize)> {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (claim, cell, _) in self.iter() {
            *counts.entry(claim).or_default() += usize::from(!is_stored(request, claim, cell, store));
        }
        counts.into_iter().map(|(claim, count)| (request.claims[claim].claim.about(), count)).collect()
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
