//! A kernel whose tiles take no time, in this process or in one of its own that can be killed.
#![allow(dead_code, reason = "each test binary uses its own part")]

mod contents;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nalgebra::DMatrix;
use overparam_jobs::lease::Patience;
use overparam_jobs::tiles::work::{Observer, WorkError, run};
use overparam_jobs::tiles::{Input, Kind, Precision, Spec, Tile, TileStore};
use serde_json::json;

pub(crate) use contents::contents;

/// Rows of the kernel: six rows of tiles, the last of which is smaller.
pub(crate) const N: usize = 33;
pub(crate) const EDGE: usize = 6;
/// Of which 21 are computed.
pub(crate) const TILES: usize = 21;

/// Short enough that what the killed left is cleared away within a test.
pub(crate) const SHORT: Patience =
    Patience { beat: Duration::from_millis(20), stale: Duration::from_millis(400) };

const FOLDER: &str = "OVERPARAM_TEST_TILES";
const SHARD: &str = "OVERPARAM_TEST_SHARD";

pub(crate) fn spec() -> Spec {
    let x1 = Input { blake3: "abc".into(), shape: vec![N, 2], path: "x.npy".into(), layout: None };
    Spec {
        architecture: json!({"layers": ["relu", {"dense": 1}]}),
        x1,
        x2: None,
        precision: Precision::F32,
        kinds: vec![Kind::Nngp, Kind::Ntk],
        tile: EDGE,
    }
}

/// An entry of the kernel, symmetric, by a formula.
pub(crate) fn entry(kind: Kind, r: usize, c: usize) -> f32 {
    let (low, high) = (r.min(c), r.max(c));
    let sign = if kind == Kind::Ntk { -1.0 } else { 1.0 };
    sign * (high * N + low) as f32 / 7.0
}

pub(crate) fn tile(store: &TileStore, kind: Kind, (i, j): Tile) -> DMatrix<f32> {
    let (rows, columns) = (store.grid().rows(i), store.grid().columns(j));
    DMatrix::from_fn(rows.len(), columns.len(), |r, c| entry(kind, rows.start + r, columns.start + c))
}

/// Keeps count of what it is told.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) computed: Mutex<Vec<Tile>>,
    pub(crate) found: Mutex<Vec<Tile>>,
    pub(crate) damaged: Mutex<Vec<String>>,
}

impl Observer for Counter {
    fn finished(&self, tile: Tile, computed: bool) {
        if computed { &self.computed } else { &self.found }.lock().unwrap().push(tile);
    }

    fn damaged(&self, path: &Path, reason: &str) {
        self.damaged.lock().unwrap().push(format!("{}: {reason}", path.display()));
    }

    fn waiting(&self, _: usize) {}
    fn tick(&self) {}
    fn ending(&self) {}
}

pub(crate) fn store(folder: &Path) -> TileStore {
    TileStore::create(folder.join("K.zarr"), spec()).unwrap().with_patience(SHORT)
}

/// Computes these tiles with two threads.
pub(crate) fn compute(store: &TileStore, tiles: Vec<Tile>) -> Result<Counter, WorkError<Infallible>> {
    let counter = Counter::default();
    let never = AtomicBool::new(false);
    run(store, tiles, 2, &never, &counter, |at| {
        Ok(store.spec().kinds.iter().map(|&k| tile(store, k, at)).collect())
    })?;
    Ok(counter)
}

/// The part of [`process`] that runs in it; nothing in a process of another kind.
pub(crate) fn work() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = PathBuf::from(folder);
    let shard = std::env::var(SHARD).unwrap();
    let (index, count) = shard.split_once('/').unwrap();
    let store = store(&folder);
    let tiles = store.grid().shard(index.parse().unwrap(), count.parse().unwrap());
    let counter = Counter::default();
    run::<f32, Infallible>(&store, tiles, 2, &AtomicBool::new(false), &counter, |at| {
        // One line per computation, appended whole.
        let log = fs::File::options().append(true).create(true).open(folder.join("log")).unwrap();
        std::io::Write::write_all(&mut &log, format!("{} {}\n", at.0, at.1).as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(1));
        Ok(store.spec().kinds.iter().map(|&k| tile(&store, k, at)).collect())
    })
    .unwrap();
}

/// A process that computes a shard of the kernel in this folder. Its test binary has a test called `worker` that calls [`work`].
pub(crate) fn process(folder: &Path, shard: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["worker", "--exact", "--test-threads", "1"]).env(FOLDER, folder).env(SHARD, shard);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    command
}

/// The files of a store that nothing disturbed.
pub(crate) fn undisturbed() -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    compute(&store, store.grid().tiles()).unwrap();
    contents(store.root())
}
