//! A claim's formula, written in plain text, as MathML.
//!
//! Claims write formulas as a person types them: `||W|| >= a / sqrt(loss) - b for every norm`. What is surely notation is
//! set as such; whatever is not understood stays as the words it is, so every text has a rendering.
//!
//! | text | set as |
//! |---|---|
//! | `x_i^2`, `m^(-1/2)`, `mu_*`, `n1` | indices and powers; digits after a letter are an index |
//! | `a / b`, `a b / (c d)`, `1/m` | fractions: of whole products with blanks around the stroke, of two factors without |
//! | `sqrt(x)`, `sqrt d`, `u~` | root, tilde |
//! | `sum_l`, `min_u`, `sup_t` | with the index below |
//! | `<u, v>`, `\|x\|`, `\|\|x\|\|` | inner product, absolute value, norm |
//! | `<=`, `>=`, `<<`, `->`, `~`, `...` | relations, arrows, dots |
//! | `lambda`, `Theta` | Greek letters |
//! | words of two letters and more | words |

mod token;

use maud::{Markup, html};

use crate::notation::greek;
use token::{Token, tokens};

/// The formula as a `<math>` element; its text is the accessible name.
pub(super) fn mathml(text: &str) -> Markup {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens, at: 0, inline: false };
    let mut items = Vec::new();
    while parser.at < tokens.len() {
        items.extend(parser.sequence(None));
        if let Some(stray) = parser.next() {
            items.push(Item::operator(stray.text.clone(), stray.space));
        }
    }
    html! { math display="block" alttext=(text) aria-label=(text) { (join(&items)) } }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Factor,
    Operator,
    Words,
    Stroke,
}

/// A piece that scripts and fractions take as a whole.
struct Item {
    kind: Kind,
    markup: Markup,
    /// Without the brackets that a fraction, a root or a script makes superfluous.
    bare: Option<Markup>,
    /// The words, while they are words alone.
    words: Option<String>,
    /// A letter and the digits that index it, where a power may still follow.
    indexed: Option<(Markup, Markup)>,
    /// The single letter that it is, `dt` being `d`.
    letter: Option<char>,
    space: bool,
}

impl Item {
    fn new(kind: Kind, markup: Markup, space: bool) -> Self {
        Self { kind, markup, bare: None, words: None, indexed: None, letter: None, space }
    }

    fn operator(text: impl AsRef<str>, space: bool) -> Self {
        Self::new(Kind::Operator, html! { mo { (text.as_ref()) } }, space)
    }

    fn inside(&self) -> &Markup {
        self.bare.as_ref().unwrap_or(&self.markup)
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Within a script, where fractions stay on the line.
    inline: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&Token> {
        self.at += 1;
        self.tokens.get(self.at - 1)
    }

    fn takes(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.text == text);
        self.at += usize::from(found);
        found
    }

