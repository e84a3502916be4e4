//! What stands before the claims: the contents, every claim in a card, and what the words and the levels mean.

use maud::{Markup, html};

use super::prose::{decision, prose, tone};
use super::{ClaimReport, Report};
use crate::decide::Decision;
use crate::decide::design::{ALPHA_NO, ALPHA_YES};
use crate::table::number;

/// The claims by talk, short enough to stand beside the page.
pub(super) fn contents(report: &Report) -> Markup {
    html! { nav.contents aria-label="Contents" {
        a href="#index" { "All claims" }
        @for talk in &report.talks {
            p.talk { (talk.id) }
            ul { @for claim in of_talk(report, talk.id) { li {
                a href=(format!("#{}", claim.stem())) { (claim.about.name()) }
                " " span class=(tone(claim)) title=(claim.words) aria-hidden="true" { (sign(claim)) }
            } } }
        }
        a href="#run" { "This run" }
    } }
}

/// Every claim: its statement, what came out, and its first figure in small.
pub(super) fn cards(report: &Report) -> Markup {
    html! { section.index id="index" aria-label="All claims" { @for talk in &report.talks {
        h2 { (talk.title) }
        ul.index { @for claim in of_talk(report, talk.id) { li {
            @let target = format!("#{}", claim.stem());
            @if let Some(figure) = claim.figures.first() {
                a.thumb href=(target) tabindex="-1" aria-hidden="true" { (figure.thumbnail(&format!("{}--{}", claim.stem(), figure.name))) }
            }
            div {
                a href=(target) { b { (claim.about.name()) } } " " (decision(claim))
                p { (prose(claim.about.statement)) }
                p.small { (claim.reason) }
            }
        } } }
    } } }
}

fn of_talk<'a>(report: &'a Report, talk: &'a str) -> impl Iterator<Item = &'a ClaimReport> {
    report.claims.iter().filter(move |c| c.about.talk() == talk)
}

fn sign(claim: &ClaimReport) -> &'static str {
    match claim.decision {
        Decision::Holds => "\u{2713}",
        Decision::Fails => "\u{2717}",
        Decision::Undecided | Decision::NotDiscriminating => "?",
    }
}

/// The words of a decision, and how often they are wrong.
pub(super) fn words() -> Markup {
    let rows = [
        (
            "reproduced",
            "Every check holds, and the experiment is as large as the source's or the checks are identities, which have no size.",
        ),
        ("supported", "Every check holds, in an experiment smaller than the source's."),
        (
            "holds at toy size",
            "Every check holds, in an experiment of seconds that is much smaller than the source's: a sign that the code and the theory agree, no reproduction.",
        ),
        (
            "approximately",
            "A mean lies within its bound, yet its interval excludes the very number that theory gives: at this size a small bias remains.",
        ),
        ("undecided", "The draws that were allowed show neither that all checks hold nor that one fails."),
        (
            "contradicted, not reproduced",
            "At least one check was shown to fail; \u{201c}not reproduced\u{201d} if the experiment is as large as the source's.",
        ),
        (
            "not discriminating",
            "The control, which lacks the theory's hypothesis, passes a check that it must fail: the experiment cannot tell.",
        ),
    ];
    html! { details.words {
        summary { "What the decisions and their levels mean" }
        dl { @for (word, meaning) in rows { dt { (word) } dd { (meaning) } } }
        p { "Levels: a false claim is called true with a probability of at most " (number(100.0 * ALPHA_YES))
            " %, claim by claim. A true claim is called contradicted with a probability of at most " (number(100.0 * ALPHA_NO))
            " % for all claims of the repository together. Both count every look at the data: a claim may be decided early, and "
            "looking early is paid for." }
    } }
}
