//! The workloads of `shared/peers/peers.py`, ours and PyTorch's in turn.
//!
//! ```text
//! cargo bench -p overparam-tensor --bench peers [-- NAME...]
//! OVERPARAM_PEERS_PYTHON=python3 OVERPARAM_PEERS_SCRIPT=../shared/peers/peers.py cargo bench -p overparam-tensor --bench peers
//! ```
//!
//! Each round runs our side, then the peer with one and with two threads; the best round of each counts, because other
//! work on the machine only ever adds time. `RAYON_NUM_THREADS` sets our threads.

mod workloads;

use std::process::Command;
use std::time::Instant;

use workloads::{CASES, Case};

const ROUNDS: usize = 3;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let python = std::env::var("OVERPARAM_PEERS_PYTHON").ok();
    let script = std::env::var("OVERPARAM_PEERS_SCRIPT").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/peers/peers.py").to_owned()
    });
    println!("{:<45} {:>10} {:>10} {:>8}", "case (milliseconds, best round)", "ours", "PyTorch", "ratio");
    for case in CASES {
        if !wanted.is_empty() && !wanted.iter().any(|w| case.peer.contains(w.as_str())) {
            continue;
        }
        let (mut ours, mut peer) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            ours = ours.min(measure(case));
            if let Some(python) = &python {
                for threads in ["1", "2"] {
                    peer =
                        peer.min(measure_peer(python, &script, case.peer, threads).unwrap_or(f64::INFINITY));
                }
            }
        }
        let [ours, peer] = [ours * 1e3, peer * 1e3];
        if peer.is_finite() {
            println!("{:<45} {ours:>10.2} {peer:>10.2} {:>8.2}", case.peer, peer / ours);
        } else {
            println!("{:<45} {ours:>10.2} {:>10} {:>8}", case.peer, "-", "-");
        }
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

/// The peer's fastest run; `None`, with a note, if it cannot be had.
fn measure_peer(python: &str, script: &str, case: &str, threads: &str) -> Option<f64> {
    let output = Command::new(python).args([script, case, "--threads", threads, "--repeat", "7"]).output();
    let output = output.map_err(|error| eprintln!("{python}: {error}")).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let seconds = text.split("\"min_s\": ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    if seconds.is_none() {
        eprintln!("{case}: {}", String::from_utf8_lossy(&output.stderr));
    }
    seconds
}