    /// Everything up to a closing bracket (or, at the top, any closing bracket that nobody opened).
    fn sequence(&mut self, close: Option<&str>) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        while let Some(token) = self.peek() {
            if close.is_some_and(|c| c == token.text) || [")", "]", "}"].contains(&token.text.as_str()) {
                break;
            }
            let item = self.item();
            let stroke = !self.inline && items.last().is_some_and(|i| i.kind == Kind::Stroke);
            match items.last_mut() {
                Some(last) if last.words.is_some() && item.words.is_some() => merge(last, &item),
                Some(_) if stroke && item.kind != Kind::Operator => fraction(&mut items, &item),
                _ => items.push(item),
            }
        }
        items
    }

    fn item(&mut self) -> Item {
        let Some(token) = self.next().cloned() else { return Item::operator("", false) };
        let mut item = match token.text.as_str() {
            "sqrt" => {
                let inner = self.item();
                Item::new(Kind::Factor, html! { msqrt { (inner.inside()) } }, token.space)
            }
            "(" => self.group("(", ")", ")", &token),
            "[" => self.group("[", "]", "]", &token),
            "{" => self.group("{", "}", "}", &token),
            "<" if token.opens => self.group("\u{27e8}", ">", "\u{27e9}", &token),
            "|" if token.opens => self.group("|", "|", "|", &token),
            "||" if token.opens => self.group("\u{2016}", "||", "\u{2016}", &token),
            "/" => Item::new(Kind::Stroke, html! { mo { "/" } }, token.space),
            _ => self.atom(&token),
        };
        self.scripts(&mut item, &token);
        item
    }

    fn group(&mut self, open: &str, close: &str, shown: &str, token: &Token) -> Item {
        let items = self.sequence(Some(close));
        let closed = self.takes(close);
        let inside = join(&items);
        let markup = html! { mrow {
            mo { (open) } (inside) @if closed { mo { (shown) } }
        } };
        let bare = (open == "(").then(|| html! { mrow { (inside) } });
        Item { bare, ..Item::new(Kind::Factor, markup, token.space) }
    }

    fn atom(&self, token: &Token) -> Item {
        let text = token.text.as_str();
        let factor = |markup| Item::new(Kind::Factor, markup, token.space);
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return factor(html! { mn { (text.replace('-', "\u{2212}")) } });
        }
        if !text.starts_with(char::is_alphabetic) {
            return Item::operator(sign(text), token.space);
        }
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let symbol = greek(name).map_or_else(|| name.to_owned(), str::to_owned);
        let index = &text[name.len()..];
        let scripted = self.peek().is_some_and(|t| ["_", "^"].contains(&t.text.as_str()));
        let after_stroke = self.at >= 2 && self.tokens[self.at - 2].text == "/";
        let before_stroke = self.peek().is_some_and(|t| t.text == "/" && !t.space);
        let mut letters = symbol.chars();
        if let (Some('d'), Some(of), None) = (letters.next(), letters.next(), letters.next())
            && (scripted || after_stroke || before_stroke)
        {
            return Item { letter: Some('d'), ..factor(html! { mi { "d" } mi { (of) } }) };
        }
        let limits = ["sum", "min", "max", "sup", "inf"].contains(&text);
        match text {
            "sum" if scripted => factor(html! { mo { "\u{2211}" } }),
            "grad" => factor(html! { mo { "\u{2207}" } }),
            _ if limits && scripted => factor(html! { mi { (text) } }),
            _ if symbol.chars().count() == 1 && !self.is_article(token) => {
                let letter = symbol.chars().next();
                if index.is_empty() {
                    return Item { letter, ..factor(html! { mi { (symbol) } }) };
                }
                let (base, low) = (html! { mi { (symbol) } }, html! { mn { (index) } });
                let markup = html! { msub { (base) (low) } };
                Item { letter, indexed: Some((base, low)), ..factor(markup) }
            }
            // Names in capitals and names that scripts or arguments follow are symbols too.
            _ if scripted || self.peek().is_some_and(|t| t.text == "(" && !t.space) || capitals(text) => {
                factor(html! { mi { (text) } })
            }
            _ => Item {
                words: Some(text.to_owned()),
                ..Item::new(Kind::Words, html! { mtext { (text) } }, token.space)
            },
        }
    }

    /// The English word "a": before another word.
    fn is_article(&self, token: &Token) -> bool {
        let word =
            |t: &Token| t.text.chars().filter(|c| c.is_alphabetic()).count() > 1 && greek(&t.text).is_none();
        token.text == "a" && self.peek().is_some_and(|t| t.space && word(t) && t.text != "sqrt")
    }

    fn scripts(&mut self, item: &mut Item, token: &Token) {
        let (mut low, mut high) = (None, None);
        while let Some(next) = self.peek() {
            let (text, tight) = (next.text.clone(), !next.space);
            match text.as_str() {
                "_" if low.is_none() => low = self.script(),
                "^" if high.is_none() => high = self.script(),
                "~" if tight && item.letter.is_some() => {
                    self.at += 1;
                    item.markup = html! { mover accent="true" { (item.markup) mo { "~" } } };
                }
                "*" if tight && item.letter.is_some() && high.is_none() => {
                    self.at += 1;
                    high = Some(html! { mo { "*" } });
                }
                _ => break,
            }
        }
        if low.is_none() && high.is_none() {
            return;
        }
        if let (None, Some(_), Some((letter, index))) = (&low, &high, item.indexed.take()) {
            (item.markup, low) = (letter, Some(index));
        }
        let base = &item.markup;
        // A differential has two symbols; the script belongs to the second, and one row keeps them together.
        let base = if item.letter == Some('d') {
            html! { mrow { (base) } }
        } else {
            base.clone()
        };
        let below = ["sum", "min", "max", "sup", "inf"].contains(&token.text.as_str());
        item.markup = match (low, high) {
            (Some(low), None) if below => html! { munder { (base) (low) } },
            (Some(low), Some(high)) if below => html! { munderover { (base) (low) (high) } },
            (Some(low), Some(high)) => html! { msubsup { (base) (low) (high) } },
            (Some(low), None) => html! { msub { (base) (low) } },
            (None, Some(high)) => html! { msup { (base) (high) } },
            (None, None) => return,
        };
        item.bare = None;
        item.words = None;
        item.kind = Kind::Factor;
    }

    /// The script after `_` or `^`: a bracket, a word, a number or a sign.
    fn script(&mut self) -> Option<Markup> {
        self.at += 1;
        let outer = std::mem::replace(&mut self.inline, true);
        let token = self.next().cloned();
        let markup = token.map(|token| match token.text.as_str() {
            "(" | "{" => {
                let close = if token.text == "(" { ")" } else { "}" };
                let items = self.sequence(Some(close));
                self.takes(close);
                html! { mrow { (join(&items)) } }
            }
            "-" | "+" => {
                let digits = self.item();
                html! { mrow { mo { (sign(&token.text)) } (digits.markup) } }
            }
            "*" => html! { mo { "*" } },
            text if greek(text).is_none() && text.chars().all(|c| c.is_ascii_lowercase()) => {
                html! { mrow { @for letter in text.chars() { mi { (letter) } } } }
            }
            _ => self.atom(&token).markup,
        });
        self.inline = outer;
        markup
    }
}

