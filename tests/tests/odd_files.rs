//! Files that are not what they seem, and outputs that would destroy something: each ends at once, with a message of one line, and
//! what was there before is there afterwards.
#![cfg(unix)]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::npy::{npy, write};
use common::xtask;
use flate2::{Compression, write::GzEncoder};
use overparam_tensor::Array;
use overparam_tensor::array::write_npz;
use serde_json::Value;

const NET: &str = r#"{"layers": [{"dense": {"width": 4}}, "relu", {"dense": {"width": 1}}]}"#;

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// An archive whose members are so many zeros of one byte, each with a header that promises `shape`.
fn zeros(path: &Path, members: usize, shape: &str, bytes: usize) {
    let header = npy("|b1", false, shape, &[]);
    let mut archive = Zip(Vec::new(), Vec::new());
    for i in 0..members {
        archive.member(&format!("x{i}.npy"), &header, bytes);
    }
    fs::write(path, archive.finish()).unwrap();
}

/// A writer of archives as far as a bomb needs it: no library of ours.
struct Zip(Vec<u8>, Vec<u8>);

impl Zip {
    fn member(&mut self, name: &str, header: &[u8], zeros: usize) {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
        let mut sum = flate2::Crc::new();
        for part in [header.to_vec(), vec![0; zeros]] {
            encoder.write_all(&part).unwrap();
            sum.update(&part);
        }
        let packed = encoder.finish().unwrap();
        let fixed = |sum: u32, packed: u32, plain: u32| {
            let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
            [sum, packed, plain].iter().for_each(|n| fields.extend(n.to_le_bytes()));
            fields.extend((name.len() as u16).to_le_bytes());
            fields.extend([0, 0]);
            fields
        };
        let fields = fixed(sum.sum(), packed.len() as u32, (header.len() + zeros) as u32);
        let offset = self.0.len() as u32;
        self.0.extend(b"PK\x03\x04");
        self.0.extend(&fields);
        self.0.extend(name.as_bytes());
        self.0.extend(&packed);
        self.1.extend(b"PK\x01\x02\x14\x00");
        self.1.extend(&fields);
        self.1.extend([0; 10]);
        self.1.extend(offset.to_le_bytes());
        self.1.extend(name.as_bytes());
    }

