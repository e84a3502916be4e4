//! `report.html`: one self-contained page, readable without network or script. What depends on the run and not on its
//! results (times, machine) stands in one section at its end.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::formula::formula;
use super::index::{cards, contents, words};
use super::prose::{decision, prose};
use super::{CheckReport, ClaimReport, Report, RunFacts, State, sizes, tidy};
use crate::decide::Decision;
use crate::decide::design::ALPHA_NO;
use crate::figure::{Figure, Format, style_sheet};
use crate::table::{Table, number};

const STYLE: &str = include_str!("../../assets/report/page.css");
const SCRIPT: &str = include_str!("../../assets/report/page.js");
/// The page's own style and script and nothing else: no network, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// More rows of cells or points than this are left to the files.
const ROWS: usize = 200;
const TITLE: &str = "overparam: what the theory says, and what came out";

/// The page, which links to the drawings of its figures in these formats.
pub(super) fn page(report: &Report, facts: &RunFacts, formats: &[Format]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (TITLE) }
                style { (PreEscaped(style_sheet())) (PreEscaped(STYLE)) }
            }
            body.no-script {
                a.skip href="#claims" { "Skip to the claims" }
                (contents(report))
                div.page {
                    header {
                        h1 { (TITLE) }
                        p { b { (report.headline) } }
                        (words())
                        p { "overparam " (report.version) ". Repeat it: " code { (report.command) } " " a href="#run" { "Time and machine" } "." }
                    }
                    (cards(report))
                    main id="claims" { @for claim in &report.claims { (section(claim, formats)) } }
                    footer { (run(facts)) }
                }
                a.up href="#index" { "All claims" }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn section(claim: &ClaimReport, formats: &[Format]) -> Markup {
    let about = &claim.about;
    let id = claim.stem();
    let heading = format!("{id}--heading");
    html! {
        section id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (about.id) " " (decision(claim)) }
            p.statement { (prose(about.statement)) }
            p.small.standing { (claim.reason) ". " (standing(claim)) }
            @for failure in &claim.failures {
                p.bad { "No outcome: " (failure.error) " " code { (failure.cell) } }
            }
            (formula(about.formula))
            @if let Some(figure) = claim.figures.first() { (draw_figure(figure, &id, formats)) }
            @if let Some(more) = claim.figures.get(1..).filter(|more| !more.is_empty()) {
                details.paper { summary { (counted(more.len(), "more figure")) }
                    @for figure in more { (draw_figure(figure, &id, formats)) }
                }
            }
            details.paper { summary { "What was predicted, what must hold, and the sizes that ran" } dl {
                dt { "Source" }
                dd { @for source in about.sources { p { a href=(source.url) { (source.citation) } ", " (source.place) } } }
                dt { "Predicted" } dd { (prose(about.prediction)) }
                dt { "Must hold" } dd { (prose(about.must_hold)) }
                dt { "Ran here" } dd { (ran(claim)) }
                dt { "Control" } dd { (prose(about.control)) }
                dt { "Master seed" } dd { (provenance(claim)) }
                dt { "Repeat it" } dd { code { (claim.command) } " (" a href=(format!("#run--{id}")) { "time and machine" } ")" }
            } }
            (checks(claim))
            @if !claim.tables.is_empty() {
                details { summary { (counted(claim.tables.len(), "more table")) }
                    @for table in &claim.tables { (draw_table(table)) }
                }
            }
            (cells(claim))
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The sizes of this run, and that those of the sentences around may be others.
fn ran(claim: &ClaimReport) -> String {
    let sizes = sizes::ran(claim);
    if claim.size_free || claim.size_ratio >= 1.0 {
        format!("scale {}: {sizes}.", claim.scale)
    } else {
        let of = number(100.0 * claim.size_ratio);
        format!(
            "scale {}: {sizes}. That is {of} % of the source's size; where the sentences above name a size, it is the source's.",
            claim.scale
        )
    }
}

/// Draws, levels and seal in plain sentences.
fn standing(claim: &ClaimReport) -> String {
    let stopped = claim.stopped_at;
    let ended = if claim.decision == Decision::Undecided { "Stopped" } else { "Decided" };
    let mut text = format!(
        "{ended} at look {} of {} with {} draws, at scale {}. If the claim were false, it would be said to hold with a \
         probability of at most {} %; if true, to be contradicted with at most {} % ({} % for all claims together).",
        stopped.look,
        claim.design.looks.len(),
        stopped.draws,
        claim.scale,
        number(100.0 * claim.design.alpha_yes),
        number(100.0 * claim.design.alpha_no),
        number(100.0 * ALPHA_NO)
    );
    if let Some(why) = &claim.exploratory {
        text += &format!(" Exploratory: {why}.");
    }
    text
}

fn provenance(claim: &ClaimReport) -> String {
    let origin = if claim.seed.from_seal { "follows from the seal" } else { "chosen by the user" };
    let seal = claim.seal.as_ref().map_or_else(String::new, |seal| {
        if seal.matches {
            let changes = match seal.reseals {
                0 => "never changed".to_owned(),
                1 => "changed once".to_owned(),
                n => format!("changed {n} times"),
            };
            format!("; sealed {} as {} ({changes})", seal.sealed_at, seal.hash)
        } else {
            format!("; unsealed: claims.lock does not have {}", seal.hash)
        }
    });
    format!("{}, {origin}{seal}", claim.seed.value)
}

fn checks(claim: &ClaimReport) -> Markup {
    let spent = number(100.0 * claim.design.alpha_yes);
    let held = claim.checks.iter().filter(|c| c.state == State::Holds).count();
    html! { details.paper.checks {
        summary { "Predicted and measured: " (held) " of " (counted(claim.checks.len(), "check")) " shown to hold" }
        table.cards {
            caption { "Every check, on the experiment and on the control, at " (sizes::ran(claim)) ". A claim holds only if every check "
                "is shown to hold, at " (spent) " % for the claim as a whole, and the control is shown to fail those marked \u{2020}. "
                "Intervals cover the truth with probability 0.98 whatever the looks showed. Every draw is in report.json." }
            thead { tr { @for head in ["quantity", "theory", "must be", "measured", "state", "on the control", "state"] {
                th scope="col" { (head) }
            } } }
            tbody {
                @for check in &claim.checks { tr {
                    td { b { (prose(&check.quantity)) @if check.must_fail { " \u{2020}" } } div.small.why { (prose(&check.reason)) } }
                    td data-name="theory" { (prose(&check.prediction))
                        @for rival in &check.rivals {
                            div.small.rival { "rival: " (prose(&rival.name)) ", " (number(rival.value))
                                @if rival.excluded { " (excluded)" } @else { " (not excluded)" } }
                        }
                    }
                    td.number data-name="must be" { (check.bound) div.small { (check.kind) } }
                    (measured(Some(check), "measured"))
                    // A claim may check more on the experiment (real data, say) than on its control.
                    (measured(claim.control.iter().find(|c| c.id == check.id), "on the control"))
                } }
            }
        }
    } }
}

fn measured(check: Option<&CheckReport>, name: &str) -> Markup {
    html! {
        @match check {
            Some(check) => {
                td.number data-name=(name) { (estimate(check)) }
                td data-name="state" { @match check.state {
                    State::Holds => span.good { "holds" },
                    State::Fails => span.bad { "fails" },
                    State::Undecided => span.open { "undecided" },
                } }
            }
            None => { td data-name=(name) { "not measured" } td data-name="state" { "-" } }
        }
    }
}

/// The estimate with its interval, and how many draws lie inside; of the place that is farthest from holding.
fn estimate(check: &CheckReport) -> String {
    let e = &check.evidence;
    let mut text = e.estimate.map_or_else(|| "not measured".to_owned(), number);
    if let Some(interval) = e.interval {
        text += &format!(" [{}, {}]", number(interval.low), number(interval.high));
    }
    if !e.at.is_empty() {
        text += &format!(" at {}", e.at);
    }
    text += &format!("; {} of {} inside", e.inside, e.n);
    if e.missing > 0 {
        text += &format!(", {} without a value", e.missing);
    }
    text
}

/// Rows as full as can be; a free place in the last one takes the legend.
fn arrangement(figure: &Figure) -> String {
    let columns = figure.columns();
    let free = if figure.panels.len().is_multiple_of(columns) { "" } else { " free" };
    format!("panels in-{columns}{free}")
}

fn draw_figure(figure: &Figure, claim: &str, formats: &[Format]) -> Markup {
    let stem = format!("{claim}--{}", figure.name);
    let rows: Vec<_> = figure.rows().collect();
    let coloured = rows.iter().any(|r| r.value.is_some());
    let values: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let [x, y, low, high] = [r.x, r.y, r.low, r.high].map(number);
            let bar = if r.low < r.high { format!("[{low}, {high}]") } else { String::new() };
            let value = coloured.then(|| r.value.map_or_else(String::new, number));
            [r.panel.to_owned(), r.series.to_owned(), x, y, bar].into_iter().chain(value).collect()
        })
        .collect();
    let value = coloured.then_some("value of the cell");
    let header: Vec<String> =
        ["panel", "series", "x", "y", "interval"].into_iter().chain(value).map(str::to_owned).collect();
    let csv = format!("csv/{stem}.csv");
    html! { figure {
        @let (panels, legend) = figure.panels(&stem);
        div class=(arrangement(figure)) { @for panel in panels { (panel) } @if let Some(legend) = legend { (legend) } }
        figcaption { b { (prose(&figure.title)) ". " } (prose(&figure.caption)) }
        p.small.files { "Lines are theory, dots joined by a thin line a trajectory, points measurements with their intervals, hollow points the "
            "control; a shaded side is what a bound allows, and the legend says what the colours of cells mean. Points that would hide each other "
            "stand side by side; one that is too small for the axis stands at its lower end, with an arrow and its value. Files: "
            @for format in formats {
                a href=(format!("figures/{stem}.{}", format.extension())) { (format.extension().to_uppercase()) } ", "
            }
            a href=(csv) { "CSV" } "." }
        (listing("Values", &header, &values, &csv))
    } }
}

