//! The book's shell and Python code runs, its links lead somewhere, and all its pages are in its table of contents. (Its
//! Rust code is compiled and run as documentation tests of this package.)

mod common;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{overparam, python, root, xtask};

/// The README and every page of the book, by name.
fn pages() -> Vec<(String, String)> {
    let book = fs::read_dir(root().join("docs")).unwrap().flatten().map(|e| e.path());
    let mut files: Vec<PathBuf> = book.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    files.push(root().join("README.md"));
    files.sort();
    let name = |p: &Path| p.strip_prefix(root()).unwrap().display().to_string();
    files.iter().map(|p| (name(p), fs::read_to_string(p).unwrap())).collect()
}

/// The code blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    page.split(&start).skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(code, _)| code).collect()
}

/// A folder with an `overparam` and a `cargo` whose `xtask` are the programs under test, and a `PATH` that begins there.
fn shim(folder: &Path) -> OsString {
    for (name, before, program) in [("cargo", "shift\n", xtask()), ("overparam", "", overparam())] {
        let script = folder.join(name);
        let binary = Path::new(program.get_program()).to_owned();
        fs::write(&script, format!("#!/bin/sh\n{before}exec '{}' \"$@\"\n", binary.display())).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let old = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&old))).unwrap()
}

/// What is too long to run is checked as far as its arguments go: `list` takes those of `reproduce`.
fn affordable(line: &str) -> String {
    let line = line.split(" #").next().unwrap_or(line).trim().trim_end_matches(')').to_owned();
    let quick = ["rank-not-norm", "resnet-global-minimum"].iter().any(|claim| line.contains(claim))
        && line.contains("--scale smoke");
    let program = if line.contains(INSTALLED) { INSTALLED } else { "xtask " };
    let (command, arguments) = line.split_once(program).unwrap_or_default();
    let arguments = match arguments.split_once(' ') {
        Some(("reproduce", rest)) if rest.contains("--launcher") => {
            format!("reproduce {} --dry-run", rest.replace("--dry-run", ""))
        }
        Some(("reproduce" | "report", rest)) if !quick => {
            let own = ["--fresh", "--double size", "--double horizon"];
            format!("list {}", own.iter().fold(rest.to_owned(), |rest, option| rest.replace(option, "")))
        }
        None if arguments == "reproduce" => "list".to_owned(),
        // It would write into the book that other tests read.
        None if arguments == "figures" => "figures --check".to_owned(),
        // It builds for minutes; `.ci/run` runs it.
        None if arguments == "wheel" => "wheel --help".to_owned(),
        Some(("kernel" | "predict", _)) => format!("{arguments} --help"),
        Some(("bench", rest)) if !rest.contains("--list") => format!("{arguments} --list"),
        _ => arguments.to_owned(),
    };
    // Files of the reader's own.
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let own = words.iter().position(|w| *w == "--data");
    let words = match own {
        Some(at) => [&words[..at], words.get(at + 2..).unwrap_or(&[])].concat(),
        None => words,
    };
    format!("{}{program}{}", command.trim_start_matches("source <("), words.join(" "))
}

/// How lines of the book call the program that is installed.
const INSTALLED: &str = "overparam ";

#[test]
fn shell_commands_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = shim(folder.path());
    let mut tried = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "sh") {
            let joined = block.replace("\\\n", " ");
            let ours = |l: &&str| {
                l.contains("cargo xtask ") || l.trim_start_matches("source <(").starts_with(INSTALLED)
            };
            for line in joined.lines().filter(|l| ours(l) && !l.starts_with("alias")) {
                let command = affordable(line);
                let output = Command::new("sh")
                    .args(["-c", &command])
                    .env("PATH", &path)
                    .current_dir(&folder)
                    .output()
                    .unwrap();
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                // Another assumption may well have another verdict: that is what `--set` is for.
                let judged = line.contains("--set") && matches!(output.status.code(), Some(1 | 4));
                assert!(output.status.success() || judged, "{page}: {line}\n{command}: {message}");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried} commands found");
}

#[test]
fn python_code_runs() {
    let Some(python) = python("numpy, pandas") else {
        eprintln!("skipped: no python3 with numpy and pandas (OVERPARAM_PYTHON names one)");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = shim(folder.path());
    let run = ["reproduce", "rank-not-norm", "--scale", "smoke"];
    xtask().args(run).current_dir(&folder).assert().success();
    let text = fs::read_to_string(root().join("docs/python.md")).unwrap();
    let blocks = blocks(&text, "python");
    assert!(blocks.len() >= 4);
    for block in blocks {
        let output = Command::new(&python)
            .args(["-c", block])
            .env("PATH", &path)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn links_lead_somewhere_and_every_page_is_in_the_contents() {
    let contents = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for (page, text) in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{page} links to {target}");
            }
        }
        if let Some(name) = page.strip_prefix("docs/").filter(|name| *name != "SUMMARY.md") {
            assert!(contents.contains(&format!("({name})")), "{name} is in docs/SUMMARY.md");
        }
    }
}
