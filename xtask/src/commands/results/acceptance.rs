//! An acceptance test that is kept: what it found, and each decision that it rests on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::json_lines::lines;

/// The parts of `accept.json` that are kept.
pub(super) struct Acceptance {
    pub(super) scale: String,
    /// Of the file, without its extension.
    pub(super) name: String,
    report: Value,
}

impl Acceptance {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let report: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        if report["findings"].as_array().is_none_or(Vec::is_empty) {
            bail!("{}: it has no findings: expected an accept.json of `xtask accept`", path.display());
        }
        let command = report["command"].as_str().unwrap_or_default();
        let scale = command.split("--scale ").nth(1).and_then(|rest| rest.split(' ').next());
        let scale = scale.unwrap_or("standard").to_owned();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { scale, name, report })
    }

    pub(super) fn text(&self) -> String {
        let mut kept = self.report.clone();
        // A list of its own, so that each decision has its line.
        if let Some(decisions) = kept.pointer_mut("/details/fresh/decisions").map(Value::take) {
            kept["decisions"] = decisions;
            kept["details"] = self.report["details"]["fresh"]["master_seeds"].clone();
        }
        format!("{}\n", lines(&kept))
    }

    pub(super) fn command(&self) -> &str {
        self.report["command"].as_str().unwrap_or_default()
    }

    /// Part, what was asked, what was found, and whether that is accepted.
    pub(super) fn findings(&self) -> impl Iterator<Item = (&str, &str, &str, bool)> {
        self.report["findings"].as_array().into_iter().flatten().map(|finding| {
            let said = |field: &str| finding[field].as_str().unwrap_or_default();
            (said("part"), said("asked"), said("found"), finding["accepted"] == true)
        })
    }

    /// Whether a claim was tested.
    pub(super) fn has(&self, claim: &str) -> bool {
        self.counted().contains_key(claim)
    }

    /// Each claim's decisions, counted again: hold, undecided, wrong.
    fn counted(&self) -> BTreeMap<&str, [usize; 3]> {
        let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for entry in self.report["decisions"].as_array().into_iter().flatten() {
            let (Some(claim), Some(decision)) = (entry["claim"].as_str(), entry["decision"].as_str()) else {
                continue;
            };
            let place = match decision {
                "holds" => 0,
                "undecided" => 1,
                _ => 2,
            };
            counts.entry(claim).or_default()[place] += 1;
        }
        counts
    }

    /// Where the decisions say otherwise than the findings.
    pub(super) fn contradiction(&self) -> Option<String> {
        let counted = self.counted();
        self.findings().find_map(|(_, asked, found, _)| {
            let claim = asked.split(" holds at ").next()?;
            let [holds, undecided, wrong] = counted.get(claim)?;
            let counted = format!("{holds} hold, {undecided} undecided, {wrong} wrong");
            (!found.starts_with(&counted)).then(|| {
                format!(
                    "acceptance at {}, {claim}: it says {found:?}, and its decisions say {counted:?}",
                    self.scale
                )
            })
        })
    }
}
