//! What the fields of a claim's cells mean: the documentation of their types, read from a JSON schema of them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// Every field of `T` by its path, as in [`crate::changes::fields`], with its documentation as one line.
pub fn meanings<T: JsonSchema>() -> BTreeMap<String, String> {
    let schema = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    let mut found = BTreeMap::new();
    Walk { definitions: &schema["$defs"], found: &mut found }.visit("", &schema, None);
    found
}

struct Walk<'a> {
    definitions: &'a Value,
    found: &'a mut BTreeMap<String, String>,
}

impl Walk<'_> {
    /// What a field says of itself goes before what its type says.
    fn visit(&mut self, path: &str, schema: &Value, said: Option<&str>) {
        let said = said.or_else(|| schema["description"].as_str());
        if let Some(name) = schema["$ref"].as_str().and_then(|link| link.strip_prefix("#/$defs/")) {
            let definition = &self.definitions[name];
            return self.visit(path, definition, said);
        }
        let object = self.properties(path, schema, None);
        let leaf = !path.is_empty() && !object;
        for choices in ["oneOf", "anyOf", "allOf"] {
            for choice in schema[choices].as_array().into_iter().flatten() {
                // A variant that is one number is described beside it, not inside.
                if !self.properties(path, choice, choice["description"].as_str()) {
                    self.visit(path, choice, said);
                }
            }
        }
        if let (true, Some(said)) = (leaf, said) {
            let words: Vec<&str> = said.split_whitespace().collect();
            self.found.entry(path.to_owned()).or_insert_with(|| words.join(" ").replace(['`', '[', ']'], ""));
        }
    }

    /// Visits what an object has and says whether it is one; `said` stands in for what they do not say of themselves.
    fn properties(&mut self, path: &str, schema: &Value, said: Option<&str>) -> bool {
        let Some(properties) = schema["properties"].as_object() else { return false };
        for (name, inner) in properties {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.visit(&path, inner, inner["description"].as_str().or(said));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::meanings;

    /// How.
    #[derive(JsonSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "a schema is all that is made of it")]
    enum Rule {
        /// By descent.
        Descent,
        /// With a rate.
        Other {
            /// The rate, an
            /// inverse time.
            rate: f64,
        },
        /// With this momentum.
        Momentum(f64),
    }

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "a schema is all that is made of it")]
    struct Cell {
        /// `m` of the [`Rule`].
        width: usize,
        /// How weights move.
        rule: Rule,
        /// Not always there.
        limit: Option<u64>,
        pair: (f64, f64),
    }

    #[test]
    fn documentation_reaches_every_leaf_through_structs_and_enums() {
        let found = meanings::<Cell>();
        let of = |path: &str| found.get(path).map(String::as_str);
        assert_eq!(of("width"), Some("m of the Rule."));
        assert_eq!(of("rule"), Some("How weights move."));
        assert_eq!(of("rule.other.rate"), Some("The rate, an inverse time."));
        assert_eq!(of("rule.momentum"), Some("With this momentum."));
        assert_eq!(of("limit"), Some("Not always there."));
        assert_eq!(of("pair"), None, "says nothing of itself");
    }
}
