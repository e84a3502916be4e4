//! Wrong data and wrong words: one clear error each, exit status 2, nothing written.

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;

use common::xtask;
use flate2::{Compression, write::GzEncoder};

/// Runs on a data folder and returns the message; asserts status 2, one line, and that nothing was written.
fn refusal(data: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("out");
    let data = format!("movielens-100k={}", data.display());
    let arguments = ["reproduce", "low-rank-completion", "--scale", "smoke", "--data", &data, "--out"];
    let output = xtask().args(arguments).arg(&target).assert().code(2);
    let output = output.get_output();
    assert!(output.stdout.is_empty());
    assert!(!target.exists(), "nothing is written");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

fn refusal_of(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    let message = refusal(folder.path());
    assert!(message.contains(name), "the file is named: {message}");
    message
}

#[test]
fn a_missing_folder_is_named() {
    let message = refusal(Path::new("/no/such/folder"));
    assert!(message.contains("/no/such/folder"), "{message}");
}

#[test]
fn a_folder_without_the_file_says_which_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(folder.path()).contains("u.data"));
}

#[test]
fn an_empty_file_is_refused() {
    assert!(refusal_of("u.data", b"").contains("empty"));
}

#[test]
fn letters_in_a_line_are_named_with_line_and_field() {
    let message = refusal_of("u.data", b"1\t1\t5\t100\n2\tabc\t3\t100\n");
    for part in ["2", "abc", "item"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_rating_out_of_range_is_named() {
    let message = refusal_of("u.data", b"1\t1\t5\t100\n2\t2\t3\t100\n3\t1\t9\t100\n");
    for part in ["3", "rating", "9", "5"] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[test]
fn a_truncated_gzip_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for user in 1..2000 {
        writeln!(encoder, "{user}\t{}\t{}\t100", user * 7 % 50 + 1, user % 5 + 1).unwrap();
    }
    let whole = encoder.finish().unwrap();
    refusal_of("u.data.gz", &whole[..whole.len() / 2]);
}

#[test]
fn misspelt_words_suggest_the_right_ones() {
    let message = |arguments: &[&str]| {
        let output = xtask().args(arguments).assert().code(2);
        String::from_utf8_lossy(&output.get_output().stderr).into_owned()
    };
    assert!(message(&["reproduce", "low-rank-complet"]).contains("did you mean low-rank-completion?"));
    assert!(message(&["reproduce", "--scal", "smoke"]).contains("--scale"));
    assert!(message(&["reproduce", "--scale", "smok"]).contains("smoke"));
    assert!(message(&["reprodcue"]).contains("reproduce"));
    assert!(message(&["list", "--data", "movielens=x"]).contains("movielens-100k"));
    assert!(message(&["list", "--data", "movielens-100k"]).contains("NAME=PATH"));
    assert!(message(&["reproduce", "--threads", "0"]).contains("--threads"));
}
