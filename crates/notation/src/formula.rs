//! From a formula's text to its pieces.

mod item;
mod signs;
mod token;

use crate::greek::greek;
use crate::markup::{element, leaf, mi, mo, over, row};
use item::Kind;
pub(crate) use item::{Item, join};
use signs::{FUNCTIONS, LIMITS, raised, sign};
use token::{Token, tokens};

/// The pieces of a formula in one line.
pub(crate) fn parse(text: &str) -> Vec<Item> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens, at: 0, inline: false };
    let mut items = Vec::new();
    while parser.at < tokens.len() {
        items.extend(parser.sequence(None));
        if let Some(stray) = parser.next() {
            items.push(Item::operator(&stray.text, stray.space));
        }
    }
    items
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
        let mut item = self.piece(&token);
        if item.fraction && self.peek().is_none_or(|t| !["_", "^", "!"].contains(&t.text.as_str())) {
            item.markup = item.inside().to_owned();
        }
        self.scripts(&mut item, &token);
        // A name and the arguments that touch it are one: `B(d, k)`, `E[u v]`, `tr(B)^2`, `N(0, I)(w)`.
        let name = item.kind == Kind::Factor && token.text.starts_with(char::is_alphabetic);
        let touches =
            |t: &&Token| name && token.text != "sqrt" && ["(", "["].contains(&t.text.as_str()) && !t.space;
        while let Some(open) = self.peek().filter(touches).cloned() {
            self.at += 1;
            let mut arguments = self.piece(&open);
            self.scripts(&mut arguments, &open);
            item.markup += &arguments.markup;
            item.bare = Some(row(&item.markup));
        }
        item
    }

    /// What a token begins, without scripts.
    fn piece(&mut self, token: &Token) -> Item {
        match token.text.as_str() {
            "sqrt" => {
                let inner = self.item();
                Item::new(Kind::Factor, element("msqrt", inner.inside()), token.space)
            }
            "(" => self.group("(", ")", ")", token),
            "[" => self.group("[", "]", "]", token),
            "{" => self.group("{", "}", "}", token),
            "<" if token.opens => self.group("\u{27e8}", ">", "\u{27e9}", token),
            "|" if token.opens => self.group("|", "|", "|", token),
            "||" if token.opens => self.group("\u{2016}", "||", "\u{2016}", token),
            "/" => Item::new(Kind::Stroke, mo("/"), token.space),
            _ => self.atom(token),
        }
    }

    fn group(&mut self, open: &str, close: &str, shown: &str, token: &Token) -> Item {
        let items = self.sequence(Some(close));
        let closed = if self.takes(close) { mo(shown) } else { String::new() };
        let inside = join(&items);
        let markup = row(&(mo(open) + &inside + &closed));
        let bare = ["(", "{"].contains(&open).then(|| row(&inside));
        let fraction = open == "(" && items.len() == 1 && inside.starts_with("<mfrac>");
        Item { fraction, bare, ..Item::new(Kind::Factor, markup, token.space) }
    }

    fn atom(&self, token: &Token) -> Item {
        let text = token.text.as_str();
        let factor = |markup| Item::new(Kind::Factor, markup, token.space);
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return factor(leaf("mn", &text.replace('-', "\u{2212}")));
        }
        if !text.starts_with(char::is_alphabetic) {
            let product = text == "." && self.is_product(token);
            return Item::operator(if product { "\u{22c5}" } else { sign(text) }, token.space);
        }
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let symbol = greek(name).map_or_else(|| name.to_owned(), str::to_owned);
        let index = &text[name.len()..];
        let scripted = self.peek().is_some_and(|t| ["_", "^"].contains(&t.text.as_str())) || self.is_primed();
        if let Some(of) = self.differential(&symbol, scripted) {
            return Item { letter: Some('d'), ..factor(mi("d") + &mi(of)) };
        }
        match text {
            "sum" if scripted => factor(mo("\u{2211}")),
            "int" => factor(mo("\u{222b}")),
            "grad" => factor(mo("\u{2207}")),
            _ if FUNCTIONS.contains(&text) || (LIMITS.contains(&text) && scripted) => factor(mi(text)),
            _ if symbol.chars().count() == 1 && !self.is_article(token) => {
                let letter = symbol.chars().next();
                if index.is_empty() {
                    return Item { letter, ..factor(mi(&symbol)) };
                }
                let (base, low) = (mi(&symbol), leaf("mn", index));
                let markup = element("msub", &format!("{base}{low}"));
                Item { letter, indexed: Some((base, low)), ..factor(markup) }
            }
            // Names in capitals and names that scripts or arguments follow are symbols too.
            _ if scripted || self.peek().is_some_and(|t| t.text == "(" && !t.space) || capitals(text) => {
                factor(mi(text))
            }
            _ => Item {
                words: Some(text.to_owned()),
                ..Item::new(Kind::Words, leaf("mtext", text), token.space)
            },
        }
    }

    /// Whether a prime follows, and not the apostrophe of a word: `ntk'(p, r)`, `ntk' =`.
    fn is_primed(&self) -> bool {
        let then = self.tokens.get(self.at + 1).is_some_and(|t| t.text == "=" || (t.text == "(" && !t.space));
        then && self.peek().is_some_and(|t| t.text == "'" && !t.space)
    }

    /// The variable of `dt`, where it stands as in a derivative.
    fn differential<'t>(&self, symbol: &'t str, scripted: bool) -> Option<&'t str> {
        let of = symbol.strip_prefix('d')?;
        let of = greek(of).unwrap_or(of);
        let after_stroke = self.at >= 2 && self.tokens[self.at - 2].text == "/";
        let before_stroke = self.peek().is_some_and(|t| t.text == "/" && !t.space);
        (of.chars().count() == 1 && (scripted || after_stroke || before_stroke)).then_some(of)
    }

    /// The English word "a": before another word.
    fn is_article(&self, token: &Token) -> bool {
        let word =
            |t: &Token| t.text.chars().filter(|c| c.is_alphabetic()).count() > 1 && greek(&t.text).is_none();
        token.text == "a" && self.peek().is_some_and(|t| t.space && word(t) && t.text != "sqrt")
    }

    /// A point between factors (`z . h`) or in the place of an argument (`w(., z)`), not one that ends a sentence.
    fn is_product(&self, token: &Token) -> bool {
        let before = self.at.checked_sub(2).and_then(|i| self.tokens.get(i));
        before.is_some_and(|t| t.text == "(") || (token.space && self.peek().is_some_and(|t| t.space))
    }

    fn scripts(&mut self, item: &mut Item, token: &Token) {
        let (mut low, mut high) = (None, None);
        while let Some(next) = self.peek() {
            let (text, tight) = (next.text.clone(), !next.space);
            match text.as_str() {
                "^" if tight && self.is_hat() => {
                    self.at += 1;
                    item.markup = over(&item.markup, "^");
                }
                "_" if low.is_none() && self.names_bar() => {
                    self.at += 2;
                    item.markup = over(&item.markup, "\u{af}");
                }
                "_" if low.is_none() => low = self.script(),
                "^" if high.is_none() => high = self.script(),
                "~" if tight && item.letter.is_some() => {
                    self.at += 1;
                    item.markup = over(&item.markup, "~");
                }
                "!" if tight && item.kind == Kind::Factor => {
                    self.at += 1;
                    item.markup = row(&(item.markup.clone() + &mo("!")));
                }
                "*" | "'" if tight && high.is_none() && (item.letter.is_some() || self.is_prime_of(item)) => {
                    self.at += 1;
                    high = Some(mo(raised(&text)));
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
        // A differential has two symbols; the script belongs to the second, and one row keeps them together.
        let base = if item.letter == Some('d') { row(&item.markup) } else { item.markup.clone() };
        let below = LIMITS.contains(&token.text.as_str());
        let (name, scripts) = match (low, high) {
            (Some(low), None) => (if below { "munder" } else { "msub" }, low),
            (Some(low), Some(high)) => (if below { "munderover" } else { "msubsup" }, low + &high),
            (None, Some(high)) => ("msup", high),
            (None, None) => return,
        };
        item.markup = element(name, &(base + &scripts));
        item.bare = None;
        item.words = None;
        item.kind = Kind::Factor;
    }

    /// Whether this is a prime behind a name of several letters.
    fn is_prime_of(&self, item: &Item) -> bool {
        item.kind == Kind::Factor && item.words.is_none() && self.peek().is_some_and(|t| t.text == "'")
    }

    /// Whether nothing follows this `^` that could be a power.
    fn is_hat(&self) -> bool {
        let ends = |t: &Token| t.space || [")", "]", "}", ",", ";", "="].contains(&t.text.as_str());
        self.tokens.get(self.at + 1).is_none_or(ends)
    }

    fn names_bar(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|t| t.text == "bar")
    }

    /// The script after `_` or `^`: a bracket, a word, a number or a sign.
    fn script(&mut self) -> Option<String> {
        self.at += 1;
        let outer = std::mem::replace(&mut self.inline, true);
        let token = self.next().cloned();
        let markup = token.map(|token| match token.text.as_str() {
            "(" | "{" => {
                let close = if token.text == "(" { ")" } else { "}" };
                let items = self.sequence(Some(close));
                self.takes(close);
                row(&join(&items))
            }
            "-" | "+"
                if self.peek().is_some_and(|t| !t.space && t.text.starts_with(char::is_alphanumeric)) =>
            {
                let digits = self.item();
                row(&(mo(sign(&token.text)) + &digits.markup))
            }
            "-" | "+" | "*" => mo(raised(&token.text)),
            text if greek(text).is_none() && text.chars().all(|c| c.is_ascii_lowercase()) => {
                // Up to two letters are indices, more are a name.
                let letters: Vec<String> = text.chars().map(|c| mi(&c.to_string())).collect();
                let name = if letters.len() > 2 { mi(text) } else { letters.concat() };
                let prime = if self.takes("'") { mo(sign("'")) } else { String::new() };
                row(&(name + &prime))
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
    last.markup = leaf("mtext", &words);
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
    // A differential is two symbols.
    let part =
        |item: &Item| if item.letter == Some('d') { row(&item.markup) } else { item.inside().to_owned() };
    let above = match numerator.as_slice() {
        [only] => part(only),
        several => row(&join(several)),
    };
    let below = part(denominator);
    items.push(Item::new(Kind::Factor, element("mfrac", &(above + &below)), space));
}

#[cfg(test)]
mod tests;
