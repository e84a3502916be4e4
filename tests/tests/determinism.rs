//! The same bytes whatever the number of threads and however often the run was killed.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use common::xtask;

const CLAIMS: [&str; 2] = ["rank-not-norm", "singular-value-dynamics"];

fn arguments(out: &Path, threads: &str) -> Vec<String> {
    let mut words = vec!["reproduce".to_owned()];
    words.extend(CLAIMS.map(str::to_owned));
    words.extend(["--scale", "smoke", "--threads", threads, "--out"].map(str::to_owned));
    words.push(out.display().to_string());
    words
}

fn report(out: &Path) -> Vec<u8> {
    fs::read(out.join("report.json")).expect("a finished run leaves a report")
}

#[test]
fn one_thread_two_threads_and_ten_kills_give_the_same_bytes() {
    let folder = |name: &str| tempfile::Builder::new().prefix(name).tempdir().unwrap();
    let (one, two, killed) = (folder("one"), folder("two"), folder("killed"));
    xtask().args(arguments(one.path(), "1")).assert().success();
    xtask().args(arguments(two.path(), "2")).assert().success();
    assert_eq!(report(one.path()), report(two.path()));

    let binary = xtask().get_program().to_owned();
    // Moments spread by the golden ratio over the first second and a half of the run.
    for i in 1..=10u32 {
        let mut child = Command::new(&binary)
            .args(arguments(killed.path(), "2"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(u64::from(i * 618 % 1000) * 3 / 2));
        // It may have finished by itself; then there is nothing to kill.
        let _ = child.kill();
        child.wait().unwrap();
    }
    xtask().args(arguments(killed.path(), "2")).assert().success();
    assert_eq!(report(one.path()), report(killed.path()));
}
