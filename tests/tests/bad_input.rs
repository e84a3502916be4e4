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

/// Values that a field cannot have: refused before anything runs, with the field, the value and what is expected.
#[test]
fn impossible_values_of_fields_are_refused() {
    let cases: [(&str, &[&str]); 14] = [
        ("scale=-1", &["--set scale=-1", "hu-2021/rank-not-norm takes values such as 0.1", "not negative"]),
        ("scale=wide", &["--set scale=wide", "takes values such as 0.1", "expected a number"]),
        ("scale=", &["--set scale=", "expected a number"]),
        ("scale=null", &["--set scale=null", "expected a number"]),
        ("scale=[1]", &["--set scale=[1]", "expected a number"]),
        ("depth=0", &["--set depth=0", "2, 3, 4", "expected a whole number of 1 or more"]),
        ("depth=-3", &["--set depth=-3", "expected a whole number of 1 or more"]),
        ("depth=2.5", &["--set depth=2.5", "takes values such as 1, 2, 3, 4", "expected a whole number"]),
        ("exchanged=1", &["--set exchanged=1", "expected true or false"]),
        ("control:depth=deep", &["--set depth=deep", "takes values such as 1, 2, 3, 4"]),
        ("dept=3", &["--set dept: no cell has such a field; there are depth, exchanged, scale"]),
        ("depth", &["--set depth: expected FIELD=VALUE", "control:width=256"]),
        ("both:depth=3", &["--set both:depth=3: expected FIELD=VALUE"]),
        ("experiment:=3", &["--set experiment:=3: expected FIELD=VALUE"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (set, parts) in cases {
        let arguments = ["reproduce", "rank-not-norm", "--scale", "smoke", "--out", "out", "--set", set];
        let output = xtask().args(arguments).current_dir(folder.path()).assert().code(2);
        let output = output.get_output();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.stdout.is_empty() && message.lines().count() == 1, "{set}: {message}");
        for part in parts {
            assert!(message.contains(part), "{set}: {part:?} in {message}");
        }
        assert!(!folder.path().join("out").exists(), "{set}: nothing is written");
    }
}

/// Descent from a start with a negative determinant on both sides: the control alone is what it was.
#[test]
fn one_side_can_be_changed_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cells = |set: &str| -> Vec<String> {
        let out = folder.path().join(set.replace([':', '='], "-"));
        let run = ["reproduce", "rank-not-norm", "--scale", "smoke", "--seeds", "8", "--quiet", "--set", set];
        let status = xtask().args(run).arg("--out").arg(&out).output().unwrap().status;
        assert!(status.code().is_some_and(|code| code != 2), "{set}");
        let store = fs::read_dir(out.join("store/hu-2021/rank-not-norm")).unwrap();
        store.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    };
    let with = |cells: &[String], field: &str| cells.iter().filter(|text| text.contains(field)).count();
    let (both, control) = (cells("exchanged=true"), cells("control:exchanged=false"));
    assert_eq!(with(&both, "\"exchanged\":false"), 0);
    assert_eq!(with(&control, "\"exchanged\":true"), 0);
    assert!(with(&both, "\"exchanged\":true") > 0 && with(&control, "\"exchanged\":false") > 0);
}
