//! `report.html`: one self-contained page, readable without network or script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{ClaimReport, Report, RunFacts};
use crate::check::{Bound, Check, Holds, Verdict};
use crate::figure;
use crate::table::{Table, number};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #ddd; --soft: #f5f5f5;
  --good: #00664a; --bad: #a33b00; --open: #7a5c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #181818; --faint: #444; --soft: #222;
  --good: #2fcf9f; --bad: #ff8c3a; --open: #e6c04d; } }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, 'Helvetica Neue', Arial, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 3rem; border-top: 1px solid var(--faint); padding-top: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0 1rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--faint); }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1.5rem 0; } figure svg { max-width: 100%; height: auto; min-width: 20rem; }
figcaption { font-size: .9rem; max-width: 48rem; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.open { color: var(--open); font-weight: 600; }
code { background: var(--soft); padding: .1rem .3rem; overflow-wrap: anywhere; }
.small { font-size: .85rem; }
";

pub(super) fn page(report: &Report, facts: &RunFacts) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "overparam: what the theory says, and what came out" }
                style { (PreEscaped(STYLE)) (PreEscaped(figure::STYLE)) }
            }
            body {
                header {
                    h1 { "overparam: what the theory says, and what came out" }
                    p { "Scale " b { (report.scale) } ", master seed " (report.master_seed) ". Repeat it: "
                        code { (report.command) } }
                }
                main {
                    (summary(report))
                    @for claim in &report.claims { (section(claim)) }
                }
                footer.small { (footer(report, facts)) }
            }
        }
    }
}

fn summary(report: &Report) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "claim" } th { "verdict" } th { "why" } } }
            tbody { @for claim in &report.claims { tr {
                td { a href=(format!("#{}", anchor(claim))) { (claim.about.id) } }
                td { (verdict(claim.verdict)) }
                td { (claim.reason) }
            } } }
        } }
    }
}

fn section(claim: &ClaimReport) -> Markup {
    let about = &claim.about;
    html! {
        section id=(anchor(claim)) {
            h2 { (about.id) " " (verdict(claim.verdict)) }
            p { (about.statement) }
            p { code { (about.formula) } }
            ul { @for source in about.sources {
                li { a href=(source.url) { (source.citation) } ", " (source.place) }
            } }
            p { b { "Predicted: " } (about.prediction) }
            p { b { "Control: " } (about.control) }
            (checks(&claim.checks, &claim.control))
            @for failure in &claim.failures {
                p.bad { "No outcome: " (failure.error) " " code { (failure.cell) } }
            }
            @for figure in &claim.figures { figure {
                div.wide { (figure.markup()) }
                figcaption { b { (figure.title) ". " } (figure.caption) }
            } }
            @for table in &claim.tables { (draw_table(table)) }
        }
    }
}

fn checks(checks: &[Check], control: &[Check]) -> Markup {
    html! {
        div.wide { table {
            caption.small { "Every check, on the experiment and on the control. A claim is reproduced only if all checks "
                "hold on the experiment and one at least fails on the control." }
            thead { tr { th { "quantity" } th { "theory" } th { "must be" } th { "measured" } th { "holds" }
                th { "control measured" } th { "holds on control" } } }
            tbody {
                @for (i, check) in checks.iter().enumerate() { tr {
                    td { (check.quantity) div.small { (check.reason) } }
                    td { (check.prediction) }
                    td.number { (bound(check.bound)) }
                    (measured(Some(check)))
                    // A claim may check more on the experiment (real data, say) than on its control.
                    (measured(control.get(i).filter(|c| c.quantity == check.quantity)
                        .or_else(|| control.iter().find(|c| c.quantity == check.quantity))))
                } }
            }
        } }
    }
}

fn measured(check: Option<&Check>) -> Markup {
    html! {
        @match check {
            Some(check) => {
                td.number { (estimate(check)) }
                td { @match check.holds {
                    Holds::Yes => span.good { "yes" },
                    Holds::No => span.bad { "no" },
                    Holds::Unclear => span.open { "unclear" },
                } }
            }
            None => { td { "not measured" } td {} }
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
        Bound::Within { target, tolerance } => format!("{} +/- {}", number(target), number(tolerance)),
    }
}

fn draw_table(table: &Table) -> Markup {
    html! {
        div.wide { table {
            caption.small { (table.caption) }
            thead { tr { @for head in &table.head { th { (head) } } } }
            tbody { @for row in &table.rows { tr { @for entry in row { td.number { (entry) } } } } }
        } }
    }
}

fn footer(report: &Report, facts: &RunFacts) -> Markup {
    html! {
        h2 { "This run" }
        p { "overparam " (report.version) " on " (facts.machine) ", " (facts.threads) " threads, "
            (number(facts.wall_seconds)) " s." }
        div.wide { table {
            thead { tr { th { "claim" } th { "cells" } th { "found in the store" } th { "seconds of its cells" } } }
            tbody { @for claim in &facts.claims { tr {
                td { (claim.id) } td.number { (claim.cells) } td.number { (claim.cached) }
                td.number { (number(claim.cell_seconds)) }
            } } }
        } }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    let class = match verdict {
        Verdict::Reproduced => "good",
        Verdict::NotReproduced => "bad",
        Verdict::Inconclusive => "open",
    };
    html! { span class=(class) { (verdict.words()) } }
}

fn anchor(claim: &ClaimReport) -> String {
    claim.about.id.replace('/', "--")
}
