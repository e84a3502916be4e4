//! How work is submitted to a scheduler.

use clap::{Args, ValueEnum};

/// A scheduler.
#[derive(Clone, Copy, ValueEnum)]
pub enum Launcher {
    /// SLURM's sbatch
    Slurm,
}

/// How an array of jobs is submitted.
#[derive(Args)]
pub struct SbatchOptions {
    /// How many tasks [default: 8]
    #[arg(long, value_name = "N", requires = "launcher", help_heading = "Many machines",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    array: Option<u32>,
    /// The time limit of a task, for example 2:00:00
    #[arg(long, value_name = "T", requires = "launcher", help_heading = "Many machines")]
    time: Option<String>,
    #[command(flatten)]
    job: JobOptions,
}

/// How any job is submitted.
#[derive(Args)]
pub struct JobOptions {
    /// The partition, as sbatch takes it
    #[arg(long, value_name = "P", requires = "launcher", help_heading = "Many machines")]
    partition: Option<String>,
    /// The account
    #[arg(long, value_name = "A", requires = "launcher", help_heading = "Many machines")]
    account: Option<String>,
    /// The memory of a job or of a task of an array, for example 2G
    #[arg(long, value_name = "M", requires = "launcher", help_heading = "Many machines")]
    mem: Option<String>,
    /// Another argument of sbatch, for example --sbatch-arg=--constraint=avx512; may be given again
    #[arg(
        long,
        value_name = "ARG",
        requires = "launcher",
        allow_hyphen_values = true,
        help_heading = "Many machines"
    )]
    sbatch_arg: Vec<String>,
}

impl SbatchOptions {
    /// How many shards.
    pub fn array(&self) -> u32 {
        self.array.unwrap_or(8)
    }

    /// Arguments of sbatch, each one word.
    pub fn arguments(&self) -> Vec<String> {
        self.job.arguments(self.time.as_deref())
    }
}

impl JobOptions {
    /// Arguments of sbatch, each one word, with a time limit if there is one.
    pub fn arguments(&self, time: Option<&str>) -> Vec<String> {
        let named = [
            ("partition", self.partition.as_deref()),
            ("account", self.account.as_deref()),
            ("time", time),
            ("mem", self.mem.as_deref()),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?)));
        named.chain(self.sbatch_arg.iter().cloned()).collect()
    }
}
