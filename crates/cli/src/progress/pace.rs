//! Speed and time left, from the cells finished so far.

use std::time::Instant;

/// Costs are rough CPU seconds, told before the run; how far off they are shows as it goes.
pub(super) struct Pace {
    start: Instant,
    finished: usize,
    /// Seconds since the start when the last cell was finished.
    last: f64,
    speed: Speed,
    cost_left: Vec<f64>,
}

impl Pace {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            start: Instant::now(),
            finished: 0,
            last: 0.0,
            speed: Speed::told(threads.max(1) as f64),
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
        let (now, cost) = (self.elapsed(), (self.cost_left[claim] - cost_left).max(0.0));
        self.speed.add(now - self.last, cost, now);
        self.last = now;
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
        self.speed.seconds(cost, self.elapsed() - self.last)
    }
}

/// Seconds and costs, of which what is long ago counts less: a machine may get busy, or idle again.
struct Speed {
    seconds: f64,
    cost: f64,
}

impl Speed {
    /// Before anything is finished, costs are what they were said to be: that counts like five CPU seconds of experience.
    fn told(threads: f64) -> Self {
        const TOLD: f64 = 5.0;
        Self { seconds: TOLD / threads, cost: TOLD }
    }

    /// `cost` was finished `seconds` after what was finished before it, `elapsed` seconds after the start.
    fn add(&mut self, seconds: f64, cost: f64, elapsed: f64) {
        /// A tenth of the run, and long enough for many cells.
        const LEAST: f64 = 20.0;
        let kept = 0.5f64.powf(seconds / LEAST.max(elapsed / 10.0));
        self.seconds = kept * self.seconds + seconds;
        self.cost = kept * self.cost + cost;
    }

    /// Seconds that `cost` will take, `silent` seconds after what was finished last.
    fn seconds(&self, cost: f64, silent: f64) -> f64 {
        cost * (self.seconds + silent) / self.cost.max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::Speed;

    /// After so many seconds in which a cell of a cost of one CPU second took `each` seconds.
    fn after(speed: &mut Speed, elapsed: &mut f64, seconds: f64, each: f64) {
        let end = *elapsed + seconds;
        while *elapsed < end {
            *elapsed += each;
            speed.add(each, 1.0, *elapsed);
        }
    }

    #[test]
    fn the_time_left_begins_with_what_was_told_and_follows_the_speed_observed() {
        let (mut speed, mut elapsed) = (Speed::told(2.0), 0.0);
        assert!((speed.seconds(100.0, 0.0) - 50.0).abs() < 1e-12, "as told, on two threads");
        after(&mut speed, &mut elapsed, 300.0, 1.0);
        let slow = speed.seconds(100.0, 0.0);
        assert!((slow - 100.0).abs() < 1.0, "twice as slow as told: {slow}");
        assert_eq!(speed.seconds(0.0, 3.0), 0.0);
    }

    /// Three minutes after five in which it was ten times as slow, or as fast: within a factor of 1.5.
    #[test]
    fn a_machine_that_gets_idle_or_busy_is_noticed() {
        for (first, then) in [(10.0, 1.0), (1.0, 10.0)] {
            let (mut speed, mut elapsed) = (Speed::told(1.0), 0.0);
            after(&mut speed, &mut elapsed, 300.0, first);
            after(&mut speed, &mut elapsed, 200.0, then);
            let ratio = speed.seconds(100.0, 0.0) / (100.0 * then);
            assert!((1.0 / 1.5..1.5).contains(&ratio), "{first} to {then}: {ratio}");
        }
    }
}
