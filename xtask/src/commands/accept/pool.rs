//! A1: how often would each claim hold, from a pool of draws of one master seed?

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use overparam_eval::calibrate::{Calibration, calibrate};
use overparam_eval::runner::{self, Chosen, Request};
use overparam_eval::theory::Theory;
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

use super::{Finding, master_seed};
use overparam_cli::options::RunOptions;
use overparam_cli::progress::watch;

const RESAMPLES: u64 = 2_000;

/// Runs the pool and resamples it.
pub(super) fn pool(options: &RunOptions, draws: u64) -> Result<(Vec<Finding>, Value)> {
    let mut request = options.request(false)?;
    let design = request.design();
    let seed = master_seed("pool", 0);
    request.claims.iter_mut().for_each(|chosen: &mut Chosen| chosen.master_seed = seed);
    let request = Request { seeds: Some(draws), ..request };
    let progress = watch(options.voice(), request.threads);
    let runs = runner::run(&request, &options.store(), &*progress, &Arc::new(AtomicBool::new(false)))?;
    progress.clear();
    let mut calibrations: Vec<(&str, Calibration)> = Vec::new();
    for (chosen, runs) in request.claims.iter().zip(&runs) {
        let checks = chosen.claim.judge(&runs.experiment, &runs.control, &Theory::as_stated())?;
        let stream = Stream::root(seed).named(runs.about.id);
        calibrations.push((runs.about.id, calibrate(&checks, &design, RESAMPLES, &stream)));
    }
    let mut findings = Vec::new();
    for (id, c) in &calibrations {
        let found = format!("holds {:.3}, fails {:.4}, {:.1} draws", c.holds, c.fails, c.draws);
        let accepted = c.holds >= 0.98 && c.fails <= 0.001 && c.draws <= 20.0;
        findings.push(Finding::new(
            "A1",
            format!("{id} holds in 0.98 of runs, fails in 0.001 at most"),
            found,
            accepted,
        ));
        for shape in c.shapes.iter().filter(|shape| !shape.qualifies) {
            let place =
                if shape.at.is_empty() { shape.id.clone() } else { format!("{} at {}", shape.id, shape.at) };
            let found = format!("skewness {:.2}, excess kurtosis {:.2}", shape.skewness, shape.kurtosis);
            findings.push(Finding::new(
                "A1",
                format!("{id}, {place}: draws of a mean are near normal"),
                found,
                false,
            ));
        }
    }
    let details: Vec<Value> =
        calibrations.iter().map(|(id, c)| json!({"claim": id, "calibration": c})).collect();
    Ok((findings, json!({"master_seed": seed, "draws": draws, "claims": details})))
}
