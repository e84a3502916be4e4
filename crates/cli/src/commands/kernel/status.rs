//! `kernel status`: how far a stored kernel is.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Result;
use clap::Args;
use overparam_jobs::tiles::{State, Tile, TileStore};
use serde_json::json;

use crate::progress::event;
use crate::terminal::duration;

/// Which store.
#[derive(Args)]
pub struct StatusOptions {
    /// The store, a folder
    #[arg(value_name = "K.zarr")]
    store: PathBuf,
    /// Print one JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

/// Says how many tiles there are, who is at work, and what is damaged.
pub(super) fn status(options: &StatusOptions) -> Result<ExitCode> {
    let store = TileStore::open(&options.store)?;
    let spec = store.spec();
    let tiles = store.grid().tiles();
    let (mut finished, mut damaged, mut held) = (0, Vec::new(), Vec::new());
    for &tile in &tiles {
        match store.quick_state(tile) {
            State::Finished => finished += 1,
            State::Damaged { path, reason } => damaged.push((path, reason)),
            State::Missing => {}
        }
        held.extend(store.held(tile).map(|sign| (tile, sign)));
    }
    let complete = ExitCode::from(u8::from(finished != tiles.len()));
    let [rows, columns] = store.shape();
    let silent = |beat: SystemTime| SystemTime::now().duration_since(beat).unwrap_or_default().as_secs_f64();
    if options.json {
        let damaged = damaged.iter().map(|(path, reason)| json!({"path": path, "reason": reason}));
        let held = held.iter().map(|((i, j), sign)| {
            json!({
                "tile": [i, j], "host": sign.host, "pid": sign.pid, "silent_seconds": silent(sign.beat), "lost": sign.lost
            })
        });
        event(&json!({
            "event": "status", "path": store.root(), "rows": rows, "columns": columns, "kinds": spec.kinds,
            "precision": spec.precision, "tile": spec.tile, "tiles": tiles.len(), "finished": finished,
            "damaged": damaged.collect::<Vec<_>>(), "in_progress": held.collect::<Vec<_>>()
        }));
        return Ok(complete);
    }
    let kinds = spec.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" and ");
    let (name, precision) = (store.root().display(), spec.precision.name());
    say!("{name}: {kinds} {rows} x {columns} ({precision}) in tiles of at most {} x {0}", spec.tile);
    say!("  {finished} of {} tiles are in the store", tiles.len());
    let working: Vec<Tile> = held.iter().filter(|(_, sign)| !sign.lost).map(|(tile, _)| *tile).collect();
    if !working.is_empty() {
        say!("  {} are being computed", working.len());
    }
    for ((i, j), sign) in held.iter().filter(|(_, sign)| sign.lost) {
        let silent = duration(silent(sign.beat));
        say!(
            "  tile ({i}, {j}): process {} on {} is gone; its last sign of life was {silent} ago",
            sign.pid,
            sign.host
        );
    }
    for (path, reason) in &damaged {
        say!("  {}: {reason}; it will be computed again", path.display());
    }
    Ok(complete)
}
