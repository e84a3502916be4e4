//! `completions`: what a shell needs to complete commands, options, talks and claims.

use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use crate::select;

/// For which shell, under which name.
#[derive(clap::Args)]
pub struct CompletionOptions {
    /// The shell
    shell: Shell,
    /// The word that is completed: the program, or an alias of it
    #[arg(long, default_value = "overparam")]
    name: String,
}

/// Prints the script.
pub(crate) fn completions(mut command: clap::Command, options: &CompletionOptions) -> Result<ExitCode> {
    for name in ["reproduce", "list", "explain", "report", "status"] {
        // While completing, claims are values; while parsing they are checked with a suggestion instead.
        let names = PossibleValuesParser::new(select::known_names());
        command = command.mut_subcommand(name, |sub| sub.mut_arg("names", |arg| arg.value_parser(names)));
    }
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, &options.name, &mut script);
    crate::out::data(format_args!("{}", String::from_utf8_lossy(&script)));
    Ok(ExitCode::SUCCESS)
}
