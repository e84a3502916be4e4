//! `accept`: tests the verdicts themselves. Do true claims hold at any master seed, do false ones, and are the bytes the same however
//! the work was cut?

mod determinism;
mod fresh;
mod pool;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use overparam_tensor::random::Stream;
use serde_json::{Value, json};

use overparam_cli::options::RunOptions;
use overparam_cli::progress::event;
use overparam_cli::terminal::{bad, bold, duration, good};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct AcceptOptions {
    #[command(flatten)]
    options: RunOptions,
    /// Only these parts [default: all]
    #[arg(long, value_enum)]
    part: Vec<Part>,
    /// Fresh master seeds
    #[arg(long, value_name = "N", default_value_t = MASTERS)]
    masters: u64,
    /// Draws of the calibration's pool
    #[arg(long, value_name = "N", default_value_t = 96, value_parser = clap::value_parser!(u64).range(32..=10_000))]
    pool: u64,
    /// What CI runs: one fresh master seed with its false claims and controls, and determinism
    #[arg(long, conflicts_with_all = ["part", "masters", "pool"])]
    quick: bool,
}

/// A part of the acceptance test.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A1: a pool of draws of one master seed; how often would each claim hold, and are its means near normal?
    Pool,
    /// A2 to A4: fresh master seeds; true claims, false claims on the same draws, controls in the experiment's place
    Fresh,
    /// A5: the same bytes on 1 and 2 threads, from 3 shards per round, from a store with draws to spare
    Determinism,
}

/// A line of the table: what was asked, what came out, whether that is accepted.
struct Finding {
    part: &'static str,
    asked: String,
    found: String,
    accepted: bool,
}

impl Finding {
    fn new(part: &'static str, asked: impl Into<String>, found: impl Into<String>, accepted: bool) -> Self {
        Self { part, asked: asked.into(), found: found.into(), accepted }
    }
}

/// Fresh master seeds, if the command names no number.
const MASTERS: u64 = 20;

impl AcceptOptions {
    /// The command that repeats the test.
    fn command(&self) -> String {
        let mut command = self.options.command_of("accept");
        for part in self.part.iter().filter_map(Part::to_possible_value) {
            command += &format!(" --part {}", part.get_name());
        }
        if self.quick {
            command += " --quick";
        } else if self.masters != MASTERS {
            command += &format!(" --masters {}", self.masters);
        }
        command
    }
}

/// Runs the parts and writes `accept.json` into the output folder.
pub(crate) fn accept(options: &AcceptOptions) -> Result<ExitCode> {
    let start = Instant::now();
    let all = [Part::Pool, Part::Fresh, Part::Determinism];
    let parts: Vec<Part> = match (options.quick, options.part.is_empty()) {
        (true, _) => vec![Part::Fresh, Part::Determinism],
        (false, true) => all.to_vec(),
        (false, false) => options.part.clone(),
    };
    let (mut findings, mut details) = (Vec::new(), serde_json::Map::new());
    for part in parts {
        let (found, detail): (Vec<Finding>, Value) = match part {
            Part::Pool => pool::pool(&options.options, options.pool)?,
            Part::Fresh => fresh::fresh(&options.options, if options.quick { 1 } else { options.masters })?,
            Part::Determinism => determinism::determinism(&options.options)?,
        };
        findings.extend(found);
        let name = part.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        details.insert(name, detail);
    }
    let accepted = findings.iter().all(|finding| finding.accepted);
    let rows: Vec<Value> = findings
        .iter()
        .map(|f| json!({"part": f.part, "asked": f.asked, "found": f.found, "accepted": f.accepted}))
        .collect();
    let report = json!({
        "command": options.command(), "accepted": accepted, "findings": rows, "details": details,
        "seconds": start.elapsed().as_secs_f64()
    });
    let path = options.options.out.join("accept.json");
    std::fs::create_dir_all(&options.options.out)
        .with_context(|| options.options.out.display().to_string())?;
    std::fs::write(&path, format!("{report:#}\n")).with_context(|| path.display().to_string())?;
    match options.options.voice() {
        overparam_cli::options::Voice::Json => event(&report),
        overparam_cli::options::Voice::Quiet => {}
        overparam_cli::options::Voice::Person => {
            say!("\n{}", bold("acceptance"));
            for f in &findings {
                let word = if f.accepted { good("accepted") } else { bad("refused ") };
                say!("{word}  {}  {}: {}", f.part, f.asked, f.found);
            }
            say!("report: {}  ({})", path.display(), duration(start.elapsed().as_secs_f64()));
        }
    }
    Ok(ExitCode::from(u8::from(!accepted)))
}

/// Master seeds that nobody chose: from a stream of their own, 53 bits each.
fn master_seed(purpose: &str, index: u64) -> u64 {
    let normals = Stream::root(0x0acc_e97a).named(purpose).indexed(index).normal_vector::<f64>(1, 1.0);
    normals[0].to_bits() >> 11
}
