//! What a kernel job will take: time by measuring, disk, memory, tasks. Said before it starts.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use overparam_jobs::tiles::{Element, Grid, Spec, Tile};
use overparam_ntk::kernel::Progress;
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::task::{Task, TileFailure};
use crate::progress::event;
use crate::terminal::duration;

/// What it takes to compute some tiles.
pub(super) struct Estimate {
    /// Tiles of the whole kernel.
    pub(super) tiles: usize,
    /// Tiles that are to be computed by whoever asked.
    pub(super) left: usize,
    /// Wall-clock seconds of computing them here, disk apart, if it was measured.
    pub(super) seconds: Option<f64>,
    /// Bytes of the whole kernel on disk.
    pub(super) disk: u64,
    /// Of which so many are still to be written, by any process.
    pub(super) disk_left: u64,
    /// Bytes that are free there, if the system tells.
    pub(super) free: Option<u64>,
    /// Bytes of memory, about.
    pub(super) memory: u64,
    /// Of this process.
    pub(super) threads: usize,
    /// Whether other processes may take part.
    pub(super) shared: bool,
}

impl Estimate {
    /// Says it, where `print` prints a line.
    pub(super) fn tell(&self, spec: &Spec, name: &str, json: bool, print: impl Fn(String)) {
        let [rows, columns] = spec.grid().shape;
        if json {
            event(&json!({
                "event": "estimate", "rows": rows, "columns": columns, "tile": spec.tile, "tiles": self.tiles,
                "left": self.left, "seconds": self.seconds, "threads": self.threads, "disk_bytes": self.disk,
                "disk_left_bytes": self.disk_left, "free_bytes": self.free, "memory_bytes": self.memory
            }));
            return;
        }
        let kinds = spec.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" and ");
        print(format!(
            "{name}: {kinds} {rows} x {columns} ({}), {} tiles of at most {} x {2}, {} to compute",
            spec.precision.name(),
            self.tiles,
            spec.tile,
            self.left
        ));
        if let Some(seconds) = self.seconds {
            let each = seconds / self.left.max(1) as f64;
            print(format!(
                "  time    about {} on {} threads of this machine, disk apart: {} a tile{}",
                duration(seconds),
                self.threads,
                if each < 1.0 { format!("{each:.2} s") } else { duration(each) },
                if self.shared { ", and any number of processes may share the tiles" } else { "" }
            ));
        }
        let free = self.free.map_or(String::new(), |free| format!("; {} are free there", size(free)));
        print(format!(
            "  disk    {}, of which {} are to be written{free}",
            size(self.disk),
            size(self.disk_left)
        ));
        print(format!("  memory  about {} a process", size(self.memory)));
    }

    /// Refuses a disk that is too small.
    pub(super) fn refuse_small_disk(&self, label: &str) -> Result<()> {
        match self.free {
            Some(free) if free < self.disk_left => bail!(
                "{label}: {} are to be written, and {} are free on its disk: expected a larger one, --precision f32, or \
                 --kind nngp or ntk alone",
                size(self.disk_left),
                size(free)
            ),
            _ => Ok(()),
        }
    }
}

/// Bytes that the tiles of a kernel take on disk.
pub(super) fn bytes(spec: &Spec, tiles: &[Tile]) -> u64 {
    let grid = spec.grid();
    let chunks: u64 = tiles.iter().map(|&tile| 1 + u64::from(grid.is_mirrored(tile))).sum();
    chunks * spec.chunk_bytes() * spec.kinds.len() as u64
}

/// Bytes of memory that a process takes which has `lanes` tiles in hand and computes with so many threads.
pub(super) fn memory<T: Real>(task: &Task<T>, spec: &Spec, lanes: usize, threads: usize) -> u64 {
    /// The program itself, and what the allocator keeps.
    const BASE: u64 = 96 << 20;
    let inputs: u64 =
        [Some(&task.x1), task.x2.as_ref()].into_iter().flatten().map(|batch| batch.bytes()).sum();
    let edge = (spec.tile as u64).min(spec.grid().shape.into_iter().max().unwrap_or(0) as u64);
    let width = size_of::<T>() as u64;
    let shape = task.x1.shape();
    let pixels = shape.pixels() as u64;
    let numbers = pixels * shape.channels as u64;
    // Results; one of them as the bytes of a chunk; the inputs of both sides, as they are and as the kernel arranges them.
    let mut tile = (spec.kinds.len() as u64 + 1) * spec.chunk_bytes() + 4 * edge * numbers * width;
    let mut scratch = 0;
    if pixels > 1 {
        // Variances of every pixel after every layer; where pixels mix, covariances of all pairs of them.
        tile += 2 * edge * pixels * width * (task.architecture.layers.len() as u64 + 1);
        scratch = 4 * pixels * pixels * width;
    }
    BASE + inputs + lanes as u64 * tile + threads as u64 * scratch
}

/// Seconds to compute these tiles on the threads of `pool`, from computing a few inputs, then more, for about a second.
pub(super) fn seconds<T: Real + Element>(
    task: &Task<T>,
    spec: &Spec,
    tiles: &[Tile],
    pool: &rayon::ThreadPool,
) -> Result<f64> {
    const ENOUGH: Duration = Duration::from_millis(800);
    const REPEATS: usize = 3;
    let whole = spec.grid();
    let images = task.x1.shape().pixels() > 1;
    // An image goes through the network alone, too, which costs about as much as a pair.
    let work = |grid: &Grid, tile: Tile| {
        let own = grid.rows(tile.0).len() + grid.columns(tile.1).len();
        grid.pairs(tile) + if images { own as u64 } else { 0 }
    };
    let mut edge = if images { 2 } else { 64 }.min(whole.edge);
    let begun = Instant::now();
    let mut repeated = 0;
    let rate = loop {
        let grid = Grid { edge, ..whole };
        // Two different sets of inputs, where there are as many.
        let tile = if grid.has((1, 0)) { (1, 0) } else { (0, 0) };
        let start = Instant::now();
        let results = pool.install(|| task.compute(grid, tile, &Progress::default()));
        if let Err(TileFailure::Error(error)) = results {
            return Err(error);
        }
        let rate = start.elapsed().as_secs_f64() / work(&grid, tile) as f64;
        repeated += usize::from(edge == whole.edge);
        if begun.elapsed() > ENOUGH || repeated == REPEATS {
            break rate;
        }
        edge = (2 * edge).min(whole.edge);
    };
    Ok(rate * tiles.iter().map(|&tile| work(&whole, tile)).sum::<u64>() as f64)
}

/// Bytes as a person says them, in powers of 1000 as disks are sold.
pub(super) fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).ceil()),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b if b < 1e12 => format!("{:.1} GB", b / 1e9),
        b => format!("{:.1} TB", b / 1e12),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [10, 14_400_000, 14_400_000_000, 24_000_000_000_000].map(size),
            ["1 kB", "14 MB", "14.4 GB", "24.0 TB"]
        );
    }
}
