//! The workloads of `shared/peers/peers.py`, ours and PyTorch's in turn.
//!
//! ```text
//! cargo bench -p overparam-tensor --bench peers [-- NAME...]
//! OVERPARAM_PEERS_PYTHON=python3 OVERPARAM_PEERS_SCRIPT=../shared/peers/peers.py cargo bench -p overparam-tensor --bench peers
//! ```
//!
//! Each round runs our side, then the peer with one and with two threads; the best round of each counts, because other
//! work on the machine only ever adds time. Peak memory is that of a process that runs the case alone (the peer's
//! includes its interpreter). `RAYON_NUM_THREADS` sets our threads.

mod workloads;

use std::process::Command;
use std::time::Instant;

use workloads::{CASES, Case};

const ROUNDS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == MEMORY
    {
        return print_own_peak(name);
    }
    let wanted: Vec<String> = arguments.into_iter().filter(|a| !a.starts_with('-')).collect();
    let python = std::env::var("OVERPARAM_PEERS_PYTHON").ok();
    let script = std::env::var("OVERPARAM_PEERS_SCRIPT").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/peers/peers.py").to_owned()
    });
    println!(
        "{:<40} {:>9} {:>9} {:>6} {:>10} {:>9}",
        "case", "ours, ms", "PyTorch", "ratio", "ours, MiB", "PyTorch"
    );
    for case in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|w| case.peer.contains(w.as_str())) {
            continue;
        }
        let mut ours = f64::INFINITY;
        let mut peer = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            ours = ours.min(measure(case));
            if let Some(python) = &python {
                for threads in ["1", "2"] {
                    let figures = measure_peer(python, &script, case.peer, threads);
                    let figures = figures.unwrap_or([f64::INFINITY; 2]);
                    peer = std::array::from_fn(|i| peer[i].min(figures[i]));
                }
            }
        }
        let memory = peak_alone(case).unwrap_or(f64::NAN);
        let ours = ours * 1e3;
        if let [seconds, peer_memory] = peer
            && seconds.is_finite()
        {
            let peer = seconds * 1e3;
            println!(
                "{:<40} {ours:>9.2} {peer:>9.2} {:>6.2} {memory:>10.0} {peer_memory:>9.0}",
                case.peer,
                peer / ours
            );
        } else {
            println!("{:<40} {ours:>9.2} {:>9} {:>6} {memory:>10.0} {:>9}", case.peer, "-", "-", "-");
        }
    }
}

/// Runs one case alone and prints its peak memory.
const MEMORY: &str = "--memory";

/// The largest resident memory, in MiB, of a process that runs this case alone; `None` where the system does not say.
fn peak_alone(case: &Case) -> Option<f64> {
    let output = Command::new(std::env::current_exe().ok()?).args([MEMORY, case.peer]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn print_own_peak(name: &str) {
    for case in CASES.iter().filter(|case| case.peer == name) {
        measure(case);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: Option<f64> = peak.and_then(|text| text.split_whitespace().next()?.parse().ok());
    if let Some(kibibytes) = kibibytes {
        println!("{}", kibibytes / 1024.0);
    }
}

/// The fastest of some runs after one to warm up, in seconds.
fn measure(case: &Case) -> f64 {
    let mut run = (case.prepare)();
    run();
    let time = |run: &mut Box<dyn FnMut()>| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..7).map(|_| time(&mut run)).fold(f64::INFINITY, f64::min)
}

/// The peer's fastest run in seconds and its peak memory in MiB; `None`, with a note, if they cannot be had.
fn measure_peer(python: &str, script: &str, case: &str, threads: &str) -> Option<[f64; 2]> {
    let output = Command::new(python).args([script, case, "--threads", threads, "--repeat", "7"]).output();
    let output = output.map_err(|error| eprintln!("{python}: {error}")).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |key: &str| -> Option<f64> {
        text.split(&format!("\"{key}\": ")).nth(1)?.split([',', '}']).next()?.parse().ok()
    };
    let figures = number("min_s").zip(number("peak_rss_mib"));
    if figures.is_none() {
        eprintln!("{case}: {}", String::from_utf8_lossy(&output.stderr));
    }
    figures.map(|(seconds, memory)| [seconds, memory])
}
