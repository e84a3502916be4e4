//! Runs at twice the size and the horizon that are kept: each draw's distances, and what they say.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use overparam_eval::claim::{About, Doubling};
use overparam_eval::double::{Change, Trend};
use serde::{Deserialize, Serialize};

use super::json_lines::lines;

/// One claim's checks.
#[derive(Serialize, Deserialize)]
struct Doubled {
    claim: String,
    doubled: Doubling,
    changes: Vec<Change>,
}

/// A file that `reproduce --double` wrote.
#[derive(Serialize, Deserialize)]
pub(super) struct Doublings {
    command: String,
    draws: usize,
    scale: String,
    claims: Vec<Doubled>,
}

impl Doublings {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text)
            .with_context(|| format!("{}: expected a file that `reproduce --double` wrote", path.display()))
    }

    /// What was doubled; nothing if there is no claim.
    pub(super) fn what(&self) -> Option<Doubling> {
        self.claims.first().map(|claim| claim.doubled)
    }

    /// These claims instead of the same ones here, all others as they are.
    pub(super) fn with(self, newer: Self) -> Self {
        let mut claims: BTreeMap<String, Doubled> = BTreeMap::new();
        for doubled in self.claims.into_iter().chain(newer.claims) {
            claims.insert(doubled.claim.clone(), doubled);
        }
        Self { claims: claims.into_values().collect(), ..newer }
    }

    pub(super) fn text(&self) -> Result<String> {
        Ok(format!("{}\n", lines(&serde_json::to_value(self)?)))
    }

    /// Where distances say otherwise than what is written beside them.
    pub(super) fn contradiction(&self) -> Option<String> {
        self.claims.iter().find_map(|claim| {
            let wrong = claim.changes.iter().find(|change| !change.follows())?;
            let what = claim.doubled.name();
            Some(format!("doubled {what}, {}, {}: its draws say something else", claim.claim, wrong.id))
        })
    }
}

/// The section of the page; empty if nothing is kept.
pub(super) fn section(page: &mut String, kept: &[Doublings], claims: &[About]) {
    if kept.is_empty() {
        return;
    }
    page.push_str(INTRODUCTION);
    for doublings in kept {
        let what = doublings.what().map_or("size", Doubling::name);
        let command = doublings.command.replacen("overparam ", "cargo xtask ", 1);
        let _ = writeln!(
            page,
            "\n### Twice the {what}\n\n`{command}`, [every distance](results/doubling/{what}.json).\n\n\
             | claim | nearer | no change seen | farther |\n|---|---|---|---|"
        );
        let mut away = String::new();
        for doubled in claims.iter().filter_map(|about| doublings.claims.iter().find(|c| c.claim == about.id))
        {
            let count = |trend| doubled.changes.iter().filter(|c| c.trend == trend).count();
            let numbers = [Trend::Toward, Trend::Flat, Trend::Away].map(count);
            let [nearer, flat, farther] = numbers.map(|n| if n == 0 { String::new() } else { n.to_string() });
            let _ = match doubled.changes.is_empty() {
                true => writeln!(page, "| {} | no {what} to double | | |", doubled.claim),
                false => writeln!(page, "| {} | {nearer} | {flat} | {farther} |", doubled.claim),
            };
            for change in doubled.changes.iter().filter(|c| c.trend == Trend::Away) {
                let at = if change.at.is_empty() { String::new() } else { format!(", {}", change.at) };
                let _ = writeln!(
                    away,
                    "- `{}`: {}{at}: {:.2e} to {:.2e} (p = {:.1e})",
                    doubled.claim, change.quantity, change.before, change.after, change.p
                );
            }
        }
        if !away.is_empty() {
            let _ = write!(page, "\nFarther away, from the mean distance before to the one after:\n\n{away}");
        }
    }
}

const INTRODUCTION: &str = "
## Twice the size, twice the horizon

Theory is about limits, and experiments are not. The same eight draws were run again at twice the size (widths, examples, dimensions) or twice the
horizon (steps, time). A number whose distance from the prediction is the fault of a finite size comes nearer. The tables count the checks with a target, place by
place, at the 1 % level of a paired test. [What did not hold](what-did-not-hold.md) says why some go away.
";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Doublings, section};

    fn kept(claim: &str, distances: &[[f64; 2]]) -> Doublings {
        serde_json::from_value(json!({
            "command": "overparam reproduce --scale smoke --double size", "draws": 2, "scale": "smoke",
            "claims": [{"claim": claim, "doubled": "size", "changes": [{
                "id": "slope", "quantity": "slope", "at": "", "before": 0.5, "after": 0.25, "p": 0.5, "trend": "flat",
                "test": "sign", "distances": distances
            }]}]
        }))
        .unwrap()
    }

    #[test]
    fn what_is_written_must_follow_from_the_distances() {
        assert_eq!(kept("a", &[[0.25, 0.125], [0.75, 0.375]]).contradiction(), None);
        let wrong = kept("a", &[[0.25, 0.125], [0.75, 0.75]]).contradiction().unwrap();
        assert!(wrong.contains("size, a, slope"), "{wrong}");
    }

    #[test]
    fn newer_runs_take_the_place_of_older_ones() {
        let pair = [[0.25, 0.125], [0.75, 0.375]];
        let both = kept("a", &[[9.0, 9.0]]).with(kept("b", &pair)).with(kept("a", &pair));
        assert_eq!((both.claims.len(), both.contradiction()), (2, None));
        let again: Doublings = serde_json::from_str(&both.text().unwrap()).unwrap();
        assert_eq!(again.text().unwrap(), both.text().unwrap());
        let mut page = String::new();
        section(&mut page, &[], &[]);
        assert!(page.is_empty());
    }
}
