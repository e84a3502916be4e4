//! `results`: keeps what was decided, with every draw, in `docs/results`, and writes from what is kept the page of the book, the numbers of its
//! chapters and the README's sentence.

mod acceptance;
mod chapters;
mod doubling;
mod json_lines;
mod page;
mod shelf;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use overparam_cli::select;
use overparam_eval::claim::About;
use overparam_eval::report::Record;
use overparam_eval::seal::Lock;

use super::checkout::{head, place, today, write};
use acceptance::Acceptance;
use doubling::Doublings;
use shelf::Shelf;

const PAGE: &str = "docs/results.md";
const README: &str = "README.md";
const FOLDER: &str = "docs/results";
/// Between these stands what is written into the README.
const MARKERS: [&str; 2] = ["<!-- written by cargo xtask results -->", "<!-- end -->"];

/// What to keep, or to check.
#[derive(clap::Args)]
pub(crate) struct ResultsOptions {
    /// Keep this run: a folder that `reproduce` wrote, of all claims or of some
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The column of a run with data or fields of its own, for example fashion-mnist, or what tells an acceptance test of some claims from
    /// that of all [default: the scale]
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// The commit that it ran at [default: that of the checkout]
    #[arg(long, value_name = "HASH", requires = "from")]
    commit: Option<String>,
    /// Keep this acceptance test: an accept.json
    #[arg(long, value_name = "FILE")]
    acceptance: Option<PathBuf>,
    /// Keep this run at twice the size or horizon: a doubling-size.json or doubling-horizon.json
    #[arg(long, value_name = "FILE")]
    doubling: Option<PathBuf>,
    /// Write nothing; exit status 1 if a decision does not follow from its draws, or a page says something else than the files
    #[arg(long, conflicts_with_all = ["from", "acceptance", "doubling"])]
    check: bool,
}

/// Keeps what was asked for, then writes or compares the pages.
pub(crate) fn results(options: &ResultsOptions) -> Result<ExitCode> {
    let folder = place("docs")?.join("results");
    if let Some(from) = &options.from {
        let commit = options.commit.clone().unwrap_or_else(head);
        keep(&folder, from, options.column.as_deref(), &commit)?;
    }
    if let Some(path) = &options.acceptance {
        let acceptance = Acceptance::read(path)?;
        let name = match options.column.as_deref() {
            None => acceptance.scale.clone(),
            Some(name) if shelf::is_column(name) => format!("{}-{name}", acceptance.scale),
            Some(name) => {
                bail!("--column {name:?}: expected a name of letters, digits and dashes that is no scale")
            }
        };
        let kept = folder.join(shelf::ACCEPTANCE).join(format!("{name}.json"));
        write(&kept, &acceptance.text())?;
    }
    if let Some(path) = &options.doubling {
        keep_doubling(&folder, path)?;
    }
    let shelf = Shelf::read(&folder)?;
    let wrong = shelf.contradictions();
    for line in &wrong {
        note!("{line}");
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let claims: Vec<About> = select::claims(&[])?.iter().map(|(claim, _)| claim.about()).collect();
    let lock = Lock::parse(overparam_claims::LOCK).context("claims.lock")?;
    let mut pages = vec![(PAGE.to_owned(), page::page(&shelf, &claims, &lock))];
    let readme = fs::read_to_string(place(README)?).with_context(|| README.to_owned())?;
    pages.push((README.to_owned(), with_sentence(&readme, &page::sentence(&shelf, &claims))?));
    for talk in overparam_claims::TALKS {
        let name = format!("docs/{}.md", talk.id);
        let chapter = fs::read_to_string(place(&name)?).with_context(|| name.clone())?;
        pages.push((name, chapters::with_numbers(&chapter, talk.id, &shelf, &claims)?));
    }
    let root = place("docs")?.join("..");
    if options.check {
        let there = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
        let stale: Vec<&String> =
            pages.iter().filter(|(name, text)| there(name) != *text).map(|(name, _)| name).collect();
        for name in &stale {
            note!("{name} says something else than {FOLDER}: `cargo xtask results` writes it again");
        }
        say!("{} decisions follow from their draws", shelf.count());
        return Ok(ExitCode::from(u8::from(!stale.is_empty())));
    }
    for (name, text) in &pages {
        write(&root.join(name), text)?;
    }
    say!(
        "{} decisions, made again from their draws; wrote {PAGE}, the sentence of {README} and the chapters' numbers",
        shelf.count()
    );
    Ok(ExitCode::SUCCESS)
}

/// One file for each claim of a run.
fn keep(folder: &Path, from: &Path, column: Option<&str>, commit: &str) -> Result<()> {
    let text = |name: &str| {
        let path = from.join(name);
        fs::read_to_string(&path).with_context(|| format!("--from: {}", path.display()))
    };
    let records = Record::of_run(&text("report.json")?, &text("run.json")?, &today(), commit)
        .map_err(|e| anyhow!("--from {}: {e}", from.display()))?;
    for record in records {
        let own = record.results.exploratory.as_ref();
        let column = match (own, column) {
            (None, None) => record.results.scale.name(),
            (Some(_), Some(name)) if shelf::is_column(name) => name,
            (Some(_), Some(name)) => {
                bail!("--column {name:?}: expected a name of letters, digits and dashes that is no scale")
            }
            (Some(why), None) => {
                bail!("--from: the run of {} is exploratory ({why}); --column names its place", record.claim)
            }
            (None, Some(_)) => {
                bail!("--column: {} was run as it is sealed, and its column is its scale", record.claim)
            }
        };
        let path = folder.join(column).join(format!("{}.json", record.claim.replace('/', "--")));
        let value = serde_json::to_value(&record)?;
        write(&path, &format!("{}\n", json_lines::lines(&value)))?;
    }
    Ok(())
}

/// One file for sizes, one for horizons; claims that it has and the new run has not stay.
fn keep_doubling(folder: &Path, from: &Path) -> Result<()> {
    let new = Doublings::read(from)?;
    let Some(what) = new.what() else { bail!("--doubling {}: it has no claims", from.display()) };
    let path = folder.join(shelf::DOUBLING).join(format!("{}.json", what.name()));
    let all = if path.exists() { Doublings::read(&path)?.with(new) } else { new };
    write(&path, &all.text()?)
}

/// The README with another sentence between the markers.
fn with_sentence(readme: &str, sentence: &str) -> Result<String> {
    let parts = readme.split_once(MARKERS[0]).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(MARKERS[1])?;
        Some((before, after))
    });
    let Some((before, after)) = parts else {
        bail!("{README}: expected {:?}, a sentence and {:?}", MARKERS[0], MARKERS[1])
    };
    Ok(format!("{before}{}{sentence}{}{after}", MARKERS[0], MARKERS[1]))
}

#[cfg(test)]
mod tests {
    use super::{MARKERS, with_sentence};

    #[test]
    fn the_sentence_alone_is_replaced() {
        let [begin, end] = MARKERS;
        let readme = format!("# a\n{begin}old{end} b\n");
        assert_eq!(with_sentence(&readme, "new").unwrap(), format!("# a\n{begin}new{end} b\n"));
        assert!(with_sentence("# a\n", "new").unwrap_err().to_string().contains("README.md"));
    }
}
