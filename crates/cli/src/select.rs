//! From names on the command line to claims, with a suggestion for a misspelt one.

use anyhow::{Result, bail};
use overparam_claims::TALKS;
use overparam_eval::inputs::KNOWN;
use overparam_eval::registry::AnyClaim;

/// A claim with the fingerprint of its code.
pub type Entry = (&'static dyn AnyClaim, &'static str);

/// How many claims there are.
pub fn count() -> usize {
    entries().count()
}

/// The claims that the names select, each once, in the talks' order; all claims if there is no name.
pub fn claims(names: &[String]) -> Result<Vec<Entry>> {
    for name in names {
        if !entries().any(|(claim, _)| matches(name, claim)) {
            match nearest(name, known_names().map(str::to_owned)) {
                Some(known) => bail!("no talk or claim is called {name:?}; did you mean {known}?"),
                None => bail!("no talk or claim is called {name:?}; `{} list` shows them all", crate::name()),
            }
        }
    }
    let selected = |claim: &dyn AnyClaim| names.is_empty() || names.iter().any(|name| matches(name, claim));
    Ok(entries().filter(|(claim, _)| selected(*claim)).collect())
}

/// The known data set nearest to a misspelt name; `None` if the name is known or nothing is near.
pub fn data_suggestion(name: &str) -> Option<String> {
    let known = || KNOWN.iter().map(|(name, _)| (*name).to_owned());
    if known().any(|k| k == name) { None } else { nearest(name, known()) }
}

fn entries() -> impl Iterator<Item = Entry> {
    TALKS.iter().flat_map(|talk| talk.claims.iter().map(|claim| (*claim, talk.fingerprint)))
}

fn matches(name: &str, claim: &dyn AnyClaim) -> bool {
    let about = claim.about();
    [about.id, about.talk(), about.name()].contains(&name)
}

/// Every name of a talk or claim, each once.
pub fn known_names() -> impl Iterator<Item = &'static str> {
    let names = |(claim, _): Entry| {
        let id = claim.about().id;
        let (talk, name) = id.split_once('/').unwrap_or((id, id));
        [id, talk, name]
    };
    entries().flat_map(names).collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// The name nearest to a misspelt one, if one is near.
pub fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let name = name.to_lowercase();
    known
        .map(|k| (strsim::jaro_winkler(&name, &k), k))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::{claims, data_suggestion};

    #[test]
    fn names_select_by_talk_by_claim_and_by_last_part() {
        let count = |names: &[&str]| {
            claims(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).map(|c| c.len()).ok()
        };
        let all = count(&[]).unwrap();
        assert!(all >= 3);
        assert_eq!(count(&["hu-2021/rank-not-norm"]), Some(1));
        assert_eq!(count(&["rank-not-norm", "hu-2021/rank-not-norm"]), Some(1));
        assert!(count(&["hu-2021"]).unwrap() >= 3);
        assert_eq!(count(&["hu-2021", "nonsense"]), None);
    }

    #[test]
    fn a_misspelt_name_suggests_the_right_one() {
        let message = |name: &str| claims(&[name.to_owned()]).err().unwrap().to_string();
        assert!(message("low-rank-completoin").ends_with("did you mean low-rank-completion?"));
        assert!(message("hu-2012").ends_with("did you mean hu-2021?"));
        assert!(message("xyzzy").contains("overparam list"));
        assert_eq!(data_suggestion("movielens100k").as_deref(), Some("movielens-100k"));
        assert_eq!(data_suggestion("mnist"), None);
    }
}
