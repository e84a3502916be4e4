//! Kernels from the shell: a folder with inputs, and commands that read and write there.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use overparam_tensor::array::read_npz;
use overparam_tensor::{Array, Real};
use serde_json::Value;
use tempfile::TempDir;

use super::contents::contents;
use super::npy::write;
use super::{root, xtask};

/// A folder with 23 vectors, 9 others, and 7 images of 4 x 4 pixels.
pub(crate) struct Desk(pub(crate) TempDir);

/// Numbers without pattern, the same every time.
pub(crate) fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as f64) / f64::from(1u32 << 30) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        write(&desk.path("x.npy"), &[23, 5], &numbers(23 * 5, 1));
        write(&desk.path("z.npy"), &[9, 5], &numbers(9 * 5, 2));
        write(&desk.path("images.npy"), &[7, 4, 4, 2], &numbers(7 * 32, 3));
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `kernel` with these words, in which files of this folder begin with `@`.
    pub(crate) fn command(&self, words: &str) -> assert_cmd::Command {
        let mut command = xtask();
        command.arg("kernel").current_dir(root().join("examples/architectures"));
        for word in words.split_whitespace() {
            match word.strip_prefix('@') {
                Some(name) => command.arg(self.path(name)),
                None => command.arg(word),
            };
        }
        command
    }

    /// Standard output and standard error of a command that ends with this status.
    pub(crate) fn run(&self, words: &str, status: i32) -> (String, String) {
        let assert = self.command(words).assert().code(status);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&assert.get_output().stdout), text(&assert.get_output().stderr))
    }

    pub(crate) fn json(&self, words: &str, status: i32) -> Value {
        serde_json::from_str(self.run(words, status).0.lines().last().unwrap()).unwrap()
    }

    /// Every file of a store by its path.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(&self.path(name))
    }

    pub(crate) fn npz<T: Real>(&self, name: &str) -> BTreeMap<String, Array<T>> {
        read_npz(fs::File::open(self.path(name)).unwrap()).unwrap()
    }
}

pub(crate) fn bits<T: Real>(array: &Array<T>) -> Vec<Vec<u8>> {
    let each = |x: &T| match T::NAME {
        "f32" => f32::of(x.f64()).to_le_bytes().to_vec(),
        _ => x.f64().to_le_bytes().to_vec(),
    };
    array.to_vec().iter().map(each).collect()
}

/// A job of seconds, and whether it has a finished tile.
pub(crate) fn long_job(desk: &Desk) -> (String, impl Fn() -> bool + use<>) {
    write(&desk.path("many.npy"), &[60, 12, 12, 1], &numbers(60 * 144, 5));
    let store = desk.path("long.zarr/ntk/tiles");
    let begun = move || {
        let entries = fs::read_dir(&store).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().extension().is_some_and(|e| e == "json"))
    };
    ("--arch cntk.toml --x1 @many.npy --kind ntk --tile 6 --threads 1 --out @long.zarr".to_owned(), begun)
}

pub(crate) fn spawn(desk: &Desk, words: &str) -> std::process::Child {
    let command = desk.command(words);
    let mut child = Command::new(command.get_program());
    child.args(command.get_args()).current_dir(root().join("examples/architectures"));
    child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn wait_for(condition: impl Fn() -> bool) {
    let patience = Instant::now();
    while !condition() {
        assert!(patience.elapsed() < Duration::from_secs(120), "nothing happens");
        sleep(Duration::from_millis(5));
    }
}
