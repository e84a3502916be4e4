//! The two descriptions that Zarr reads: of the group, and of each array in it.
//!
//! Zarr core specification, version 3: <https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html>.

use serde_json::{Value, json};

use super::spec::{Kind, Precision, Spec};

/// Of the attributes of the group.
pub(super) const FORMAT: &str = "overparam-kernel 1";

/// The description of the group, with what the kernel is of.
pub(super) fn group(spec: &Spec) -> Value {
    let mut attributes = json!(spec);
    attributes["format"] = json!(FORMAT);
    attributes["symmetric"] = json!(spec.x2.is_none());
    json!({"zarr_format": 3, "node_type": "group", "attributes": {"overparam": attributes}})
}

/// What the kernel is of, by the description of the group.
///
/// # Errors
/// Why it is no such description, in words.
pub(super) fn read_group(text: &[u8]) -> Result<Spec, String> {
    let mut group: Value = serde_json::from_slice(text).map_err(|e| format!("zarr.json is no JSON: {e}"))?;
    let attributes = group.pointer_mut("/attributes/overparam").map(Value::take);
    let Some(Value::Object(mut fields)) = attributes else {
        return Err("zarr.json has no attributes of overparam".to_owned());
    };
    let format = fields.remove("format").unwrap_or(Value::Null);
    if format != FORMAT {
        return Err(format!("its format is {format}, expected \"{FORMAT}\""));
    }
    // What follows from the rest.
    fields.remove("symmetric");
    let spec: Spec =
        serde_json::from_value(Value::Object(fields)).map_err(|e| format!("attributes of zarr.json: {e}"))?;
    let counted = |n: usize| n > 0 && u32::try_from(n).is_ok();
    let [rows, columns] = spec.grid().shape;
    if !(counted(rows) && counted(columns) && counted(spec.tile)) {
        let tile = spec.tile;
        return Err(format!(
            "a kernel of {rows} x {columns} in tiles of {tile}: expected numbers from 1 to 2^32 - 1"
        ));
    }
    match spec.kinds.as_slice() {
        [_] | [Kind::Nngp, Kind::Ntk] => Ok(spec),
        other => Err(format!("its kinds are {other:?}, expected nngp, ntk or both in this order")),
    }
}

/// The description of one array.
pub(super) fn array(spec: &Spec) -> Value {
    let grid = spec.grid();
    let data_type = match spec.precision {
        Precision::F32 => "float32",
        Precision::F64 => "float64",
    };
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": grid.shape,
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid.chunk()}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "NaN",
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "attributes": {},
    })
}

/// As a file has it.
pub(super) fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::spec::tests::{input, spec};
    use super::super::{Kind, Precision, Spec};
    use super::{array, group, read_group, text};

    /// Every mandatory field of the specification, written out by hand.
    #[test]
    fn descriptions_are_those_of_the_specification() {
        let golden: Value = serde_json::from_str(
            r#"{"zarr_format": 3, "node_type": "array", "shape": [5, 7], "data_type": "float32",
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5, 6]}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": "NaN",
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "attributes": {}}"#,
        )
        .unwrap();
        let cross = Spec { precision: Precision::F32, x2: Some(input(7, "b")), ..spec(5, 6) };
        assert_eq!(array(&cross), golden);
        let golden: Value = serde_json::from_str(
            r#"{"zarr_format": 3, "node_type": "group", "attributes": {"overparam": {
                "format": "overparam-kernel 1", "architecture": {"layers": [{"dense": 1}, "relu"]},
                "x1": {"blake3": "aaaa", "shape": [5, 3], "path": "aaaa.npy"}, "x2": null, "symmetric": true,
                "precision": "f64", "kinds": ["nngp", "ntk"], "tile": 2}}}"#,
        )
        .unwrap();
        assert_eq!(group(&spec(5, 2)), golden);
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_refused_with_a_reason() {
        for spec in [spec(5, 2), Spec { x2: Some(input(7, "b")), kinds: vec![Kind::Ntk], ..spec(5, 2) }] {
            assert_eq!(read_group(text(&group(&spec)).as_bytes()), Ok(spec));
        }
        let with = |name: &str, value: Value| {
            let mut group = group(&spec(5, 2));
            group["attributes"]["overparam"][name] = value;
            read_group(text(&group).as_bytes()).unwrap_err()
        };
        assert!(with("format", json!("overparam-kernel 2")).contains("overparam-kernel 2"));
        assert!(with("tile", json!(0)).contains("tiles of 0"));
        assert!(with("tile", json!(-1)).contains("attributes"));
        assert!(with("kinds", json!([])).contains("expected nngp, ntk or both"));
        assert!(with("kinds", json!(["ntk", "nngp"])).contains("in this order"));
        assert!(with("colour", json!("red")).contains("colour"));
        assert!(read_group(b"{").unwrap_err().contains("no JSON"));
        assert!(
            read_group(br#"{"zarr_format": 3, "node_type": "group"}"#).unwrap_err().contains("no attributes")
        );
        assert!(read_group(b"[]").unwrap_err().contains("no attributes"));
    }
}
