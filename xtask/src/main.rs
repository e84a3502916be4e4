//! The command line of overparam. Data goes to standard output, progress and messages to standard error.
//!
//! Exit status: 0 all asked claims reproduced, 1 some not reproduced or inconclusive, 2 bad usage or input,
//! 130 stopped by Ctrl-C.

mod commands;
mod options;
mod progress;
mod select;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::{RunOptions, Selection};

/// Run the claims of five talks on over-parameterised networks, and see with numbers and pictures which hold.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  cargo xtask reproduce                                  every claim, a few minutes
  cargo xtask reproduce --scale smoke                    every claim, seconds each
  cargo xtask reproduce hu-2021/low-rank-completion      one claim
  cargo xtask explain low-rank-completion                what it says and how it is tested
  cargo xtask theory random-features --help              formulas, as a calculator

Exit status: 0 all reproduced, 1 some not reproduced or inconclusive, 2 bad usage or input, 130 stopped.";

#[derive(Subcommand)]
enum Command {
    /// Run claims with their controls and write the report
    ///
    /// Every finished cell is saved at once: stop with Ctrl-C at any time, and the same command goes on where it
    /// stopped. The same seed gives the same report.json, byte for byte, on any number of threads.
    Reproduce {
        #[command(flatten)]
        options: RunOptions,
        /// Compute every cell anew, whatever the store has
        #[arg(long)]
        fresh: bool,
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
    /// Takes the arguments of the `reproduce` that filled the store. Claims with missing cells are inconclusive.
    Report {
        #[command(flatten)]
        options: RunOptions,
    },
    /// Compute what theory predicts: a calculator for checking a formula
    #[command(subcommand)]
    Theory(commands::Theory),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Reproduce { options, fresh } => commands::reproduce(options, *fresh),
        Command::List { options } => commands::list(options),
        Command::Explain { selection } => commands::explain(selection),
        Command::Report { options } => commands::report(options),
        Command::Theory(theory) => commands::theory(theory),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
