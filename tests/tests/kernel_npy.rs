//! `kernel --out k.npy`, the real binary: one array, written tile by tile, which is there once it is complete.

mod common;

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use common::contents::contents;
use common::kernels::{Desk, bits};
use common::kernels::{long_job, spawn, wait_for};
use overparam_tensor::Array;
use overparam_tensor::array::read_npy;

#[test]
fn one_array_written_in_place_has_the_bits_of_the_kernel_in_memory() {
    let desk = Desk::new();
    for (case, precision, tile) in [
        ("--arch mlp.json --x1 @x.npy --kind ntk", "f64", 5),
        ("--arch mlp.json --x1 @x.npy --x2 @z.npy --kind nngp", "f64", 4),
        ("--arch cntk.toml --x1 @images.npy --kind ntk", "f32", 3),
        ("--arch mlp.json --x1 @z.npy --kind ntk", "f32", 100),
    ] {
        let case = format!("{case} --precision {precision}");
        desk.run(&format!("{case} --out @k.npz"), 0);
        let said = desk.run(&format!("{case} --tile {tile} --threads 2 --out @k.npy"), 0).0;
        assert!(said.contains(" tiles  ("), "{said}");
        let file = || fs::File::open(desk.path("k.npy")).unwrap();
        let same = match precision {
            "f32" => bits(&read_npy::<f32>(file()).unwrap()) == bits(&desk.npz::<f32>("k.npz")[kind(&case)]),
            _ => bits(&read_npy::<f64>(file()).unwrap()) == bits(&desk.npz::<f64>("k.npz")[kind(&case)]),
        };
        assert!(same, "{case} --tile {tile}");
        assert!(!desk.path("k.npy.partial").exists());
    }
    let job = "--arch mlp.json --x1 @x.npy --out @n.npy";
    assert!(desk.run(job, 2).1.contains("--kind nngp or --kind ntk"));
    for option in ["--shard 1/2", "--launcher slurm"] {
        let error = desk.run(&format!("{job} --kind ntk {option}"), 2).1;
        assert!(error.contains(option.split(' ').next().unwrap()) && error.contains(".zarr"), "{error}");
    }
    let estimate = desk.json(&format!("{job} --kind ntk --tile 5 --dry-run --json"), 0);
    assert_eq!((&estimate["tiles"], &estimate["disk_bytes"]), (&15.into(), &(23 * 23 * 8).into()));
    let folder = contents(desk.0.path());
    assert!(!folder.keys().any(|path| path.to_string_lossy().starts_with("n.npy")), "a dry run left a file");
}

fn kind(case: &str) -> &str {
    if case.contains("nngp") { "nngp" } else { "ntk" }
}

/// There is no file that looks finished, and the next command writes over what is left.
#[test]
fn an_array_whose_process_is_killed_is_not_there() {
    let desk = Desk::new();
    let job = long_job(&desk).0.replace("long.zarr", "long.npy");
    let (place, partial) = (desk.path("long.npy"), desk.path("long.npy.partial"));
    let mut child = spawn(&desk, &job);
    wait_for(|| partial.exists());
    sleep(Duration::from_millis(300));
    let busy = desk.run(&job, 2).1;
    assert!(busy.contains("another process writes it"), "{busy}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.exists() && read_npy::<f64>(fs::File::open(&partial).unwrap()).is_err());

    let child = spawn(&desk, &job);
    sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("Nothing of it is kept; with --out K.zarr"), "{said}");
    assert!(!place.exists() && !partial.exists());

    desk.run(&job, 0);
    desk.run(&job.replace("long.npy", "long.npz").replace("--tile 6", ""), 0);
    let found: Array<f64> = read_npy(fs::File::open(&place).unwrap()).unwrap();
    assert!(bits(&found) == bits(&desk.npz::<f64>("long.npz")["ntk"]));
}
