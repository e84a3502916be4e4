//! `reproduce --double`: the same seeds at twice the size or horizon; do the numbers move toward the prediction?

use std::process::ExitCode;

use anyhow::{Context, Result};
use overparam_eval::claim::Doubling;
use overparam_eval::decide::design::FEWEST;
use overparam_eval::double::{Change, Trend, changes};
use overparam_eval::runner::{self, ClaimRuns, Request};
use overparam_eval::table::number;
use overparam_eval::theory::Theory;
use serde_json::json;

use crate::interrupt::{stopped, watch_for_stop};
use crate::options::{RunOptions, Voice};
use crate::progress::{event, watch};
use crate::terminal::{bad, bold, good};

/// Runs eight draws at both sizes, compares check by check, and writes `doubling-size.json` or `doubling-horizon.json`.
pub(crate) fn double(options: &RunOptions, request: &Request, what: Doubling) -> Result<ExitCode> {
    let stop = watch_for_stop()?;
    let plain = Request { seeds: Some(FEWEST as u64), ..request.clone() };
    let doubled = Request { double: Some(what), ..plain.clone() };
    let mut both = Vec::new();
    for request in [&plain, &doubled] {
        let progress = watch(options.voice(), request.threads);
        let runs = runner::run(request, &options.store(), &*progress, &stop);
        progress.clear();
        match runs {
            Ok(runs) => both.push(runs),
            Err(error) => return stopped(options, error),
        }
    }
    let mut all = Vec::new();
    let mut away = false;
    for ((chosen, plain), doubled) in request.claims.iter().zip(&both[0]).zip(&both[1]) {
        let checks =
            |runs: &ClaimRuns| chosen.claim.judge(&runs.experiment, &runs.control, &Theory::as_stated());
        let none = doubled.experiment.cells.is_empty();
        let found =
            if none { Vec::new() } else { changes(&checks(plain)?.experiment, &checks(doubled)?.experiment) };
        away |= found.iter().any(|change| change.trend == Trend::Away);
        if options.voice() == Voice::Person {
            print(plain.about.id, what, none, &found);
        }
        all.push(json!({"claim": plain.about.id, "doubled": what, "changes": found}));
    }
    if options.voice() == Voice::Json {
        all.iter().for_each(|claim| event(&json!({"event": "doubling", "doubling": claim})));
    }
    let path = options.out.join(format!("doubling-{}.json", what.name()));
    let command = format!("{} --double {}", options.command_of("reproduce"), what.name());
    let report = json!({"scale": request.scale, "draws": FEWEST, "command": command, "claims": all});
    let text = format!("{report:#}\n");
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(ExitCode::from(u8::from(away)))
}

fn print(id: &str, what: Doubling, none: bool, changes: &[Change]) {
    say!("{}", bold(id));
    if none {
        say!("  has no {} to double", what.name());
    }
    for change in changes {
        let trend = match change.trend {
            Trend::Toward => good("toward the prediction"),
            Trend::Away => bad("away from the prediction"),
            Trend::Flat => "no change that these draws show".to_owned(),
        };
        let at = if change.at.is_empty() { String::new() } else { format!(" at {}", change.at) };
        say!(
            "  {}{at}: distance {} -> {} (p {}): {trend}",
            change.quantity,
            number(change.before),
            number(change.after),
            number(change.p)
        );
    }
}
