//! The commands of overparam in a checkout: `cargo xtask X` is `overparam X`, by the same code, and developers' commands
//! are added.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing must not end a run: `say!` and `note!`"
)]

#[macro_use(note, say)]
extern crate overparam_cli;

mod bench;
mod commands;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use overparam_cli::options::RunOptions;
use overparam_cli::{AFTER_HELP, start};

use commands::{AcceptOptions, BenchOptions, FigureOptions, ResultsOptions, SealOptions, WheelOptions};

/// Run the claims of five talks on over-parameterised networks, and see with numbers and pictures which hold; compute
/// neural tangent kernels and what they predict.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const BENCH_HELP: &str = "\
Examples:
  cargo xtask bench --list                          what the cases are
  cargo xtask bench deep-linear cnn                 ours alone
  cargo xtask bench ntk --peers peers/bin/python    beside a Python with benches/peers/requirements.txt

Exit status: 0, or 1 if a peer failed or found another result. A missed target is no failure.";

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    User(overparam_cli::Command),
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
    /// Keep what was decided, with every draw, in docs/results, and write the page of the book from it
    ///
    /// Without --from the page is written again. Nothing is run: decisions are made again from the draws.
    Results(ResultsOptions),
    /// Draw the figures of the book, docs/figures, from runs or from the numbers that are kept of them, and say which are stale
    ///
    /// docs/figures/manifest.json says what each is drawn from, docs/figures/data has its numbers. Without --from all are drawn again from
    /// those. A figure is stale if its claim declares something else now, or if docs/results has other draws.
    Figures(FigureOptions),
    /// Time our work beside the same work in other programs, and against what the machine can do
    ///
    /// With --peers, ours and theirs run in turn, on the same inputs, and their results are compared. docs/benchmarks.md has
    /// the last table.
    #[command(after_help = BENCH_HELP)]
    Bench(BenchOptions),
    /// Build the Python wheel, install it in a fresh environment, and test it there
    ///
    /// Needs a Python with pip, and PyPI for maturin and NumPy.
    Wheel(WheelOptions),
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    start("cargo xtask", |cli: Cli| match &cli.command {
        Command::User(command) => command.run(Cli::command()),
        Command::Mutate { options } => commands::mutations(options),
        Command::Seal(options) => commands::seal(options),
        Command::Accept(options) => commands::accept(options),
        Command::Results(options) => commands::results(options),
        Command::Figures(options) => commands::figures(options),
        Command::Bench(options) => commands::bench(options),
        Command::Wheel(options) => commands::wheel(options),
    })
}
