use proptest::prelude::*;

use crate::mathml;

/// The rendering in short: letters and signs as they are, `{}` around rows, scripts as in TeX.
fn short(text: &str) -> String {
    let html = mathml(text);
    let body = html.split_once('>').map_or("", |(_, rest)| rest).trim_end_matches("</math>");
    let mut short = body.replace(" form=\"prefix\"", "").replace(" form=\"infix\"", "");
    for (tag, open, close) in [
        ("msubsup", "subsup{", "}"),
        ("munderover", "underover{", "}"),
        ("munder", "under{", "}"),
        ("msub", "sub{", "}"),
        ("msup", "sup{", "}"),
        ("mfrac", "frac{", "}"),
        ("msqrt", "sqrt{", "}"),
        ("mrow", "{", "}"),
        ("mi", "", " "),
        ("mn", "", " "),
        ("mtext", "'", "' "),
        ("mo", "", " "),
    ] {
        short = short.replace(&format!("<{tag}>"), open).replace(&format!("</{tag}>"), close);
    }
    short = short.replace("<mover accent=\"true\">", "over{").replace("</mover>", "}");
    for width in ["0.4em", "0.17em"] {
        short = short.replace(&format!("<mspace width=\"{width}\"></mspace>"), "");
    }
    short.replace(" }", "}").trim_end().to_owned()
}

#[test]
fn scripts_fractions_and_roots() {
    let cases = [
        ("x_i^2", "subsup{x {i}2}"),
        ("n1", "sub{n 1}"),
        ("F1^2", "subsup{F 1 2}"),
        ("m^(-1/2)", "sup{m {\u{2212} 1 / 2}}"),
        ("a b / (c d)", "frac{{a b}{c d}}"),
        ("1/m x", "frac{1 m}x"),
        ("1 - k (d - k) / n2", "1 \u{2212} frac{{k {( d \u{2212} k )}}sub{n 2}}"),
        ("a / sqrt(loss) - b", "frac{a sqrt{{'loss'}}}\u{2212} b"),
        ("x_+ + (1 - a)_+^2 - F_-", "sub{x +}+ subsup{{( 1 \u{2212} a )}+ 2}\u{2212} sub{F \u{2212}}"),
        ("a'_j + g' - x'", "subsup{a {j}\u{2032}}+ sup{g \u{2032}}\u{2212} sup{x \u{2032}}"),
        ("mean_z' w(z', z)", "under{mean {z \u{2032}}}w {( sup{z \u{2032}}, z )}"),
        ("B^ w^, theta^ = x^2", "over{B ^}over{w ^}, over{\u{3b8} ^}= sup{x 2}"),
        ("lambda_bar x_i", "over{\u{3bb} \u{af}}sub{x {i}}"),
        ("f_lin", "sub{f {lin}}"),
        ("int u d rho", "\u{222b} u d \u{3c1}"),
        ("z . h(w(., z)).", "z \u{22c5} h {( w {( \u{22c5} , z )})}."),
        ("{a + b} / c", "frac{{a + b}c}"),
        ("F* = mu_*", "sup{F *}= sub{\u{3bc} *}"),
        ("sup_t |f_m - f|", "under{sup {t}}{| sub{f {m}}\u{2212} f |}"),
        ("u~ / p", "frac{over{u ~}p}"),
        ("dkappa/dk", "frac{{d \u{3ba}}{d k}}"),
        ("a / B(d, k)", "frac{a {B {( d , k )}}}"),
        ("ntk'(p, r) = k'", "sup{ntk \u{2032}}{( p , r )}= sup{k \u{2032}}"),
        ("(1/m) h(a/b) (c/e)^2", "{frac{1 m}}h {( frac{a b})}sup{{( frac{c e})}2}"),
        ("d f(x)/dt = dL/df(x)", "frac{{d f {( x )}}{d t}}= frac{{d L}{d f {( x )}}}"),
        ("1/j! x", "frac{1 {j !}}x"),
        ("ds_r/dt", "frac{{sub{{d s}{r}}}{d t}}"),
        ("d loss/dt", "frac{{d 'loss'}{d t}}"),
        ("1e-3 of 1,000", "1e\u{2212}3 'of' 1,000"),
    ];
    for (text, set) in cases {
        assert_eq!(short(text), set, "{text}");
    }
}

#[test]
fn brackets_that_look_like_relations() {
    let cases = [
        ("<u, v>", "{\u{27e8} u , v \u{27e9}}"),
        ("a < b", "a < b"),
        ("a << b <= c", "a \u{226a} b \u{2264} c"),
        ("||P_{>l} f||^2", "sup{{\u{2016} sub{P {> l}}f \u{2016}}2}"),
        ("KL(rho || rho_0)", "KL {( \u{3c1} \u{2225} sub{\u{3c1} 0})}"),
        ("Z <- Z <=> a <-1", "Z \u{2190} Z \u{21d4} a < \u{2212} 1"),
        ("loss -> 0", "'loss' \u{2192} 0"),
        ("mean |w| p", "'mean' {| w |}p"),
    ];
    for (text, set) in cases {
        assert_eq!(short(text), set.replace("< ", "&lt; ").replace("> l", "&gt; l"), "{text}");
    }
}

#[test]
fn words_stay_words() {
    assert_eq!(short("excess risk ~ sigma^2"), "'excess risk' \u{223c} sup{\u{3c3} 2}");
    assert_eq!(short("a single task's loss"), "'a single task's loss'");
    assert!(short("all tasks' loss").contains("'all tasks'"));
    assert_eq!(short("min over W_1..W_N"), "'min over' sub{W 1}\u{2026} sub{W N}");
}

#[test]
fn signs_touch_and_relations_do_not() {
    let form = |text: &str| mathml(text).matches(" form=\"prefix\"").count();
    assert_eq!([form("a - b"), form("a = -b"), form("{-a}"), form("mean -log a")], [0, 1, 1, 1]);
    assert!(mathml("width >= rank").contains("<mo form=\"infix\">\u{2265}"));
}

#[test]
fn what_comes_from_outside_is_escaped() {
    let html = mathml("<script>alert(1)</script> & \"x\"");
    assert!(!html.contains("<script") && html.contains("&amp;"), "{html}");
}

proptest! {
    /// Whatever the text: elements are balanced and no letter or digit is lost.
    #[test]
    fn every_text_has_a_rendering(text in "[a-zA-Z0-9 _^(){}\\[\\]<>|/~*,.+=-]{0,60}") {
        let html = mathml(&text);
        let mut open: Vec<&str> = Vec::new();
        for tag in html.split('<').skip(1) {
            let name = tag.split(|c: char| !c.is_ascii_alphanumeric() && c != '/').next().unwrap_or("");
            match name.strip_prefix('/') {
                Some(name) => prop_assert_eq!(open.pop(), Some(name), "{}", html),
                None => open.push(name),
            }
        }
        prop_assert!(open.is_empty());
        let digits = |s: &str| s.chars().filter(char::is_ascii_digit).count();
        let shown: String = html.split('<').filter_map(|tag| tag.split_once('>')).map(|(_, text)| text).collect();
        prop_assert_eq!(digits(&shown), digits(&text), "{}", html);
    }
}
