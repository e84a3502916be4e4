//! How the records of this folder are written.

use serde_json::Value;

/// JSON with a line for each field, and for each entry of a list that is a field: a change of one draw is a change of one line.
pub(super) fn lines(value: &Value) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let field = |(name, value): (&String, &Value)| match value {
        Value::Array(entries) if entries.iter().any(Value::is_object) => {
            let entries: Vec<String> = entries.iter().map(|entry| format!("    {entry}")).collect();
            format!("  {name:?}: [\n{}\n  ]", entries.join(",\n"))
        }
        value => format!("  {name:?}: {value}"),
    };
    format!("{{\n{}\n}}", fields.iter().map(field).collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn lines_are_the_same_json() {
        let value = json!({"a": 1, "b": [{"c": [1, 2]}, {"c": "x\ny"}], "d": [1, 2], "e": []});
        let text = lines(&value);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(text.lines().count(), 9, "{text}");
    }
}