    fn finish(self) -> Vec<u8> {
        let Self(mut bytes, directory) = self;
        let count = directory.windows(4).filter(|w| w == b"PK\x01\x02").count() as u16;
        let start = bytes.len() as u32;
        bytes.extend(&directory);
        bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
        bytes.extend(count.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend((directory.len() as u32).to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }
}

fn fill(folder: &Path) {
    let path = |name: &str| folder.join(name);
    fs::write(path("net.json"), NET).unwrap();
    write(&path("x.npy"), &[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.5, -0.5]);
    write(&path("y.npy"), &[3], &[1.0, 0.0, -1.0]);
    fs::write(path("x.csv"), "1,0\n0,1\n0.5,-0.5\n").unwrap();
    let array = Array::<f64>::from_slice(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 0.5, -0.5]);
    write_npz(File::create(path("one.npz")).unwrap(), [("x", &array)]).unwrap();
    fs::hard_link(path("one.npz"), path("hard.npz")).unwrap();
    symlink("one.npz", path("soft.npz")).unwrap();
    for name in ["pipe.npy", "pipe.npz", "pipe.csv", "pipe.json"] {
        pipe(&path(name));
    }
    for name in ["folder.npy", "folder.csv", "folder.json"] {
        fs::create_dir(path(name)).unwrap();
    }
    symlink("nowhere", path("link.npy")).unwrap();
    symlink("loop.npy", path("loop.npy")).unwrap();
    symlink("/dev/zero", path("zero.npy")).unwrap();
    symlink("/dev/zero", path("zero.json")).unwrap();
    zeros(&path("bomb.npz"), 1, "200000000,", 200_000_000);
    zeros(&path("promise.npz"), 1, "3, 40000000", 1000);
    zeros(&path("many.npz"), 8, "20000000,", 20_000_000);
    let file = File::create(path("large.json")).unwrap();
    file.set_len(6 << 30).unwrap();
    fs::write(path("binary.json"), [0xff, 0xfe, 0]).unwrap();
    fs::write(path("long.csv"), format!("1,2\n3,{}\n", "x".repeat(1 << 20))).unwrap();
    fs::write(path("escape.csv"), "1,2\n3,\u{1b}[31mred\n").unwrap();
    fs::write(path("long.json"), format!(r#"{{"layers": ["{}"]}}"#, "r".repeat(1 << 20))).unwrap();
    fs::write(path("cut.npy"), npy("<f8", false, "3, 40000000", &[0; 64])).unwrap();
}

/// Options of `kernel`, which replace the good ones of the same name, and what the message must contain.
const KERNELS: &[(&[&str], &[&str])] = &[
    (
        &["--x1", "one.npz", "--out", "one.npz"],
        &["--out one.npz: this is the file of --x1 one.npz, which is not overwritten"],
    ),
    (&["--x1", "one.npz:x", "--out", "one.npz"], &["--out one.npz: this is the file of --x1 one.npz:x"]),
    (&["--x1", "one.npz", "--out", "./one.npz"], &["this is the file of --x1"]),
    (&["--x1", "one.npz", "--out", "hard.npz"], &["this is the file of --x1"]),
    (&["--x1", "soft.npz", "--out", "one.npz"], &["this is the file of --x1"]),
    (&["--x1", "one.npz", "--out", "soft.npz"], &["this is the file of --x1"]),
    (&["--x2", "one.npz", "--out", "one.npz"], &["this is the file of --x2"]),
    (&["--x1", "pipe.npy"], &["--x1 pipe.npy: cannot read: it is a pipe or a device, not a file"]),
    (&["--x1", "pipe.npz"], &["it is a pipe or a device"]),
    (&["--x1", "pipe.csv"], &["it is a pipe or a device"]),
    (&["--x1", "zero.npy"], &["it is a pipe or a device"]),
    (&["--x1", "folder.npy"], &["--x1 folder.npy: cannot read: is a directory"]),
    (&["--x1", "folder.csv"], &["is a directory"]),
    (&["--x1", "link.npy"], &["--x1 link.npy: cannot read: it is a link that leads nowhere"]),
    (&["--x1", "loop.npy"], &["--x1 loop.npy: cannot read: "]),
    (&["--x1", "bomb.npz"], &["--x1 bomb.npz: ", "more than 268435456 bytes of memory"]),
    (&["--x1", "promise.npz"], &["--x1 promise.npz: ", "more than 268435456 bytes of memory"]),
    (&["--x1", "many.npz:x7"], &["--x1 many.npz:x7: ", "more than 268435456 bytes of memory"]),
    (&["--x1", "cut.npy"], &["ends before its numbers do"]),
    (&["--x1", "long.csv"], &["line 2, column 2: expected a number", "characters more"]),
    (&["--x1", "escape.csv"], &["line 2, column 2: expected a number"]),
    (&["--arch", "pipe.json"], &["--arch pipe.json: cannot read: it is a pipe or a device"]),
    (&["--arch", "zero.json"], &["it is a pipe or a device"]),
    (&["--arch", "folder.json"], &["--arch folder.json: cannot read: is a directory"]),
    (
        &["--arch", "large.json"],
        &["--arch large.json: cannot read: it has 6442450944 bytes, expected at most"],
    ),
    (&["--arch", "binary.json"], &["--arch binary.json: cannot read: it is no text"]),
    (&["--arch", "long.json"], &["there is no layer or activation called", "characters more"]),
    (&["--out", "pipe.npz"], &["--out pipe.npz: cannot write: it is no file"]),
];

fn names(folder: &Path) -> Vec<(std::ffi::OsString, Option<u64>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut all: Vec<_> = entries.map(|e| (e.file_name(), e.metadata().ok().map(|m| m.len()))).collect();
    all.sort();
    all
}

/// Runs with little more address space than 512 MiB and what the program reserves, and asserts status 2, one short line, quickly.
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let before = names(folder);
    let begun = Instant::now();
    let script = "ulimit -v 1500000; exec \"$0\" \"$@\"";
    let mut run = Command::new("sh");
    run.args(["-c", script]).arg(xtask().get_program()).args(arguments).current_dir(folder);
    let output = run.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{arguments:?} took {:?}", begun.elapsed());
    assert!(text.lines().count() == 1 && text.len() < 4_000, "{arguments:?}: {text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?}: {part:?} in {text}");
    }
    assert_eq!(names(folder), before, "{arguments:?} changed a file");
}

#[test]
fn kernels_of_odd_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    for (options, parts) in KERNELS {
        let mut arguments = vec!["kernel"];
        for (option, good) in [("--arch", "net.json"), ("--x1", "x.npy"), ("--out", "k.npz")] {
            if !options.contains(&option) {
                arguments.extend([option, good]);
            }
        }
        arguments.extend(*options);
        refused(folder.path(), &arguments, parts);
    }
}

