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

/// Commands of `lazy-to-rich.md`, and the numbers that the page says they print, in its own rounding.
const PRINTED: [(&str, &[&str]); 5] = [
    ("theory balanced --s0 0.001 --sigma 1 --lambda 0 --t 1,3.4534,6", &["3.4534"]),
    (
        "theory rich --kernel '1,0.3;0.3,0.8' --targets 1,-0.5 --gamma 1 --t 1,4 --fluctuations",
        &["0.5075", "0.9512", "0.16", "0.007"],
    ),
    ("theory finite-width --widths 8,256,256,256", &["0.0397"]),
    ("theory staircase-flow --target 'z1 + z1z2 + z1z2z3' --t 0,2,4,8", &["1.5", "0.49"]),
    ("theory staircase-flow --target 'z1 + z1z2z3' --t 0,2,4,8", &["0.5"]),
];

/// Whether a text has a number that is this one when it is rounded to as many decimals.
fn has(text: &str, number: &str) -> bool {
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let numbers = text.split(|c: char| !(c.is_ascii_digit() || "+-.e".contains(c)));
    numbers.filter_map(|word| word.parse::<f64>().ok()).any(|x| format!("{x:.decimals$}") == number)
}

#[test]
fn numbers_of_lazy_to_rich_are_those_that_its_commands_print() {
    let folder = tempfile::tempdir().unwrap();
    let path = shim(folder.path());
    let page = fs::read_to_string(root().join("docs/lazy-to-rich.md")).unwrap();
    let printed = |command: &str| {
        let output = Command::new("sh")
            .args(["-c", command])
            .env("PATH", &path)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (command, numbers) in PRINTED {
        assert!(page.contains(&format!("overparam {command}\n")), "{command} is not in the page");
        let output = printed(&format!("overparam {command}"));
        for number in numbers {
            assert!(page.contains(number) && has(&output, number), "{number} of {command}: {output}");
        }
    }
    assert!(has("f [0.50746296 -0.18]", "0.5075") && !has("0.50744", "0.5075"));

    let Some(python) = python("numpy") else {
        eprintln!("the predictions are skipped: no python3 with numpy (OVERPARAM_PYTHON names one)");
        return;
    };
    // The page's own program makes the data, and its own words the network.
    let data = blocks(&page, "text").into_iter().find(|block| block.contains("default_rng")).unwrap();
    let made = Command::new(&python)
        .args(["-c", &format!("import numpy as np\n{data}")])
        .current_dir(&folder)
        .output();
    assert!(made.unwrap().status.success());
    let network = page.split("The network is `").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    fs::write(folder.path().join("net.json"), network).unwrap();
    let commands = blocks(&page, "sh").into_iter().find(|block| block.contains("--richness-pairs")).unwrap();
    let said = printed(commands);
    let expected = blocks(&page, "text").into_iter().find(|block| block.starts_with("richness")).unwrap();
    for line in expected.lines() {
        assert!(said.lines().any(|found| found.trim() == line), "{line}\n{said}");
    }
}
