//! The JSON and TOML schema, both ways.
//!
//! A layer without fields is a string (`"relu"`), any other an object with one key (`{"dense": {"width": 512}}`); a
//! layer whose fields all have defaults may be either. TOML mirrors it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::Architecture;
use crate::NtkError;
use crate::layer::rule::{parse, unparse};
use crate::parameterization::Parameterization;
use crate::schema::document::Document;
use crate::schema::fields::{Fields, word_of};

const PARAMETERIZATIONS: [(&str, Parameterization); 2] =
    [("ntk", Parameterization::Ntk), ("standard", Parameterization::Standard)];

impl Architecture {
    /// Reads the JSON schema.
    ///
    /// # Errors
    /// [`NtkError::Syntax`] if it is not JSON, [`NtkError::Schema`] with layer number and field otherwise.
    ///
    /// ```
    /// # use overparam_ntk::architecture::Architecture;
    /// let error = Architecture::from_json(r#"{"layers": [{"dense": {"width": 8, "wstd": 1.5}}]}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("layer 1 (dense): unknown field `wstd`"));
    /// ```
    pub fn from_json(text: &str) -> Result<Self, NtkError> {
        let Document(value) = serde_json::from_str(text)
            .map_err(|e| NtkError::Syntax { format: "JSON", reason: e.to_string() })?;
        Self::from_value(value)
    }

    /// Reads the TOML mirror of the schema.
    ///
    /// # Errors
    /// As [`Self::from_json`].
    pub fn from_toml(text: &str) -> Result<Self, NtkError> {
        let Document(value) =
            toml::from_str(text).map_err(|e| NtkError::Syntax { format: "TOML", reason: e.to_string() })?;
        Self::from_value(value)
    }

    /// Reads an already parsed document.
    ///
    /// # Errors
    /// [`NtkError::Schema`] with layer number and field.
    pub fn from_value(value: Value) -> Result<Self, NtkError> {
        let at = "architecture";
        let mut fields = Fields::new(at, value)?;
        let parameterization = fields.word("parameterization", &PARAMETERIZATIONS)?.unwrap_or_default();
        let layers = fields.list("layers")?.ok_or_else(|| fields.missing("layers"))?;
        fields.finish()?;
        Ok(Self { parameterization, layers: parse(layers, "")? })
    }

    /// The JSON schema of this network, indented.
    pub fn to_json(&self) -> String {
        format!("{:#}", self.to_value())
    }

    /// The schema as a document.
    pub fn to_value(&self) -> Value {
        json!({
            "parameterization": word_of(&self.parameterization, &PARAMETERIZATIONS),
            "layers": unparse(&self.layers),
        })
    }
}

impl Serialize for Architecture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Architecture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
