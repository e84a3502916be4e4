//! The page of the book and the README's sentence, from what is kept.

use std::collections::BTreeMap;
use std::fmt::Write;

use overparam_eval::claim::{About, Scale};
use overparam_eval::decide::Decision;
use overparam_eval::report::Record;
use overparam_eval::seal::Lock;

use super::doubling;
use super::shelf::Shelf;

const INTRODUCTION: &str = "\
# What was run

`cargo xtask results` writes this page from the files in `docs/results`: one file for each
claim and run, with what the claim declares, every draw, and what was decided. To decide all of them again from the draws in the files, which
takes a second and runs no experiment:

```sh
cargo xtask results --check
```

[What a verdict means](verdicts.md) explains the words. A run is kept whatever came of it.
";

/// The whole page.
pub(super) fn page(shelf: &Shelf, claims: &[About], lock: &Lock) -> String {
    let mut page = INTRODUCTION.to_owned();
    runs(&mut page, shelf);
    decisions(&mut page, shelf, claims, lock);
    others(&mut page, shelf);
    doubling::section(&mut page, &shelf.doublings, claims);
    acceptances(&mut page, shelf, claims);
    page
}

/// One sentence for each scale that has been run.
pub(super) fn sentence(shelf: &Shelf, claims: &[About]) -> String {
    let said: Vec<String> = Scale::ALL
        .iter()
        .filter_map(|scale| {
            let records = shelf.column(scale.name())?;
            let date = records.values().map(|r| r.circumstances.date.as_str()).max()?;
            let of = if records.len() == claims.len() {
                String::new()
            } else {
                format!(" of {} that were run", records.len())
            };
            Some(format!("at {scale} scale ({date}){of} {}", counted(records)))
        })
        .collect();
    match said.is_empty() {
        true => "Nothing has been run yet.".to_owned(),
        false => {
            format!("Of {} claims, {}. [Every draw](docs/results.md) is kept.", claims.len(), said.join("; "))
        }
    }
}

