//! What the property tests share.

use proptest::prelude::ProptestConfig;

/// `count` cases by default, for properties that cost more than most; `PROPTEST_CASES` still has the last word.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config
    } else {
        ProptestConfig { cases: count, ..config }
    }
}
