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
    assert!(run("status", &parts, &[], 1).contains("0 of 12 cells are in the store"));
    let first = run("reproduce", &parts, &["--shard", "2/3"], 0);
    assert!(
        first.contains("shard 2/3: 4 of its 4 cells are in the store, 0 were before; 0 failed"),
        "{first}"
    );
    assert!(first.contains("hu-2021/rank-not-norm: 8 cells of the run remain"), "{first}");
    assert!(!parts.join("report.json").exists());
    assert!(run("status", &parts, &[], 1).contains("4 of 12 cells are in the store"));
    let event: Value = serde_json::from_str(run("status", &parts, &["--json"], 1).trim()).unwrap();
    assert_eq!((&event["event"], &event["done"], &event["cells"]), (&"status".into(), &4.into(), &12.into()));

    run("reproduce", &parts, &["--shard", "3/3"], 0);
    let last = run("reproduce", &parts, &["--shard", "1/3"], 0);
    assert!(last.contains("every cell of the run is in the store"), "{last}");
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
    assert!(text.contains("--shard \"${SLURM_ARRAY_TASK_ID:?}/3\""), "{text}");
    assert!(!out.exists());

    run("reproduce", &out, &["--shard", "2/3"], 0);
    assert!(run("reproduce", &out, &launch, 0).contains("\n#SBATCH --array=1,3\n"), "what has cells left");
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
    refused(
        &["--launcher", "slurm", "--dry-run", "--sbatch-arg", "gpu"],
        &path,
        "expected an argument of sbatch",
    );
    refused(&["--launcher", "slurm", "--dry-run", "--sbatch-arg=--array=1-9"], &path, "set by the launcher");
    refused(&["--launcher", "slurm"], "/nowhere", "there is no sbatch here");
}
