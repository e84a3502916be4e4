//! The pieces of a formula, and how they stand in a row.

use super::signs::RELATIONS;
use crate::markup::{mo, space};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Factor,
    Operator,
    Words,
    Stroke,
}

/// A piece that scripts and fractions take as a whole.
pub(crate) struct Item {
    pub(super) kind: Kind,
    pub(super) markup: String,
    /// Without the brackets that a fraction, a root or a script makes superfluous.
    pub(super) bare: Option<String>,
    /// The words, while they are words alone.
    pub(super) words: Option<String>,
    /// A letter and the digits that index it, where a power may still follow.
    pub(super) indexed: Option<(String, String)>,
    /// The single letter that it is, `dt` being `d`.
    pub(super) letter: Option<char>,
    pub(super) relation: bool,
    /// Round brackets around one fraction.
    pub(super) fraction: bool,
    pub(super) space: bool,
}

impl Item {
    pub(super) fn new(kind: Kind, markup: String, space: bool) -> Self {
        Self {
            kind,
            markup,
            bare: None,
            words: None,
            indexed: None,
            letter: None,
            relation: false,
            fraction: false,
            space,
        }
    }

    pub(super) fn operator(text: &str, space: bool) -> Self {
        let relation = RELATIONS.contains(&text);
        Self { relation, ..Self::new(Kind::Operator, mo(text), space) }
    }

    pub(super) fn inside(&self) -> &str {
        self.bare.as_ref().unwrap_or(&self.markup)
    }

    /// Whether it says that two sides are equal, or which is larger, or what becomes of one.
    pub(crate) fn is_relation(&self) -> bool {
        self.relation
    }
}

/// The items in a row, words set off from symbols, symbols of a product slightly apart.
pub(crate) fn join(items: &[Item]) -> String {
    let mut markup = String::new();
    for (i, item) in items.iter().enumerate() {
        let form = form(items, i);
        if let Some(before) = i.checked_sub(1).and_then(|i| items.get(i)) {
            let wordy = before.kind == Kind::Words || item.kind == Kind::Words;
            let factors = before.kind != Kind::Operator && item.kind != Kind::Operator;
            let apart = factors || (wordy && before.markup == mo(",")) || (wordy && form == Some("prefix"));
            if item.space && apart {
                markup += &space(if wordy { "0.4em" } else { "0.17em" });
            }
        }
        match form {
            Some(form) => markup += &item.markup.replacen("<mo>", &format!("<mo form=\"{form}\">"), 1),
            None => markup += &item.markup,
        }
    }
    markup
}

/// The form of the operator at `i` where a browser would guess wrong: it does not count words as operands, nor brackets
/// and relations as what makes a minus a sign.
fn form(items: &[Item], i: usize) -> Option<&'static str> {
    let item = items.get(i).filter(|item| item.kind == Kind::Operator)?;
    let before = i.checked_sub(1).and_then(|i| items.get(i));
    let after = items.get(i + 1)?;
    let operand = before.is_some_and(|b| b.kind != Kind::Operator);
    let touches = item.space && !after.space;
    let wordy = [before, Some(after)].into_iter().flatten().any(|item| item.kind == Kind::Words);
    match (["\u{2212}", "+"].iter().any(|s| item.markup == mo(s)), wordy) {
        (true, _) if !operand || (touches && wordy) => Some("prefix"),
        (_, true) if operand => Some("infix"),
        _ => None,
    }
}
