//! Sentences and decisions as the page sets them.

use maud::{Markup, html};

use super::ClaimReport;
use crate::decide::Decision;
use crate::notation::{Level, pieces};

/// Prose with its powers, indices and Greek letters set as such.
pub(super) fn prose(text: &str) -> Markup {
    html! { @for (level, piece) in pieces(text) {
        @match level {
            Level::Base => (piece),
            Level::Super => sup { (piece) },
            Level::Sub => sub { (piece) },
        }
    } }
}

/// The decision in the words of its size.
pub(super) fn decision(claim: &ClaimReport) -> Markup {
    html! { span class=(tone(claim)) { (claim.words) } }
}

/// The class of a decision's colour.
pub(super) fn tone(claim: &ClaimReport) -> &'static str {
    match claim.decision {
        Decision::Holds => "good",
        Decision::Fails | Decision::NotDiscriminating => "bad",
        Decision::Undecided => "open",
    }
}

#[cfg(test)]
mod tests {
    use super::prose;

    #[test]
    fn powers_are_set_and_the_rest_is_escaped() {
        assert_eq!(
            prose("y^T H^-1 y < lambda").into_string(),
            "y<sup>T</sup> H<sup>\u{2212}1</sup> y &lt; \u{3bb}"
        );
    }
}