#[test]
fn predictions_overwrite_no_input() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let cases: &[(&[&str], &str)] = &[
        (&["--train-x", "x.csv", "--curve", "x.csv"], "--curve x.csv: this is the file of --train-x x.csv"),
        (&["--test-x", "x.csv", "--curve", "x.csv"], "this is the file of --test-x"),
        (&["--test-x", "one.npz", "--out", "one.npz"], "--out one.npz: this is the file of --test-x one.npz"),
        (&["--train-x", "one.npz", "--out", "hard.npz"], "this is the file of --train-x"),
    ];
    for (options, part) in cases {
        let mut arguments = vec!["predict"];
        let good = [
            ("--arch", "net.json"),
            ("--train-x", "x.npy"),
            ("--train-y", "y.npy"),
            ("--test-x", "x.npy"),
            ("--out", "p.npz"),
        ];
        for (option, good) in good {
            if !options.contains(&option) {
                arguments.extend([option, good]);
            }
        }
        arguments.extend(*options);
        refused(folder.path(), &arguments, &[part]);
    }
}

#[test]
fn odd_data_sets_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let within = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    pipe(&within("pipe").join("u.data"));
    fs::create_dir(within("folder").join("u.data")).unwrap();
    symlink("/dev/zero", within("endless").join("u.data")).unwrap();
    let bomb = |name: &str, head: &[u8], zeros: usize| {
        let mut encoder =
            GzEncoder::new(File::create(folder.path().join(name)).unwrap(), Compression::best());
        encoder.write_all(head).unwrap();
        (0..zeros >> 20).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
        encoder.finish().unwrap();
    };
    within("bomb");
    bomb("bomb/u.data.gz", b"", 256 << 20);
    within("mnist");
    // A header that promises 1 GiB.
    let head = [0, 0, 8, 3, 0, 16, 0, 0, 0, 0, 0, 32, 0, 0, 0, 32];
    bomb("mnist/train-images-idx3-ubyte.gz", &head, 64 << 20);
    for name in ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::write(folder.path().join("mnist").join(name), []).unwrap();
    }
    let cases: &[(&str, &str, &[&str])] = &[
        ("movielens-100k=pipe", "low-rank-completion", &["u.data", "it is a pipe or a device"]),
        ("movielens-100k=folder", "low-rank-completion", &["u.data", "directory"]),
        ("movielens-100k=endless", "low-rank-completion", &["it is a pipe or a device"]),
        ("movielens-100k=bomb", "low-rank-completion", &["u.data.gz", "a line of more than"]),
        ("mnist=mnist", "loss-dynamics", &["train-images-idx3-ubyte.gz", "at most 268435456 bytes"]),
    ];
    for (data, claim, parts) in cases {
        refused(
            folder.path(),
            &["reproduce", claim, "--scale", "smoke", "--data", data, "--out", "out"],
            parts,
        );
    }
}

/// What others put into the store in a result's or a lease's place is neither waited for nor read whole.
#[test]
fn odd_files_in_the_store_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = ["reproduce", "rank-not-norm", "--scale", "smoke", "--out", out.to_str().unwrap()];
    xtask().args(run).assert().code(0);
    let store = out.join("store/hu-2021/rank-not-norm");
    let cell = fs::read_dir(&store).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&cell).unwrap();
    let report = fs::read(out.join("report.json")).unwrap();
    type Odd = (&'static str, fn(&Path), Option<&'static str>);
    let results: [Odd; 4] = [
        ("pipe", pipe, Some("it is a pipe or a device")),
        ("link", |path| symlink("nowhere", path).unwrap(), Some("leads nowhere")),
        ("6 GB", |path| File::create(path).unwrap().set_len(6 << 30).unwrap(), Some("6442450944 bytes")),
        ("nothing", |_| {}, None),
    ];
    for (name, make, told) in results {
        fs::remove_file(&cell).unwrap();
        make(&cell);
        let begun = Instant::now();
        let output = xtask().args(run).timeout(Duration::from_secs(60)).assert().code(0);
        let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(begun.elapsed() < Duration::from_secs(30), "{name} took {:?}", begun.elapsed());
        assert!(told.is_none_or(|told| text.contains(told)), "{name}: {text}");
        assert!(fs::symlink_metadata(&cell).unwrap().is_file(), "{name}: the result is there again");
        assert_eq!(fs::read(out.join("report.json")).unwrap(), report, "{name}");
    }
    let lease = cell.with_extension("lease");
    let leases: [Odd; 3] = [
        ("pipe", pipe, Some("it is a pipe or a device")),
        ("link", |path| symlink("nowhere", path).unwrap(), Some("leads nowhere")),
        ("folder", |path| fs::create_dir(path).unwrap(), Some("directory")),
    ];
    for (name, make, told) in leases {
        fs::remove_file(&cell).unwrap();
        make(&lease);
        let output = xtask().args(run).timeout(Duration::from_secs(60)).assert().code(2);
        let text = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(text.contains(told.unwrap()) && text.contains(".lease"), "{name}: {text}");
        // `status` only looks.
        xtask().args(["status", "rank-not-norm", "--scale", "smoke", "--out"]).arg(&out).assert().code(1);
        let _ = fs::remove_file(&lease).or_else(|_| fs::remove_dir(&lease));
        fs::write(&cell, &good).unwrap();
    }
}

