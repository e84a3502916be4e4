//! The table on the terminal, a row as soon as a case is done.

use super::figures::Spread;
use super::outcome::{Outcome, Verdict};
use overparam_cli::terminal::{bad, bold, doubtful, good};

/// The heading.
pub(crate) fn heading() -> String {
    bold(&format!(
        "{:<28} {:<25} {:<14} {:<20} {:>6}  {:<15} {:>7} {:>8}  {}",
        "case", "ours", "peer", "peer / ours", "target", "", "limit", "differ", "MiB, ours and peer"
    ))
}

/// A case.
pub(crate) fn row(outcome: &Outcome) -> String {
    let best = outcome.best_peer();
    let peer =
        best.and_then(|p| Some(format!("{} ({}t)", seconds(Spread::of(&p.seconds)?.median), p.threads)));
    let ratio =
        outcome.ratio().map(|r| format!("{} ({} to {})", short(r.median), short(r.least), short(r.most)));
    let ours = outcome
        .ours()
        .map(|s| format!("{} ({} to {})", seconds(s.median), seconds(s.least), seconds(s.most)));
    let verdict = outcome.verdict();
    let words = format!("{:<15}", verdict.words());
    let words = match verdict {
        Verdict::Met => good(&words),
        Verdict::Missed | Verdict::Differ | Verdict::Broken => bad(&words),
        Verdict::Alone => doubtful(&words),
    };
    let fraction = outcome.fraction().map(|f| format!("{} %", short(100.0 * f)));
    let differ = outcome.difference().map(|d| format!("{d:.0e}"));
    let mib = |mib: Option<f64>| mib.map_or_else(|| "-".to_owned(), |m| format!("{m:.0}"));
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut row = format!(
        "{:<28} {:<25} {:<14} {:<20} {:>6}  {words} {:>7} {:>8}  {} and {}",
        outcome.name,
        dash(ours),
        dash(peer),
        dash(ratio),
        outcome.target,
        dash(fraction),
        dash(differ),
        mib(outcome.peak_mib),
        mib(best.map(|p| p.peak_mib)),
    );
    if let Some(complaint) = &outcome.complaint {
        row.push_str(&format!("\n    {complaint}"));
    }
    row
}

/// What the columns are.
pub(crate) const LEGEND: &str = "\
Times and ratios are medians with the smallest and largest round. peer: the better of one and two threads (t). limit: the
fraction of what this machine can do, by operations over its measured product rate or bytes over its measured copy rate,
whichever takes longer (`--list` says what is counted). differ: the largest relative difference of the two sides' results.";

/// Three digits and a unit.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{} s", short(seconds))
    } else if seconds >= 1e-3 {
        format!("{} ms", short(1e3 * seconds))
    } else {
        format!("{} us", short(1e6 * seconds))
    }
}

/// Two or three digits, as many as a race is good for.
pub(super) fn short(number: f64) -> String {
    let decimals = if number.abs() >= 100.0 {
        0
    } else if number.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::{row, seconds, short};
    use crate::bench::outcome::tests::example;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.123, 1.234, 12.34, 123.4].map(short), ["0.12", "1.23", "12.3", "123"]);
        assert_eq!([12.0, 0.0123, 4.5e-5].map(seconds), ["12.0 s", "12.3 ms", "45.0 us"]);
    }

    #[test]
    fn a_row_says_all() {
        let row = row(&example());
        for part in
            ["example", "1.00 s", "3.50 s (2t)", "3.50 (3.00 to 4.00)", "met", "50.0 %", "0e0", "10 and 100"]
        {
            assert!(row.contains(part), "{part} in {row}");
        }
    }
}
