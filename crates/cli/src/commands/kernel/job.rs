//! A kernel as a job: tile by tile into a store that any number of processes share.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Result, bail};
use overparam_eval::runner::Shard;
use overparam_jobs::files::free_bytes;
use overparam_jobs::tiles::work::{self, WorkError};
use overparam_jobs::tiles::{Element, Spec, State, Tile, TileStore};
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::ComputeOptions;
use super::estimate::{Estimate, bytes, memory, seconds, size};
use super::task::{Task, TileFailure};
use super::watch::Watch;
use crate::files::label;
use crate::interrupt::{Kept, stopped_work, watch_for_stop};
use crate::options::pool;
use crate::progress::event;
use crate::terminal::duration;

/// Tiles in hand at a time: while one is written, the other is computed.
const LANES: usize = 2;

/// Edges of the tiles of a new store: of vectors, and of images, of which a pair may take a thousand times as long.
const EDGES: [usize; 2] = [2048, 128];

/// Tiles that are not worth measuring before they are computed.
pub(super) const FEW: usize = 3;

/// Computes what the store lacks, or says what that would take.
pub(super) fn job<T: Real + Element>(options: &ComputeOptions) -> Result<ExitCode> {
    let stop = watch_for_stop()?;
    let task = Task::<T>::read(options)?;
    let pool = pool(options.threads)?;
    let (spec, lanes) = cut(options, &task, pool.current_num_threads())?;
    let store = stored(options, &spec)?;
    let (json, name) = (options.tiles.json, options.out.display().to_string());
    if !json {
        task.tell();
    }

    let grid = spec.grid();
    let missing = store.as_ref().map_or_else(|| grid.tiles(), TileStore::missing);
    let own =
        options.tiles.shard.map_or_else(|| grid.tiles(), |shard| grid.shard(shard.index(), shard.count()));
    let todo: Vec<Tile> = own.iter().copied().filter(|tile| missing.binary_search(tile).is_ok()).collect();
    let dry = options.tiles.dry_run;
    let mut estimate = Estimate {
        tiles: grid.tiles().len(),
        left: todo.len(),
        seconds: None,
        disk: spec.bytes(),
        disk_left: bytes(&spec, &missing),
        free: free_bytes(&options.out),
        memory: memory(&task, &spec, lanes, pool.current_num_threads()),
        threads: pool.current_num_threads(),
        shared: true,
    };
    estimate.refuse_small_disk(&label("out", &options.out))?;
    if dry && !todo.is_empty() || todo.len() > FEW {
        estimate.seconds = Some(seconds(&task, &spec, &todo, &pool)?);
    }
    if dry {
        estimate.tell(&spec, &name, json, |line| say!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    if !todo.is_empty() {
        estimate.tell(&spec, &name, json, |line| note!("{line}"));
    }

    let store = match store {
        Some(store) => store,
        None => TileStore::create(&options.out, spec)?,
    };
    let start = Instant::now();
    let pairs = own.iter().map(|&tile| grid.pairs(tile)).sum();
    let watch = Watch::new(&stop, json, pairs, move |tile| grid.pairs(tile));
    let compute = |tile: Tile| pool.install(|| task.compute(grid, tile, &watch.progress));
    let ended = work::run(&store, own.clone(), lanes, &stop, &watch, compute);
    let time = start.elapsed().as_secs_f64();
    match ended {
        Ok(()) => {}
        Err(WorkError::Stopped | WorkError::Compute { error: TileFailure::Stopped, .. }) => {
            return Ok(stopped(&watch, own.len(), json));
        }
        Err(WorkError::Compute { tile: (i, j), error: TileFailure::Error(error) }) => {
            bail!("tile ({i}, {j}): {error}")
        }
        Err(WorkError::Store(error)) => return Err(error.into()),
    }
    tell(&store, options.tiles.shard, own.len(), &watch, time, json);
    Ok(ExitCode::SUCCESS)
}

/// The store that is there already, if it is of this kernel.
pub(super) fn stored(options: &ComputeOptions, spec: &Spec) -> Result<Option<TileStore>> {
    let there = options.out.join("zarr.json").exists();
    Ok(if there { Some(TileStore::create(&options.out, spec.clone())?) } else { None })
}

/// How the kernel is cut, and how many tiles may be in hand, within the memory that was allowed.
pub(super) fn cut<T: Real + Element>(
    options: &ComputeOptions,
    task: &Task<T>,
    threads: usize,
) -> Result<(Spec, usize)> {
    let images = task.x1.shape().pixels() > 1;
    let fixed = match options.tiles.tile {
        Some(edge) => Some(edge as usize),
        // Whoever goes on with a store need not know how it was cut. If it cannot be opened, that is said when it is used.
        None => TileStore::open(&options.out).ok().map(|store| store.tile_edge()),
    };
    let mut spec = task.spec(fixed.unwrap_or(EDGES[usize::from(images)]))?;
    let Some(most) = options.tiles.memory else { return Ok((spec, LANES)) };
    loop {
        let fits = |lanes: &usize| memory(task, &spec, *lanes, threads) <= most;
        if let Some(lanes) = (1..=LANES).rev().find(fits) {
            return Ok((spec, lanes));
        }
        if fixed.is_some() || spec.tile <= 16 {
            bail!(
                "--memory: {} were allowed, and this kernel in tiles of {} x {1} takes {}: expected more memory{}",
                size(most),
                spec.tile,
                size(memory(task, &spec, 1, threads)),
                if fixed.is_some() { " or a smaller --tile" } else { "" }
            );
        }
        spec.tile /= 2;
    }
}

fn stopped(watch: &Watch, own: usize, json: bool) -> ExitCode {
    let finished = watch.computed.load(Ordering::Relaxed) + watch.found.load(Ordering::Relaxed);
    if json {
        event(&json!({"event": "stopped", "finished": finished, "tiles": own}));
    }
    stopped_work(&format!("stopped with {finished} of {own} tiles in the store"), Kept::Work)
}

fn tell(store: &TileStore, shard: Option<Shard>, own: usize, watch: &Watch, time: f64, json: bool) {
    let computed = watch.computed.load(Ordering::Relaxed);
    let remain =
        store.grid().tiles().into_iter().filter(|&tile| store.quick_state(tile) != State::Finished).count();
    if json {
        event(&json!({
            "event": "kernel", "path": store.root(), "tiles": own, "computed": computed,
            "damaged": watch.damaged.load(Ordering::Relaxed), "remaining": remain, "seconds": time
        }));
        return;
    }
    let spec = store.spec();
    let [rows, columns] = store.shape();
    let words: Vec<String> = spec.kinds.iter().map(|kind| format!("{kind} {rows} x {columns}")).collect();
    let (name, precision, time) = (store.root().display(), spec.precision.name(), duration(time));
    let words = words.join(", ");
    match shard {
        Some(shard) => {
            let (k, n) = (shard.index(), shard.count());
            say!(
                "{name}: {words} ({precision}), shard {k}/{n}: {own} tiles, {computed} of them computed now  ({time})"
            );
            say!("  {remain} tiles of the kernel remain");
        }
        None => say!("{name}: {words} ({precision}), {own} tiles, {computed} of them computed now  ({time})"),
    }
}
