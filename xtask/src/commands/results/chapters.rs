//! The numbers at the end of each chapter: what every check of the talk's claims measured in the kept run, and on the control.

use std::fmt::Write;

use anyhow::{Context, Result};
use overparam_eval::check::{Check, Place};
use overparam_eval::claim::{About, Scale};
use overparam_eval::report::Record;
use overparam_eval::stats::median;
use overparam_eval::table::number;

use super::shelf::Shelf;

/// Between these stands what is written into a chapter.
const MARKERS: [&str; 2] = ["<!-- written by cargo xtask results -->\n", "<!-- end -->"];

/// The chapter with the numbers of its claims between the markers.
pub(super) fn with_numbers(chapter: &str, talk: &str, shelf: &Shelf, claims: &[About]) -> Result<String> {
    let (before, rest) = chapter.split_once(MARKERS[0]).with_context(|| expected(talk))?;
    let (_, after) = rest.split_once(MARKERS[1]).with_context(|| expected(talk))?;
    let mut numbers = String::new();
    for about in claims.iter().filter(|about| about.talk() == talk) {
        let kept = |scale: Scale| shelf.column(scale.name()).and_then(|records| records.get(about.id));
        match kept(Scale::Standard).or_else(|| kept(Scale::Smoke)) {
            Some(record) => numbers.push_str(&of_claim(record)),
            // Writing to a string cannot fail.
            None => {
                let _ = writeln!(numbers, "\n`{}` has not been run.", about.name());
            }
        }
    }
    Ok(format!("{before}{}{numbers}\n{}{after}", MARKERS[0], MARKERS[1]))
}

fn expected(talk: &str) -> String {
    format!("docs/{talk}.md: expected {:?}, numbers and {:?}", MARKERS[0].trim(), MARKERS[1])
}

/// One claim's table, below the command that makes it.
fn of_claim(record: &Record) -> String {
    let results = &record.results;
    let mut text = format!(
        "\n`{}`: {}, {} draws, recorded on {}.\n\n| what is measured | must be | experiment | control |\n|---|---|---|---|\n",
        record.command, results.words, results.stopped_at.draws, record.circumstances.date
    );
    for check in &results.checks {
        let control = results.control.iter().find(|other| other.id == check.id);
        let control = control.map_or_else(String::new, |check| measured(check, results.stopped_at.draws));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {}{} | {} | {} | {control} |",
            plain(&check.quantity),
            if check.must_fail { " †" } else { "" },
            check.bound,
            measured(check, results.stopped_at.draws)
        );
    }
    text
}

/// The median over the draws that decided; of several places, the smallest and the largest of their medians.
fn measured(check: &Check, draws: usize) -> String {
    let at = |place: &Place| {
        let decided = place.draws.iter().filter(|draw| draw.seed < draws as u64);
        let values: Vec<f64> = decided.filter_map(|draw| draw.value).collect();
        median(&values).ok()
    };
    let mut medians: Vec<f64> = check.places.iter().filter_map(at).collect();
    medians.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (medians.first(), medians.last()) else { return "no value".to_owned() };
    let (low, high) = (number(*low), number(*high));
    let range = if low == high { low } else { format!("{low} to {high}") };
    let lacking = |place: &Place| {
        place.draws.iter().filter(|draw| draw.seed < draws as u64 && draw.value.is_none()).count()
    };
    match check.places.iter().map(lacking).max().unwrap_or(0) {
        0 => range,
        lacking => format!("{range} ({lacking} of {draws} draws without a value)"),
    }
}

/// A text in a table's cell, none of whose signs means something to Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '*' | '_' | '|' | '$' | '`' | '[' | ']' | '\\' => plain.extend(['\\', c]),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use overparam_eval::check::{Bound, Check, Draw};

    use super::{MARKERS, measured, plain, with_numbers};
    use crate::commands::results::shelf::Shelf;

    fn check(places: &[&[Option<f64>]]) -> Check {
        let empty = Check::new("c", "quantity", Bound::AtMost(1.0));
        places.iter().fold(empty, |check, values| {
            let draws = (0..).zip(values.iter()).map(|(seed, value)| Draw { seed, value: *value });
            check.at("place", draws.collect())
        })
    }

    #[test]
    fn the_median_is_of_the_draws_that_decided() {
        let one = check(&[&[Some(1.0), Some(3.0), Some(2.0), Some(9.0)]]);
        assert_eq!(measured(&one, 3), "2");
        assert_eq!(measured(&one, 4), "2.5");
        let two = check(&[&[Some(4.0), None], &[Some(0.5), Some(0.7)]]);
        assert_eq!(measured(&two, 2), "0.6 to 4 (1 of 2 draws without a value)");
        assert_eq!(measured(&check(&[&[None]]), 1), "no value");
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let [begin, end] = MARKERS;
        let shelf = Shelf::default();
        let chapter = format!("# a\n{begin}old\n{end}\nb\n");
        assert_eq!(with_numbers(&chapter, "t", &shelf, &[]).unwrap(), format!("# a\n{begin}\n{end}\nb\n"));
        let error = with_numbers("# a", "hu-2021", &shelf, &[]).unwrap_err().to_string();
        assert!(error.contains("docs/hu-2021.md"), "{error}");
        assert_eq!(plain("a_b < c* |x|"), "a\\_b &lt; c\\* \\|x\\|");
    }
}
