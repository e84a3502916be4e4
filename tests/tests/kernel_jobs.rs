//! `kernel --out K.zarr`, the real binary: the numbers of the kernel in memory, whatever happened on the way.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use common::kernels::{Desk, bits, long_job, numbers, spawn, wait_for};
use common::npy::write;
use common::python;
use overparam_tensor::Array;
use overparam_tensor::array::read_npy;
use serde_json::Value;

/// An array of a store, by the rules of Zarr for arrays like ours, without the crates under test.
fn zarr(array: &Path, width: usize) -> (Vec<usize>, Vec<Vec<u8>>) {
    let description: Value = serde_json::from_slice(&fs::read(array.join("zarr.json")).unwrap()).unwrap();
    let sizes = |value: &Value| -> Vec<usize> {
        value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    };
    let shape = sizes(&description["shape"]);
    let chunk = sizes(&description["chunk_grid"]["configuration"]["chunk_shape"]);
    assert_eq!(description["data_type"], if width == 4 { "float32" } else { "float64" });
    let mut elements = vec![Vec::new(); shape[0] * shape[1]];
    for i in 0..shape[0].div_ceil(chunk[0]) {
        for j in 0..shape[1].div_ceil(chunk[1]) {
            let bytes = fs::read(array.join(format!("c/{i}/{j}"))).unwrap();
            assert_eq!(bytes.len(), chunk[0] * chunk[1] * width);
            for (at, number) in bytes.chunks_exact(width).enumerate() {
                let (r, c) = (i * chunk[0] + at / chunk[1], j * chunk[1] + at % chunk[1]);
                if r < shape[0] && c < shape[1] {
                    elements[r * shape[1] + c] = number.to_vec();
                }
            }
        }
    }
    (shape, elements)
}

#[test]
fn tiles_have_the_bits_of_the_kernel_in_memory() {
    let desk = Desk::new();
    let cases = [
        "--arch mlp.json --x1 @x.npy",
        "--arch mlp.json --x1 @x.npy --x2 @z.npy",
        "--arch mlp.toml --x1 @z.npy --x2 @x.npy --kind ntk",
        "--arch cntk.toml --x1 @images.npy",
        "--arch resnet.json --x1 @images.npy --kind nngp --layout nchw",
    ];
    for (number, case) in cases.iter().enumerate() {
        for (precision, tile) in [("f32", 4), ("f64", 4), ("f64", 6), ("f32", 100)] {
            let (memory, store) =
                (format!("{number}{precision}{tile}.npz"), format!("{number}{precision}{tile}.zarr"));
            let case = format!("{case} --precision {precision}");
            desk.run(&format!("{case} --out @{memory}"), 0);
            desk.run(&format!("{case} --tile {tile} --threads 2 --out @{store}"), 0);
            let expected: Vec<_> = match precision {
                "f32" => desk
                    .npz::<f32>(&memory)
                    .iter()
                    .map(|(n, a)| (n.clone(), a.shape().to_vec(), bits(a)))
                    .collect(),
                _ => desk
                    .npz::<f64>(&memory)
                    .iter()
                    .map(|(n, a)| (n.clone(), a.shape().to_vec(), bits(a)))
                    .collect(),
            };
            for (name, shape, expected) in expected {
                let (found_shape, found) =
                    zarr(&desk.path(&store).join(&name), if precision == "f32" { 4 } else { 8 });
                assert_eq!(found_shape, shape, "{case}");
                assert!(found == expected, "{case} --tile {tile}: {name}");
            }
        }
    }
}

const JOB: &str = "--arch mlp.json --x1 @x.npy --tile 5 --out @K.zarr";

