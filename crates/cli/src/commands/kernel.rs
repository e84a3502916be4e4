//! `kernel`: the infinite-width kernels of an architecture between inputs from files; in memory, or tile by tile in a store.

mod estimate;
mod export;
mod job;
mod launch;
mod npy;
mod status;
mod task;
mod verify;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, ValueEnum};
use overparam_eval::runner::Shard;
use overparam_jobs::tiles::Precision;
use overparam_tensor::Array;
use overparam_tensor::linalg::Real;

use crate::evaluate::{Kind, evaluate};
use crate::files::{Layout, Output, ReadFile, extension};
use crate::options::{Launcher, SbatchOptions, bytes, pool};
use crate::terminal::duration;
use task::Task;

const LARGE: &str = "Kernels larger than memory (--out K.zarr or k.npy)";

/// A kernel to compute, or what to do with one that is stored.
pub enum KernelOptions {
    /// To compute.
    Compute(Box<ComputeOptions>),
    /// Stored.
    Stored(KernelCommand),
}

/// By hand, because clap derives no options that are required where there is no subcommand, if they have groups of their own.
impl FromArgMatches for KernelOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match matches.subcommand_name() {
            Some(_) => Self::Stored(KernelCommand::from_arg_matches(matches)?),
            None => Self::Compute(Box::new(ComputeOptions::from_arg_matches(matches)?)),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for KernelOptions {
    fn augment_args(command: Command) -> Command {
        ComputeOptions::augment_args(KernelCommand::augment_subcommands(command))
            .subcommand_required(false)
            .arg_required_else_help(false)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// What can be done with a store of tiles.
#[derive(Subcommand)]
pub enum KernelCommand {
    /// Say how far a stored kernel is
    ///
    /// Looks at the sizes of the files; `verify` reads them. Exit status 0 if every tile is there, 1 if not.
    Status(status::StatusOptions),
    /// Write a stored kernel as one .npy file
    Export(export::ExportOptions),
    /// Check every tile of a stored kernel, and compute some of them again
    ///
    /// Reads every file and compares it with its checksum; computes a sample of tiles from the inputs and compares the numbers.
    /// Exit status 1 if a tile is damaged or differs. Damaged tiles are computed again by the `kernel` that made the store.
    Verify(verify::VerifyOptions),
}

/// What to compute from which files.
#[derive(Args)]
pub struct ComputeOptions {
    /// The architecture, .json or .toml; see docs/architectures.md
    #[arg(long, value_name = "FILE")]
    arch: PathBuf,
    /// First inputs, .npy, .npz, .npz:NAME or .csv: inputs x features, sequences x length x channels, or images x height x
    /// width x channels
    #[arg(long, value_name = "FILE")]
    x1: PathBuf,
    /// Second inputs of the same shape; without them, the first with themselves
    #[arg(long, value_name = "FILE")]
    x2: Option<PathBuf>,
    /// The order of the axes of images and sequences [default: nhwc]
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    /// Result: .npz, with arrays named nngp and ntk, n1 x n2; or, for kernels larger than memory, .zarr, a folder with the same
    /// arrays tile by tile: the same command goes on where it stopped; or .npy, one array (--kind), which is there once it is
    /// complete: an interrupted command begins again
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which kernels
    #[arg(long, value_enum, default_value_t = Kind::Both)]
    kind: Kind,
    /// Of the computation and the result
    #[arg(long, value_enum, default_value_t = PrecisionOption::F64)]
    precision: PrecisionOption,
    /// Threads; the results do not depend on it [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    tiles: TileOptions,
}

/// Only for kernels that are computed tile by tile.
#[derive(Args)]
struct TileOptions {
    /// Most memory to take, for example 8G or 500M: tiles are made small enough, or it is refused
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = LARGE)]
    memory: Option<u64>,
    /// Rows and columns of a tile [default: that of the store; in a new one 2048, for images 128]
    #[arg(long, value_name = "EDGE", value_parser = clap::value_parser!(u32).range(1..=1_000_000),
        help_heading = LARGE)]
    tile: Option<u32>,
    /// Say how long it will take and what it needs, by measuring; compute nothing, or print the scripts of --launcher
    #[arg(long, help_heading = LARGE)]
    dry_run: bool,
    /// Print one JSON object per line on standard output instead of sentences
    #[arg(long, help_heading = LARGE)]
    json: bool,
    /// Compute only the K-th of N parts of the tiles: for any scheduler
    #[arg(long, value_name = "K/N", conflicts_with = "launcher", help_heading = "Many machines")]
    shard: Option<Shard>,
    /// Submit the tiles as an array of jobs, and `kernel status` as the job that follows; --out is shared by the nodes
    #[arg(long, value_enum, help_heading = "Many machines")]
    launcher: Option<Launcher>,
    #[command(flatten)]
    sbatch: SbatchOptions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionOption {
    /// Single
    F32,
    /// Double
    F64,
}

