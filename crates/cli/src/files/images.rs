//! Which networks need images, and how vectors become some.

use overparam_ntk::Architecture;
use serde_json::Value;

/// The first layer of a network that looks at neighbouring pixels, by its name in the schema.
pub(super) fn convolution(network: &Architecture) -> Option<&'static str> {
    // In the description a layer with fields is an object with its name as the key, wherever it stands.
    serde_json::from_str(&network.to_json()).ok().as_ref().and_then(first)
}

fn first(value: &Value) -> Option<&'static str> {
    const NEIGHBOURS: [&str; 4] = ["conv", "avg_pool", "sum_pool", "max_pool"];
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            NEIGHBOURS.into_iter().find(|name| name == key).or_else(|| first(value))
        }),
        Value::Array(values) => values.iter().find_map(first),
        _ => None,
    }
}

/// The call that makes images of vectors with so many entries.
pub(super) fn reshape(entries: usize) -> String {
    let square = |pixels: usize| (pixels > 1 && pixels.isqrt().pow(2) == pixels).then(|| pixels.isqrt());
    match (square(entries), entries.is_multiple_of(3).then(|| square(entries / 3)).flatten()) {
        (Some(side), _) => format!("x.reshape(-1, {side}, {side}, 1)"),
        (None, Some(side)) => format!(
            "x.reshape(-1, {side}, {side}, 3), or x.reshape(-1, 3, {side}, {side}) with --layout nchw if the colours come first"
        ),
        _ => "x.reshape(-1, height, width, channels)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use overparam_ntk::Architecture;

    use super::{convolution, reshape};

    #[test]
    fn neighbours_are_found_within_branches() {
        let of = |text: &str| convolution(&Architecture::from_json(text).unwrap());
        assert_eq!(of(r#"{"layers": [{"dense": {"width": 2}}, "relu"]}"#), None);
        let nested = r#"{"layers": [{"residual": ["relu", {"conv": {"channels": 2, "filter": [3, 3], "padding": "same"}}]}, "flatten"]}"#;
        assert_eq!(of(nested), Some("conv"));
    }

    #[test]
    fn squares_are_recognised() {
        assert_eq!(reshape(784), "x.reshape(-1, 28, 28, 1)");
        assert!(reshape(3072).starts_with("x.reshape(-1, 32, 32, 3), or"));
        assert_eq!(reshape(5), "x.reshape(-1, height, width, channels)");
    }
}
