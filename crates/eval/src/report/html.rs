//! `report.html`: one self-contained page, readable without network or script. What depends on the run and not on its
//! results (times, machine) stands in one section at its end.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{ClaimReport, Report, RunFacts, tidy};
use crate::check::{Bound, Check, Holds, Verdict};
use crate::figure::{Figure, style_sheet};
use crate::table::{Table, number};

const STYLE: &str = include_str!("../../assets/report/page.css");
const SCRIPT: &str = include_str!("../../assets/report/page.js");
/// The page's own style and script and nothing else: no network, whatever the page holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
/// More rows of cells or points than this are left to the files.
const ROWS: usize = 200;
const TITLE: &str = "overparam: what the theory says, and what came out";

pub(super) fn page(report: &Report, facts: &RunFacts) -> Markup {
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
                header {
                    h1 { (TITLE) }
                    p { "Scale " b { (report.scale) } ", master seed " (report.master_seed) ", overparam " (report.version)
                        ". Repeat it: " code { (report.command) } " " a href="#run" { "Time and machine" } "." }
                }
                nav aria-label="Claims by talk" { (summary(report)) }
                main id="claims" { @for claim in &report.claims { (section(claim)) } }
                footer { (run(facts)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn summary(report: &Report) -> Markup {
    html! { @for talk in &report.talks {
        h2 { (talk.title) }
        table.cards {
            thead { tr { th scope="col" { "claim" } th scope="col" { "verdict" } th scope="col" { "why" } } }
            tbody { @for claim in report.claims.iter().filter(|c| c.about.talk() == talk.id) { tr {
                td { a href=(format!("#{}", claim.stem())) { (claim.about.id) } }
                td { (verdict(claim.verdict)) }
                td { (claim.reason) }
            } } }
        }
    } }
}

fn section(claim: &ClaimReport) -> Markup {
    let about = &claim.about;
    let id = claim.stem();
    let heading = format!("{id}--heading");
    html! {
        section id=(id) aria-labelledby=(heading) {
            h2 id=(heading) { (about.id) " " (verdict(claim.verdict)) }
            p.statement { (about.statement) }
            div.formula { (PreEscaped(overparam_notation::mathml(about.formula))) }
            dl {
                dt { "Source" }
                dd { @for source in about.sources { p { a href=(source.url) { (source.citation) } ", " (source.place) } } }
                dt { "Predicted" } dd { (about.prediction) }
                dt { "Must hold" } dd { (about.must_hold) }
                dt { "Control" } dd { (about.control) }
                dt { "Seeds" } dd { (seeds(claim)) }
                dt { "Repeat it" } dd { code { (claim.command) } " (" a href=(format!("#run--{id}")) { "time and machine" } ")" }
            }
            (checks(&claim.checks, &claim.control))
            @for failure in &claim.failures {
                p.bad { "No outcome: " (failure.error) " " code { (failure.cell) } }
            }
            @for figure in &claim.figures { (draw_figure(figure, &id)) }
            @for table in &claim.tables { (draw_table(table)) }
            (cells(claim))
        }
    }
}

/// How many seeds a setting has, and which, where cells have a field of that name.
fn seeds(claim: &ClaimReport) -> String {
    let of = |runs: &[super::Cell]| {
        let seeds: std::collections::BTreeSet<u64> =
            runs.iter().filter_map(|run| run.cell.get("seed")?.as_u64()).collect();
        match (seeds.first(), seeds.last()) {
            (Some(first), Some(last)) if first < last => format!("{} ({first} to {last})", seeds.len()),
            (Some(only), _) => format!("1 ({only})"),
            _ => "none".to_owned(),
        }
    };
    format!("{}; control: {}", of(&claim.runs), of(&claim.control_runs))
}

fn checks(checks: &[Check], control: &[Check]) -> Markup {
    html! {
        h3 { "Predicted and measured" }
        table.cards {
            caption { "Every check, on the experiment and on the control. A claim is reproduced only if all checks "
                "hold on the experiment and one at least fails on the control." }
            thead { tr { @for head in ["quantity", "theory", "must be", "measured", "holds", "on the control", "holds"] {
                th scope="col" { (head) }
            } } }
            tbody {
                @for (i, check) in checks.iter().enumerate() { tr {
                    td { b { (check.quantity) } div.small { (check.reason) } }
                    td data-name="theory" { (check.prediction) }
                    td.number data-name="must be" { (bound(check.bound)) }
                    (measured(Some(check), "measured"))
                    // A claim may check more on the experiment (real data, say) than on its control.
                    (measured(control.get(i).filter(|c| c.quantity == check.quantity)
                        .or_else(|| control.iter().find(|c| c.quantity == check.quantity)), "on the control"))
                } }
            }
        }
    }
}

fn measured(check: Option<&Check>, name: &str) -> Markup {
    html! {
        @match check {
            Some(check) => {
                td.number data-name=(name) { (estimate(check)) }
                td data-name="holds" { @match check.holds {
                    Holds::Yes => span.good { "yes" },
                    Holds::No => span.bad { "no" },
                    Holds::Unclear => span.open { "unclear" },
                } }
            }
            None => { td data-name=(name) { "not measured" } td data-name="holds" { "-" } }
        }
    }
}

fn estimate(check: &Check) -> String {
    check.measured.as_ref().map_or_else(
        || "not measured".into(),
        |m| {
            let level = number((m.level * 1000.0).round() / 10.0);
            format!(
                "{} [{}, {}] ({level}%)",
                number(m.value),
                number(m.interval.low),
                number(m.interval.high)
            )
        },
    )
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(x) => format!("at least {}", number(x)),
        Bound::AtMost(x) => format!("at most {}", number(x)),
        Bound::Within { target, tolerance } => format!("{} \u{b1} {}", number(target), number(tolerance)),
    }
}

fn draw_figure(figure: &Figure, claim: &str) -> Markup {
    let stem = format!("{claim}--{}", figure.name);
    let rows: Vec<_> = figure.rows().collect();
    let values: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            let [x, y, low, high] = [r.x, r.y, r.low, r.high].map(number);
            let bar = if r.low < r.high { format!("[{low}, {high}]") } else { String::new() };
            vec![r.panel.to_owned(), r.series.to_owned(), x, y, bar]
        })
        .collect();
    let csv = format!("csv/{stem}.csv");
    html! { figure {
        div.panels { @for panel in figure.panels(&stem) { (panel) } }
        figcaption { b { (figure.title) ". " } (figure.caption) }
        p.small { "Lines are theory or trajectories, points are measurements with their intervals, hollow points the control. "
            "Files: " a href=(format!("figures/{stem}.svg")) { "SVG" } ", "
            a href=(format!("figures/{stem}.png")) { "PNG" } ", " a href=(csv) { "CSV" } "." }
        (listing("Values", &["panel", "series", "x", "y", "interval"].map(str::to_owned), &values, &csv))
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

fn verdict(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Reproduced => "good",
        Verdict::NotReproduced => "bad",
        Verdict::Inconclusive => "open",
    };
    html! { span class=(class) { (verdict.words()) } }
}
