//! Architectures from `.json` and `.toml` files.

use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use overparam_ntk::Architecture;

use super::{extension, label};

/// Reads an architecture; the extension says which of the two formats it is.
pub(crate) fn architecture(option: &str, path: &Path) -> Result<Architecture> {
    let label = label(option, path);
    let parse = match extension(path).as_str() {
        "json" => Architecture::from_json,
        "toml" => Architecture::from_toml,
        _ => bail!("{label}: expected a file ending in .json or .toml"),
    };
    let text = fs::read_to_string(path).map_err(|e| anyhow!("{label}: cannot read: {e}"))?;
    // A parser's drawing of the line at fault would make several lines of one message.
    parse(&text).map_err(|e| anyhow!("{label}: {}", one_line(&e.to_string())))
}

fn one_line(text: &str) -> String {
    let told = |line: &&str| !line.is_empty() && !line.contains('|');
    text.lines().map(str::trim).filter(told).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use overparam_ntk::Architecture;

    use super::one_line;

    #[test]
    fn a_syntax_error_is_one_line_with_its_place() {
        let error = Architecture::from_toml("layers = [\n  \"relu\",\n  {dense = }\n]").unwrap_err();
        let line = one_line(&error.to_string());
        assert!(line.contains("not valid TOML") && line.contains("line 3"), "{line}");
        assert!(!line.contains('\n'));
    }
}
