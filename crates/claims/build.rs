//! Fingerprints the code behind each talk's results, so that the store never mixes results of different code.
//!
//! A talk's fingerprint covers the numerical crates, the parts of `eval` that `run` can reach, the talk's own files,
//!  the lock file, the compiler, the target and the optimisation level. Figures and reports are not part of it: files of these names
//! draw, and no run reaches them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SHARED: [&str; 16] = [
    "../tensor/src",
    "../deep-linear/src",
    "../ntk/src",
    "../linearized/src",
    "../feature-flow/src",
    "../jobs/src/plain.rs",
    "../eval/src/data",
    "../eval/src/data.rs",
    "../eval/src/stats",
    "../eval/src/stats.rs",
    "../eval/src/inputs.rs",
    "../eval/src/claim.rs",
    "../eval/src/registry.rs",
    "src/wide.rs",
    "src/summary.rs",
    "../../Cargo.lock",
];

const DRAWING: [&str; 2] = ["figures.rs", "picture.rs"];

const TALKS: [&str; 5] = ["hu_2021", "cao_2020", "mei_2020", "zou_2023", "fang_2022"];

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let compiler =
        Command::new(variable("RUSTC")).arg("--version").output().map(|o| o.stdout).unwrap_or_default();
    for talk in TALKS {
        let mut hasher = blake3::Hasher::new();
        for name in ["CARGO_PKG_VERSION", "TARGET", "OPT_LEVEL"] {
            hasher.update(variable(name).as_bytes());
        }
        hasher.update(&compiler);
        // A published crate stands alone: what is not beside it is covered by the version.
        for place in
            SHARED.into_iter().map(str::to_owned).chain([format!("src/{talk}"), format!("src/{talk}.rs")])
        {
            let path = root.join(&place);
            println!("cargo:rerun-if-changed={}", path.display());
            absorb(&mut hasher, &path, &place);
        }
        let name = talk.to_uppercase();
        println!("cargo:rustc-env=OVERPARAM_FINGERPRINT_{name}={}", &hasher.finalize().to_hex()[..16]);
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Names and contents of all files below a path, in sorted order.
fn absorb(hasher: &mut blake3::Hasher, path: &Path, name: &str) {
    if let Ok(entries) = fs::read_dir(path) {
        let mut names: Vec<_> =
            entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        let draws = |entry: &String| name.starts_with("src/") && DRAWING.contains(&entry.as_str());
        for entry in names.into_iter().filter(|entry| !draws(entry)) {
            absorb(hasher, &path.join(&entry), &format!("{name}/{entry}"));
        }
    } else if let Ok(content) = fs::read(path) {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        hasher.update(&(content.len() as u64).to_le_bytes()).update(&content);
    }
}
