//! The house's rules that a program can check: dependencies point down, files stay readable, nothing is unfinished.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{root, sources};

fn code() -> Vec<PathBuf> {
    let folders = ["crates", "xtask", "tests/src", "fuzz/targets"];
    folders.iter().flat_map(|folder| sources(&root().join(folder))).collect()
}

/// What each crate may depend on within the workspace; development dependencies aside.
const FLOORS: [(&str, &[&str]); 15] = [
    ("crates/notation", &[]),
    ("crates/formula", &["notation"]),
    ("crates/tensor", &["formula"]),
    ("crates/deep-linear", &["formula", "tensor"]),
    ("crates/ntk", &["formula", "tensor"]),
    ("crates/linearized", &["formula", "tensor"]),
    ("crates/feature-flow", &["formula", "tensor"]),
    ("crates/jobs", &[]),
    ("crates/solve", &["tensor"]),
    ("crates/eval", &["notation", "formula", "tensor", "jobs"]),
    ("crates/claims", &["tensor", "deep-linear", "ntk", "linearized", "feature-flow", "eval"]),
    (
        "crates/overparam",
        &["notation", "tensor", "deep-linear", "ntk", "linearized", "feature-flow", "jobs", "eval", "claims"],
    ),
    (
        "crates/cli",
        &["claims", "eval", "jobs", "solve", "tensor", "deep-linear", "ntk", "linearized", "feature-flow"],
    ),
    (
        "crates/python",
        &["cli", "claims", "eval", "jobs", "tensor", "deep-linear", "ntk", "linearized", "feature-flow"],
    ),
    ("xtask", &["cli", "claims", "eval", "tensor", "deep-linear", "ntk", "linearized", "feature-flow"]),
];

#[test]
fn dependencies_point_down() {
    for (package, allowed) in FLOORS {
        let manifest =
            fs::read_to_string(root().join(package).join("Cargo.toml")).expect("every crate has a manifest");
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for line in dependencies.lines().filter(|l| l.starts_with("overparam-")) {
            let name =
                line.trim_start_matches("overparam-").split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(allowed.contains(&name), "{package} must not depend on {name}");
        }
    }
}

#[test]
fn theory_crates_do_no_input_output_and_read_no_clock() {
    for name in ["tensor", "deep-linear", "ntk", "linearized", "feature-flow"] {
        let library = sources(&root().join("crates").join(name).join("src"));
        // `testing.rs` is compiled for tests only.
        for file in library.into_iter().filter(|f| !f.ends_with("testing.rs")) {
            let text = fs::read_to_string(&file).expect("sources are readable");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for banned in ["std::fs", "println!", "std::time", "std::env"] {
                let used = code.lines().any(|l| l.contains(banned) && !l.trim_start().starts_with("//"));
                assert!(!used, "{} uses {banned}", file.display());
            }
        }
    }
}

#[test]
fn files_are_read_in_one_sitting() {
    for file in code() {
        let lines = fs::read_to_string(&file).expect("sources are readable").lines().count();
        assert!(lines <= 450, "{} has {lines} lines: two ideas?", file.display());
    }
}

#[test]
fn nothing_is_unfinished() {
    // What is ignored says why.
    let markers = ["TODO", "FIXME", "XXX", "#[ignore]"];
    for file in code() {
        let text = fs::read_to_string(&file).expect("sources are readable");
        for marker in markers {
            assert!(!text.contains(marker), "{} contains {marker}", file.display());
        }
    }
}

/// Modules of `eval` that judges, figures, tables and `explain` use, but no `run`: what changes there changes no stored cell.
const JUDGING: [&str; 8] = ["check", "decide", "double", "figure", "meaning", "runs", "table", "theory"];
/// The same among the claims' own shared modules.
const DRAWING: [&str; 1] = ["widths"];

