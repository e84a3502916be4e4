//! One JSON object per line on standard output, for scripts; docs/command-line.md lists them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use overparam_eval::claim::{About, CellError};
use overparam_eval::runner::{Observer, Round};
use serde_json::{Value, json};

use super::{Count, Watch};

/// Writes an event at once, so that whoever reads a pipe sees it.
pub fn event(value: &Value) {
    say!("{value}");
}

#[derive(Default)]
pub(super) struct Events(RefCell<BTreeMap<usize, Count>>);

impl Observer for Events {
    fn round(&self, round: &Round) {
        event(&json!({
            "event": "round", "look": round.look, "looks": round.looks, "draws": round.draws,
            "decided": round.decided, "claims": round.claims
        }));
    }

    fn planned(&self, claim: usize, about: &About, cells: usize, cached: usize, cost_left: f64) {
        event(&json!({
            "event": "planned", "claim": about.id, "cells": cells, "cached": cached, "cpu_seconds_left": cost_left
        }));
        self.0.borrow_mut().entry(claim).or_default().add(about, cells, cached);
    }

    fn rejected(&self, path: &Path, reason: &str) {
        event(&json!({"event": "rejected", "path": path, "reason": reason}));
    }

    fn waiting(&self, cells: usize) {
        event(&json!({"event": "waiting", "cells": cells}));
    }

    fn finished(&self, claim: usize, cost_left: f64, seconds: f64, error: Option<&CellError>) {
        let mut counts = self.0.borrow_mut();
        let count = counts.entry(claim).or_default();
        count.done += 1;
        event(&json!({
            "event": "cell", "claim": count.id, "done": count.done, "cells": count.cells, "seconds": seconds,
            "cpu_seconds_left": cost_left, "error": error.map(ToString::to_string)
        }));
    }
}

impl Watch for Events {}
