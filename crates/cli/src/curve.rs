//! Training curves as tidy CSV.

use std::io::Write;

use anyhow::Result;
use nalgebra::DMatrix;

use crate::commands::Task;

/// Predictions at several times.
pub(crate) struct Curve<'a> {
    pub(crate) times: Vec<f64>,
    pub(crate) task: &'a Task,
}

/// `||f - y||^2 / (2 n c)`.
pub(crate) fn loss(f: &DMatrix<f64>, y: &DMatrix<f64>) -> f64 {
    (f - y).norm_squared() / (2.0 * y.len() as f64)
}

/// Points between zero and the end.
const POINTS: i32 = 100;

/// Zero, then 100 times in geometric progression, from a hundredth of the time of the fastest mode to `end`; if that is
/// infinite, to ten times that of the slowest, and infinity. An eigenvalue `lambda` has the time `size / lambda`.
pub(crate) fn times(eigenvalues: &[f64], size: usize, end: f64) -> Vec<f64> {
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    // What is smaller is a zero with rounding errors.
    let floor = largest * eigenvalues.len() as f64 * f64::EPSILON;
    let smallest = eigenvalues.iter().copied().filter(|&x| x > floor).fold(largest, f64::min);
    if end == 0.0 || largest == 0.0 {
        return if end == 0.0 { vec![0.0] } else { vec![0.0, end] };
    }
    let last = if end.is_finite() { end } else { 10.0 * size as f64 / smallest };
    let first = (size as f64 / largest).min(last) / 100.0;
    let ratio = last / first;
    // Times next to the least or the largest number have no hundredth, or no ratio.
    if first == 0.0 || !ratio.is_finite() {
        return vec![0.0, end];
    }
    let between = (0..POINTS).map(|i| first * ratio.powf(f64::from(i) / f64::from(POINTS - 1)));
    let mut times: Vec<f64> = std::iter::once(0.0).chain(between).collect();
    match times.last_mut() {
        // Not one rounding error off what was asked for.
        Some(time) if end.is_finite() => *time = end,
        _ => times.push(end),
    }
    times
}

impl Curve<'_> {
    /// A row for each time, test input and output: `time,train_loss[,test_loss],input,output,test_mean`.
    pub(crate) fn write(&self, file: impl Write) -> Result<()> {
        let mut table = csv::Writer::from_writer(file);
        let test_y = self.task.test_y.as_ref();
        let mut header = vec!["time", "train_loss", "input", "output", "test_mean"];
        if test_y.is_some() {
            header.insert(2, "test_loss");
        }
        table.write_record(header)?;
        for &time in &self.times {
            let mean = self.task.test_mean(time)?;
            let mut start = vec![number(time), number(loss(&self.task.train_mean(time)?, &self.task.y))];
            start.extend(test_y.map(|y| number(loss(&mean, y))));
            for (i, row) in mean.row_iter().enumerate() {
                for (j, &output) in row.iter().enumerate() {
                    let end = [i.to_string(), j.to_string(), number(output)];
                    table.write_record(start.iter().chain(&end))?;
                }
            }
        }
        Ok(table.flush()?)
    }
}

/// Every digit, in few characters.
fn number(x: f64) -> String {
    if x == 0.0 || (1e-4..1e6).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}

#[cfg(test)]
mod tests {
    use super::times;

    #[test]
    fn times_span_fastest_to_slowest_mode() {
        let all = times(&[0.0, 0.5, 4.0], 2, f64::INFINITY);
        assert_eq!((all[0], all.len()), (0.0, 102));
        assert!((all[1] - 0.005).abs() < 1e-15 && (all[100] - 40.0).abs() < 1e-10);
        assert_eq!(all[101], f64::INFINITY);
        assert!(all.windows(2).all(|t| t[0] < t[1]));
        assert_eq!(times(&[1.0], 1, 3.0).last(), Some(&3.0));
        assert_eq!(times(&[1.0], 1, 0.0), [0.0]);
        assert_eq!(times(&[0.0], 1, f64::INFINITY), [0.0, f64::INFINITY]);
        assert_eq!(times(&[1.0], 1, 5e-324), [0.0, 5e-324]);
        assert_eq!(times(&[1e-320, 2e-320], 2, f64::INFINITY), [0.0, f64::INFINITY]);
    }
}
