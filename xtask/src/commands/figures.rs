//! `figures`: draws the figures of the book from a run, keeps the numbers behind them, and says which of them are stale.

mod manifest;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail, ensure};
use overparam_cli::select;
use overparam_eval::claim::Scale;
use overparam_eval::figure::Figure;
use overparam_eval::registry::{RawGrid, RawRun};
use overparam_eval::report::{FORMAT, Record, Results};
use overparam_eval::seal::Lock;
use serde_json::Value;

use super::checkout::{place, write};
use manifest::{Entry, Manifest, Origin, Run};

/// What to draw, or to check.
#[derive(clap::Args)]
pub(crate) struct FigureOptions {
    /// Draw the figures of the claims in this run: a folder that `reproduce` or `report` wrote; may be given again, and a later one wins.
    /// A figure of a run at a larger scale stays
    #[arg(long, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// Write nothing; exit status 1 if a figure is not what would be drawn now, or is of another run than docs/results
    #[arg(long, conflicts_with = "from")]
    check: bool,
}

/// Takes the figures of the runs, then draws or compares all.
pub(crate) fn figures(options: &FigureOptions) -> Result<ExitCode> {
    let folder = place("docs")?.join("figures");
    let mut manifest = Manifest::read(&folder.join("manifest.json"))?;
    for from in &options.from {
        let taken =
            take(from, &mut manifest, &folder).with_context(|| format!("--from {}", from.display()))?;
        say!("{}: took {taken} of the book's figures", from.display());
    }
    let mut stale = strangers(&folder, &manifest)?;
    for entry in &manifest.entries {
        if !data(&folder, &entry.file).exists() {
            stale.push(format!("{}.svg: its numbers are not kept; {}", entry.file, entry.origin.how()));
            continue;
        }
        let (path, drawn) = draw(&folder, entry)?;
        if options.check {
            let there = fs::read_to_string(&path).unwrap_or_default();
            if there != drawn {
                stale.push(format!("{}.svg: `cargo xtask figures` draws something else", entry.file));
            }
        } else {
            write(&path, &drawn)?;
        }
        stale.extend(older(entry)?);
    }
    for line in &stale {
        note!("docs/figures: {line}");
    }
    say!("{} figures, and {} things to mend", manifest.entries.len(), stale.len());
    // Without --check these are what is left to do.
    Ok(ExitCode::from(u8::from(options.check && !stale.is_empty())))
}

/// Writes the data of those figures of the manifest that the run has, and where they come from.
fn take(from: &Path, manifest: &mut Manifest, folder: &Path) -> Result<usize> {
    let path = from.join("report.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let report: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    ensure!(
        report["format"] == FORMAT,
        "{}: its format is {}, expected {FORMAT:?}",
        path.display(),
        report["format"]
    );
    let claims = report["claims"].as_array().with_context(|| format!("{}: no claims", path.display()))?;
    let mut taken: Vec<(PathBuf, String)> = Vec::new();
    for value in claims {
        let id = value["about"]["id"].as_str().unwrap_or_default();
        let wanted = |entry: &&mut Entry| matches!(&entry.origin, Origin::Claim { claim, .. } if claim == id);
        let mut entries = manifest.entries.iter_mut().filter(wanted).peekable();
        if entries.peek().is_none() {
            continue;
        }
        let run = provenance(value).with_context(|| id.to_owned())?;
        let figures = drawn_again(id, value)?;
        for entry in entries {
            let Origin::Claim { claim, figure: name, run: of } = &mut entry.origin else { continue };
            let found = figures.iter().find(|figure| figure.name == *name);
            let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
            if let Some(kept) = of.as_ref().filter(|kept| size(&kept.scale) > size(&run.scale)) {
                note!(
                    "{}.svg stays that of a run at {} scale; this one is at {}",
                    entry.file,
                    kept.scale,
                    run.scale
                );
                continue;
            }
            let figure = found.with_context(|| {
                format!("manifest.json: {claim} draws no figure {name:?} here, but {}", names.join(", "))
            })?;
            let text = figure.text();
            // A number that is not finite could not be read again.
            Figure::parse(&text).with_context(|| format!("{claim}: figure {name:?} cannot be kept"))?;
            taken.push((data(folder, &entry.file), text));
            *of = Some(run.clone());
        }
    }
    // All or nothing: numbers of one run under the name of another would pass for the book's.
    taken.iter().try_for_each(|(path, text)| write(path, text))?;
    write(&folder.join("manifest.json"), &manifest.text())?;
    Ok(taken.len())
}

/// How large a scale is among others.
fn size(scale: &str) -> Option<usize> {
    Scale::ALL.iter().position(|known| known.name() == scale)
}

/// Which run a claim's figures are of. Only what ran as it is sealed stands in the book.
fn provenance(claim: &Value) -> Result<Run> {
    let results: Results = serde_json::from_value(claim.clone()).context("report.json")?;
    if let Some(why) = &results.exploratory {
        bail!("the run is exploratory ({why}), and the book shows sealed runs");
    }
    let seal = results.seal.as_ref().filter(|seal| seal.matches);
    let seal = seal.context("what the claim declared in this run is not what claims.lock says")?;
    Ok(Run { scale: results.scale.name().to_owned(), seal: seal.hash.clone(), draws: results.digest() })
}