#[test]
fn the_same_command_goes_on_and_computes_what_was_damaged() {
    let desk = Desk::new();
    let (said, before) = desk.run(JOB, 0);
    assert!(said.contains("nngp 23 x 23, ntk 23 x 23 (f64), 15 tiles, 15 of them computed now"), "{said}");
    for word in ["15 tiles of at most 5 x 5, 15 to compute", "time    about", "disk ", "memory  about"] {
        assert!(before.contains(word), "{word} in {before}");
    }
    let whole = desk.files("K.zarr");
    let (said, before) = desk.run(JOB, 0);
    assert!(
        said.contains("15 tiles, 0 of them computed now") && !before.contains("to compute"),
        "{said} {before}"
    );
    // Without --tile it is the store's; the format of the inputs does not matter, and neither does the name of the file.
    fs::rename(desk.path("x.npy"), desk.path("moved.npy")).unwrap();
    let moved = "--arch mlp.toml --x1 @moved.npy --out @K.zarr";
    assert!(desk.run(moved, 0).0.contains("15 tiles, 0 of them computed now"));

    fs::remove_file(desk.path("K.zarr/ntk/tiles/2.1.json")).unwrap();
    let chunk = desk.path("K.zarr/nngp/c/0/3");
    let mut bytes = fs::read(&chunk).unwrap();
    bytes[17] ^= 4;
    fs::write(&chunk, &bytes).unwrap();
    let verified = desk.json("verify @K.zarr --sample 0 --json", 1);
    assert_eq!((&verified["finished"], verified["damaged"].as_array().unwrap().len()), (&13.into(), 1));
    let (said, warned) = desk.run(moved, 0);
    assert!(said.contains("15 tiles, 2 of them computed now"), "{said}");
    assert!(warned.contains("nngp/c/0/3: its bytes are not those that were written"), "{warned}");
    assert!(desk.files("K.zarr") == whole);
}

#[test]
fn another_kernel_is_refused_in_a_sentence_that_names_what_differs() {
    let desk = Desk::new();
    desk.run(JOB, 0);
    let whole = desk.files("K.zarr");
    write(&desk.path("y.npy"), &[23, 5], &numbers(23 * 5, 9));
    let cases = [
        ("--arch mlp.json --x1 @y.npy", "its --x1 is"),
        ("--arch mlp.json --x1 @z.npy", "(23 x 5, hash"),
        ("--arch mlp.json --x1 @x.npy --x2 @z.npy", "its --x2 is none, and"),
        ("--arch mlp.json --x1 @x.npy --precision f32", "its --precision is f64, and f32"),
        ("--arch mlp.json --x1 @x.npy --kind ntk", "its --kind is both, and ntk"),
        ("--arch mlp.json --x1 @x.npy --tile 6", "its --tile is 5, and 6"),
    ];
    for (case, reason) in cases {
        for more in ["", " --dry-run", " --launcher slurm --dry-run"] {
            let error = desk.run(&format!("{case} --out @K.zarr{more}"), 2).1;
            assert!(error.contains("of another kernel") && error.contains(reason), "{case}{more}: {error}");
        }
    }
    fs::write(
        desk.path("deep.json"),
        r#"{"layers": [{"dense": {"width": 1}}, "relu", {"dense": {"width": 1}}]}"#,
    )
    .unwrap();
    assert!(desk.run("--arch @deep.json --x1 @x.npy --out @K.zarr", 2).1.contains("that of --arch"));
    assert!(desk.files("K.zarr") == whole);

    fs::create_dir(desk.path("thesis.zarr")).unwrap();
    fs::write(desk.path("thesis.zarr/chapter-1.tex"), "").unwrap();
    let error = desk.run("--arch mlp.json --x1 @x.npy --out @thesis.zarr", 2).1;
    assert!(error.contains("chapter-1.tex"), "{error}");
    assert!(desk.run("status @x.npy", 2).1.contains("no store of kernel tiles"));
}

