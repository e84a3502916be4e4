//! Names and signs with a meaning.

/// Names whose index stands below.
pub(super) const LIMITS: [&str; 8] = ["sum", "min", "max", "sup", "inf", "mean", "argmin", "argmax"];
/// Names that are symbols, not words.
pub(super) const FUNCTIONS: [&str; 12] =
    ["sin", "cos", "asin", "acos", "tan", "log", "ln", "exp", "tr", "argmin", "argmax", "binom"];
/// As they are shown.
pub(super) const RELATIONS: [&str; 9] =
    ["=", "+=", "\u{2264}", "\u{2265}", "\u{223c}", "\u{2192}", "\u{2190}", "\u{21d4}", ">"];

/// As it is shown.
pub(super) fn sign(text: &str) -> &str {
    match text {
        "-" => "\u{2212}",
        ">=" => "\u{2265}",
        "<=" => "\u{2264}",
        "!=" => "\u{2260}",
        "->" => "\u{2192}",
        "<-" => "\u{2190}",
        "<=>" => "\u{21d4}",
        "<<" => "\u{226a}",
        ">>" => "\u{226b}",
        "~" => "\u{223c}",
        "||" => "\u{2225}",
        ".." | "..." => "\u{2026}",
        "+/-" | "+-" => "\u{b1}",
        "*" => "\u{22c5}",
        "'" => "\u{2032}",
        other => other,
    }
}

/// Raised or lowered, `*` is a star.
pub(super) fn raised(text: &str) -> &str {
    if text == "*" { text } else { sign(text) }
}
