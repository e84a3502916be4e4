//! The command line of overparam. Data goes to standard output, progress and messages to standard error.
//!
//! Exit status: 0 all asked claims hold (or the kernel or prediction written), 1 something is contradicted or not
//! discriminating, 4 something is undecided and nothing contradicted, 2 bad usage or input, 3 a round before is not complete,
//! 130 stopped by Ctrl-C.

mod bench;
mod commands;
mod curve;
mod evaluate;
mod files;
mod interrupt;
mod machine;
mod meter;
mod options;
mod progress;
mod select;
mod slurm;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use commands::{AcceptOptions, BenchOptions, CompletionOptions, KernelOptions, PredictOptions, SealOptions};
use options::{DoublingOption, LaunchOptions, RunOptions, Selection};

/// Run the claims of five talks on over-parameterised networks, and see with numbers and pictures which hold; compute
/// neural tangent kernels and what they predict.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  cargo xtask reproduce                                  every claim, about 20 minutes
  cargo xtask reproduce --scale smoke                    every claim, seconds each
  cargo xtask reproduce hu-2021/low-rank-completion      one claim
  cargo xtask reproduce resnet-global-minimum --set width=256    the same with another width
  cargo xtask reproduce --scale paper --launcher slurm --array 32 --time 4:00:00    on a cluster
  cargo xtask explain low-rank-completion                what it says and how it is tested
  cargo xtask kernel --help                              neural tangent kernels of your network and data
  cargo xtask predict --help                             what such a network learns, in closed form
  cargo xtask theory random-features --help              formulas, as a calculator

Exit status: 0 all hold, 1 something is contradicted or its control holds too, 4 something is undecided, 2 bad usage or
input, 3 a round before is not complete, 130 stopped.";

const KERNEL_HELP: &str = "\
Examples:
  cargo xtask kernel --arch examples/architectures/mlp.json --x1 x.npy --out k.npz
  cargo xtask kernel --arch examples/architectures/cntk.toml --x1 images.npz:test \\
      --x2 images.npz:train --kind ntk --precision f32 --out k.npz
  python3 -c \"import numpy; print(numpy.load('k.npz')['ntk'])\"

Files:
  .npy   floats or integers, in C or Fortran order
  .npz   with one array, or file.npz:NAME
  .csv   a row an input, with or without a heading";

const PREDICT_HELP: &str = "\
Examples:
  cargo xtask predict --arch examples/architectures/mlp.json \\
      --train-x x.csv --train-y y.csv --test-x z.csv --out p.npz
  cargo xtask predict --arch examples/architectures/cntk.toml \\
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

const BENCH_HELP: &str = "\
Examples:
  cargo xtask bench --list                          what the cases are
  cargo xtask bench deep-linear cnn                 ours alone
  cargo xtask bench ntk --peers peers/bin/python    beside a Python with benches/peers/requirements.txt

Exit status: 0, or 1 if a peer failed or found another result. A missed target is no failure.";

const COMPLETIONS_HELP: &str = "\
Cargo's aliases cannot be completed, a shell's can:
  alias overparam='cargo xtask'
  source <(cargo xtask completions bash)";

#[derive(Subcommand)]
enum Command {
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
        /// Compare eight draws with the same eight at twice the size or horizon, instead of judging
        #[arg(long, value_enum, conflicts_with_all = ["shard", "launcher"])]
        double: Option<DoublingOption>,
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
    /// Takes the arguments of the `reproduce` that filled the store. Claims with missing cells are undecided.
    Report {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Say how far a run is, claim by claim, from the store alone
    ///
    /// Takes the arguments of the `reproduce` that fills the store. Exit status 0 if every claim is decided or has all of its draws, 1 if not.
    Status {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Judge stored cells under wrong theories: constants changed by 10 to 50 %, rivals, the control in the experiment's place
    ///
    /// Takes the arguments of the `reproduce` that filled the store; nothing is run. Exit status 1 if a claim holds under a
    /// rival theory or on its control.
    Mutate {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Commit what the claims declare to claims.lock, from which their master seeds follow
    Seal(SealOptions),
    /// Test the verdicts themselves: fresh master seeds, false claims, exchanged controls, determinism
    Accept(AcceptOptions),
    /// Compute the infinite-width kernels (NNGP, NTK) of an architecture between inputs
    ///
    /// Exact, in closed form, layer by layer: docs/architectures.md has the layers, docs/from-neural-tangents.md the
    /// same for those who know neural-tangents. The result is written whole or not at all; an existing file is replaced.
    #[command(after_help = KERNEL_HELP)]
    Kernel(KernelOptions),
    /// Predict what an infinitely wide network has learned after a time, in closed form
    ///
    /// Gradient flow at learning rate one on the loss ||f - y||^2 / (2 n c) of n examples with c outputs, from networks
    /// with outputs of mean zero: df/dt = -Theta (f - y) / (n c), as neural-tangents' gradient_descent_mse_ensemble.
    /// Gradient descent with a small learning rate r is at time r k after k steps.
    #[command(after_help = PREDICT_HELP)]
    Predict(PredictOptions),
    /// Compute what theory predicts: a calculator for checking a formula
    #[command(subcommand)]
    Theory(commands::Theory),
    /// Time our work beside the same work in other programs, and against what the machine can do
    ///
    /// With --peers, ours and theirs run in turn, on the same inputs, and their results are compared. docs/benchmarks.md has
    /// the last table.
    #[command(after_help = BENCH_HELP)]
    Bench(BenchOptions),
    /// Print a script that completes commands, options, talks and claims in your shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionOptions),
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Reproduce { options, fresh, double, elsewhere } => {
            commands::reproduce(options, *fresh, double.map(Into::into), elsewhere)
        }
        Command::List { options } => commands::list(options),
        Command::Explain { selection } => commands::explain(selection),
        Command::Report { options } => commands::report(options),
        Command::Status { options } => commands::status(options),
        Command::Mutate { options } => commands::mutations(options),
        Command::Seal(options) => commands::seal(options),
        Command::Accept(options) => commands::accept(options),
        Command::Kernel(options) => commands::kernel(options),
        Command::Predict(options) => commands::predict(options),
        Command::Theory(theory) => commands::theory(theory),
        Command::Bench(options) => commands::bench(options),
        Command::Completions(options) => commands::completions(Cli::command(), options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
