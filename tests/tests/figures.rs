//! The figures of the book are those of the runs that are kept, and a user's figures come in the formats that were asked for.

mod common;

use std::fs;

use common::{root, xtask};

/// The test that fails when a claim is sealed anew, a run is kept, or a figure is drawn otherwise, and docs/figures is not. What to do
/// stands in its message.
#[test]
fn no_figure_of_the_book_is_stale() {
    let output = xtask().args(["figures", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The same of the numbers at the ends of the chapters, of the page of results, and of the README's sentence.
#[test]
fn no_number_of_the_book_is_stale() {
    let output = xtask().args(["results", "--check"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_book_shows_every_figure_that_it_keeps() {
    let manifest = fs::read_to_string(root().join("docs/figures/manifest.json")).unwrap();
    let entries: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let gallery = fs::read_to_string(root().join("docs/gallery.md")).unwrap();
    let files: Vec<&str> =
        entries.as_array().unwrap().iter().filter_map(|entry| entry["file"].as_str()).collect();
    assert!(files.len() > 25, "{files:?}");
    for file in &files {
        assert!(gallery.contains(&format!("(figures/{file}.svg)")), "{file} is in docs/gallery.md");
    }
    // No numbers are kept of a figure that is gone.
    for kept in fs::read_dir(root().join("docs/figures/data")).unwrap().flatten() {
        let name = kept.file_name().to_string_lossy().into_owned();
        assert!(files.contains(&name.trim_end_matches(".json")), "docs/figures/data/{name}");
    }
}

/// What a lecturer asks for.
#[test]
fn figures_come_as_pdf_as_panels_and_as_slides() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    let run = ["reproduce", "rank-not-norm", "--scale", "smoke", "--quiet", "--out", path];
    xtask().args(run).args(["--figures", "pdf"]).assert().success();
    let figures = out.path().join("figures");
    let whole = figures.join("hu-2021--rank-not-norm--norms-and-rank");
    assert!(whole.with_extension("pdf").exists() && !whole.with_extension("png").exists());
    let page = fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(page.contains("norms-and-rank.pdf\"") && !page.contains("norms-and-rank.png\""));

    let report = ["report", "rank-not-norm", "--scale", "smoke", "--quiet", "--out", path];
    xtask().args(report).args(["--figures", "svg,png,pdf", "--size", "slide"]).assert().success();
    let slide = figures.join("slides/hu-2021--rank-not-norm--norms-and-rank-1");
    for format in ["svg", "png", "pdf"] {
        assert!(whole.with_extension(format).exists() && slide.with_extension(format).exists(), "{format}");
    }
    xtask().args(report).args(["--figures", "pdf", "--panels"]).assert().success();
    let panels = fs::read_dir(figures.join("panels")).unwrap().count();
    let slides = fs::read_dir(figures.join("slides")).unwrap().count() / 3;
    assert_eq!(slides, panels.div_ceil(2), "two panels share a slide");
    let wrong = xtask().args(report).args(["--figures", "jpg"]).output().unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("jpg") && wrong.status.code() == Some(2));
}
