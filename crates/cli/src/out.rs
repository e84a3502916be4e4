//! What is printed. Data goes to standard output, messages to standard error, and neither may end a run: whoever read them
//! may have gone away.
//!
//! A reader that closed the pipe has seen enough, and the rest goes nowhere without a word. Any other failure on standard
//! output, such as a full disk, is kept for the end, where it is said once and makes the exit status 1. Messages that cannot
//! be told are lost.

use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// Why standard output takes no more.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line of data, as `println!` would.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::out::data(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line for people on standard error, as `eprintln!` would.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => { $crate::out::message(format_args!($($text)*)) };
}

/// Writes data to standard output at once, so that whoever reads a pipe sees it.
pub fn data(text: Arguments<'_>) {
    let mut failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner);
    if failed.is_none() {
        let mut out = io::stdout().lock();
        *failed = out.write_fmt(text).and_then(|()| out.flush()).err();
    }
}

/// Remembers that standard output takes no more.
pub(crate) fn failed(error: io::Error) {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// Writes a line to standard error, if anyone listens.
pub fn message(text: Arguments<'_>) {
    let line = crate::terminal::folded(&bounded(&text.to_string()));
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// The exit status, unless the data could not be written: then that is said, and the status is 1.
pub fn finish(status: ExitCode) -> ExitCode {
    let failed = FAILED.lock().unwrap_or_else(PoisonError::into_inner).take();
    match failed.or_else(|| io::stdout().flush().err()) {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            message(format_args!("error: cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => status,
    }
}

/// An error with its causes, each of which is said once: many an error has its cause's words in its own.
pub fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(|cause| cause.to_string()) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Text that came from a file or the command line, in a message: as long as one reads, without what steers a terminal.
pub(crate) fn bounded(text: &str) -> String {
    const LONGEST: usize = 2_000;
    const KEPT: usize = 900;
    let shown = |c: char| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c };
    let count = text.chars().count();
    if count <= LONGEST {
        return text.chars().map(shown).collect();
    }
    let start: String = text.chars().take(KEPT).map(shown).collect();
    let end: String = text.chars().skip(count - KEPT).map(shown).collect();
    format!("{start} [... {} characters more ...] {end}", count - 2 * KEPT)
}

/// `3 inputs`, `1 input`.
pub(crate) fn counted(count: usize, one: &str) -> impl Display {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::{bounded, told};

    #[test]
    fn an_error_of_the_system_is_said_once() {
        let own = |cause: &std::io::Error| format!("cannot read x: {cause}");
        let cause = || std::io::Error::from_raw_os_error(2);
        let error = || anyhow::Error::new(cause()).context(own(&cause()));
        assert_eq!(told(&error()).matches("No such file").count(), 1);
        let outer = Err::<(), _>(error()).context("--data mnist=x").unwrap_err();
        assert!(told(&outer).starts_with("--data mnist=x: cannot read x: No such file"));
    }

    #[test]
    fn long_texts_keep_both_ends_and_no_control_characters() {
        let long = format!("begin{}end", "x".repeat(100_000));
        let short = bounded(&long);
        assert!(short.len() < 2_000 && short.starts_with("begin") && short.ends_with("end"));
        assert_eq!(bounded("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\nc");
    }
}
