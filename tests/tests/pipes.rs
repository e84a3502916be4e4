//! Who reads what is printed: nobody, for a while, or a full disk. None of it ends a run, and none of it is a panic.
#![cfg(target_os = "linux")]

mod common;

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use common::npy::write;
use common::{root, xtask};

/// Commands that print, each with the status that it has when someone listens.
const COMMANDS: [(&[&str], i32); 10] = [
    (&["list", "rank-not-norm"], 0),
    (&["list", "rank-not-norm", "--scale", "smoke"], 0),
    (&["explain", "low-rank-completion"], 0),
    (&["explain", "rank-not-norm"], 0),
    (&["--help"], 0),
    (&["kernel", "--help"], 0),
    (&["--version"], 0),
    (&["completions", "bash"], 0),
    (&["theory", "random-features", "--psi1", "4", "--psi2", "3", "--lambda-bar", "0.1"], 0),
    (&["reproduce", "rank-not-norm", "--scale", "smoke", "--launcher", "slurm", "--dry-run"], 0),
];

fn command(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(xtask().get_program());
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("Linux has it").into()
}

/// A pipe whose reader is gone before anything is written.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, status) in COMMANDS {
        let output = command(arguments, folder.path()).stdout(closed()).output().unwrap();
        assert_eq!((output.status.code(), said(&output).as_str()), (Some(status), ""), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, _) in COMMANDS {
        let output = command(arguments, folder.path()).stdout(full()).output().unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(
            text.starts_with("error: cannot write to standard output: No space left"),
            "{arguments:?}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    }
}

/// A run writes its report whoever reads its progress and its verdicts.
#[test]
fn a_run_does_not_depend_on_its_readers() {
    let folder = tempfile::tempdir().unwrap();
    type Ends = (fn() -> Stdio, fn() -> Stdio);
    let ends: [(&str, Ends, i32); 5] = [
        ("progress unread", (Stdio::null, closed), 0),
        ("progress on a full disk", (Stdio::null, full), 0),
        ("verdicts unread", (closed, Stdio::null), 0),
        ("nobody reads", (closed, closed), 0),
        ("verdicts on a full disk", (full, Stdio::null), 1),
    ];
    for (i, (name, (stdout, stderr), status)) in ends.into_iter().enumerate() {
        for json in [false, true] {
            let out = format!("{i}-{json}");
            let mut arguments = vec!["reproduce", "rank-not-norm", "--scale", "smoke", "--out", &out];
            arguments.extend(json.then_some("--json"));
            let mut run = command(&arguments, folder.path());
            let ended = run.stdout(stdout()).stderr(stderr()).status().unwrap();
            assert_eq!(ended.code(), Some(status), "{name}, json {json}");
            assert!(folder.path().join(&out).join("report.html").exists(), "{name}, json {json}");
        }
    }
}

#[test]
fn wrong_usage_has_its_status_even_if_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["reprodcue"][..], &["explain", "nonsense"], &["kernel"]] {
        for stderr in [closed(), full()] {
            let status = command(arguments, folder.path()).stderr(stderr).status().unwrap();
            assert_eq!(status.code(), Some(2), "{arguments:?}");
        }
    }
}

/// The result is in its file; that it cannot be told is no reason to lose it.
#[test]
fn a_kernel_is_written_whoever_listens() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("x.npy"), &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.5, -0.5]);
    let arch = root().join("examples/architectures/mlp.json");
    let arguments = ["kernel", "--arch", arch.to_str().unwrap(), "--x1", "x.npy", "--out", "k.npz"];
    for (stdout, status) in [(closed(), 0), (full(), 1)] {
        let run = command(&arguments, folder.path()).stdout(stdout).stderr(closed()).status().unwrap();
        assert_eq!(run.code(), Some(status));
        assert!(folder.path().join("k.npz").exists());
        std::fs::remove_file(folder.path().join("k.npz")).unwrap();
    }
}
