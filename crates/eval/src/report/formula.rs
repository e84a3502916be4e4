//! A formula that breaks between its parts where a line is too narrow for all of it.

use maud::{Markup, PreEscaped, html};

/// The formula in parts that a browser keeps whole each, and breaks between: after commas and before relations and signs that
/// stand in no bracket. The text is the accessible name of them all.
pub(super) fn formula(text: &str) -> Markup {
    html! {
        div.formula role="math" aria-label=(text) {
            @for part in parts(text) {
                span { (PreEscaped(inline(&part))) } " "
            }
        }
    }
}

fn inline(part: &str) -> String {
    // Whoever listens hears the whole formula, from the element around the parts.
    let math = overparam_notation::mathml(part).replacen(
        "display=\"block\"",
        "displaystyle=\"true\" aria-hidden=\"true\"",
        1,
    );
    // A sign that begins a part stands between two operands all the same.
    if part.starts_with("+ ") || part.starts_with("- ") {
        math.replacen("<mo form=\"prefix\">", "<mo>", 1).replacen("<mo>", "<mo form=\"infix\">", 1)
    } else {
        math
    }
}

/// Where a formula may be broken: `a = b, c = d` before both relations and after the comma.
fn parts(text: &str) -> Vec<String> {
    const BEFORE: [&str; 12] =
        ["=", "<=", ">=", "<<", "->", "~", "+", "-", "for", "from", "while", "implies"];
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    // Open bars, of absolute values and of norms: a bar is both brackets.
    let mut bars = [false; 2];
    for word in text.split_inclusive(' ') {
        let bare = word.trim();
        let part_is_operand =
            parts.last().is_some_and(|p| !p.trim().is_empty() && !p.trim_end().ends_with(','));
        if depth == 0 && bars == [false; 2] && part_is_operand && BEFORE.contains(&bare) {
            parts.push(String::new());
        }
        let opens = bare.matches(['(', '[', '{']).count() as i32;
        let closes = bare.matches([')', ']', '}']).count() as i32;
        depth += opens - closes + angles(bare);
        // Alone it separates, as in `KL(p || q)`.
        if bare != "|" && bare != "||" {
            let double = bare.matches("||").count();
            bars[0] ^= double % 2 == 1;
            bars[1] ^= (bare.matches('|').count() - 2 * double) % 2 == 1;
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(word);
        }
        if depth == 0 && bars == [false; 2] && (bare.ends_with(',') || bare.ends_with(';') || bare == "of") {
            parts.push(String::new());
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

/// Inner products that a word opens, less those that it closes: `<u,` and `v>`, but not `<=`, `->`.
fn angles(word: &str) -> i32 {
    let letters: Vec<char> = word.chars().collect();
    let opens = letters.windows(2).filter(|pair| pair[0] == '<' && pair[1].is_alphanumeric()).count();
    let closes = letters
        .windows(2)
        .filter(|pair| pair[1] == '>' && (pair[0].is_alphanumeric() || pair[0] == ')'))
        .count();
    opens as i32 - closes as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{formula, parts};

    #[test]
    fn a_formula_breaks_at_relations_signs_and_commas_outside_of_brackets() {
        assert_eq!(
            parts("f(t) = f_0 + K (1 - (1 - eta K / n)^t) (y - f_0),  sup_t |f| = O(m^(-1/2))"),
            ["f(t)", "= f_0", "+ K (1 - (1 - eta K / n)^t) (y - f_0),", "sup_t |f|", "= O(m^(-1/2))"]
        );
        assert_eq!(parts("ds/dt = -N <grad L(W), u v^T>"), ["ds/dt", "= -N <grad L(W), u v^T>"]);
        assert_eq!(parts("n SNR^q"), ["n SNR^q"]);
        assert_eq!(parts("<y - f(t), phi_k> = a"), ["<y - f(t), phi_k>", "= a"]);
        assert_eq!(
            parts("|y - f(t)|^2 <= ||a - b|| + KL(p || q) + c"),
            ["|y - f(t)|^2", "<= ||a - b||", "+ KL(p || q)", "+ c"]
        );
        assert!(formula("a - b").into_string().contains("<mo form=\"infix\">\u{2212}</mo>"));
        let html = formula("a < b").into_string();
        assert!(html.contains("aria-label=\"a &lt; b\"") && !html.contains("display=\"block\""), "{html}");
    }

    proptest! {
        #[test]
        fn no_part_of_a_formula_is_lost(text in "[a-c=+,()<> /-]{0,40}") {
            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&parts(&text).concat()), letters(&text));
        }
    }
}
