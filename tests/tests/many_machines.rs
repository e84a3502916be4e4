//! Shards, status and the launcher as a user meets them. On a real SLURM: `tests/slurm/run`.

mod common;

use std::fs;
use std::path::Path;

use common::xtask;
use serde_json::Value;

const CLAIM: [&str; 3] = ["rank-not-norm", "--scale", "smoke"];

/// Standard output of a command on the claim, which must end with this status.
fn run(command: &str, out: &Path, more: &[&str], status: i32) -> String {
    let assert = xtask().arg(command).args(CLAIM).arg("--out").arg(out).args(more).assert().code(status);
    String::from_utf8(assert.get_output().stdout.clone()).expect("output is text")
}

#[test]
fn shards_fill_a_store_and_the_report_is_that_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (one, parts) = (folder.path().join("one"), folder.path().join("parts"));
    run("reproduce", &one, &[], 0);
    let state = || -> Value { serde_json::from_str(run("status", &parts, &["--json"], 1).trim()).unwrap() };
    // A folder without a store may be a misspelt one.
    run("status", &parts, &[], 2);
    fs::create_dir_all(parts.join("store")).unwrap();
    let (cells, done) = (state()["cells"].as_u64().unwrap(), || state()["done"].as_u64().unwrap());
    assert_eq!((&state()["event"], done(), &state()["look"]), (&"status".into(), 0, &1.into()));
    let first = run("reproduce", &parts, &["--shard", "2/3"], 0);
    let mine = done();
    assert!((cells / 3..=cells / 3 + 1).contains(&mine), "{mine} of {cells}");
    assert!(
        first.contains(&format!(
            "round 1, shard 2/3: {mine} of its {mine} cells are in the store, 0 were before; 0 failed"
        )),
        "{first}"
    );
    assert!(
        first.contains(&format!("hu-2021/rank-not-norm: {} cells of the round remain", cells - mine)),
        "{first}"
    );
    assert!(!parts.join("report.json").exists());
    let text = run("status", &parts, &[], 1);
    assert!(
        text.contains(&format!("{mine} of {cells} cells of the present looks are in the store")),
        "{text}"
    );
    // The second round follows from the first, which is not complete.
    let early = run("reproduce", &parts, &["--shard", "1/3", "--round", "2"], 3);
    assert_eq!(early, "");

    run("reproduce", &parts, &["--shard", "3/3"], 0);
    let last = run("reproduce", &parts, &["--shard", "1/3"], 0);
    assert!(last.contains("every cell of the round is in the store"), "{last}");
    // The claim is decided by its first round: the second has nothing to do.
    let next = run("reproduce", &parts, &["--shard", "1/3"], 0);
    assert!(next.contains("round 2: every claim is decided"), "{next}");
    run("status", &parts, &["--quiet"], 0);
    run("report", &parts, &[], 0);
    assert_eq!(fs::read(one.join("report.json")).unwrap(), fs::read(parts.join("report.json")).unwrap());
}

/// The scripts' own golden tests are beside them; here, that the command line reaches them.
#[test]
fn a_dry_run_prints_what_would_be_submitted_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("an out's folder");
    let launch = ["--launcher", "slurm", "--array", "3", "--dry-run"];
    let more =
        ["--threads", "4", "--partition", "short", "--mem", "2G", "--sbatch-arg", "--constraint=avx512"];
    let text = run("reproduce", &out, &[&launch[..], &more].concat(), 0);
    let expected =
        ["--array=1-3", "--cpus-per-task=4", "--partition=short", "--mem=2G", "--constraint=avx512"];
    for directive in expected {
        assert!(text.contains(&format!("\n#SBATCH {directive}\n")), "{directive} in {text}");
    }
    assert!(text.contains("--dependency=afterany:") && text.contains("an out'\\''s folder'"), "{text}");
    assert!(text.contains("--round 3 --shard \"${SLURM_ARRAY_TASK_ID:?}/3\""), "{text}");
    assert!(!out.exists());

    run("reproduce", &out, &["--shard", "2/3"], 0);
    let left = run("reproduce", &out, &launch, 0);
    assert!(
        left.contains("\n#SBATCH --array=1,3\n") && left.contains("\n#SBATCH --array=1-3\n"),
        "what has cells left: {left}"
    );
    run("reproduce", &out, &[], 0);
    let done = run("reproduce", &out, &launch, 0);
    assert!(
        !done.contains("--array") && !done.contains("--dependency") && done.contains(" report "),
        "{done}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |more: &[&str], path: &str, words: &str| {
        let mut command = xtask();
        command.arg("reproduce").args(CLAIM).arg("--out").arg(folder.path()).args(more).env("PATH", path);
        let assert = command.assert().code(2);
        let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(message.contains(words), "{more:?}: {message}");
    };
    let path = std::env::var("PATH").unwrap_or_default();
    refused(&["--shard", "4/3"], &path, "\"4/3\" is not K/N with 1 <= K <= N");
    refused(&["--shard", "1/2", "--launcher", "slurm"], &path, "cannot be used with");
    refused(&["--dry-run"], &path, "--launcher");
    refused(&["--round", "1"], &path, "--shard");
    refused(
        &["--launcher", "slurm", "--dry-run", "--sbatch-arg", "gpu"],
        &path,
        "expected an argument of sbatch",
    );
    refused(&["--launcher", "slurm", "--dry-run", "--sbatch-arg=--array=1-9"], &path, "set by the launcher");
    refused(&["--launcher", "slurm"], "/nowhere", "there is no sbatch here");
}
