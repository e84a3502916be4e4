//! Every input that the fuzzer kept, once more, through the same checks: `fuzz/corpus/<parser>`.

use std::fs;
use std::path::Path;

use overparam_tests::parsers::CHECKS;

#[test]
fn what_the_fuzzer_kept_passes_every_check() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, check) in CHECKS {
        let folder = fs::read_dir(corpus.join(name)).unwrap_or_else(|e| panic!("corpus of {name}: {e}"));
        let mut paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let accepts = |path: &Path| {
            // Shown when the check panics.
            println!("{}", path.display());
            check(&fs::read(path).unwrap())
        };
        let accepted = paths.iter().filter(|path| accepts(path)).count();
        println!("{name}: {} inputs, {accepted} accepted", paths.len());
        // A corpus that is all good or all bad would try half of a parser.
        assert!(accepted >= 1 && paths.len() - accepted >= 10, "{name}: {accepted} of {}", paths.len());
    }
}

/// Every check has its fuzz target, and every target its check.
#[test]
fn every_parser_is_fuzzed() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/targets");
    let mut names: Vec<String> = fs::read_dir(targets)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, CHECKS.map(|(name, _)| name));
}
