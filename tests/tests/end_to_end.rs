//! The command line as a user meets it.

mod common;

use std::fs;

use common::xtask;
use serde_json::Value;

fn stdout(arguments: &[&str]) -> String {
    let output = xtask().args(arguments).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).expect("output is text")
}

#[test]
fn a_claim_holds_and_its_report_is_written() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    let run = ["reproduce", "rank-not-norm", "--scale", "smoke", "--out", path];
    let first = xtask().args(run).assert().code(0);
    let text = String::from_utf8_lossy(&first.get_output().stdout).into_owned();
    assert!(text.starts_with("hu-2021/rank-not-norm"), "{text}");
    assert!(text.contains("8 draws, scale smoke") && text.contains("Levels: 1 % per claim"), "{text}");

    let report: Value = serde_json::from_slice(&fs::read(out.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["format"], "overparam-report 3");
    let claim = &report["claims"][0];
    assert_eq!((&claim["decision"], &claim["stopped_at"]["draws"]), (&"holds".into(), &8.into()));
    assert_eq!((&claim["seal"]["matches"], &claim["seed"]["from_seal"]), (&true.into(), &true.into()));
    assert!(claim["checks"].as_array().unwrap().iter().all(|c| c["state"] == "holds"));
    assert!(claim["control"].as_array().unwrap().iter().any(|c| c["state"] == "fails"));

    let html = fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(html.contains("<svg") && html.contains("Decided at look 1 of 3 with 8 draws"));
    assert!(
        !html.contains("http://")
            || html.matches("http://").count() == html.matches("http://www.w3.org").count()
    );
    let csv = fs::read_to_string(out.path().join("csv/hu-2021--rank-not-norm.csv")).unwrap();
    assert!(csv.starts_with("row,role,cell.depth,"), "{csv}");
    assert!(out.path().join("figures/hu-2021--rank-not-norm--norms-and-rank.svg").exists());
    assert!(out.path().join("run.json").exists());

    // The second run finds everything in the store; `report` needs nothing else; `list` says so.
    let before = fs::read(out.path().join("report.json")).unwrap();
    let again = xtask().args(run).assert().code(0);
    assert!(
        String::from_utf8_lossy(&again.get_output().stderr)
            .contains("look 1 of 3: 8 draws, 0 of 1 claims decided")
    );
    xtask().args(["report", "rank-not-norm", "--scale", "smoke", "--out", path]).assert().code(0);
    assert_eq!(before, fs::read(out.path().join("report.json")).unwrap());
    let cells = claim["runs"].as_array().unwrap().len() + claim["control_runs"].as_array().unwrap().len();
    let list = stdout(&["list", "rank-not-norm", "--scale", "smoke", "--out", path]);
    assert!(list.contains(&format!("{cells} of {cells} cells of look 1")), "{list}");
}

#[test]
fn a_report_without_runs_is_undecided() {
    let out = tempfile::tempdir().unwrap();
    let run = ["report", "rank-not-norm", "--scale", "smoke", "--out", out.path().to_str().unwrap()];
    let none = xtask().args(run).assert().code(2);
    assert!(String::from_utf8_lossy(&none.get_output().stderr).contains("there is no store of results"));
    fs::create_dir(out.path().join("store")).unwrap();
    let output = xtask().args(run).assert().code(4);
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(text.contains("undecided") && text.contains("not in the store yet"), "{text}");
}

#[test]
fn explain_and_list_tell_what_there_is() {
    let text = stdout(&["explain", "low-rank-completion"]);
    for part in [
        "statement",
        "formula",
        "source",
        "predicted",
        "must hold",
        "control",
        "checks",
        "arxiv.org/abs/1905.13655",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let list = stdout(&["list"]);
    for claim in ["low-rank-completion", "singular-value-dynamics", "rank-not-norm"] {
        assert!(list.contains(claim), "{claim} in {list}");
    }
}

#[test]
fn an_altered_result_is_noticed_and_computed_again() {
    let out = tempfile::tempdir().unwrap();
    let run = ["reproduce", "rank-not-norm", "--scale", "smoke", "--out", out.path().to_str().unwrap()];
    xtask().args(run).assert().code(0);
    let before = fs::read(out.path().join("report.json")).unwrap();
    let store = out.path().join("store/hu-2021/rank-not-norm");
    let cell = fs::read_dir(store).unwrap().next().unwrap().unwrap().path();
    let content = fs::read_to_string(&cell).unwrap();
    fs::write(&cell, content.replacen("\"loss\":0.", "\"loss\":1.", 1)).unwrap();
    let output = xtask().args(run).assert().code(0);
    let messages = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(
        messages.contains("checksum mismatch") && messages.contains("computing that cell again"),
        "{messages}"
    );
    assert_eq!(before, fs::read(out.path().join("report.json")).unwrap());
}

/// Ctrl-C: status 130, how far it got, and how to go on.
#[cfg(unix)]
#[test]
fn an_interrupt_stops_cleanly_and_says_how_to_resume() {
    use std::process::{Command, Stdio};
    let out = tempfile::tempdir().unwrap();
    let run = ["reproduce", "low-rank-completion", "--scale", "standard", "--threads", "1", "--out"];
    let child = Command::new(xtask().get_program())
        .args(run)
        .arg(out.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{messages}");
    assert!(
        messages.contains("stopped:") && messages.contains("The same command goes on from there"),
        "{messages}"
    );
    assert!(!out.path().join("report.json").exists());
}
