//! Architectures from `.json` and `.toml` files.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use overparam_eval::data::plain;
use overparam_ntk::{Architecture, NtkError, activation, layer};

use super::{extension, label};
use crate::select::nearest;

/// Bytes of a description: a network of a thousand layers has a hundredth of it.
const LARGEST: u64 = 4 << 20;

/// Reads an architecture; the extension says which of the two formats it is.
pub(crate) fn architecture(option: &str, path: &Path) -> Result<Architecture> {
    let label = label(option, path);
    let parse = match extension(path).as_str() {
        "json" => Architecture::from_json,
        "toml" => Architecture::from_toml,
        _ => bail!("{label}: expected a file ending in .json or .toml"),
    };
    let content = plain::read(path, LARGEST).map_err(|e| anyhow!("{label}: cannot read: {e}"))?.0;
    let text =
        String::from_utf8(content).map_err(|_| anyhow!("{label}: cannot read: it is no text in UTF-8"))?;
    // A parser's drawing of the line at fault would make several lines of one message.
    parse(&text).map_err(|e| anyhow!("{label}: {}{}", one_line(&e.to_string()), suggestion(&e)))
}

/// `; did you mean relu?` for a name in an error that is nearly one of a layer or activation.
fn suggestion(error: &NtkError) -> String {
    let NtkError::Schema { reason, .. } = error else { return String::new() };
    let unknown = reason.strip_prefix("there is no layer or activation called \"");
    let name = unknown.and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let layers = layer::TABLE.iter().map(|entry| entry.name.to_owned());
    let activations = activation::TABLE.iter().flat_map(|entry| entry.names).map(|name| (*name).to_owned());
    match nearest(name, layers.chain(activations)) {
        Some(known) if !name.is_empty() => format!("; did you mean {known}?"),
        _ => String::new(),
    }
}

fn one_line(text: &str) -> String {
    let told = |line: &&str| !line.is_empty() && !line.contains('|');
    text.lines().map(str::trim).filter(told).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use overparam_ntk::Architecture;

    use super::{one_line, suggestion};

    #[test]
    fn a_misspelt_layer_suggests_the_right_one() {
        let told = |name: &str| {
            let error = Architecture::from_json(&format!(r#"{{"layers": ["{name}"]}}"#)).unwrap_err();
            suggestion(&error)
        };
        assert_eq!(told("rleu"), "; did you mean relu?");
        assert_eq!(told("flaten"), "; did you mean flatten?");
        assert_eq!(told("xyzzy"), "");
    }

    #[test]
    fn a_syntax_error_is_one_line_with_its_place() {
        let error = Architecture::from_toml("layers = [\n  \"relu\",\n  {dense = }\n]").unwrap_err();
        let line = one_line(&error.to_string());
        assert!(line.contains("not valid TOML") && line.contains("line 3"), "{line}");
        assert!(!line.contains('\n'));
    }
}
