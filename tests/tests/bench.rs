//! `bench` as a user meets it, with a stand-in for Python. No test asserts a time.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{python, xtask};
use serde_json::Value;

/// A quick case.
const CASE: &str = "deep-linear-depth-2-f32";

/// A program that answers as `benches/peers/worker.py` does, `run` being what it does for a repetition.
fn stand_in(folder: &Path, packages: &str, summary: &str, run: &str) -> PathBuf {
    let program = folder.join("python");
    let script = format!(
        r#"#!/bin/sh
echo $$ >> '{pids}'
if [ "$2" = --packages ]; then echo '{{"versions": {{"python": "3"}}, "missing": [{packages}]}}'; exit; fi
echo '{{"first_seconds": 1, "summary": {summary}}}'
while read -r line; do {run}; done
"#,
        pids = folder.join("pids").display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

const REPETITION: &str = r#"echo '{"seconds": 10, "peak_mib": 64}'"#;

/// The numbers that our side finds, from a run without a peer.
fn summary(folder: &Path) -> String {
    let out = folder.join("alone");
    let run = xtask().args(["bench", CASE, "--rounds", "1", "--out"]).arg(&out).assert().code(0);
    assert!(String::from_utf8_lossy(&run.get_output().stdout).contains("no peer"));
    document(&out)["cases"][0]["ours"]["summary"].to_string()
}

fn document(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("bench.json")).unwrap()).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = xtask().arg("bench").args(arguments).current_dir(std::env::temp_dir()).assert().code(2);
    String::from_utf8_lossy(&output.get_output().stderr).into_owned()
}

#[test]
fn the_list_names_cases_and_what_is_counted() {
    let output = xtask().args(["bench", "--list"]).assert().success();
    let text = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    for part in ["ntk-conv-pool-32x32-f32", CASE, "counted: ", "target: 60 times"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_race_is_recorded_whole() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let page = folder.path().join("page.md");
    let peer = stand_in(folder.path(), "", &summary(folder.path()), REPETITION);
    let run = xtask()
        .args(["bench", CASE, "--rounds", "2", "--peers"])
        .arg(&peer)
        .arg("--out")
        .arg(&out)
        .arg("--page")
        .arg(&page)
        .assert()
        .code(0);
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    assert!(text.contains("\u{2713} met") && text.contains("1 of 1 targets met"), "{text}");
    let case = document(&out)["cases"][0].clone();
    assert_eq!(case["name"], CASE);
    assert_eq!(case["verdict"], "met");
    assert_eq!(case["difference"], 0.0);
    assert_eq!(case["ours"]["seconds"].as_array().unwrap().len(), 2);
    assert_eq!(case["peer"].as_array().unwrap().len(), 2);
    assert_eq!(case["peer"][1]["seconds"], serde_json::json!([10.0, 10.0]));
    assert!(case["floor"]["fraction"].as_f64().unwrap() > 0.0);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("| `{CASE}` |")) && page.contains("10.0 s (1)"), "{page}");

    // Another case is added to it, or replaces it.
    let more = |keep: &[&str]| {
        let run = ["bench", "deep-linear-depth-2-f64", "--rounds", "1", "--out"];
        xtask().args(run).arg(&out).args(keep).assert().code(0);
        document(&out)["cases"].as_array().unwrap().len()
    };
    assert_eq!((more(&["--keep"]), more(&[])), (2, 1));
}

#[test]
fn a_peer_that_breaks_or_differs_loses_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let race = |peer: &Path| {
        let run = ["bench", "deep-linear-depth-2", "--rounds", "2", "--peers"];
        let run = xtask().args(run).arg(peer).arg("--out").arg(&out).assert().code(1);
        let cases = document(&out)["cases"].as_array().unwrap().clone();
        assert!(cases.iter().all(|c| c["ours"]["seconds"].as_array().unwrap().len() == 2));
        (String::from_utf8_lossy(&run.get_output().stdout).into_owned(), cases)
    };
    let broken = stand_in(folder.path(), "", "[1]", "echo 'no memory left' >&2; exit 1");
    let (text, cases) = race(&broken);
    assert!(text.contains("peer failed") && text.contains("no memory left"), "{text}");
    assert_eq!(cases.iter().map(|c| &c["verdict"]).collect::<Vec<_>>(), ["broken"; 2]);

    let other = stand_in(folder.path(), "", "[1, 2]", REPETITION);
    let (text, cases) = race(&other);
    assert!(text.contains("results differ"), "{text}");
    assert_eq!(cases.iter().map(|c| &c["verdict"]).collect::<Vec<_>>(), ["differ"; 2]);
}

#[test]
fn mistakes_are_explained() {
    assert!(refusal(&["deep-linera-depth-2-f32"]).contains("did you mean deep-linear-depth-2-f32?"));
    assert!(
        refusal(&[CASE, "--peers", "/nowhere/python"]).contains("--peers /nowhere/python: cannot be run")
    );
    assert!(refusal(&[CASE, "--peers", "true"]).contains("no Python that works"));
    let folder = tempfile::tempdir().unwrap();
    let bare = stand_in(folder.path(), "\"torch\", \"numpy\"", "[]", REPETITION);
    let message = refusal(&[CASE, "--peers", bare.to_str().unwrap()]);
    assert!(message.contains("lacks torch and numpy"), "{message}");
    assert!(message.contains("pip install -r benches/peers/requirements.txt"), "{message}");
}

#[test]
fn a_stopped_race_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let peer = stand_in(folder.path(), "", "[1]", "sleep 0.2; echo '{\"seconds\": 0.2}'");
    let program = xtask().get_program().to_owned();
    let mut run = Command::new(program)
        .args(["bench", CASE, "--rounds", "1000", "--peers"])
        .arg(&peer)
        .arg("--out")
        .arg(folder.path().join("out"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = || fs::read_to_string(folder.path().join("pids")).unwrap_or_default();
    // One to ask for packages, two to work.
    let deadline = Instant::now() + Duration::from_secs(60);
    while started().lines().count() < 3 {
        assert!(Instant::now() < deadline, "the workers did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let stop = Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(stop.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    for pid in started().lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "process {pid} is left");
    }
}

/// The programs in `benches/peers` themselves, if this machine has what the smallest needs.
#[test]
fn numpy_finds_what_we_find() {
    let Some(python) = python("numpy") else {
        eprintln!("skipped: no python3 with numpy (OVERPARAM_PYTHON names one)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let run = ["bench", "random-features-sweep", "--rounds", "1", "--peers", &python, "--out"];
    xtask().args(run).arg(folder.path()).assert().code(0);
    let case = document(folder.path())["cases"][0].clone();
    assert!(case["difference"].as_f64().unwrap() < 1e-6, "{case}");
}
