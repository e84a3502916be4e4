//! `explain`: what a claim says and how it is tested.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use overparam_eval::changes::{Fields, fields, in_order};
use overparam_eval::claim::{About, Plan, Scale};
use overparam_eval::inputs::Inputs;
use overparam_eval::registry::{AnyClaim, RawGrid};
use overparam_eval::table::number;
use overparam_eval::theory::Theory;

use crate::options::Selection;
use crate::select;
use crate::terminal::{bold, duration, paragraph};

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
    let entry = |name: &str, text: &str| say!("  {name:<12}{}", paragraph(text, 14));
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
        say!("  {:<12}{}", if i == 0 { "checks" } else { "" }, paragraph(&text, 14));
    }
    Ok(())
}

/// The fields of the claim's cells, which `reproduce --set` changes: what each means, which part it plays, its values.
fn print_fields(claim: &dyn AnyClaim) {
    let meanings = claim.meanings();
    let sides = Scale::ALL.map(|scale| Sides::of(claim, scale));
    let names: BTreeSet<&String> = sides.iter().flat_map(|s| s.0.iter().flat_map(Fields::keys)).collect();
    for (i, field) in names.into_iter().enumerate() {
        let meaning = meanings.get(field).map_or("", |meaning| meaning.trim_end_matches('.'));
        let standard = &sides[1];
        let text = format!("{field}: {meaning} ({})", standard.part(field));
        say!("  {:<12}{}", if i == 0 { "fields" } else { "" }, paragraph(&text, 14));
        let values = sides.each_ref().map(|sides| sides.values(field));
        let text = if values.iter().all(|v| *v == values[0]) {
            values[0].clone()
        } else {
            let scales = Scale::ALL.iter().zip(&values).filter(|(_, values)| !values.is_empty());
            scales.map(|(scale, values)| format!("{scale} {values}")).collect::<Vec<_>>().join("; ")
        };
        say!("  {:<14}{}", "", paragraph(&text, 16));
    }
}

/// The fields of the experiment's cells and of the control's at one scale.
struct Sides([Fields; 2]);

impl Sides {
    fn of(claim: &dyn AnyClaim, scale: Scale) -> Self {
        let plan = Plan { scale, seeds: 8, inputs: &Inputs::none() };
        let tasks = [claim.tasks(&plan), claim.control_tasks(&plan)];
        Self(tasks.map(|tasks| fields(tasks.iter().map(|task| &task.cell))))
    }

    /// Which part a field plays in the test.
    fn part(&self, field: &str) -> &'static str {
        let Self([experiment, control]) = self;
        match (experiment.get(field), control.get(field)) {
            _ if field == "seed" => "the draw",
            (Some(a), Some(b)) if a.is_disjoint(b) => "what the control changes",
            (Some(_), None) => "in the experiment only",
            (None, Some(_)) => "in the control only",
            (Some(a), _) if a.len() > 1 => "varied",
            _ => "fixed",
        }
    }

    /// Its values, those of the control apart where they are others.
    fn values(&self, field: &str) -> String {
        let [experiment, control] = self.0.each_ref().map(|fields| fields.get(field).map(listed));
        match (experiment, control) {
            (Some(a), Some(b)) if a == b => a,
            (Some(a), Some(b)) => format!("{a}, in the control {b}"),
            (a, b) => a.or(b).unwrap_or_default(),
        }
    }
}

/// The first values in their order, and how many there are.
fn listed(values: &BTreeSet<String>) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = in_order(values.iter().map(String::as_str)).into_iter().take(SHOWN).collect();
    let more = if values.len() > SHOWN { format!(", ... ({} values)", values.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
