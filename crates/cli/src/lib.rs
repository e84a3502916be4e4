//! The commands of the program `overparam`, as a library, so that `cargo xtask` in a checkout has the same commands.
//!
//! ```sh
//! cargo install --path crates/cli        # in a checkout
//! overparam reproduce --scale smoke
//! overparam kernel --arch net.json --x1 x.csv --out k.npz
//! ```
//!
//! Data goes to standard output, progress and messages to standard error. The exit status is 0 if all requested claims hold
//! (or the kernel or prediction is written), 1 if a claim is contradicted or not discriminating, or if the output could not be
//! written, 2 for wrong usage or input, 3 if an earlier round of `--shard` is not complete, 4 if a claim is undecided and none is
//! contradicted, and 130 after Ctrl-C.
//!
//! | module | what it holds |
//! |---|---|
//! | [`overparam`], [`overparam_at`] | the program |
//! | [`start`], [`Command`] | parsing a program's arguments; the commands that both programs have |
//! | [`options`], [`select`] | the options that say which claims run, how large and where |
//! | [`out`] | printing that does not end the run when a pipe is closed or a disk is full |
//! | [`progress`], [`interrupt`] | showing how far a run is, and stopping it |
//! | [`terminal`], [`machine`] | colours and widths of a terminal; facts about the machine |

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing must not end a run: `say!` and `note!`"
)]

#[macro_use]
pub mod out;
mod commands;
mod curve;
mod evaluate;
mod files;
pub mod interrupt;
pub mod machine;
mod meter;
pub mod options;
mod placement;
mod program;
pub mod progress;
pub mod select;
mod slurm;
pub mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

pub use commands::{AFTER_HELP, Command};
pub use program::name;

/// Parses the arguments of a program of this name, runs it, and says what went wrong: all that a `main` has to do.
///
/// Help and version end with status 0, wrong usage and errors with 2.
pub fn start<P: Parser>(name: &'static str, run: impl FnOnce(P) -> Result<ExitCode>) -> ExitCode {
    start_with(name, std::env::args_os(), run)
}

/// [`start`] with these arguments, the first of which is where the program is.
fn start_with<P: Parser>(
    name: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(P) -> Result<ExitCode>,
) -> ExitCode {
    program::is_called(name);
    let mut command = program::in_examples(P::command());
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|mut matches| P::from_arg_matches_mut(&mut matches));
    let status = match parsed {
        Ok(program) => run(program).unwrap_or_else(|error| {
            note!("error: {}", out::told(&error));
            ExitCode::from(2)
        }),
        Err(usage) => explained(&usage.format(&mut command)),
    };
    out::finish(status)
}

/// Run the claims of five talks on over-parameterised networks, and see with numbers and pictures which hold; compute
/// neural tangent kernels and what they predict.
#[derive(Parser)]
#[command(name = "overparam", version, after_help = AFTER_HELP)]
struct Overparam {
    #[command(subcommand)]
    command: Command,
}

/// The program `overparam`, whose binary calls nothing else.
pub fn overparam() -> ExitCode {
    start("overparam", |program: Overparam| program.command.run(Overparam::command()))
}

/// The program `overparam` for another language's launcher: the first argument is that launcher, by whose path the program starts
/// itself again on other machines.
pub fn overparam_at(arguments: Vec<OsString>) -> ExitCode {
    if let Some(launcher) = arguments.first() {
        program::is_at(PathBuf::from(launcher));
    }
    start_with("overparam", arguments, |program: Overparam| program.command.run(Overparam::command()))
}

/// Prints help or what is wrong with the usage, in the colours that suit the terminal.
fn explained(usage: &clap::Error) -> ExitCode {
    let printed = usage.print();
    if usage.use_stderr() {
        // Whoever cannot be told has the exit status.
        return ExitCode::from(2);
    }
    if let Err(error) = printed {
        out::failed(error);
    }
    ExitCode::SUCCESS
}
