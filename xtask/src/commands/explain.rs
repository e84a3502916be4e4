//! `explain`: what a claim says and how it is tested.

use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::claim::{About, Scale};

use crate::options::Selection;
use crate::select;
use crate::terminal::{bold, duration, wrap};

/// Prints every selected claim.
pub(crate) fn explain(selection: &Selection) -> Result<ExitCode> {
    for (i, (claim, _)) in select::claims(&selection.names)?.into_iter().enumerate() {
        if i > 0 {
            println!();
        }
        print_about(&claim.about());
    }
    Ok(ExitCode::SUCCESS)
}

fn print_about(about: &About) {
    println!("{}", bold(about.id));
    let entry = |name: &str, text: &str| println!("  {name:<12}{}", wrap(text, 14, 100));
    entry("statement", about.statement);
    entry("formula", about.formula);
    for source in about.sources {
        entry("source", &format!("{}, {} <{}>", source.citation, source.place, source.url));
    }
    entry("predicted", about.prediction);
    entry("must hold", about.must_hold);
    entry("control", about.control);
    let times: Vec<String> = Scale::ALL
        .iter()
        .zip(about.cpu_seconds)
        .map(|(scale, s)| format!("{scale} {}", duration(s)))
        .collect();
    entry("CPU time", &times.join(", "));
}
