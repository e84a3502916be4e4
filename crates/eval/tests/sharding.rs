//! The report's bytes do not depend on threads, on shards, or on the order in which cells are computed.

mod common;

use std::fs;
use std::path::Path;

use common::{CELLS, Counter, Tiny, never, report, request, run, undisturbed};
use overparam_eval::runner::{self, Shard, ShardRuns, Silent, status};
use overparam_eval::store::Store;

fn shard(k: usize, n: usize) -> Shard {
    format!("{k}/{n}").parse().unwrap()
}

fn run_shard(claim: &'static Tiny, store: &Store, k: usize, n: usize) -> ShardRuns {
    runner::run_shard(&request(claim, 2), shard(k, n), Some(1), store, &Silent, &never()).unwrap()
}

/// From the store alone.
fn collected(claim: &'static Tiny, store: &Store) -> common::Bytes {
    report(claim, &runner::collect(&request(claim, 1), store, &Silent).remove(0))
}

#[test]
fn the_report_is_the_same_on_any_number_of_threads() {
    let expected = undisturbed();
    for threads in [1, 2, 3, 8] {
        let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
        let runs = runner::run(&request(claim, threads), &Store::at(folder.path()), &Silent, &never());
        assert_eq!(report(claim, &runs.unwrap()[0]), expected, "{threads} threads");
    }
}

/// In the order given, one after the other: with as many shards as cells, that is the order of the cells.
#[test]
fn the_report_is_the_same_from_shards_in_any_order() {
    let expected = undisturbed();
    // Steps that share no factor with the number of shards visit each of them once, in no simple order.
    for (shards, step) in [(1, 1), (7, 3), (CELLS, 1), (CELLS, 17), (CELLS, CELLS - 1), (100, 37)] {
        let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
        let store = Store::at(folder.path());
        let mut left = CELLS;
        for i in 0..shards {
            let done = run_shard(claim, &store, 1 + (i * step) % shards, shards);
            left -= done.cells;
            assert_eq!((done.cached, done.remaining[0].1), (0, left));
            assert!(done.failures.iter().all(|(_, failures)| failures.is_empty()));
        }
        assert_eq!((left, claim.computed()), (0, CELLS), "each cell is in one shard");
        assert_eq!(collected(claim, &store), expected, "{shards} shards in steps of {step}");
    }
}

#[test]
fn shards_at_the_same_time_fill_one_store() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path());
    std::thread::scope(|scope| {
        // One of them twice, as when a job is queued again while its orphan still runs.
        for k in [1, 2, 3, 4, 5, 6, 7, 4] {
            let store = &store;
            scope.spawn(move || run_shard(claim, store, k, 7));
        }
    });
    assert_eq!(claim.computed(), CELLS);
    assert_eq!(collected(claim, &store), undisturbed());
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("test/tiny")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a shard computes follows from the request, not from what others have written, and is a fair share.
#[test]
fn a_shard_is_the_same_whatever_the_store_has() {
    let claim = Tiny::new();
    let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let alone = run_shard(claim, &Store::at(empty.path()), 3, 7);
    assert!((CELLS / 7..=CELLS / 7 + 1).contains(&alone.cells), "{}", alone.cells);

    let store = Store::at(full.path());
    for k in [1, 2, 4, 5, 6, 7] {
        run_shard(claim, &store, k, 7);
    }
    assert_eq!(runner::unfinished_shards(&request(claim, 1), 7, &store), (1, vec![3]));
    let others = names(full.path());
    let last = run_shard(claim, &store, 3, 7);
    assert_eq!((last.cells, last.remaining[0].1), (alone.cells, 0));
    let mine: Vec<String> = names(full.path()).into_iter().filter(|name| !others.contains(name)).collect();
    assert_eq!(mine, names(empty.path()));
    assert!(runner::unfinished_shards(&request(claim, 1), 7, &store).1.is_empty());

    let again = run_shard(claim, &store, 3, 7);
    assert_eq!((again.cells, again.cached), (alone.cells, alone.cells));
}

#[test]
fn status_counts_what_the_store_has_and_writes_nothing() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    let store = Store::at(folder.path().join("store"));
    let state = || status(&request(claim, 1), &store).remove(0);
    let empty = state();
    assert_eq!((empty.cells, empty.done, empty.last_write), (CELLS, 0, None));
    assert!(empty.failed.is_empty() && empty.in_progress.is_empty());
    assert!(!store.root().exists());

    let part = run_shard(claim, &store, 2, 3);
    assert_eq!(state().done, part.cells);
    assert!(state().last_write.is_some());
    run(claim, &store, &Counter::default()).unwrap();
    assert_eq!((state().done, state().rejected), (CELLS, 0));
    let cell = fs::read_dir(store.root().join("test/tiny")).unwrap().next().unwrap().unwrap().path();
    fs::write(cell, "nonsense").unwrap();
    assert_eq!((state().done, state().rejected), (CELLS - 1, 1));
}

/// Or a thread that waits for a part of its cell would hold the memory of several.
#[test]
fn no_more_cells_are_begun_than_there_are_threads() {
    for threads in [1, 2, 3] {
        let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
        runner::run(&request(claim, threads), &Store::at(folder.path()), &Silent, &never()).unwrap();
        assert_eq!(claim.computed(), CELLS);
        assert!(claim.most_at_work() <= threads, "{} on {threads} threads", claim.most_at_work());
    }
}

#[test]
fn no_number_of_threads_is_one_per_core() {
    let (claim, folder) = (Tiny::new(), tempfile::tempdir().unwrap());
    runner::run(&request(claim, 0), &Store::at(folder.path()), &Silent, &never()).unwrap();
    assert_eq!(claim.computed(), CELLS);
}