/// For example `3 are reproduced, 24 hold at toy size, none is undecided and none contradicted`.
fn counted(records: &BTreeMap<String, Record>) -> String {
    let words = |word: &str| records.values().filter(|r| r.results.words.starts_with(word)).count();
    let decided = |decision| records.values().filter(|r| r.results.decision == decision).count();
    let some = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let none = |n: usize, word: &str| match n {
        0 => format!("none is {word}"),
        1 => format!("1 is {word}"),
        n => format!("{n} are {word}"),
    };
    let mut parts: Vec<String> = [
        some(words("reproduced"), "is reproduced", "are reproduced"),
        some(words("supported"), "is supported", "are supported"),
        some(words("holds at toy size"), "holds at toy size", "hold at toy size"),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.push(none(decided(Decision::Undecided), "undecided"));
    let blind = decided(Decision::NotDiscriminating);
    parts.extend((blind > 0).then(|| none(blind, "not discriminating")));
    format!("{} and {}", parts.join(", "), none(decided(Decision::Fails), "contradicted"))
}

fn runs(page: &mut String, shelf: &Shelf) {
    page.push_str("\n## Runs\n\n| run | claims | what came of it | kept on | at commit | machine | CPU time |\n|---|---|---|---|---|---|---|\n");
    let scales = Scale::ALL.iter().filter_map(|scale| Some((scale.name(), shelf.column(scale.name())?)));
    for (name, records) in scales.chain(shelf.others()) {
        let all = |field: fn(&Record) -> &str| {
            let mut found: Vec<&str> = records.values().map(field).collect();
            found.sort_unstable();
            found.dedup();
            found.join(", ")
        };
        let seconds: f64 = records.values().map(|r| r.circumstances.cell_seconds).sum();
        let _ = writeln!(
            page,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            records.len(),
            counted(records),
            all(|r| &r.circumstances.date),
            all(|r| &r.circumstances.commit),
            all(|r| &r.circumstances.machine),
            time(seconds)
        );
    }
}

fn decisions(page: &mut String, shelf: &Shelf, claims: &[About], lock: &Lock) {
    page.push_str("\n## Decisions\n\n| claim | smoke | standard | paper |\n|---|---|---|---|\n");
    for about in claims {
        let file = about.id.replace('/', "--");
        let cell = |scale: Scale| {
            let Some(record) = shelf.column(scale.name()).and_then(|records| records.get(about.id)) else {
                return format!("not run, about {} of CPU time", time(about.cpu_seconds[scale as usize]));
            };
            let draws = record.results.stopped_at.draws;
            let now = lock.current(about.id).map(|sealed| sealed.hash.as_str());
            let then = record.results.seal.as_ref().map(|seal| seal.hash.as_str());
            let old = if now == then { "" } else { ", of an earlier declaration" };
            format!("[{}](results/{scale}/{file}.json), {draws} draws{old}", record.results.words)
        };
        let [smoke, standard, paper] = Scale::ALL.map(cell);
        let _ = writeln!(page, "| [{}]({}.md) | {smoke} | {standard} | {paper} |", about.id, about.talk());
    }
    page.push_str("\nWhat was not run is one command away: `cargo xtask reproduce CLAIM --scale paper`. It can be interrupted, and the same command goes on.\n");
    let open: Vec<(&str, &Record)> = Scale::ALL
        .iter()
        .filter_map(|scale| Some((scale.name(), shelf.column(scale.name())?)))
        .flat_map(|(name, records)| records.values().map(move |record| (name, record)))
        .filter(|(_, record)| record.results.decision != Decision::Holds)
        .collect();
    if !open.is_empty() {
        page.push_str("\nWhat does not hold, and why:\n\n");
    }
    for (name, record) in open {
        let _ = writeln!(
            page,
            "- {name}, `{}`: {}: {}",
            record.claim, record.results.words, record.results.reason
        );
    }
}

fn others(page: &mut String, shelf: &Shelf) {
    let mut others = shelf.others().peekable();
    if others.peek().is_none() {
        return;
    }
    page.push_str("\n## Other data and other fields\n\nThese runs are exploratory: their seeds follow from no seal.\n\n");
    page.push_str("| run | claim | decision | draws | command |\n|---|---|---|---|---|\n");
    for (name, records) in others {
        for record in records.values() {
            let results = &record.results;
            let _ = writeln!(
                page,
                "| {name} | {} | [{}](results/{name}/{}.json) | {} | `{}` |",
                record.claim,
                results.words,
                record.claim.replace('/', "--"),
                results.stopped_at.draws,
                record.command
            );
        }
    }
}

fn acceptances(page: &mut String, shelf: &Shelf, claims: &[About]) {
    for acceptance in &shelf.acceptances {
        let _ = writeln!(
            page,
            "\n## Acceptance at {}{}\n\nFresh master seeds, which no one chose, test the verdicts themselves. `{}`; each decision is in\n\
             [the file](results/acceptance/{}.json).\n\n| part | what was asked | what was found | |\n|---|---|---|---|",
            acceptance.scale,
            acceptance.name.strip_prefix(&acceptance.scale).unwrap_or_default().replace('-', " "),
            acceptance.command().replacen("overparam accept", "cargo xtask accept", 1),
            acceptance.name
        );
        for (part, asked, found, accepted) in acceptance.findings() {
            let word = if accepted { "accepted" } else { "**refused**" };
            let _ = writeln!(page, "| {part} | {asked} | {found} | {word} |");
        }
        let here = || shelf.acceptances.iter().filter(|other| other.scale == acceptance.scale);
        let later: Vec<String> = claims
            .iter()
            .filter(|about| !here().any(|other| other.has(about.id)))
            .map(|about| format!("`{}`", about.id))
            .collect();
        if !later.is_empty() && here().next_back().is_some_and(|last| last.name == acceptance.name) {
            let _ = writeln!(page, "\nNot tested at {}: {}.", acceptance.scale, later.join(", "));
        }
    }
}

/// For example `40 s`, `12 min` or `6 h`.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h", s / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_read_well() {
        assert_eq!([12.0, 600.0, 36_000.0].map(time), ["12 s", "10 min", "10 h"]);
    }
}
