//! `explain`: what a claim says and how it is tested.

use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::changes::{fields, in_order};
use overparam_eval::claim::{About, Plan, Scale};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::{AnyClaim, RawGrid};
use overparam_eval::table::number;
use overparam_eval::theory::Theory;

use crate::options::Selection;
use crate::select;
use crate::terminal::{bold, duration, wrap};

/// Prints every selected claim.
pub(crate) fn explain(selection: &Selection) -> Result<ExitCode> {
    for (i, (claim, _)) in select::claims(&selection.names)?.into_iter().enumerate() {
        if i > 0 {
            say!("");
        }
        print_about(&claim.about());
        print_checks(claim)?;
        print_fields(claim);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_about(about: &About) {
    say!("{}", bold(about.id));
    let entry = |name: &str, text: &str| say!("  {name:<12}{}", wrap(text, 14, 100));
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

/// What is judged at standard scale: kinds, bounds, rivals, what the control must fail.
fn print_checks(claim: &dyn AnyClaim) -> Result<()> {
    let plan = Plan { scale: Scale::Standard, seeds: 1, inputs: &Inputs::none() };
    let bare = |tasks: Vec<overparam_eval::registry::Task>| RawGrid {
        cells: tasks.into_iter().map(|task| task.cell).collect(),
        runs: Vec::new(),
    };
    let (experiment, control) = (bare(claim.tasks(&plan)), bare(claim.control_tasks(&plan)));
    let checks = claim.judge(&experiment, &control, &Theory::as_stated())?;
    for (i, check) in checks.experiment.iter().enumerate() {
        let places = if check.places.len() > 1 {
            format!(", at {} places", check.places.len())
        } else {
            String::new()
        };
        let fails = if check.must_fail { "; the control must fail it" } else { "" };
        let rivals: Vec<String> =
            check.rivals.iter().map(|r| format!("; rival: {}, {}", r.name, number(r.value))).collect();
        let text = format!(
            "{}: {} must be {} ({}{places}){fails}{}",
            check.id,
            check.quantity,
            check.bound,
            check.kind,
            rivals.concat()
        );
        say!("  {:<12}{}", if i == 0 { "checks" } else { "" }, wrap(&text, 14, 100));
    }
    Ok(())
}

/// The fields of the standard experiment's cells, which `reproduce --set` changes.
fn print_fields(claim: &dyn AnyClaim) {
    const SHOWN: usize = 6;
    let plan = Plan { scale: Scale::Standard, seeds: 8, inputs: &Inputs::none() };
    let tasks: Vec<_> = claim.tasks(&plan).into_iter().chain(claim.control_tasks(&plan)).collect();
    for (i, (field, values)) in fields(tasks.iter().map(|t| &t.cell)).into_iter().enumerate() {
        let shown: Vec<&str> = in_order(values.iter().map(String::as_str)).into_iter().take(SHOWN).collect();
        let more =
            if values.len() > SHOWN { format!(", ... ({} values)", values.len()) } else { String::new() };
        let text = format!("{field} = {}{more}", shown.join(", "));
        say!("  {:<12}{}", if i == 0 { "fields" } else { "" }, wrap(&text, 14, 100));
    }
}
