//! Under which name this program was started: what messages and examples tell a person to type.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::Command;

static NAME: OnceLock<&'static str> = OnceLock::new();
static PLACE: OnceLock<PathBuf> = OnceLock::new();

/// Its name, once for all.
pub(crate) fn is_called(name: &'static str) {
    // The first name stays: a process is one program.
    let _ = NAME.set(name);
}

/// `overparam`, or `cargo xtask` in a checkout.
pub fn name() -> &'static str {
    NAME.get().copied().unwrap_or("overparam")
}

/// What starts this program, where that is not its executable.
pub(crate) fn is_at(launcher: PathBuf) {
    // As with the name.
    let _ = PLACE.set(launcher);
}

/// What starts this program: its launcher, if it has one, or else its executable.
///
/// # Errors
/// If the system cannot tell.
pub(crate) fn place() -> io::Result<PathBuf> {
    PLACE.get().map_or_else(std::env::current_exe, std::path::absolute)
}

/// The same commands with this program's name in their examples.
pub(crate) fn in_examples(mut command: Command) -> Command {
    if let Some(help) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(help.replace("overparam ", &format!("{} ", name())));
    }
    let parts: Vec<String> = command.get_subcommands().map(|part| part.get_name().to_owned()).collect();
    for part in parts {
        command = command.mut_subcommand(part, in_examples);
    }
    command
}
