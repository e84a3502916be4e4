//! Where a report goes. The page in the output folder is the one that a person comes back to: a run of one changed claim, or of a
//! scale that the store knows little of, does not take its place, but goes to a folder of its own below `reports`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use overparam_eval::claim::Scale;
use overparam_eval::data::plain;
use overparam_eval::decide::Decision;
use overparam_eval::report::Report;
use serde_json::Value;

/// A folder for a report, and whose report was in the way.
pub(crate) struct Placement {
    pub(crate) folder: PathBuf,
    /// The command of the report that stays in the output folder.
    pub(crate) kept: Option<String>,
}

/// What of an earlier report counts here.
struct Earlier {
    command: String,
    scale: usize,
    exploratory: bool,
    /// Claims, and whether each was decided.
    claims: BTreeMap<String, bool>,
}

/// The output folder, unless a better report is there and is not to be replaced.
pub(crate) fn place(out: &Path, report: &Report, force: bool) -> Placement {
    let here = || Placement { folder: out.to_owned(), kept: None };
    match Earlier::in_folder(out).filter(|earlier| !force && !replaces(report, earlier)) {
        None => here(),
        Some(earlier) => Placement {
            folder: out.join("reports").join(own_name(&report.command)),
            kept: Some(earlier.command),
        },
    }
}

impl Earlier {
    /// The report in a folder; `None` if there is none, or nothing that is worth keeping.
    fn in_folder(out: &Path) -> Option<Self> {
        // Reports of all claims at the sources' own sizes take a tenth of it.
        const LARGEST: u64 = 512 << 20;
        let (content, _) = plain::read(&out.join("report.json"), LARGEST).ok()?;
        Self::of(&serde_json::from_slice(&content).ok()?)
    }

    fn of(report: &Value) -> Option<Self> {
        let claims = report["claims"].as_array()?;
        let one = |claim: &Value| {
            let decided = claim["decision"].as_str()? != "undecided";
            Some((claim["about"]["id"].as_str()?.to_owned(), decided))
        };
        Some(Self {
            command: report["command"].as_str()?.to_owned(),
            scale: Scale::ALL.iter().position(|scale| report["scale"] == scale.name())?,
            exploratory: claims.iter().any(|claim| !claim["exploratory"].is_null()),
            claims: claims.iter().map(one).collect::<Option<_>>()?,
        })
    }
}

/// Whether a report says all that the earlier one says: the same request again, or more claims, larger, on no weaker terms.
fn replaces(report: &Report, earlier: &Earlier) -> bool {
    let lost =
        |id: &String, decided: bool| match report.claims.iter().find(|claim| claim.about.id == id.as_str()) {
            // What is not decided for lack of results was not asked again, it is gone.
            Some(claim) => decided && claim.decision == Decision::Undecided && !claim.failures.is_empty(),
            None => true,
        };
    let keeps_all = !earlier.claims.iter().any(|(id, decided)| lost(id, *decided));
    let exploratory = report.claims.iter().any(|claim| claim.exploratory.is_some());
    let same = report.command == earlier.command;
    keeps_all && (same || report.scale as usize >= earlier.scale && (earlier.exploratory || !exploratory))
}

/// A folder's name from a command: what one reads of it, and a hash of all of it.
fn own_name(command: &str) -> String {
    const READ: usize = 60;
    let words = command.trim_start_matches("overparam reproduce").trim();
    let plain: String =
        words.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let mut hasher = DefaultHasher::new();
    hasher.write(command.as_bytes());
    let readable: String = parts.join("-").chars().take(READ).collect();
    format!("{}-{:08x}", readable.trim_matches(['-', '.']), hasher.finish() as u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Earlier, own_name};

    #[test]
    fn names_of_folders_say_the_command_and_differ() {
        let one = own_name("overparam reproduce rank-not-norm --scale smoke --set scale=0.01");
        assert!(one.starts_with("rank-not-norm-scale-smoke-set-scale-0.01-"), "{one}");
        let (plus, minus) =
            (own_name("overparam reproduce --set a=1"), own_name("overparam reproduce --set 'a=-1'"));
        assert_ne!(plus, minus);
        assert!(own_name(&"/../".repeat(100)).len() < 20);
    }

    #[test]
    fn what_is_no_report_is_in_nobodys_way() {
        assert!(Earlier::of(&json!({"claims": 3})).is_none());
        let report = json!({"command": "c", "scale": "smoke", "claims": [
            {"about": {"id": "a/b"}, "decision": "holds", "exploratory": null}
        ]});
        let earlier = Earlier::of(&report).unwrap();
        assert_eq!((earlier.scale, earlier.exploratory, earlier.claims["a/b"]), (0, false, true));
    }
}
