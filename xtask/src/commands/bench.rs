//! `bench`: our work beside the same work in other programs, and against the machine's limits.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::bench::case::Case;
use crate::bench::document::Document;
use crate::bench::machine::Circumstances;
use crate::bench::outcome::Verdict;
use crate::bench::peaks::Peaks;
use crate::bench::race::race;
use crate::bench::worker::{Children, Python};
use crate::bench::{EVERY_LAYER, cases, counted, memory, page, table};
use overparam_cli::select::nearest;
use overparam_cli::terminal::{bold, paragraph};

/// What to run beside what.
#[derive(Args)]
pub(crate) struct BenchOptions {
    /// Parts of the names of cases; all if none is given, but those of every single activation and layer, `kernels-all`
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Also run the same work in this Python, which has benches/peers/requirements.txt
    #[arg(long, value_name = "PYTHON")]
    peers: Option<PathBuf>,
    /// Rounds of each case, instead of each case's own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Folder for bench.json
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
    /// Keep the other cases that bench.json has from an earlier run
    #[arg(long)]
    keep: bool,
    /// Also write the book's page, for example to docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Only say what the cases are, their targets, and what is counted
    #[arg(long)]
    list: bool,
    /// Run this case alone, once, and print the largest memory
    #[arg(long, hide = true, value_name = "CASE")]
    alone: Option<String>,
    /// Run this small kernel, for callgrind to count; `list` prints the names
    #[arg(long, hide = true, value_name = "NAME")]
    kernel: Option<String>,
}

/// Runs the selected cases. Status 1 if a peer failed or found another result.
pub(crate) fn bench(options: &BenchOptions) -> Result<ExitCode> {
    let all = cases();
    if let Some(name) = &options.alone {
        let case = all.iter().find(|c| c.name == *name).context("no such case")?;
        return memory::print_own_peak(case).map(|()| ExitCode::SUCCESS);
    }
    if let Some(name) = &options.kernel {
        if name == "list" {
            counted::names().for_each(|name| say!("{name}"));
            return Ok(ExitCode::SUCCESS);
        }
        return counted::run(name).map(|()| ExitCode::SUCCESS);
    }
    let chosen = choose(&all, &options.filters)?;
    if options.list {
        if options.filters.is_empty() {
            all.iter().for_each(describe);
        } else {
            chosen.iter().for_each(|case| describe(case));
        }
        return Ok(ExitCode::SUCCESS);
    }
    run(options, &all, &chosen)
}

fn run(options: &BenchOptions, all: &[Case], chosen: &[&Case]) -> Result<ExitCode> {
    let mut document = Document::open(&options.out, options.keep, all)?;
    let children = Children::default();
    let handler = children.clone();
    ctrlc::set_handler(move || {
        handler.end_all();
        note!("stopped; what was finished is in bench.json");
        std::process::exit(130);
    })
    .context("cannot watch for Ctrl-C")?;
    let (python, versions) = match &options.peers {
        Some(program) => {
            let mut packages: Vec<&str> = chosen.iter().flat_map(|c| c.packages).copied().collect();
            packages.sort_unstable();
            packages.dedup();
            let (python, versions) = Python::with(program, &packages, &children)?;
            (Some(python), versions)
        }
        None => (None, Value::Null),
    };
    let circumstances = Circumstances::now(command(), versions);
    let mut peaks = Peaks::default();
    let (mut raced, mut met, mut wrong) = (0, 0, 0);
    say!("{}", table::heading());
    for case in chosen {
        let rounds = options.rounds.map_or(case.rounds, usize::from);
        let outcome = race(case, rounds, python.as_ref(), &mut peaks, &children)?;
        say!("{}", table::row(&outcome));
        document.add(&outcome, &circumstances)?;
        raced += usize::from(outcome.verdict() != Verdict::Alone);
        met += usize::from(outcome.verdict() == Verdict::Met);
        wrong += usize::from(matches!(outcome.verdict(), Verdict::Differ | Verdict::Broken));
    }
    say!("\n{}", table::LEGEND);
    if raced > 0 {
        say!("{met} of {raced} targets met.");
    }
    say!("{}", document.path().display());
    if let Some(file) = &options.page {
        let text = page::page(document.cases());
        std::fs::write(file, text)
            .with_context(|| format!("--page {}: cannot be written", file.display()))?;
        say!("{}", file.display());
    }
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// The cases whose name has one of the filters in it; without filters, all but those of single activations and layers.
fn choose<'a>(all: &'a [Case], filters: &[String]) -> Result<Vec<&'a Case>> {
    for filter in filters {
        if !all.iter().any(|c| c.name.contains(filter.as_str())) {
            match nearest(filter, all.iter().map(|c| c.name.clone())) {
                Some(known) => bail!("no case has {filter:?} in its name; did you mean {known}?"),
                None => {
                    bail!("no case has {filter:?} in its name; `cargo xtask bench --list` shows them all")
                }
            }
        }
    }
    let wanted = |case: &&Case| {
        let asked = filters.iter().any(|f| case.name.contains(f.as_str()));
        asked || filters.is_empty() && !case.name.starts_with(EVERY_LAYER)
    };
    Ok(all.iter().filter(wanted).collect())
}

fn describe(case: &Case) {
    say!("{}", bold(&case.name));
    say!("    {}", paragraph(&case.work, 4));
    say!("    {}", paragraph(&format!("counted: {}", case.cost.counted), 4));
    say!(
        "    beside: {}; target: {} times as fast; {:.3} GFLOP, {:.3} MB at least",
        case.packages.join(" and "),
        case.target,
        case.cost.flops / 1e9,
        case.cost.bytes / 1e6
    );
}

/// What the user typed.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", arguments.join(" "))
}

#[cfg(test)]
mod tests {
    use super::{EVERY_LAYER, choose};
    use crate::bench::cases;

    #[test]
    fn filters_are_parts_of_names() {
        let all = cases();
        let count = |filters: &[&str]| {
            let filters: Vec<String> = filters.iter().map(|f| (*f).to_owned()).collect();
            choose(&all, &filters).map(|c| c.len()).map_err(|e| e.to_string())
        };
        let single = all.iter().filter(|case| case.name.starts_with(EVERY_LAYER)).count();
        assert_eq!(count(&[]), Ok(all.len() - single));
        assert_eq!(count(&[EVERY_LAYER]), Ok(single));
        assert_eq!(count(&["kernels-all-tanh"]), Ok(2));
        assert_eq!(count(&["deep-linear"]), Ok(6));
        assert_eq!(count(&["cnn-step", "cnn"]), Ok(2));
        assert!(count(&["resnet-flow-stpe"]).unwrap_err().ends_with("did you mean resnet-flow-step?"));
        assert!(count(&["xyzzy"]).unwrap_err().contains("--list"));
    }
}
