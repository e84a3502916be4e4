//! The real programs, built once per test process, and files for them.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod browser;
#[path = "../../../crates/jobs/tests/common/contents.rs"]
pub(crate) mod contents;
pub(crate) mod kernels;
pub(crate) mod npy;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A command that runs `xtask`, in the profile that the tests were built in.
pub(crate) fn xtask() -> assert_cmd::Command {
    command("xtask")
}

/// The same of the program that is installed.
pub(crate) fn overparam() -> assert_cmd::Command {
    command("overparam")
}

fn command(name: &str) -> assert_cmd::Command {
    let mut command =
        assert_cmd::Command::new(programs().join(format!("{name}{}", std::env::consts::EXE_SUFFIX)));
    command.env("NO_COLOR", "1");
    command
}

/// The folder of both programs.
fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // target/<profile>/deps/<this test>: the binary stands two levels up.
        let test = std::env::current_exe().expect("a running test has a path");
        let profile = test.ancestors().nth(2).expect("tests run from target/<profile>/deps").to_owned();
        let mut build = Command::new(env!("CARGO"));
        // Cargo chooses features for all packages that it builds at once. With the workspace and this test (which is
        // built already) these are the ones of `cargo test --workspace`, and nothing but the binary is to be built.
        let test = env!("CARGO_CRATE_NAME");
        build.args(["build", "--quiet", "--locked", "--workspace", "--bin", "xtask", "--bin", "overparam"]);
        build.args(["--test", test]);
        build.arg("--target-dir");
        build.arg(profile.parent().expect("a profile lies in a target folder"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the programs do not build");
        profile
    })
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// The Rust files below a folder, in order.
pub(crate) fn sources(below: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(below) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A Python with these modules, if the machine has one.
pub(crate) fn python(modules: &str) -> Option<String> {
    let named = std::env::var("OVERPARAM_PYTHON").ok();
    named.into_iter().chain(["python3".to_owned()]).find(|python| {
        let status = Command::new(python).args(["-c", &format!("import {modules}")]).output();
        status.is_ok_and(|output| output.status.success())
    })
}
