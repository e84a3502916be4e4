//! A kernel as one `.npy` file: tile by tile, each written to its place; one process, and from the beginning if it was interrupted.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use overparam_jobs::files::free_bytes;
use overparam_jobs::tiles::work::Observer;
use overparam_jobs::tiles::{Element, Grid};
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::ComputeOptions;
use super::estimate::{Estimate, memory, seconds};
use super::job::{FEW, cut};
use super::task::{Task, TileFailure};
use super::watch::Watch;
use crate::files::{NpyMatrix, Output, label};
use crate::interrupt::{Kept, stopped_work, watch_for_stop};
use crate::options::pool;
use crate::progress::event;
use crate::terminal::duration;

/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(50);

/// Computes the kernel, or says what that would take.
pub(super) fn npy<T: Real + Element>(options: &ComputeOptions) -> Result<ExitCode> {
    let stop = watch_for_stop()?;
    let output = Output::new("out", &options.out, "npy", &options.inputs())?;
    let task = Task::<T>::read(options)?;
    let pool = pool(options.threads)?;
    let (spec, _) = cut(options, &task, pool.current_num_threads())?;
    let [kind] = spec.kinds[..] else {
        bail!(
            "{}: a .npy file has one array: choose it with --kind nngp or --kind ntk; .npz and .zarr have both",
            label("out", &options.out)
        );
    };
    let (json, name, grid) = (options.tiles.json, options.out.display().to_string(), spec.grid());
    if !json {
        task.tell();
    }
    let ([rows, columns], tiles) = (grid.shape, grid.tiles());
    let disk = rows as u64 * columns as u64 * size_of::<T>() as u64;
    let mut estimate = Estimate {
        tiles: tiles.len(),
        left: tiles.len(),
        seconds: None,
        disk,
        disk_left: disk,
        free: free_bytes(options.out.parent().unwrap_or(&options.out)),
        memory: memory(&task, &spec, 1, pool.current_num_threads()),
        threads: pool.current_num_threads(),
        shared: false,
    };
    estimate.refuse_small_disk(&label("out", &options.out))?;
    let dry = options.tiles.dry_run;
    if dry || tiles.len() > FEW {
        estimate.seconds = Some(seconds(&task, &spec, &tiles, &pool)?);
    }
    if dry {
        estimate.tell(&spec, &name, json, |line| say!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    estimate.tell(&spec, &name, json, |line| note!("{line}"));

    let start = Instant::now();
    let pairs = tiles.iter().map(|&tile| grid.pairs(tile)).sum();
    let watch = Watch::new(&stop, json, pairs, |_| 0);
    let mut matrix = NpyMatrix::create(output, grid.shape)?;
    let ended = std::thread::scope(|scope| {
        let work = scope.spawn(|| fill(&mut matrix, &task, grid, &pool, &watch));
        while !work.is_finished() {
            watch.tick();
            std::thread::sleep(TICK);
        }
        watch.tick();
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match ended {
        Ok(()) => matrix.finish()?,
        Err(TileFailure::Stopped) => {
            let done = watch.computed.load(Ordering::Relaxed);
            if json {
                event(&json!({"event": "stopped", "finished": 0, "tiles": tiles.len()}));
            }
            let said = format!("stopped after {done} of {} tiles", tiles.len());
            return Ok(stopped_work(&said, Kept::NothingWithout("--out K.zarr")));
        }
        Err(TileFailure::Error(error)) => return Err(error),
    }
    let time = start.elapsed().as_secs_f64();
    if json {
        event(&json!({
            "event": "kernel", "path": options.out, "tiles": tiles.len(), "computed": tiles.len(), "damaged": 0,
            "remaining": 0, "seconds": time
        }));
    } else {
        let (precision, time) = (spec.precision.name(), duration(time));
        say!("{name}: {kind} {rows} x {columns} ({precision}), {} tiles  ({time})", tiles.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// Every tile at its place, and of a symmetric kernel at its mirror image's.
fn fill<T: Real + Element>(
    matrix: &mut NpyMatrix<T>,
    task: &Task<T>,
    grid: Grid,
    pool: &rayon::ThreadPool,
    watch: &Watch,
) -> Result<(), TileFailure> {
    for (i, j) in grid.tiles() {
        let results =
            pool.install(|| task.compute(grid, (i, j), &watch.progress)).map_err(
                |failure| match failure {
                    TileFailure::Error(error) => TileFailure::Error(anyhow!("tile ({i}, {j}): {error}")),
                    TileFailure::Stopped => TileFailure::Stopped,
                },
            )?;
        let at = [grid.rows(i).start, grid.columns(j).start];
        for result in &results {
            matrix.put(at, result).map_err(TileFailure::Error)?;
            if grid.is_mirrored((i, j)) {
                matrix.put_transposed([at[1], at[0]], result).map_err(TileFailure::Error)?;
            }
        }
        watch.finished((i, j), true);
    }
    Ok(())
}
