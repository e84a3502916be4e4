//! The program `overparam`.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use overparam_cli::{AFTER_HELP, Command, start};

/// Run the claims of five talks on over-parameterised networks, and see with numbers and pictures which hold; compute
/// neural tangent kernels and what they predict.
#[derive(Parser)]
#[command(name = "overparam", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    start("overparam", |cli: Cli| cli.command.run(Cli::command()))
}
