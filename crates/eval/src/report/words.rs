//! Honest words: what may be said of a decision depends on the size of the experiment.

use crate::claim::Scale;
use crate::decide::Decision;

/// A decision as a person reads it. `size_ratio` compares the experiment with the source's; `identity` says that every
/// check is an identity, which has no size.
pub(super) fn words(
    decision: Decision,
    scale: Scale,
    size_ratio: f64,
    identity: bool,
    approximate: bool,
) -> String {
    let full_size = identity || size_ratio >= 1.0;
    let plain = match (decision, full_size, scale) {
        (Decision::Undecided, _, _) => "undecided",
        (Decision::NotDiscriminating, _, _) => "not discriminating",
        (Decision::Holds, true, _) => "reproduced",
        (Decision::Holds, false, Scale::Smoke) => "holds at toy size",
        (Decision::Holds, false, _) => "supported",
        (Decision::Fails, true, _) => "not reproduced",
        (Decision::Fails, false, Scale::Smoke) => "contradicted at toy size",
        (Decision::Fails, false, _) => "contradicted",
    };
    if approximate && decision == Decision::Holds {
        format!("{plain}, approximately")
    } else {
        plain.to_owned()
    }
}

/// What is said of a whole run, levels included.
pub(super) fn headline(scale: Scale, words: &[String], decisions: &[Decision]) -> String {
    let all = decisions.len();
    let count = |decision: Decision| decisions.iter().filter(|d| **d == decision).count();
    let said = |word: &str| words.iter().filter(|w| w.starts_with(word)).count();
    let mut parts = Vec::new();
    for word in ["reproduced", "supported", "holds at toy size"] {
        match said(word) {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            n => parts.push(format!("{n} {}", word.replacen("holds", "hold", 1))),
        }
    }
    if parts.is_empty() {
        parts.push("none holds".to_owned());
    }
    parts.push(format!("{} undecided", count(Decision::Undecided)));
    parts.push(format!("{} contradicted", count(Decision::Fails)));
    if count(Decision::NotDiscriminating) > 0 {
        parts.push(format!("{} not discriminating", count(Decision::NotDiscriminating)));
    }
    let claims = if all == 1 { "claim" } else { "claims" };
    let nothing = if said("reproduced") == 0 { " Nothing is reproduced at this scale." } else { "" };
    format!(
        "{scale}: of {all} {claims}, {}.{nothing} Levels: 1 % per claim to hold wrongly, 5 % per run to contradict any true claim.",
        parts.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{headline, words};
    use crate::claim::Scale;
    use crate::decide::Decision;

    #[test]
    fn only_full_size_or_identities_are_reproduced() {
        let say = |decision, scale, ratio, identity| words(decision, scale, ratio, identity, false);
        assert_eq!(say(Decision::Holds, Scale::Smoke, 0.1, false), "holds at toy size");
        assert_eq!(say(Decision::Holds, Scale::Standard, 0.5, false), "supported");
        assert_eq!(say(Decision::Holds, Scale::Paper, 1.0, false), "reproduced");
        assert_eq!(say(Decision::Holds, Scale::Paper, 0.9, false), "supported");
        assert_eq!(say(Decision::Holds, Scale::Smoke, 0.1, true), "reproduced");
        assert_eq!(say(Decision::Fails, Scale::Smoke, 0.1, false), "contradicted at toy size");
        assert_eq!(say(Decision::Fails, Scale::Paper, 1.0, false), "not reproduced");
        assert_eq!(
            words(Decision::Holds, Scale::Smoke, 0.1, false, true),
            "holds at toy size, approximately"
        );
        assert_eq!(words(Decision::Undecided, Scale::Smoke, 0.1, false, true), "undecided");
    }

    #[test]
    fn the_headline_says_the_scale_and_the_levels() {
        let decisions = [Decision::Holds, Decision::Undecided, Decision::Fails];
        let said = decisions.map(|d| words(d, Scale::Smoke, 0.1, false, false));
        let text = headline(Scale::Smoke, &said, &decisions);
        assert!(
            text.starts_with(
                "smoke: of 3 claims, 1 holds at toy size, 1 undecided, 1 contradicted. Nothing is"
            ),
            "{text}"
        );
        assert!(text.contains("1 % per claim"));
        let two = headline(Scale::Smoke, &[said[0].clone(), said[0].clone()], &[Decision::Holds; 2]);
        assert!(two.contains("of 2 claims, 2 hold at toy size"), "{two}");
    }
}