#[test]
fn shards_fill_a_store_that_is_exported_and_verified() {
    let desk = Desk::new();
    desk.run(JOB, 0);
    desk.run("--arch mlp.json --x1 @x.npy --out @k.npz", 0);
    let parts = JOB.replace("K.zarr", "P.zarr");
    for (shard, remain) in [(2, 10), (3, 5)] {
        let said = desk.run(&format!("{parts} --shard {shard}/3"), 0).0;
        assert!(said.contains(&format!("shard {shard}/3: 5 tiles, 5 of them computed now")), "{said}");
        assert!(said.contains(&format!("{remain} tiles of the kernel remain")), "{said}");
        let status = desk.json("status @P.zarr --json", 1);
        assert_eq!((&status["finished"], &status["tiles"]), (&(15 - remain).into(), &15.into()));
    }
    let error = desk.run("export @P.zarr --kind ntk --out @k.npy", 2).1;
    assert!(error.contains("5 of 15 tiles are not computed yet") && !desk.path("k.npy").exists(), "{error}");
    assert!(desk.run("status @P.zarr", 1).0.contains("10 of 15 tiles are in the store"));
    desk.run(&format!("{parts} --shard 1/3"), 0);
    desk.run("status @P.zarr", 0);
    // The hash of the inputs is the same, and so is everything else but the name of nothing.
    assert!(desk.files("P.zarr") == desk.files("K.zarr"));

    assert!(desk.run("export @P.zarr --out @k.npy", 2).1.contains("--kind nngp or --kind ntk"));
    let memory = desk.npz::<f64>("k.npz");
    for kind in ["nngp", "ntk"] {
        desk.run(&format!("export @P.zarr --kind {kind} --out @k.npy"), 0);
        let exported: Array<f64> = read_npy(fs::File::open(desk.path("k.npy")).unwrap()).unwrap();
        assert_eq!(exported.shape(), [23, 23]);
        assert!(bits(&exported) == bits(&memory[kind]), "{kind}");
    }
    let verified = desk.json("verify @P.zarr --sample 4 --json", 0);
    let compared = verified["compared"].as_array().unwrap();
    assert!(compared.len() == 4 && compared.iter().all(|c| c["same_bits"] == true), "{verified}");
    // A number that is wrong and has its checksum: only computing it again tells.
    let fake = desk.path("P.zarr/ntk/c/1/1");
    let mut bytes = fs::read(&fake).unwrap();
    let old = blake3::hash(&bytes).to_hex().to_string();
    bytes[..8].copy_from_slice(&1234.5f64.to_le_bytes());
    fs::write(&fake, &bytes).unwrap();
    let record = desk.path("P.zarr/ntk/tiles/1.1.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace(&old, &blake3::hash(&bytes).to_hex())).unwrap();
    assert_eq!(desk.json("verify @P.zarr --sample 15 --json", 1)["wrong"], 1);
    // Other inputs in the place of those that the store was made of.
    write(&desk.path("x.npy"), &[23, 5], &numbers(23 * 5, 9));
    assert!(desk.run("verify @P.zarr", 2).1.contains("no longer those of the store"));
}

#[test]
fn a_dry_run_says_what_it_will_take_and_leaves_nothing() {
    let desk = Desk::new();
    let estimate = desk.json(&format!("{JOB} --dry-run --json"), 0);
    assert_eq!((&estimate["tiles"], &estimate["left"]), (&15.into(), &15.into()));
    assert_eq!((&estimate["disk_bytes"], &estimate["disk_left_bytes"]), (&10_000.into(), &10_000.into()));
    assert!(estimate["seconds"].as_f64().unwrap() > 0.0 && estimate["memory_bytes"].as_u64().unwrap() > 0);
    let said = desk.run(&format!("{JOB} --dry-run"), 0).0;
    assert!(said.contains("nngp and ntk 23 x 23 (f64), 15 tiles"), "{said}");
    let scripts = desk.run(&format!("{JOB} --launcher slurm --array 4 --time 1:00:00 --dry-run"), 0).0;
    for word in [
        "--array=1-4",
        "--time=1:00:00",
        "--shard \"${SLURM_ARRAY_TASK_ID:?}/4\"",
        "--tile 5",
        "afterany",
        "kernel status",
    ] {
        assert!(scripts.contains(word), "{word} in {scripts}");
    }
    assert!(!desk.path("K.zarr").exists() && !desk.path("K.zarr.slurm").exists());
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_computed() {
    let desk = Desk::new();
    // 3 million inputs: 144 terabytes.
    write(&desk.path("many.npy"), &[3_000_000, 1], &numbers(3_000_000, 4));
    let error = desk.run("--arch mlp.json --x1 @many.npy --out @many.zarr", 2).1;
    assert!(error.contains("144.") && error.contains("free on its disk"), "{error}");
    assert!(!desk.path("many.zarr").exists());
    let error = desk.run(&format!("{JOB} --memory 1M"), 2).1;
    assert!(error.contains("--memory") && error.contains("expected more memory"), "{error}");
    for option in ["--tile 5", "--memory 1G", "--shard 1/2", "--dry-run", "--json", "--launcher slurm"] {
        let error = desk.run(&format!("--arch mlp.json --x1 @x.npy --out @k.npz {option}"), 2).1;
        let name = option.split(' ').next().unwrap();
        assert!(error.contains(name) && error.contains("ends in .zarr"), "{option}: {error}");
    }
    assert!(desk.run("--out @K.zarr", 2).1.contains("--arch"), "what is required is asked for");
    assert!(desk.run("status @K.zarr --arch mlp.json", 2).1.contains("--arch"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130_and_a_kill_with_nothing_lost() {
    let desk = Desk::new();
    let (job, begun) = long_job(&desk);
    let child = spawn(&desk, &job);
    wait_for(&begun);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("The same command goes on from there"), "{said}");
    let finished = desk.json("status @long.zarr --json", 1);
    assert!(
        finished["finished"].as_u64().unwrap() >= 1 && finished["in_progress"].as_array().unwrap().is_empty()
    );

    let mut child = spawn(&desk, &job);
    sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    // Two at once do the rest, and nobody waits for the dead.
    let other = spawn(&desk, &job);
    desk.run(&job, 0);
    assert!(other.wait_with_output().unwrap().status.success());
    desk.run("status @long.zarr", 0);
    assert_eq!(desk.json("verify @long.zarr --sample 1 --json", 0)["compared"][0]["same_bits"], true);
}

#[test]
fn zarr_reads_the_arrays_while_they_grow() {
    let Some(python) = python("zarr, numpy") else {
        eprintln!("skipped: no python3 with zarr (OVERPARAM_PYTHON names one)");
        return;
    };
    let desk = Desk::new();
    desk.run("--arch mlp.json --x1 @x.npy --out @k.npz", 0);
    desk.run(&format!("{JOB} --shard 1/2"), 0);
    let read = |more: &str| {
        let code = format!(
            "import sys, warnings, numpy, zarr\nwarnings.simplefilter('error')\n\
             group, memory = zarr.open_group(sys.argv[1], mode='r'), numpy.load(sys.argv[2])\n\
             assert sorted(name for name, _ in group.members()) == ['nngp', 'ntk']\n\
             assert group.attrs['overparam']['symmetric']\n\
             pairs = [(group[kind], memory[kind]) for kind in ('nngp', 'ntk')]\n{more}"
        );
        let run = Command::new(&python)
            .args(["-c", &code])
            .args([desk.path("K.zarr"), desk.path("k.npz")])
            .output();
        let output = run.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // Half of the tiles are there; the others are not a number.
    read(
        "for stored, whole in pairs:\n    here = numpy.isfinite(stored[:])\n    assert 0.3 < here.mean() < 0.8\n    \
         assert (stored[:][here] == whole[here]).all()",
    );
    desk.run(JOB, 0);
    read(
        "for stored, whole in pairs:\n    assert stored.dtype == whole.dtype and (stored[:] == whole).all()",
    );
}
