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
    overparam_notation::mathml(part).replacen("display=\"block\"", "displaystyle=\"true\" aria-hidden=\"true\"", 1)
}

/// Where a formula may be broken: `a = b, c = d` before both relations and after the comma.
fn parts(text: &str) -> Vec<String> {
    const BEFORE: [&str; 12] = ["=", "<=", ">=", "<<", "->", "~", "+", "-", "for", "from", "while", "implies"];
    let mut parts = vec![String::new()];
    let mut depth = 0_i32;
    for word in text.split_inclusive(' ') {
        let bare = word.trim();
        let part_is_operand = parts.last().is_some_and(|p| !p.trim().is_empty() && !p.trim_end().ends_with(','));
        if depth == 0 && part_is_operand && BEFORE.contains(&bare) {
            parts.push(String::new());
        }
        let opens = bare.matches(['(', '[', '{']).count() as i32;
        let closes = bare.matches([')', ']', '}']).count() as i32;
        let angles = i32::from(bare.starts_with('<') && bare.len() > 2) - i32::from(bare.ends_with('>') && bare.len() > 2);
        depth += opens - closes + angles;
        if let Some(part) = parts.last_mut() {
            part.push_str(word);
        }
        if depth == 0 && (bare.ends_with(',') || bare.ends_with(';') || bare == "of") {
            parts.push(String::new());
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
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