fn claims_of(path: &Path) -> (usize, Value) {
    let report: Value = serde_json::from_slice(&fs::read(path.join("report.json")).unwrap()).unwrap();
    (report["claims"].as_array().unwrap().len(), report["command"].clone())
}

/// The report of two claims stays where it is until something that says as much, or `--force`, takes its place.
#[test]
fn a_report_is_replaced_by_one_that_says_as_much() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let run = |arguments: &[&str]| {
        let output = xtask().args(arguments).arg("--out").arg(out).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let one = ["reproduce", "rank-not-norm", "--scale", "smoke"];
    let two = ["reproduce", "rank-not-norm", "resnet-global-minimum", "--scale", "smoke"];
    run(&one);
    assert_eq!(claims_of(out).0, 1);
    run(&two);
    assert_eq!(claims_of(out).0, 2, "more claims replace fewer");
    let first = fs::read(out.join("report.json")).unwrap();
    let lesser: [&[&str]; 5] = [
        &one,
        &["reproduce", "resnet-global-minimum", "--scale", "smoke", "--set", "width=24"],
        &["reproduce", "rank-not-norm", "resnet-global-minimum", "--scale", "smoke", "--seed", "7"],
        &["report", "rank-not-norm", "resnet-global-minimum", "--scale", "standard"],
        &["report", "rank-not-norm", "resnet-global-minimum", "--scale", "smoke", "--seeds", "500"],
    ];
    for (i, arguments) in lesser.iter().enumerate() {
        let text = run(arguments);
        assert!(text.contains("--force would replace it"), "{arguments:?}: {text}");
        assert_eq!(fs::read(out.join("report.json")).unwrap(), first, "{arguments:?}");
        assert_eq!(fs::read_dir(out.join("reports")).unwrap().count(), i + 1, "{arguments:?}");
    }
    run(lesser[1]);
    assert_eq!(
        fs::read_dir(out.join("reports")).unwrap().count(),
        lesser.len(),
        "the same request, the same folder"
    );
    run(&two);
    assert_eq!(fs::read(out.join("report.json")).unwrap(), first, "the same request is the same report");
    // Its own cells are gone: `report` knows less than the report did.
    fs::rename(out.join("store"), out.join("away")).unwrap();
    fs::create_dir(out.join("store")).unwrap();
    run(&["report", "rank-not-norm", "resnet-global-minimum", "--scale", "smoke"]);
    assert_eq!(fs::read(out.join("report.json")).unwrap(), first);
    fs::remove_dir(out.join("store")).unwrap();
    fs::rename(out.join("away"), out.join("store")).unwrap();
    let mut forced = lesser[1].to_vec();
    forced.push("--force");
    run(&forced);
    let (count, command) = claims_of(out);
    assert_eq!((count, command.as_str().unwrap().ends_with("--set width=24")), (1, true));
}

#[test]
fn list_and_status_show_every_scale_of_the_store_and_refuse_a_misspelt_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], status: i32| {
        let output = xtask().args(arguments).current_dir(folder.path()).assert().code(status);
        let output = output.get_output().clone();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(run(&["list", "rank-not-norm"], 0).0.contains("at scale standard: 0 of"));
    run(&["reproduce", "rank-not-norm", "--scale", "smoke"], 0);
    let (list, _) = run(&["list", "rank-not-norm"], 0);
    // Scales share cells: the larger ones have some of theirs.
    assert!(
        list.contains("at scale smoke: 56 of 56") && list.contains("at scale standard: 24 of 56"),
        "{list}"
    );
    assert!(run(&["status", "rank-not-norm"], 1).0.starts_with("scale smoke\n"));
    let (json, _) = run(&["status", "rank-not-norm", "--json"], 1);
    assert_eq!(serde_json::from_str::<Value>(json.lines().next().unwrap()).unwrap()["scale"], "smoke");
    for command in ["status", "report"] {
        let (_, message) = run(&[command, "rank-not-norm", "--scale", "smoke", "--out", "otu"], 2);
        assert!(message.contains("--out otu: there is no store of results in this folder"), "{message}");
    }
    assert!(!folder.path().join("otu").exists());
}