/// The modules of a crate that a text imports: `use overparam_eval::data::digits` names `data`.
fn imported(text: &str, prefix: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let after = code.split(prefix).skip(1);
    let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned);
    // `use crate::{a, b::c}`.
    let names = after.flat_map(|rest| match rest.strip_prefix('{') {
        Some(list) => {
            list.split('}').next().unwrap_or_default().split(',').filter_map(|p| name(p.trim())).collect()
        }
        None => name(rest).into_iter().collect::<Vec<_>>(),
    });
    names.filter(|name| name.starts_with(char::is_lowercase)).collect()
}

/// What the fingerprint leaves out only draws: it is called from where figures and tables are made, and nothing is imported from it.
#[test]
fn no_run_reaches_what_the_fingerprint_leaves_out() {
    let build =
        fs::read_to_string(root().join("crates/claims/build.rs")).expect("the claims have a build script");
    assert!(build.contains("DRAWING: [&str; 2] = [\"figures.rs\", \"picture.rs\"];"), "two names");
    let mut calls = 0;
    for file in sources(&root().join("crates/claims/src")) {
        let text = fs::read_to_string(&file).expect("sources are readable");
        if file.file_name().is_some_and(|name| name == "figures.rs" || name == "picture.rs") {
            // Methods could be called without naming the file.
            assert!(!text.lines().any(|line| line.starts_with("impl")), "{} has methods", file.display());
        }
        let mut function = "";
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if line.contains("fn ") {
                function = line.trim();
            }
            if ["figures::", "picture::"].iter().any(|path| line.contains(path)) {
                let draws = ["fn figures(", "fn tables("].iter().any(|start| function.starts_with(start));
                assert!(draws, "{} uses what only draws: {}", file.display(), line.trim());
                calls += 1;
            }
        }
    }
    assert!(calls > 10, "{calls} calls found");
}

/// The store must not take a cell for one that other code computed: whatever `run` can reach is fingerprinted.
#[test]
fn the_fingerprint_of_a_cell_covers_all_that_its_run_can_reach() {
    let build =
        fs::read_to_string(root().join("crates/claims/build.rs")).expect("the claims have a build script");
    let covered = |place: &str| build.contains(&format!("\"{place}\","));
    let eval = root().join("crates/eval/src");
    let mut reached: std::collections::BTreeSet<String> = ["claim", "registry"].map(str::to_owned).into();
    for file in sources(&root().join("crates/claims/src")) {
        let text = fs::read_to_string(&file).expect("sources are readable");
        reached.extend(imported(&text, "overparam_eval::"));
        for module in imported(&text, "use crate::") {
            let talk = root().join("crates/claims/src").join(&module).is_dir();
            if !talk && !DRAWING.contains(&module.as_str()) {
                assert!(covered(&format!("src/{module}.rs")), "{} reaches {module}.rs", file.display());
            }
        }
    }
    // What those modules reach in turn.
    let mut waiting: Vec<String> = reached.iter().cloned().collect();
    while let Some(module) = waiting.pop() {
        if JUDGING.contains(&module.as_str()) {
            continue;
        }
        let file = eval.join(format!("{module}.rs"));
        assert!(covered(&format!("../eval/src/{module}.rs")), "a run reaches eval's {module}.rs");
        let folder = eval.join(&module);
        assert!(
            !folder.is_dir() || covered(&format!("../eval/src/{module}")),
            "a run reaches eval's {module}/"
        );
        for file in sources(&folder).into_iter().chain([file]).filter(|f| !f.ends_with("tests.rs")) {
            let text = fs::read_to_string(&file).expect("sources are readable");
            for next in imported(&text, "use crate::") {
                if reached.insert(next.clone()) {
                    waiting.push(next);
                }
            }
        }
    }
    for manifest in ["tensor", "deep-linear", "ntk", "linearized", "feature-flow"] {
        assert!(covered(&format!("../{manifest}/src")), "a run reaches {manifest}");
    }
}
