//! One function per subcommand, and the table of all of them.

mod completions;
mod double;
mod explain;
mod kernel;
mod launch;
mod list;
mod man;
mod predict;
mod queue;
mod reproduce;
mod shard;
mod status;
mod submit;
mod theory;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::options::{DoublingOption, FigureOptions, LaunchOptions, RunOptions, Selection};
use completions::CompletionOptions;
use double::double;
use kernel::KernelOptions;
use launch::launch;
use man::ManOptions;
use predict::PredictOptions;
pub(crate) use predict::Task;
use reproduce::After;
use shard::shard;
use theory::Theory;

/// What stands below the list of commands.
pub const AFTER_HELP: &str = "\
Examples:
  overparam reproduce                                  every claim, about an hour of CPU time
  overparam reproduce --scale smoke                    every claim, seconds each
  overparam reproduce hu-2021/low-rank-completion      one claim
  overparam reproduce resnet-global-minimum --set width=256    the same with another width
  overparam reproduce --scale paper --launcher slurm --array 32 --time 4:00:00    on a cluster
  overparam explain low-rank-completion                what it says and how it is tested
  overparam kernel --help                              neural tangent kernels of your network and data
  overparam predict --help                             what such a network learns, in closed form
  overparam theory random-features --help              formulas, as a calculator

Exit status: 0 all hold, 1 something is contradicted or its control holds too, 4 something is undecided, 2 bad usage or
input, 3 a round before is not complete, 130 stopped.";

const KERNEL_HELP: &str = "\
Examples:
  overparam kernel --arch examples/architectures/mlp.json --x1 x.npy --out k.npz
  overparam kernel --arch examples/architectures/cntk.toml --x1 images.npz:test \\
      --x2 images.npz:train --kind ntk --precision f32 --out k.npz
  python3 -c \"import numpy; print(numpy.load('k.npz')['ntk'])\"
  overparam kernel --arch examples/architectures/mlp.json --x1 x.npy --out K.zarr --dry-run
  overparam kernel --arch examples/architectures/mlp.json --x1 x.npy --out K.zarr --threads 8
  overparam kernel status K.zarr

Files:
  .npy   floats or integers, in C or Fortran order
  .npz   with one array, or file.npz:NAME
  .csv   one row per input, with or without a heading";

const PREDICT_HELP: &str = "\
Examples:
  overparam predict --arch examples/architectures/mlp.json \\
      --train-x x.csv --train-y y.csv --test-x z.csv --out p.npz
  overparam predict --arch examples/architectures/cntk.toml \\
      --train-x d.npz:x --train-y d.npz:y --test-x d.npz:z \\
      --time 100 --ridge 1e-3 --out p.npz --curve curve.csv

Results, with R the ridge and rho = exp(-(Theta_dd + R) t / (n c)):
  train_mean       n x c  Theta_dd (Theta_dd + R)^-1 (1 - rho) y, on the training inputs
  test_mean        m x c  A y with A = Theta_td (Theta_dd + R)^-1 (1 - rho)
  test_covariance  m x m  K_tt + A K_dd A^T - A K_dt - K_td A^T over initialisations,
                          the same for each output; K is the NNGP kernel
  With --kind nngp, Theta is K, and K_dd has R added to it.

Curve: a row for each time, test input and output (both counted from 0), with columns
  time,train_loss,test_loss,input,output,test_mean    (test_loss with --test-y)
  Losses are those of the mean outputs. Times: 0, then 100 in geometric progression
  up to --time; if that is inf, up to ten times the time of the slowest mode, then inf.";

const COMPLETIONS_HELP: &str = "\
In the file that your shell reads at its start:
  source <(overparam completions bash)

Cargo's aliases cannot be completed, a shell's can. In a checkout, first:
  alias overparam='cargo xtask'";

