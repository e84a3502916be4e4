//! Mathematical notation in the labels of figures: `lambda_1`, `m^(-1/2)`, `1e-6`.

use overparam_notation::greek;

/// Where a piece of a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// On the line.
    Base,
    /// Raised and smaller.
    Super,
    /// Lowered and smaller.
    Sub,
}

/// Splits a label into pieces on the line, above and below it. Only what is surely notation is touched: a power of a
/// letter, digit or bracket, an index of at most three characters on a symbol of at most two, Greek names as words.
pub(crate) fn pieces(label: &str) -> Vec<(Level, String)> {
    let characters: Vec<char> = label.chars().collect();
    let mut pieces: Vec<(Level, String)> = Vec::new();
    let mut base = String::new();
    let mut at = 0;
    while at < characters.len() {
        let level = match characters[at] {
            '^' if base.ends_with(|c: char| c.is_alphanumeric() || ")]|".contains(c)) => Level::Super,
            '_' if (1..=2).contains(&last_word(&base).chars().count()) => Level::Sub,
            other => {
                base.push(other);
                at += 1;
                continue;
            }
        };
        let (script, end) = script(&characters, at + 1);
        if script.is_empty() || (level == Level::Sub && script.chars().count() > 3) {
            base.push(characters[at]);
            at += 1;
        } else {
            pieces.push((Level::Base, with_greek(&std::mem::take(&mut base))));
            pieces.push((level, with_greek(&script).replace('-', "\u{2212}")));
            at = end;
        }
    }
    if !base.is_empty() {
        pieces.push((Level::Base, with_greek(&base)));
    }
    pieces
}

/// The word at the end of a text, its Greek name counted as one letter.
fn last_word(text: &str) -> String {
    let start = text.rfind(|c: char| !c.is_alphanumeric()).map_or(0, |i| i + 1);
    let word = text.get(start..).unwrap_or("");
    with_greek(word)
}

/// The script that starts here and where it ends: in brackets, or a sign and letters or digits.
fn script(characters: &[char], start: usize) -> (String, usize) {
    let close = match characters.get(start) {
        Some('(') => Some(')'),
        Some('{') => Some('}'),
        _ => None,
    };
    if let Some(close) = close {
        let Some(length) = characters[start..].iter().position(|&c| c == close) else {
            return (String::new(), start);
        };
        return (characters[start + 1..start + length].iter().collect(), start + length + 1);
    }
    let sign = usize::from(matches!(characters.get(start), Some('-' | '+')));
    let word = characters[(start + sign).min(characters.len())..].iter().take_while(|c| c.is_alphanumeric());
    let mut end = start + sign + word.count();
    // The decimals of a number, not the full stop after a word.
    let digits = |from: usize| {
        characters[from.min(characters.len())..].iter().take_while(|c| c.is_ascii_digit()).count()
    };
    if end > start + sign && digits(start + sign) == end - start - sign && characters.get(end) == Some(&'.') {
        let decimals = digits(end + 1);
        end += if decimals > 0 { decimals + 1 } else { 0 };
    }
    if end == start + sign {
        return (String::new(), start);
    }
    (characters[start..end].iter().collect(), end)
}

fn with_greek(text: &str) -> String {
    let mut result = String::new();
    for word in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let name = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        // `th` is a word of figures' labels; of formulas alone it is theta.
        let letter = if name == "th" { None } else { greek(name) };
        result.push_str(letter.unwrap_or(name));
        result.push_str(&word[name.len()..]);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::{Level, pieces};

    fn marked(label: &str) -> String {
        let mark = |(level, text): (Level, String)| match level {
            Level::Base => text,
            Level::Super => format!("<sup>{text}</sup>"),
            Level::Sub => format!("<sub>{text}</sub>"),
        };
        pieces(label).into_iter().map(mark).collect()
    }

    #[test]
    fn powers_indices_and_greek_letters_are_set() {
        let cases = [
            ("10^-6", "10<sup>\u{2212}6</sup>"),
            ("norm (N/d) ||a||^2", "norm (N/d) ||a||<sup>2</sup>"),
            ("m^(-1/2)", "m<sup>\u{2212}1/2</sup>"),
            ("lambda = 0.7 n^0.375: formula", "\u{3bb} = 0.7 n<sup>0.375</sup>: formula"),
            ("in n^2. Then", "in n<sup>2</sup>. Then"),
            ("lambda_1 of B", "\u{3bb}<sub>1</sub> of B"),
            ("w_kr, rho = 0.5", "w<sub>kr</sub>, \u{3c1} = 0.5"),
        ];
        for (label, set) in cases {
            assert_eq!(marked(label), set);
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        let cases = ["random_features", "x_", "_x", "2 ^ 3", "a^", "the 5th eigenvalue", "^2", "a^(", ""];
        for label in cases {
            assert_eq!(marked(label), label);
        }
    }

    #[test]
    fn no_text_is_lost() {
        use proptest::prelude::*;
        proptest!(|(label in "[a-z0-9_^(){} -]{0,20}")| {
            let letters = |text: &str| text.chars().filter(char::is_ascii_digit).count();
            prop_assert_eq!(letters(&marked(&label)), letters(&label));
        });
    }
}