fn capitals(text: &str) -> bool {
    text.chars().all(|c| c.is_uppercase() || c.is_ascii_digit())
}

fn merge(last: &mut Item, item: &Item) {
    let (Some(words), Some(more)) = (&last.words, &item.words) else { return };
    let words = format!("{words} {more}");
    last.markup = html! { mtext { (words) } };
    last.words = Some(words);
}

/// Replaces `..., numerator, /` by a fraction over this denominator.
fn fraction(items: &mut Vec<Item>, denominator: &Item) {
    let Some(stroke) = items.pop() else { return };
    let tight = !stroke.space && !denominator.space;
    let mut start = items.len();
    let part = |item: &Item| item.kind == Kind::Factor || (tight && item.kind == Kind::Words);
    while start > 0 && part(&items[start - 1]) && (!tight || start == items.len()) {
        start -= 1;
    }
    // `d loss/dt` is a derivative: its first letter belongs to the numerator.
    let derivative = denominator.letter == Some('d') && start > 0 && items[start - 1].letter == Some('d');
    let start = start - usize::from(derivative && start < items.len());
    let numerator: Vec<Item> = items.drain(start..).collect();
    let space = numerator.first().is_some_and(|i| i.space);
    let above = match numerator.as_slice() {
        [only] => only.inside().clone(),
        several => html! { mrow { (join(several)) } },
    };
    let below = match denominator.letter {
        Some('d') => html! { mrow { (denominator.markup) } },
        _ => denominator.inside().clone(),
    };
    items.push(Item::new(Kind::Factor, html! { mfrac { (above) (below) } }, space));
}

/// The items in a row, words set off from symbols, symbols of a product slightly apart.
fn join(items: &[Item]) -> Markup {
    let gap = |i: usize| -> Option<&str> {
        let (before, item) = (items.get(i.checked_sub(1)?)?, &items[i]);
        let wordy = before.kind == Kind::Words || item.kind == Kind::Words;
        let factors = before.kind != Kind::Operator && item.kind != Kind::Operator;
        match (item.space, wordy) {
            (true, true) if factors => Some("0.4em"),
            (true, false) if factors => Some("0.17em"),
            _ => None,
        }
    };
    html! { @for (i, item) in items.iter().enumerate() {
        @if let Some(width) = gap(i) { mspace width=(width) {} }
        (item.markup)
    } }
}

fn sign(text: &str) -> &str {
    match text {
        "-" => "\u{2212}",
        ">=" => "\u{2265}",
        "<=" => "\u{2264}",
        "!=" => "\u{2260}",
        "->" => "\u{2192}",
        "<<" => "\u{226a}",
        ">>" => "\u{226b}",
        "~" => "\u{223c}",
        "||" => "\u{2225}",
        ".." | "..." => "\u{2026}",
        "+/-" => "\u{b1}",
        "*" => "\u{22c5}",
        other => other,
    }
}

#[cfg(test)]
mod tests;