/// What a user can ask for.
#[derive(Subcommand)]
#[allow(missing_docs, reason = "the comments of fields and variants are the program's help")]
pub enum Command {
    /// Run claims with their controls and write the report
    ///
    /// Every finished cell is saved at once: stop with Ctrl-C at any time, and the same command goes on where it
    /// stopped. The same seed gives the same report.json, byte for byte, on any number of threads and machines. Processes
    /// that share --out share the work: no cell is computed by two of them at a time.
    Reproduce {
        #[command(flatten)]
        options: RunOptions,
        /// Compute every cell anew, whatever the store has
        #[arg(long)]
        fresh: bool,
        /// Replace the report in the output folder, whatever it is of
        ///
        /// Without it a report of fewer claims, of a smaller scale, with changed fields, or of less than the store had before,
        /// goes to a folder of its own below DIR/reports.
        #[arg(long)]
        force: bool,
        /// Compare eight draws with the same eight at twice the size or horizon, instead of judging
        #[arg(long, value_enum, conflicts_with_all = ["shard", "launcher"])]
        double: Option<DoublingOption>,
        #[command(flatten)]
        figures: FigureOptions,
        #[command(flatten)]
        elsewhere: LaunchOptions,
    },
    /// List talks and claims, how long they take, and how much of each is in the store
    List {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Explain claims: statement, source, prediction, what must hold, control, how long
    Explain {
        #[command(flatten)]
        selection: Selection,
    },
    /// Write the report from the store alone, computing nothing
    ///
    /// Takes the arguments of the `reproduce` that filled the store. Claims with missing cells are undecided. For a talk:
    /// --figures pdf --size slide.
    Report {
        #[command(flatten)]
        options: RunOptions,
        #[command(flatten)]
        figures: FigureOptions,
        /// Replace the report in the output folder, whatever it is of
        #[arg(long)]
        force: bool,
    },
    /// Say how far a run is, claim by claim, from the store alone
    ///
    /// Takes the arguments of the `reproduce` that fills the store. Exit status 0 if every claim is decided or has all of its draws, 1 if not.
    Status {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Compute the infinite-width kernels (NNGP, NTK) of an architecture between inputs
    ///
    /// Exact, in closed form, layer by layer: docs/architectures.md has the layers, docs/from-neural-tangents.md the
    /// same for those who know neural-tangents. A .npz file is written whole or not at all; an existing one is replaced. A
    /// .zarr folder grows tile by tile, for kernels larger than memory or many machines: docs/kernel-jobs.md.
    #[command(after_help = KERNEL_HELP)]
    Kernel(KernelOptions),
    /// Predict what an infinitely wide network has learned after a time, in closed form
    ///
    /// Gradient flow at learning rate one on the loss ||f - y||^2 / (2 n c) of n examples with c outputs, from networks
    /// with outputs of mean zero: df/dt = -Theta (f - y) / (n c), as neural-tangents' gradient_descent_mse_ensemble.
    /// Gradient descent with a small learning rate r is at time r k after k steps.
    #[command(after_help = PREDICT_HELP)]
    Predict(Box<PredictOptions>),
    /// Compute what theory predicts: a calculator for checking a formula
    #[command(subcommand)]
    Theory(Theory),
    /// Print a script that completes commands, options, talks and claims in your shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionOptions),
    /// Write the manual's pages, one per command, into a folder
    Man(ManOptions),
}

impl Command {
    /// Does it. `program` is the whole program, for what describes it.
    ///
    /// # Errors
    /// Bad usage or input, for a person to read.
    pub fn run(&self, program: clap::Command) -> Result<ExitCode> {
        match self {
            Self::Reproduce { options, fresh, force, double, figures, elsewhere } => {
                let after = After { figures, force: *force };
                reproduce::reproduce(options, *fresh, &after, double.map(Into::into), elsewhere)
            }
            Self::List { options } => list::list(options),
            Self::Explain { selection } => explain::explain(selection),
            Self::Report { options, figures, force } => {
                reproduce::report(options, &After { figures, force: *force })
            }
            Self::Status { options } => status::status(options),
            Self::Kernel(options) => kernel::kernel(options),
            Self::Predict(options) => predict::predict(options),
            Self::Theory(theory) => theory::theory(theory),
            Self::Completions(options) => completions::completions(program, options),
            Self::Man(options) => man::man(program, options),
        }
    }
}
