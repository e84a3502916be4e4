//! How a kernel job is going: a bar or lines for a person, events for a program.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use overparam_jobs::tiles::Tile;
use overparam_jobs::tiles::work::Observer;
use overparam_ntk::kernel::Progress;
use serde_json::json;

use crate::meter::Meter;
use crate::progress::event;

/// Watches the work, and passes a wish to stop on to the kernels that are being computed.
pub(super) struct Watch {
    pub(super) progress: Progress,
    stop: Arc<AtomicBool>,
    /// None if a program listens.
    meter: Option<Mutex<(Meter, u64)>>,
    /// Pairs of the tiles that were found.
    found_pairs: Box<dyn Fn(Tile) -> u64 + Sync + Send>,
    skipped: AtomicUsize,
    pub(super) computed: AtomicUsize,
    pub(super) found: AtomicUsize,
    pub(super) damaged: AtomicUsize,
}

impl Watch {
    /// Watches tiles of `pairs` pairs in all; `pairs_of` says how many a tile has.
    pub(super) fn new(
        stop: &Arc<AtomicBool>,
        json: bool,
        pairs: u64,
        pairs_of: impl Fn(Tile) -> u64 + Sync + Send + 'static,
    ) -> Self {
        let total = usize::try_from(pairs).unwrap_or(usize::MAX);
        Self {
            progress: Progress::default(),
            stop: Arc::clone(stop),
            meter: (!json).then(|| Mutex::new((Meter::new("kernel", total), 0))),
            found_pairs: Box::new(pairs_of),
            skipped: AtomicUsize::new(0),
            computed: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
            damaged: AtomicUsize::new(0),
        }
    }
}

impl Observer for Watch {
    fn finished(&self, tile: Tile, computed: bool) {
        let count = if computed { &self.computed } else { &self.found };
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        if !computed {
            let pairs = usize::try_from((self.found_pairs)(tile)).unwrap_or(0);
            self.skipped.fetch_add(pairs, Ordering::Relaxed);
        }
        if self.meter.is_none() {
            event(&json!({"event": "tile", "tile": [tile.0, tile.1], "computed": computed, "count": number}));
        }
    }

    fn damaged(&self, path: &Path, reason: &str) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
        if self.meter.is_none() {
            event(&json!({"event": "rejected", "path": path, "reason": reason}));
        } else {
            note!("warning: {}: {reason}; computing that tile again", path.display());
        }
    }

    fn waiting(&self, tiles: usize) {
        if self.meter.is_none() {
            event(&json!({"event": "waiting", "tiles": tiles}));
        } else {
            note!("waiting for {tiles} tiles that other processes compute");
        }
    }

    fn tick(&self) {
        if self.stop.load(Ordering::Relaxed) {
            self.progress.stop();
        }
        let Some(meter) = &self.meter else { return };
        let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.progress.done() + self.skipped.load(Ordering::Relaxed) as u64;
        let new = done.saturating_sub(meter.1);
        meter.1 = done;
        meter.0.advance(usize::try_from(new).unwrap_or(0));
    }

    fn ending(&self) {
        self.progress.stop();
    }
}