fn cells(claim: &ClaimReport) -> Markup {
    let (header, rows) = tidy::rows(claim);
    let title =
        format!("Cells: {} of the experiment, {} of the control", claim.runs.len(), claim.control_runs.len());
    listing(&title, &header, &rows, &format!("csv/{}.csv", claim.stem()))
}

/// A table to open, its first rows only if there are many.
fn listing(title: &str, header: &[String], rows: &[Vec<String>], file: &str) -> Markup {
    html! { details.cells {
        summary { (title) }
        div.wide tabindex="0" role="region" aria-label=(title) { table {
            @if rows.len() > ROWS { caption { "The first " (ROWS) " of " (rows.len()) " rows; all of them in " a href=(file) { (file) } "." } }
            thead { tr { @for head in header { th scope="col" { (head) } } } }
            tbody { @for row in rows.iter().take(ROWS) { tr { @for entry in row { td.number { (entry) } } } } }
        } }
    } }
}

fn draw_table(table: &Table) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(table.caption) { table {
            caption { (table.caption) }
            thead { tr { @for head in &table.head { th scope="col" { (head) } } } }
            tbody { @for row in &table.rows { tr { @for entry in row { td.number { (entry) } } } } }
        } }
    }
}

fn run(facts: &RunFacts) -> Markup {
    html! { section id="run" aria-labelledby="run--heading" {
        h2 id="run--heading" { "This run" }
        p { (facts.machine) ", " (facts.threads) " threads, " (number(facts.wall_seconds)) " s. "
            "The only part of this page that another run of the same command changes." }
        div.wide tabindex="0" role="region" aria-label="Cells and seconds by claim" { table {
            thead { tr { @for head in ["claim", "cells", "found in the store", "seconds of its cells"] { th scope="col" { (head) } } } }
            tbody { @for claim in &facts.claims { tr id=(format!("run--{}", claim.id.replace('/', "--"))) {
                td { (claim.id) } td.number { (claim.cells) } td.number { (claim.cached) }
                td.number { (number(claim.cell_seconds)) }
            } } }
        } }
    } }
}