impl From<PrecisionOption> for Precision {
    fn from(precision: PrecisionOption) -> Self {
        match precision {
            PrecisionOption::F32 => Precision::F32,
            PrecisionOption::F64 => Precision::F64,
        }
    }
}

/// How the result is kept.
#[derive(Clone, Copy)]
enum ResultFile {
    /// A folder of tiles.
    Store,
    /// One array, written tile by tile.
    Array,
    /// A file that is written when all of it is computed.
    InMemory,
}

impl ComputeOptions {
    /// Every file that is read.
    fn inputs(&self) -> Vec<ReadFile<'_>> {
        let mut inputs: Vec<ReadFile<'_>> = vec![("arch", &self.arch), ("x1", &self.x1)];
        inputs.extend(self.x2.as_deref().map(|path| ("x2", path)));
        inputs
    }

    /// Refuses options that mean nothing for this kind of result.
    fn refuse_tile_options(&self, result: ResultFile) -> Result<()> {
        let tiles = &self.tiles;
        let many = [("shard", tiles.shard.is_some()), ("launcher", tiles.launcher.is_some())];
        let one = [
            ("memory", tiles.memory.is_some()),
            ("tile", tiles.tile.is_some()),
            ("dry-run", tiles.dry_run),
            ("json", tiles.json),
        ];
        let refuse = |options: &[(&str, bool)], expected: &str| {
            let first = options.iter().find(|(_, given)| *given);
            let name = first.map_or("", |(name, _)| name);
            ensure!(
                first.is_none(),
                "--{name}: expected --out with a name that {expected} for this option, got {}",
                self.out.display()
            );
            Ok(())
        };
        match result {
            ResultFile::Store => Ok(()),
            ResultFile::Array => refuse(&many, "ends in .zarr"),
            ResultFile::InMemory => {
                refuse(&many, "ends in .zarr")?;
                refuse(&one, "ends in .zarr or .npy")
            }
        }
    }

    /// By the extension.
    fn result(&self) -> ResultFile {
        match extension(&self.out).as_str() {
            "zarr" => ResultFile::Store,
            "npy" => ResultFile::Array,
            _ => ResultFile::InMemory,
        }
    }
}

/// Computes and writes the kernels, or does what else was asked for.
pub(crate) fn kernel(options: &KernelOptions) -> Result<ExitCode> {
    match options {
        KernelOptions::Compute(options) => compute(options),
        KernelOptions::Stored(KernelCommand::Status(options)) => status::status(options),
        KernelOptions::Stored(KernelCommand::Export(options)) => export::export(options),
        KernelOptions::Stored(KernelCommand::Verify(options)) => verify::verify(options),
    }
}

fn compute(options: &ComputeOptions) -> Result<ExitCode> {
    let result = options.result();
    options.refuse_tile_options(result)?;
    if options.tiles.launcher.is_some() {
        return launch::launch(options);
    }
    match (result, options.precision) {
        (ResultFile::Store, PrecisionOption::F32) => job::job::<f32>(options),
        (ResultFile::Store, PrecisionOption::F64) => job::job::<f64>(options),
        (ResultFile::Array, PrecisionOption::F32) => npy::npy::<f32>(options),
        (ResultFile::Array, PrecisionOption::F64) => npy::npy::<f64>(options),
        (ResultFile::InMemory, PrecisionOption::F32) => in_memory::<f32>(options),
        (ResultFile::InMemory, PrecisionOption::F64) => in_memory::<f64>(options),
    }
}

fn in_memory<T: Real>(options: &ComputeOptions) -> Result<ExitCode> {
    let start = Instant::now();
    let output = Output::new("out", &options.out, "npz", &options.inputs())?;
    let task = Task::<T>::read(options)?;
    task.tell();
    let compute = || evaluate(&task.kernel, options.kind, (&task.x1, task.x2.as_ref()), "kernel");
    let results = match options.threads {
        Some(_) => pool(options.threads)?.install(compute)?,
        None => compute()?,
    };
    let arrays: Vec<(&str, Array<T>)> =
        results.into_iter().map(|(name, k)| (name, Array::from(&k))).collect();
    output.write_arrays(&arrays)?;
    let words: Vec<String> =
        arrays.iter().map(|(name, a)| format!("{name} {} x {}", a.shape()[0], a.shape()[1])).collect();
    let time = duration(start.elapsed().as_secs_f64());
    say!("{}: {} ({})  ({time})", output.path().display(), words.join(", "), T::NAME);
    Ok(ExitCode::SUCCESS)
}
