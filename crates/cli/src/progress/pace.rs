//! Speed and time left, from the cells finished so far.

use std::time::Instant;

/// Costs are rough CPU seconds, told before the run; how far off they are shows as it goes.
pub(super) struct Pace {
    start: Instant,
    threads: f64,
    finished: usize,
    cost_done: f64,
    cost_left: Vec<f64>,
}

impl Pace {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            start: Instant::now(),
            threads: threads.max(1) as f64,
            finished: 0,
            cost_done: 0.0,
            cost_left: Vec::new(),
        }
    }

    /// A look of a claim is going to be run.
    pub(super) fn planned(&mut self, claim: usize, cost: f64) {
        if self.cost_left.len() <= claim {
            self.cost_left.resize(claim + 1, 0.0);
        }
        self.cost_left[claim] = cost;
    }

    /// A claim's cell is finished.
    pub(super) fn finished(&mut self, claim: usize, cost_left: f64) {
        self.finished += 1;
        self.cost_done += (self.cost_left[claim] - cost_left).max(0.0);
        self.cost_left[claim] = cost_left.max(0.0);
    }

    /// Seconds since the start.
    pub(super) fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Seconds left for one claim, if the others wait.
    pub(super) fn claim_left(&self, claim: usize) -> f64 {
        self.seconds(self.cost_left[claim])
    }

    /// Seconds left for all claims.
    pub(super) fn left(&self) -> f64 {
        self.seconds(self.cost_left.iter().sum())
    }

    /// Cells a minute.
    pub(super) fn rate(&self) -> f64 {
        60.0 * self.finished as f64 / self.elapsed().max(1e-3)
    }

    fn seconds(&self, cost: f64) -> f64 {
        seconds(cost, self.cost_done, self.elapsed(), self.threads)
    }
}

/// One part in the estimate is the costs as told, worth five seconds; the other what they turned out to be.
fn seconds(cost: f64, cost_done: f64, elapsed: f64, threads: f64) -> f64 {
    const TOLD: f64 = 5.0;
    let slowness = (elapsed * threads + TOLD) / (cost_done + TOLD);
    cost * slowness / threads
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn the_time_left_follows_the_speed_observed() {
        assert!((seconds(100.0, 0.0, 0.0, 2.0) - 50.0).abs() < 1e-12, "as told, on two threads");
        let slow = seconds(100.0, 1000.0, 1000.0, 2.0);
        assert!((slow - 100.0).abs() < 1.0, "twice as slow as told: {slow}");
        assert_eq!(seconds(0.0, 10.0, 3.0, 1.0), 0.0);
    }
}
