//! `explain`: what a claim says and how it is tested.

use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::changes::fields;
use overparam_eval::claim::{About, Plan, Scale};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::AnyClaim;

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
        print_fields(claim);
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

/// The fields of the standard experiment's cells, which `reproduce --set` changes.
fn print_fields(claim: &dyn AnyClaim) {
    const SHOWN: usize = 6;
    let plan = Plan { scale: Scale::Standard, seeds: None, inputs: &Inputs::none() };
    let tasks: Vec<_> = claim.tasks(&plan).into_iter().chain(claim.control_tasks(&plan)).collect();
    for (i, (field, values)) in fields(tasks.iter().map(|t| &t.cell)).into_iter().enumerate() {
        let shown: Vec<&str> = values.iter().take(SHOWN).map(String::as_str).collect();
        let more =
            if values.len() > SHOWN { format!(", ... ({} values)", values.len()) } else { String::new() };
        let text = format!("{field} = {}{more}", shown.join(", "));
        println!("  {:<12}{}", if i == 0 { "fields" } else { "" }, wrap(&text, 14, 100));
    }
}
