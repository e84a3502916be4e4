//! `kernel verify`: every checksum, and a sample of tiles computed again.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use nalgebra::DMatrix;
use overparam_jobs::tiles::{self, Element, Input, Precision, Spec, State, Tile, TileStore};
use overparam_ntk::Architecture;
use overparam_ntk::kernel::Progress;
use overparam_tensor::linalg::Real;
use serde_json::json;

use super::task::{Files, Task, TileFailure};
use crate::evaluate::Kind;
use crate::files::Layout;
use crate::options::pool;
use crate::progress::event;

/// What to check.
#[derive(Args)]
pub struct VerifyOptions {
    /// The store, a folder
    #[arg(value_name = "K.zarr")]
    store: PathBuf,
    /// How many tiles to compute again; 0 needs no inputs
    #[arg(long, value_name = "N", default_value_t = 2)]
    sample: usize,
    /// First inputs, if they are no longer where they were when the store was made
    #[arg(long, value_name = "FILE")]
    x1: Option<PathBuf>,
    /// Second inputs, likewise
    #[arg(long, value_name = "FILE")]
    x2: Option<PathBuf>,
    /// The order of the axes of images and sequences [default: the one of the command that made the store]
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

/// What was found of a tile that was computed again.
struct Compared {
    tile: Tile,
    /// No number has another bit.
    same: bool,
    /// Largest difference in units of the largest number of the tile.
    difference: f64,
}

/// Checks and says what was found.
pub(super) fn verify(options: &VerifyOptions) -> Result<ExitCode> {
    let store = TileStore::open(&options.store)?;
    let tiles = store.grid().tiles();
    let (mut finished, mut damaged) = (Vec::new(), Vec::new());
    for &tile in &tiles {
        match store.state(tile) {
            State::Finished => finished.push(tile),
            State::Damaged { path, reason } => damaged.push((path, reason)),
            State::Missing => {}
        }
    }
    let count = finished.len();
    let sample = sample(&store.spec().id(), finished, options.sample);
    let (compared, allowed) = match store.spec().precision {
        Precision::F32 => (compare::<f32>(&store, &sample, options)?, 1e-4),
        Precision::F64 => (compare::<f64>(&store, &sample, options)?, 1e-9),
    };
    // Another kind of processor rounds otherwise; other numbers are wrong.
    let differs = |c: &&Compared| c.difference > allowed;
    let wrong = compared.iter().filter(differs).count();
    let code = ExitCode::from(u8::from(!damaged.is_empty() || wrong > 0));
    if options.json {
        let damaged = damaged.iter().map(|(path, reason)| json!({"path": path, "reason": reason}));
        let compared = compared.iter().map(|c| {
            json!({"tile": [c.tile.0, c.tile.1], "same_bits": c.same, "relative_difference": c.difference})
        });
        event(&json!({
            "event": "verify", "path": store.root(), "tiles": tiles.len(), "finished": count,
            "damaged": damaged.collect::<Vec<_>>(), "compared": compared.collect::<Vec<_>>(), "wrong": wrong
        }));
        return Ok(code);
    }
    say!("{}: {count} of {} tiles are whole", store.root().display(), tiles.len());
    for (path, reason) in &damaged {
        say!("  {}: {reason}", path.display());
    }
    for Compared { tile: (i, j), same, difference } in &compared {
        match same {
            true => say!("  tile ({i}, {j}) computed again: the same, bit for bit"),
            false => say!(
                "  tile ({i}, {j}) computed again: it differs by {difference:.1e} of its largest number, {allowed:e} is rounding on \
                 another kind of processor"
            ),
        }
    }
    Ok(code)
}

/// Some of the tiles, the same ones every time, in an order that looks random.
fn sample(id: &str, mut tiles: Vec<Tile>, count: usize) -> Vec<Tile> {
    tiles.sort_by_cached_key(|(i, j)| *blake3::hash(format!("{id} {i} {j}").as_bytes()).as_bytes());
    tiles.truncate(count);
    tiles
}

fn compare<T: Real + Element>(
    store: &TileStore,
    sample: &[Tile],
    options: &VerifyOptions,
) -> Result<Vec<Compared>> {
    if sample.is_empty() {
        return Ok(Vec::new());
    }
    let spec = store.spec();
    let task = task::<T>(spec, options)?;
    // The same hash, so that no other inputs are taken for these.
    let found = task.spec(spec.tile)?;
    if let Some(difference) = spec.difference(&found) {
        bail!("{}: {difference}: the inputs are no longer those of the store", store.root().display());
    }
    let pool = pool(options.threads)?;
    let one = |&tile: &Tile| -> Result<Compared> {
        let again = pool.install(|| task.compute(store.grid(), tile, &Progress::default()));
        let again = again.map_err(|failure| match failure {
            TileFailure::Error(error) => error,
            TileFailure::Stopped => anyhow::anyhow!("stopped"),
        })?;
        let mut compared = Compared { tile, same: true, difference: 0.0 };
        for (&kind, again) in spec.kinds.iter().zip(&again) {
            let stored = store.read_tile::<T>(kind, tile.0, tile.1)?;
            let (same, difference) = apart(&stored, again);
            compared.same &= same;
            compared.difference = compared.difference.max(difference);
        }
        Ok(compared)
    };
    sample.iter().map(one).collect()
}

/// Whether two tiles have the same numbers, and their largest difference relative to the largest number.
fn apart<T: Real>(stored: &DMatrix<T>, again: &DMatrix<T>) -> (bool, f64) {
    let largest = again.iter().map(|x| x.f64().abs()).fold(f64::MIN_POSITIVE, f64::max);
    let pairs = || stored.iter().zip(again).map(|(a, b)| (a.f64(), b.f64()));
    let same = pairs().all(|(a, b)| a.to_bits() == b.to_bits());
    // A number that is none counts as infinitely far away: `max` would pass over it.
    let gap = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    (same, pairs().map(gap).fold(0.0, f64::max) / largest)
}

/// The task of the store, with the inputs where they were or where the options say.
fn task<T: Real>(spec: &Spec, options: &VerifyOptions) -> Result<Task<T>> {
    let architecture = Architecture::from_json(&spec.architecture.to_string())
        .context("the architecture in the attributes of the store")?;
    let layout = match (options.layout, spec.x1.layout.as_deref()) {
        (None, Some(name)) => {
            Some(Layout::from_str(name, false).map_err(|e| anyhow::anyhow!("layout of the store: {e}"))?)
        }
        (given, _) => given,
    };
    let place =
        |given: &Option<PathBuf>, input: &Input| given.clone().unwrap_or_else(|| input.path.clone().into());
    let files = Files {
        x1: place(&options.x1, &spec.x1),
        x2: spec.x2.as_ref().map(|input| place(&options.x2, input)),
        layout,
    };
    let kind = match spec.kinds.as_slice() {
        [tiles::Kind::Nngp] => Kind::Nngp,
        [tiles::Kind::Ntk] => Kind::Ntk,
        _ => Kind::Both,
    };
    Task::new(architecture, "the architecture of the store", files, kind)
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::{apart, sample};

    #[test]
    fn a_number_that_is_none_is_far_from_any_other() {
        let one = DMatrix::from_element(2, 2, 4.0);
        let mut other = one.clone();
        assert_eq!(apart(&one, &other), (true, 0.0));
        other[(1, 0)] = 5.0;
        assert_eq!(apart(&other, &one), (false, 0.25));
        other[(0, 0)] = f64::NAN;
        assert_eq!(apart(&other, &one), (false, f64::INFINITY));
    }

    #[test]
    fn a_sample_is_of_the_tiles_and_the_same_every_time() {
        let tiles: Vec<_> = (0..20).map(|i| (i, i / 2)).collect();
        let three = sample("id", tiles.clone(), 3);
        assert_eq!((three.len(), &three), (3, &sample("id", tiles.clone(), 3)));
        assert!(three.iter().all(|tile| tiles.contains(tile)));
        assert_ne!(three, sample("another", tiles.clone(), 3));
        assert_eq!(sample("id", tiles, 100).len(), 20);
    }
}
