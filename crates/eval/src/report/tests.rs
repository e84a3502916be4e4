//! The report of a small claim.

use serde_json::json;

use super::{
    Cell, CheckReport, ClaimReport, Command, ControlMust, MasterSeed, Report, RunFacts, StoppedAt, html,
    quoted,
};
use crate::check::{Bound, Check, Draw};
use crate::claim::{About, Scale, Source, Talk};
use crate::decide::{Decision, Design, Evidence};
use crate::figure::Format;

/// A claim with one check that holds and one cell.
pub(super) fn claim_report() -> ClaimReport {
    let source = Source { citation: "A. Author <b>", place: "theorem 1", url: "https://example.org" };
    let about = About {
        id: "talk/claim",
        statement: "A statement.",
        formula: "a / b",
        sources: Box::leak(Box::new([source])),
        prediction: "a prediction",
        must_hold: "a bound",
        control: "a control",
        cpu_seconds: [0.0; 3],
        size_ratio: [0.1, 0.5, 1.0],
    };
    let draws = (0..8).map(|seed| Draw { seed, value: Some(0.95 + 0.1 * (seed % 2) as f64) }).collect();
    let bound = Bound::Within { target: 1.0, tolerance: 0.2 };
    let check = Check::new("slope", "slope", bound)
        .predicted("1")
        .because("theory")
        .rival("two", 2.0)
        .mean()
        .draws(draws);
    let design = Design::of(Scale::Smoke, 26);
    let evidence = Evidence::of(&check, &design, 1);
    ClaimReport {
        about,
        command: String::new(),
        decision: Decision::Holds,
        words: "holds at toy size".into(),
        reason: "one of one".into(),
        exploratory: None,
        scale: Scale::Smoke,
        size_ratio: 0.1,
        size_free: false,
        stopped_at: StoppedAt { look: 1, draws: 8 },
        p_claim: evidence.p_yes,
        p_claim_holm: evidence.p_yes,
        seal: None,
        seed: MasterSeed { value: 3, from_seal: false },
        control_must: ControlMust::default(),
        missing: 0,
        checks: vec![CheckReport::new(&check, &evidence, design.alpha_no, design.alpha_yes)],
        design,
        control: Vec::new(),
        tables: Vec::new(),
        figures: Vec::new(),
        failures: Vec::new(),
        runs: vec![Cell {
            cell: json!({"seed": 3, "path": "<script>alert(1)</script>"}),
            outcome: json!(0.5),
        }],
        control_runs: Vec::new(),
    }
}

fn report() -> Report {
    let talk = Talk { id: "talk", title: "A talk", fingerprint: "", claims: &[] };
    let other = Talk { id: "other", title: "Another", ..talk };
    let command = Command {
        program: "cargo xtask reproduce".into(),
        names: vec!["talk".into()],
        options: vec!["--data".into(), "mnist=<script>'x".into()],
    };
    Report::new(Scale::Smoke, &command, &[talk, other], vec![claim_report()])
}

#[test]
fn a_shell_reads_every_word_as_given() {
    assert_eq!(quoted("hu-2021/few-shot"), "hu-2021/few-shot");
    assert_eq!(quoted("a b"), "'a b'");
    assert_eq!(quoted("it's"), "'it'\\''s'");
    assert_eq!(quoted(""), "''");
}

#[test]
fn each_claim_has_its_own_command_and_talks_without_claims_are_left_out() {
    let report = report();
    assert_eq!(report.command, "cargo xtask reproduce talk --data 'mnist=<script>'\\''x'");
    assert_eq!(report.claims[0].command, "cargo xtask reproduce talk/claim --data 'mnist=<script>'\\''x'");
    assert_eq!(report.talks.iter().map(|t| t.id).collect::<Vec<_>>(), ["talk"]);
    assert!(report.headline.contains("1 holds at toy size"), "{}", report.headline);
}

#[test]
fn the_page_escapes_what_came_from_outside_and_loads_nothing() {
    let facts = RunFacts { wall_seconds: 1.0, threads: 1, machine: "<img>".into(), claims: Vec::new() };
    let page = html::page(&report(), &facts, &[Format::Svg, Format::Pdf]).into_string();
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;img&gt;"));
    assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("));
    assert!(page.contains("1 [0.") && page.contains("<mfrac>"), "{page}");
}

#[test]
fn every_draw_is_in_the_json() {
    let value = serde_json::to_value(report()).unwrap();
    let check = &value["claims"][0]["checks"][0];
    assert_eq!(check["points"][0]["draws"][1], json!([1, 1.05]));
    assert_eq!(check["rivals"][0], json!({"name": "two", "value": 2.0, "excluded": true}));
    assert_eq!((&check["state"], &check["n"]), (&json!("holds"), &json!(8)));
}
