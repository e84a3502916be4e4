//! Colours where a person reads, plain text elsewhere.

use std::io::IsTerminal;

use overparam_eval::check::{Holds, Verdict};

/// Whether standard output takes colours: a terminal, and `NO_COLOR` not set.
fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

fn paint(code: &str, text: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Emphasised.
pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

/// A verdict in its colour, padded to the widest.
pub(crate) fn verdict(verdict: Verdict) -> String {
    let code = match verdict {
        Verdict::Reproduced => "32",
        Verdict::NotReproduced => "31",
        Verdict::Inconclusive => "33",
    };
    paint(code, &format!("{:<14}", verdict.words()))
}

/// Whether a check holds, in its colour.
pub(crate) fn holds(holds: Holds) -> String {
    match holds {
        Holds::Yes => paint("32", "holds  "),
        Holds::No => paint("31", "fails  "),
        Holds::Unclear => paint("33", "unclear"),
    }
}

/// Seconds as a person says them.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Breaks text at spaces into lines of at most `width` characters, each after the first indented.
pub(crate) fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.len() - 1;
        if !lines[line].is_empty() && lines[line].chars().count() + 1 + word.chars().count() > width - indent
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
    use super::{duration, wrap};

    #[test]
    fn text_wraps_at_words() {
        assert_eq!(wrap("one two three", 2, 9), "one two\n  three");
        assert_eq!(wrap("unbreakablylong word", 2, 9), "unbreakablylong\n  word");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(12.3), "12 s");
        assert_eq!(duration(240.0), "4 min");
        assert_eq!(duration(9000.0), "2.5 h");
    }
}
