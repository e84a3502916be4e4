//! Architectures in JSON and TOML.

use overparam_ntk::architecture::shape::Shape;
use overparam_ntk::{Architecture, NtkError};

use super::refused;

/// As [`architecture_toml`], of JSON.
pub fn architecture_json(content: &[u8]) -> bool {
    check(content, Architecture::from_json)
}

/// An accepted architecture, written as JSON, is read as the same; what it does with shapes is an answer or an error that
/// names the layer.
pub fn architecture_toml(content: &[u8]) -> bool {
    check(content, Architecture::from_toml)
}

fn check(content: &[u8], parse: fn(&str) -> Result<Architecture, NtkError>) -> bool {
    let Ok(text) = std::str::from_utf8(content) else { return false };
    let network = match parse(text) {
        Ok(network) => network,
        Err(e) => return refused(&e, &["architecture", "layer "]),
    };
    let again = Architecture::from_json(&network.to_json()).expect("what was written is accepted");
    assert_eq!(network, again);
    let images = Shape { height: 9, width: 6, channels: 3 };
    for input in [Shape::vector(5), images] {
        let described = network.describe(input);
        assert_eq!(described, again.describe(input));
        match (described, network.shapes(input)) {
            (Ok(text), Ok(shapes)) => {
                assert_eq!(shapes.len(), network.layers.len() + 1);
                assert!(text.lines().count() > network.layers.len());
            }
            (Err(e), Err(_)) => {
                refused(&e, &["layer "]);
            }
            (described, shapes) => panic!("{described:?} but {shapes:?}"),
        }
    }
    true
}
