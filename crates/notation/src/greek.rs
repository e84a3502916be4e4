//! Greek letters by their names.

/// The Greek letter of this name.
pub fn greek(name: &str) -> Option<&'static str> {
    const LETTERS: [(&str, &str); 31] = [
        ("alpha", "\u{3b1}"),
        ("beta", "\u{3b2}"),
        ("gamma", "\u{3b3}"),
        ("delta", "\u{3b4}"),
        ("epsilon", "\u{3b5}"),
        ("zeta", "\u{3b6}"),
        ("eta", "\u{3b7}"),
        ("theta", "\u{3b8}"),
        ("th", "\u{3b8}"),
        ("kappa", "\u{3ba}"),
        ("lambda", "\u{3bb}"),
        ("mu", "\u{3bc}"),
        ("nu", "\u{3bd}"),
        ("xi", "\u{3be}"),
        ("pi", "\u{3c0}"),
        ("rho", "\u{3c1}"),
        ("sigma", "\u{3c3}"),
        ("tau", "\u{3c4}"),
        ("phi", "\u{3c6}"),
        ("chi", "\u{3c7}"),
        ("psi", "\u{3c8}"),
        ("omega", "\u{3c9}"),
        ("Gamma", "\u{393}"),
        ("Delta", "\u{394}"),
        ("Theta", "\u{398}"),
        ("Lambda", "\u{39b}"),
        ("Sigma", "\u{3a3}"),
        ("Phi", "\u{3a6}"),
        ("Psi", "\u{3a8}"),
        ("Omega", "\u{3a9}"),
        ("infinity", "\u{221e}"),
    ];
    LETTERS.iter().find(|(n, _)| *n == name).map(|(_, letter)| *letter)
}
