//! Colours where a person reads, plain text elsewhere.

mod table;

use std::io::IsTerminal;

use overparam_eval::decide::Decision;
use overparam_eval::report::{ClaimReport, State};

pub use table::{Entry, Table};

/// Whether standard output takes colours: a terminal, and `NO_COLOR` not set.
fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

fn paint(code: &str, text: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Columns and rows of the terminal behind standard error, or a usual one's.
pub(crate) fn size() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or((80, 24), |(columns, rows)| (columns.0.into(), rows.0.into()))
}

/// Columns for text on standard output: of a terminal its own, of a file or a pipe as many as a table may need.
pub fn width() -> usize {
    terminal_size::terminal_size_of(std::io::stdout()).map_or(usize::MAX, |(columns, _)| columns.0.into())
}

/// Text in lines no wider than the terminal, nor than is pleasant to read, each after the first indented.
pub fn paragraph(text: &str, indent: usize) -> String {
    wrap(text, indent, width().clamp(40, 100))
}

/// A message for standard error, of which a terminal would break long lines within words.
pub(crate) fn folded(message: &str) -> String {
    let columns =
        terminal_size::terminal_size_of(std::io::stderr()).map_or(usize::MAX, |size| size.0.0.into());
    let line =
        |line: &str| if line.chars().count() > columns { wrap(line, 0, columns) } else { line.to_owned() };
    message.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Emphasised.
pub fn bold(text: &str) -> String {
    paint("1", text)
}

/// In the colour of what is as it should be.
pub fn good(text: &str) -> String {
    paint("32", text)
}

/// In the colour of what is not.
pub fn bad(text: &str) -> String {
    paint("31", text)
}

/// In the colour of what is not known.
pub fn doubtful(text: &str) -> String {
    paint("33", text)
}

/// A decision in its colour.
pub fn decision(claim: &ClaimReport) -> Entry {
    let colour = match claim.decision {
        Decision::Holds => good,
        Decision::Fails | Decision::NotDiscriminating => bad,
        Decision::Undecided => doubtful,
    };
    Entry::painted(claim.words.clone(), colour)
}

/// What is known of a check, in its colour.
pub fn state(state: State) -> String {
    match state {
        State::Holds => good("holds    "),
        State::Fails => bad("fails    "),
        State::Undecided => doubtful("undecided"),
    }
}

/// Seconds as a person says them.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Seconds since 1970 as date and time.
pub fn utc(seconds: u64) -> String {
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March, so that the leap day is the last of one; 400 of them have 146,097 days.
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{}-{month:02}-{date:02} {hour:02}:{minute:02}:{:02}", 400 * era + year + next, second % 60)
}

/// Breaks text at spaces into lines of at most `width` characters, each after the first indented.
fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.len() - 1;
        if !lines[line].is_empty()
            && lines[line].chars().count() + 1 + word.chars().count() > width.saturating_sub(indent)
        {
            lines.push(word.to_owned());
        } else {
            if !lines[line].is_empty() {
                lines[line].push(' ');
            }
            lines[line].push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

#[cfg(test)]
mod tests {
    use super::{duration, utc, wrap};

    #[test]
    fn text_wraps_at_words() {
        assert_eq!(wrap("one two three", 2, 9), "one two\n  three");
        assert_eq!(wrap("unbreakablylong word", 2, 9), "unbreakablylong\n  word");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // By `date --utc --date=@N`.
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(12.3), "12 s");
        assert_eq!(duration(240.0), "4 min");
        assert_eq!(duration(9000.0), "2.5 h");
    }
}
