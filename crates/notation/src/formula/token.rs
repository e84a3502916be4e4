//! A formula's text in words, numbers and signs.

/// A word, a number or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    /// A blank stands before it.
    pub(super) space: bool,
    /// A sign that may open a bracket (`<`, `|`, `||`) and is closed later.
    pub(super) opens: bool,
}

const SIGNS: [&str; 14] =
    ["+/-", "+-", "+=", "<=>", "...", "..", ">=", "<=", "!=", "->", "<<", ">>", "||", "=="];

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.trim_start().chars().next() {
        let trimmed = rest.trim_start();
        let length = if first.is_ascii_digit() {
            number(trimmed)
        } else if first.is_alphabetic() {
            word(trimmed)
        } else {
            let known = SIGNS.iter().find(|s| trimmed.starts_with(**s)).map_or(first.len_utf8(), |s| s.len());
            // `a <-1` compares, `a <- 1` assigns.
            if trimmed.starts_with("<- ") { 2 } else { known }
        };
        let (token, after) = trimmed.split_at(length);
        tokens.push(Token { text: token.to_owned(), space: trimmed.len() < rest.len(), opens: false });
        rest = after;
    }
    mark_brackets(&mut tokens);
    tokens
}

/// Letters with the digits that end them; an apostrophe or a hyphen within.
fn word(text: &str) -> usize {
    let inside = |i: usize| text[i + 1..].starts_with(char::is_alphabetic) && i > 1;
    let end = text.char_indices().find(|&(i, c)| {
        !(c.is_alphanumeric()
            || (c == '\'' && text[i + 1..].starts_with(char::is_alphabetic))
            || (c == '-' && inside(i)))
    });
    end.map_or(text.len(), |(i, _)| i)
}

/// Digits with a decimal point, commas between thousands, a power of ten (`1e-6`).
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let exponent =
        |i: usize| bytes[i] == b'e' && (digit(i + 1) || (bytes.get(i + 1) == Some(&b'-') && digit(i + 2)));
    let inside = |i: usize| match bytes[i] {
        b'0'..=b'9' => true,
        b'.' => digit(i + 1),
        b',' => digit(i + 1) && digit(i + 2) && digit(i + 3) && !digit(i + 4),
        b'e' => exponent(i),
        b'-' => exponent(i - 1),
        _ => false,
    };
    (1..bytes.len()).find(|&i| !inside(i)).unwrap_or(bytes.len())
}

/// Tells opening from closing and infix signs: an opening one touches what follows and has a partner that touches what
/// goes before.
fn mark_brackets(tokens: &mut [Token]) {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let mut opening = Vec::new();
    for i in 0..tokens.len() {
        let touches_next = tokens.get(i + 1).is_some_and(|t| !t.space);
        let touches_last = i > 0
            && !tokens[i].space
            && !["(", "[", "{", ",", "_", "^", "/"].contains(&tokens[i - 1].text.as_str());
        let close = match tokens[i].text.as_str() {
            "<" => {
                if touches_next {
                    open.push((i, ">"));
                }
                continue;
            }
            ">" => ">",
            "|" => "|",
            "||" => "||",
            _ => continue,
        };
        if touches_last && open.last().is_some_and(|(_, c)| *c == close) {
            opening.extend(open.pop().map(|(start, _)| start));
        } else if touches_next && close != ">" {
            open.push((i, close));
        }
    }
    opening.into_iter().for_each(|i| tokens[i].opens = true);
}