/// The claim's figures, made again by this program from the outcomes in the report.
fn drawn_again(id: &str, value: &Value) -> Result<Vec<Figure>> {
    let chosen = select::claims(&[id.to_owned()])?;
    let (claim, _) = chosen.first().with_context(|| format!("there is no claim {id}"))?;
    let grid = |name: &str| -> Result<RawGrid> {
        let runs = value[name].as_array().with_context(|| format!("report.json: {id} has no {name}"))?;
        let run = |run: &Value| RawRun { cell: run["cell"].clone(), outcome: run["outcome"].clone() };
        let runs: Vec<RawRun> = runs.iter().map(run).collect();
        Ok(RawGrid { cells: runs.iter().map(|run| run.cell.clone()).collect(), runs })
    };
    let shown = claim.illustrate(&grid("runs")?, &grid("control_runs")?);
    Ok(shown.map_err(|e| anyhow!("report.json: {id}: {e}"))?.figures)
}

/// Where the numbers behind a figure are kept.
fn data(folder: &Path, file: &str) -> PathBuf {
    folder.join("data").join(format!("{file}.json"))
}

/// A figure of the book as its data are drawn now.
fn draw(folder: &Path, entry: &Entry) -> Result<(PathBuf, String)> {
    let path = data(folder, &entry.file);
    let how = || format!("{}: {}", path.display(), entry.origin.how());
    let text = fs::read_to_string(&path).with_context(how)?;
    let figure = Figure::parse(&text).with_context(how)?;
    Ok((folder.join(format!("{}.svg", entry.file)), figure.svg()))
}

/// What a figure shows that is no longer so: another declaration, or another run than the one that is kept.
fn older(entry: &Entry) -> Result<Option<String>> {
    let Origin::Claim { claim, run, .. } = &entry.origin else { return Ok(None) };
    let said = |what: &str| Ok(Some(format!("{}.svg: {what}; {}", entry.file, entry.origin.how())));
    let Some(run) = run else { return said("it is of no run yet") };
    let lock = Lock::parse(overparam_claims::LOCK).context("claims.lock")?;
    if lock.current(claim).is_none_or(|sealed| sealed.hash != run.seal) {
        return said(&format!("{claim} declares something else since it was drawn"));
    }
    let path = place("docs/results")?.join(&run.scale).join(format!("{}.json", claim.replace('/', "--")));
    let Ok(text) = fs::read_to_string(&path) else {
        return said(&format!("there is no {}", path.display()));
    };
    let record: Record = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    if record.results.digest() != run.draws {
        return said(&format!("docs/results/{} has other draws of {claim}", run.scale));
    }
    Ok(None)
}

/// Drawings that the manifest does not know.
fn strangers(folder: &Path, manifest: &Manifest) -> Result<Vec<String>> {
    let known: BTreeSet<String> =
        manifest.entries.iter().map(|entry| format!("{}.svg", entry.file)).collect();
    let all = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names: Vec<String> = all
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".svg") && !known.contains(name))
        .collect();
    names.sort();
    Ok(names
        .into_iter()
        .map(|name| format!("{name} is not in manifest.json, which says what draws it"))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{drawn_again, older, provenance};
    use crate::commands::figures::manifest::{Entry, Origin, Run};

    fn entry(seal: &str, draws: &str) -> Entry {
        let run = Run { scale: "standard".into(), seal: seal.into(), draws: draws.into() };
        let origin = Origin::Claim {
            claim: "hu-2021/rank-not-norm".into(),
            figure: "norms-and-rank".into(),
            run: Some(run),
        };
        Entry { file: "rank-not-norm".into(), origin }
    }

    #[test]
    fn a_figure_of_another_declaration_or_of_other_draws_is_stale() {
        let lock = overparam_eval::seal::Lock::parse(overparam_claims::LOCK).unwrap();
        let seal = lock.current("hu-2021/rank-not-norm").unwrap().hash.clone();
        let said = |seal: &str| older(&entry(seal, "other")).unwrap().unwrap();
        assert!(said("another").contains("declares something else"));
        let draws = said(&seal);
        assert!(draws.contains("other draws") && draws.contains("--from"), "{draws}");
        let program = Entry { file: "f".into(), origin: Origin::Program { program: "cargo run".into() } };
        assert!(older(&program).unwrap().is_none());
    }

    #[test]
    fn what_a_run_lacks_is_said() {
        let none = drawn_again("hu-2021/rank-not-norm", &json!({"runs": []})).unwrap_err().to_string();
        assert!(none.contains("no control_runs"), "{none}");
        let wrong = json!({"runs": [{"cell": 3, "outcome": {}}], "control_runs": []});
        assert!(drawn_again("hu-2021/rank-not-norm", &wrong).is_err());
        assert!(drawn_again("hu-2021/nothing", &wrong).is_err());
        assert!(format!("{:#}", provenance(&json!({"scale": 3})).unwrap_err()).contains("report.json"));
    }
}
