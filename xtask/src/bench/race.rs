//! One case: ours, the peer on one thread and the peer on two, in turn.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::case::{Case, Threads};
use super::memory;
use super::outcome::{Outcome, PeerTimes};
use super::peaks::Peaks;
use super::worker::{Children, Python, Worker};

/// Thread counts of the peer.
const PEER_THREADS: [usize; 2] = [1, 2];
/// Threads of the peer's libraries spin for up to 200 ms after they have worked.
const QUIET: Duration = Duration::from_millis(250);

/// Runs a case for so many rounds.
///
/// # Errors
/// If our side fails. What goes wrong on the other side is part of the outcome.
pub(crate) fn race(
    case: &Case,
    rounds: usize,
    python: Option<&Python>,
    peaks: &mut Peaks,
    children: &Children,
) -> Result<Outcome> {
    let peak_mib = memory::peak_of(case, children);
    // A thread of its own: where one thread is asked for, that is all there is of it.
    std::thread::scope(|scope| {
        let run = scope.spawn(|| -> Result<Outcome> {
            let only = match case.threads {
                Threads::One => {
                    Some(rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build()?)
                }
                Threads::All => None,
            };
            let outcome = rounds_of(case, rounds, python, peak_mib);
            drop(only);
            let mut outcome = outcome?;
            outcome.rates = Some(peaks.rates(case.precision, case.threads)?);
            Ok(outcome)
        });
        run.join().unwrap_or_else(|_| Err(anyhow::anyhow!("{}: our side panicked", case.name)))
    })
}

fn rounds_of(case: &Case, rounds: usize, python: Option<&Python>, peak_mib: Option<f64>) -> Result<Outcome> {
    let mut ours = (case.prepare)()?;
    ours.run()?;
    let mut outcome = Outcome::new(case, peak_mib, ours.summary()?);
    let mut workers = Vec::new();
    for threads in PEER_THREADS {
        match python.map(|python| python.worker(&case.name, threads)) {
            Some(Ok(worker)) => workers.push((worker, Vec::new())),
            Some(Err(error)) => outcome.complaint = Some(format!("{error:#}")),
            None => {}
        }
    }
    if outcome.complaint.is_some() {
        workers.clear();
    }
    for _ in 0..rounds {
        if !workers.is_empty() {
            std::thread::sleep(QUIET);
        }
        if case.is_quick() {
            ours.run()?;
        }
        let begin = Instant::now();
        ours.run()?;
        outcome.seconds.push(begin.elapsed().as_secs_f64());
        if let Err(error) = repeat(&mut workers, case.is_quick()) {
            outcome.complaint = Some(format!("{error:#}"));
            workers.clear();
        }
    }
    let times = |(worker, seconds): (Worker, Vec<f64>)| PeerTimes {
        threads: worker.threads,
        seconds,
        summary: worker.summary.clone(),
        peak_mib: worker.peak_mib,
    };
    outcome.peer = workers.into_iter().map(times).collect();
    Ok(outcome)
}

fn repeat(workers: &mut [(Worker, Vec<f64>)], warm: bool) -> Result<()> {
    for (worker, seconds) in workers {
        if warm {
            worker.repeat()?;
        }
        seconds.push(worker.repeat()?);
    }
    Ok(())
}
