//! What a race of one case found.

use serde_json::{Value, json};

use super::case::{Case, Cost};
use super::figures::{Rates, Spread, difference, floor, ratios};
use super::machine::Circumstances;

/// The peer on one number of threads.
pub(super) struct PeerTimes {
    pub(super) threads: usize,
    /// One a round.
    pub(super) seconds: Vec<f64>,
    pub(super) summary: Vec<f64>,
    pub(super) peak_mib: f64,
}

/// Whether the target was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The median ratio is at least the target.
    Met,
    /// It is below.
    Missed,
    /// The two sides did not do the same work, so the ratio says nothing.
    Differ,
    /// There was no peer.
    Alone,
    /// The peer's worker failed.
    Broken,
}

impl Verdict {
    /// In `bench.json`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Differ => "differ",
            Self::Alone => "alone",
            Self::Broken => "broken",
        }
    }

    /// A symbol and a word.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Met => "\u{2713} met",
            Self::Missed => "\u{2717} missed",
            Self::Differ => "! results differ",
            Self::Alone => "- no peer",
            Self::Broken => "! peer failed",
        }
    }
}

/// All of one case.
pub(crate) struct Outcome {
    pub(super) name: String,
    pub(super) work: String,
    pub(super) target: f64,
    pub(super) tolerance: f64,
    pub(super) precision: &'static str,
    pub(super) threads: &'static str,
    pub(super) cost: Cost,
    /// Ours, one a round.
    pub(super) seconds: Vec<f64>,
    pub(super) summary: Vec<f64>,
    pub(super) peak_mib: Option<f64>,
    pub(super) peer: Vec<PeerTimes>,
    /// Why there is no peer although one was asked for.
    pub(super) complaint: Option<String>,
    pub(super) rates: Option<Rates>,
}

impl Outcome {
    pub(super) fn new(case: &Case, peak_mib: Option<f64>, summary: Vec<f64>) -> Self {
        Self {
            name: case.name.clone(),
            work: case.work.clone(),
            target: case.target,
            tolerance: case.tolerance,
            precision: case.precision.name(),
            threads: case.threads.name(),
            cost: case.cost,
            seconds: Vec::new(),
            summary,
            peak_mib,
            peer: Vec::new(),
            complaint: None,
            rates: None,
        }
    }

    /// The peer on the number of threads with which its median is smaller.
    pub(super) fn best_peer(&self) -> Option<&PeerTimes> {
        let median = |p: &&PeerTimes| Spread::of(&p.seconds).map_or(f64::INFINITY, |s| s.median);
        self.peer.iter().min_by(|a, b| median(a).total_cmp(&median(b)))
    }

    /// Our seconds.
    pub(super) fn ours(&self) -> Option<Spread> {
        Spread::of(&self.seconds)
    }

    /// The ratio to the better of the peer's thread counts.
    pub(super) fn ratio(&self) -> Option<Spread> {
        Spread::of(&ratios(&self.seconds, &self.best_peer()?.seconds))
    }

    /// How far the results are apart, relative; the worst of the peer's thread counts.
    pub(super) fn difference(&self) -> Option<f64> {
        self.peer.iter().map(|p| difference(&self.summary, &p.summary)).reduce(f64::max)
    }

    /// The least seconds that the counted work takes on this machine.
    pub(super) fn floor(&self) -> Option<f64> {
        self.rates.map(|rates| floor(&self.cost, rates))
    }

    /// The floor over our median: 1 is the machine's limit.
    pub(super) fn fraction(&self) -> Option<f64> {
        Some(self.floor()? / self.ours()?.median)
    }

    /// Met or missed.
    pub(crate) fn verdict(&self) -> Verdict {
        match (self.ratio(), self.difference()) {
            _ if self.complaint.is_some() => Verdict::Broken,
            (Some(_), Some(difference)) if difference > self.tolerance => Verdict::Differ,
            (Some(ratio), _) if ratio.median >= self.target => Verdict::Met,
            (Some(_), _) => Verdict::Missed,
            (None, _) => Verdict::Alone,
        }
    }

    /// An entry of `bench.json`.
    pub(super) fn json(&self, run: &Circumstances) -> Value {
        let peer = |p: &PeerTimes| {
            json!({
                "threads": p.threads, "seconds": p.seconds, "spread": Spread::of(&p.seconds).map(Spread::json),
                "summary": p.summary, "peak_mib": p.peak_mib
            })
        };
        json!({
            "name": self.name,
            "run": run.json(),
            "work": self.work,
            "precision": self.precision,
            "threads": self.threads,
            "ours": {
                "seconds": self.seconds, "spread": self.ours().map(Spread::json), "summary": self.summary,
                "peak_mib": self.peak_mib
            },
            "peer": self.peer.iter().map(peer).collect::<Vec<_>>(),
            "peer_error": self.complaint,
            "ratio": self.ratio().map(Spread::json),
            "target": self.target,
            "verdict": self.verdict().key(),
            "difference": self.difference(),
            "tolerance": self.tolerance,
            "floor": {
                "seconds": self.floor(), "fraction": self.fraction(), "flops": self.cost.flops, "bytes": self.cost.bytes,
                "counted": self.cost.counted, "flops_per_second": self.rates.map(|r| r.flops),
                "bytes_per_second": self.rates.map(|r| r.bytes)
            },
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Cost, Outcome, PeerTimes, Verdict};
    use crate::bench::figures::Rates;

    /// Two rounds in which the peer's two threads are three and four times slower.
    pub(in crate::bench) fn example() -> Outcome {
        let peer = |threads, seconds: [f64; 2]| PeerTimes {
            threads,
            seconds: seconds.to_vec(),
            summary: vec![2.0],
            peak_mib: 100.0,
        };
        Outcome {
            name: "example".to_owned(),
            work: "Some work".to_owned(),
            target: 3.0,
            tolerance: 1e-6,
            precision: "f64",
            threads: "all",
            cost: Cost { flops: 5e8, bytes: 1e6, counted: "everything" },
            seconds: vec![1.0, 1.0],
            summary: vec![2.0],
            peak_mib: Some(10.0),
            peer: vec![peer(1, [8.0, 8.0]), peer(2, [3.0, 4.0])],
            complaint: None,
            rates: Some(Rates { flops: 1e9, bytes: 1e10 }),
        }
    }

    #[test]
    fn the_ratio_is_to_the_better_thread_count() {
        let outcome = example();
        assert_eq!(outcome.best_peer().map(|p| p.threads), Some(2));
        assert_eq!(outcome.ratio().map(|r| [r.least, r.median, r.most]), Some([3.0, 3.5, 4.0]));
        assert_eq!((outcome.floor(), outcome.fraction()), (Some(0.5), Some(0.5)));
    }

    #[test]
    fn verdicts_say_what_happened() {
        assert_eq!(example().verdict(), Verdict::Met);
        assert_eq!(Outcome { target: 3.6, ..example() }.verdict(), Verdict::Missed);
        assert_eq!(Outcome { summary: vec![2.1], ..example() }.verdict(), Verdict::Differ);
        assert_eq!(Outcome { peer: vec![], ..example() }.verdict(), Verdict::Alone);
        let broken = Outcome { complaint: Some("no".to_owned()), peer: vec![], ..example() };
        assert_eq!(broken.verdict(), Verdict::Broken);
    }
}
