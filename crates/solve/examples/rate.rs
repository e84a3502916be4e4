//! How fast systems are solved on this machine: seconds, CPU seconds and GFLOP/s of each part.
//!
//! ```sh
//! cargo run --release -p overparam-solve --example rate -- 10000 4G           # in memory
//! cargo run --release -p overparam-solve --example rate -- 10000 300M /scratch  # on disk
//! cargo run --release -p overparam-solve --example rate -- 10000 cg 300 1e-3    # conjugate gradients: rank, ridge
//! ```
//!
//! The kernel is `exp(-|x - y|)` of random points in ten dimensions, computed again block by block; ten right-hand sides.

use std::path::PathBuf;
use std::time::Instant;

use nalgebra::DMatrix;
use overparam_solve::{
    Accuracy, BlockFn, Blocks, CgOptions, Factor, FactorOptions, Progress, Solution, SolveError, cg,
};
use overparam_tensor::random::Stream;

const DIMENSION: usize = 10;
const OUTPUTS: usize = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let n: usize = arguments.first().map_or(Ok(4000), |text| text.parse())?;
    let x: DMatrix<f64> = Stream::root(1).named("inputs").normal_matrix(DIMENSION, n, 1.0);
    let kernel = BlockFn::new(n, |rows, columns| {
        let (row, column) = (x.columns_range(rows.clone()), x.columns_range(columns.clone()));
        Ok(DMatrix::from_fn(rows.len(), columns.len(), |i, j| {
            let difference = (0..DIMENSION).map(|d| row[(d, i)] - column[(d, j)]);
            (-difference.map(|d| d * d).sum::<f64>().sqrt()).exp()
        }))
    });
    let labels = Stream::root(2).named("labels").normal_matrix(n, OUTPUTS, 1.0);
    println!("n = {n}, {OUTPUTS} right-hand sides, {} threads", rayon::current_num_threads());

    let all = Clock::start();
    let range = |start: usize| start..(start + 512).min(n);
    for i in (0..n).step_by(512) {
        for j in (0..=i).step_by(512) {
            kernel.block(range(i), range(j))?;
        }
    }
    all.report("the kernel's lower half once, on one thread", 0.0);

    let text = |i: usize| arguments.get(i).map(String::as_str);
    if text(1) == Some("cg") {
        let rank = text(2).map_or(Ok(300), str::parse)?;
        let ridge = text(3).map_or(Ok(1e-3), str::parse)?;
        let accuracy = Accuracy { tolerance: 1e-6, ..Accuracy::default() };
        let clock = Clock::start();
        let solution = cg(
            &kernel,
            &labels,
            &CgOptions { ridge, rank, accuracy, ..CgOptions::default() },
            &Progress::default(),
        );
        clock.report("conjugate gradients", 0.0);
        show(&solution?);
        return Ok(());
    }
    let memory = bytes(text(1).unwrap_or("4G"))?;
    let tile = text(3).map_or(Ok(512), str::parse)?;
    let options =
        FactorOptions { memory, tile, scratch: text(2).map(PathBuf::from), ..FactorOptions::default() };
    let cube = (n as f64).powi(3) / 3.0;
    let clock = Clock::start();
    let factor = Factor::new(&kernel, &options, &Progress::default())?;
    clock.report("factor, the kernel's blocks included", cube);
    if factor.resumed() > 0 {
        println!("{} columns of tiles were found finished", factor.resumed());
    }
    if let Some(peak) = peak() {
        println!("most memory so far: {peak}");
    }
    let clock = Clock::start();
    let accuracy = Accuracy { tolerance: 1e-10, ..Accuracy::default() };
    let solution = factor.solve(&kernel, &labels, accuracy, &Progress::default())?;
    clock.report("refinement to 1e-10", 0.0);
    show(&solution);
    let clock = Clock::start();
    match factor.leave_one_out(&kernel, &solution.coefficients, memory, &Progress::default()) {
        Ok(left) => {
            clock.report("leave one out", cube);
            println!("sampled error of the inverse's diagonal: {:.1e}", left.sampled_error);
        }
        Err(SolveError::Memory { needed, .. }) => println!("leave one out would need {needed} bytes"),
        Err(error) => return Err(error.into()),
    }
    factor.discard()?;
    if let Some(peak) = peak() {
        println!("most memory: {peak}");
    }
    Ok(())
}

fn show(solution: &Solution) {
    let report = &solution.report;
    println!(
        "{} refinements, {} iterations, {} passes, largest residual {:.1e}, breakdown {:?}",
        report.refinements,
        report.iterations,
        report.passes,
        report.worst().map_or(0.0, |(_, residual)| residual),
        report.breakdown
    );
}

/// `300M`, `4G` or a number of bytes.
fn bytes(text: &str) -> Result<u64, std::num::ParseIntError> {
    let unit = |suffix, shift| text.strip_suffix(suffix).map(|number: &str| (number.to_owned(), shift));
    let (number, shift) = unit('M', 20).or_else(|| unit('G', 30)).unwrap_or((text.to_owned(), 0));
    Ok(number.parse::<u64>()? << shift)
}

struct Clock {
    start: Instant,
    cpu: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu() }
    }

    fn report(&self, what: &str, operations: f64) {
        let seconds = self.start.elapsed().as_secs_f64();
        let cpu = cpu().zip(self.cpu).map_or(f64::NAN, |(now, before)| now - before);
        print!("{what}: {seconds:.2} s, {cpu:.2} CPU s");
        if operations > 0.0 {
            let rate = operations / 1e9;
            print!(", {:.0} GFLOP/s, {:.0} per CPU second", rate / seconds, rate / cpu);
        }
        println!();
    }
}

/// CPU seconds of this process so far, where Linux tells.
fn cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

/// The most memory that was resident, where Linux tells.
fn peak() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
