//! Formulas in documentation comments: plain text in the source, MathML on the page.
//!
//! [`formula!`] makes the MathML when the documentation is built. The page then needs neither network nor script nor flags of rustdoc,
//! on docs.rs and in the documentation that a dependent crate builds. The notation is that of [`overparam_notation`], and the page of
//! the macro has an example.

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// The HTML of a formula, as the text of a `doc` attribute. One argument per line, without escapes other than `\\` and `\"`.
///
/// ```
/// /// The softened absolute value
/// #[doc = overparam_formula::formula!("s(x) = sqrt(x^2 + epsilon^2),    epsilon > 0")]
/// /// and its derivative.
/// pub fn soft(x: f64, epsilon: f64) -> (f64, f64) {
///     let s = x.hypot(epsilon);
///     (s, x / s)
/// }
/// let html = overparam_formula::formula!(
///     "k'     = w^2 k + b^2,"
///     "Theta' = k' + w^2 Theta."
/// );
/// assert!(html.contains("<math") && html.matches("<mtr>").count() == 2);
/// ```
///
/// # Errors
/// Does not compile without a formula, or with anything that is not a string.
///
/// ```compile_fail
/// let html = overparam_formula::formula!(x);
/// ```
#[proc_macro]
pub fn formula(input: TokenStream) -> TokenStream {
    match lines(input) {
        Ok(lines) if !lines.is_empty() => {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let math = overparam_notation::display(&lines);
            // Empty lines end the HTML on both sides, so that what follows is Markdown again.
            let html = format!("\n<div style=\"overflow-x:auto;padding:0.3em 0 0.8em\">{math}</div>\n\n");
            TokenTree::from(Literal::string(&html)).into()
        }
        Ok(_) => refuse(Span::call_site()),
        Err(span) => refuse(span),
    }
}

/// The strings, or the place of what is not one.
fn lines(input: TokenStream) -> Result<Vec<String>, Span> {
    let mut lines = Vec::new();
    for token in input {
        let text = token.to_string();
        match &token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {}
            // A string that came through `macro_rules!` stands in an invisible group.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                lines.extend(self::lines(group.stream())?);
            }
            TokenTree::Literal(_) => {
                let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                lines.push(inner.and_then(unescape).ok_or(token.span())?);
            }
            _ => return Err(token.span()),
        }
    }
    Ok(lines)
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.push(characters.next().filter(|c| "\\\"".contains(*c))?),
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// `compile_error!` at this place.
fn refuse(span: Span) -> TokenStream {
    let message = Literal::string("formula! takes the lines of a formula as strings: formula!(\"a = b\")");
    let tokens: [TokenTree; 3] = [
        Ident::new("compile_error", span).into(),
        Punct::new('!', Spacing::Alone).into(),
        Group::new(Delimiter::Brace, TokenTree::from(message).into()).into(),
    ];
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}
