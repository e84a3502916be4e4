//! The JSON and TOML schema, both ways.
//!
//! A layer without fields is a string (`"relu"`), any other an object with one key (`{"dense": {"width": 512}}`); a
//! layer whose fields all have defaults may be either. TOML mirrors it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use super::document::Document;
use super::fields::Fields;
use super::layer::{Combine, Conv, Dense, Dropout, GlobalSelfAttention, Layer, LayerNorm, Padding, Pool};
use super::{Architecture, Parameterization};
use crate::NtkError;
use crate::activation::Activation;

const PARAMETERIZATIONS: [(&str, Parameterization); 2] =
    [("ntk", Parameterization::Ntk), ("standard", Parameterization::Standard)];
const PADDINGS: [(&str, Padding); 3] =
    [("valid", Padding::Valid), ("same", Padding::Same), ("circular", Padding::Circular)];
const COMBINES: [(&str, Combine); 3] =
    [("sum", Combine::Sum), ("concat", Combine::Concat), ("product", Combine::Product)];

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
        Ok(Self { parameterization, layers: read_layers(layers, "")? })
    }

    /// The JSON schema of this network, indented.
    pub fn to_json(&self) -> String {
        format!("{:#}", self.to_value())
    }

    /// The schema as a document.
    pub fn to_value(&self) -> Value {
        json!({
            "parameterization": word_of(&self.parameterization, &PARAMETERIZATIONS),
            "layers": write_layers(&self.layers),
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

fn read_layers(values: Vec<Value>, prefix: &str) -> Result<Vec<Layer>, NtkError> {
    values.into_iter().enumerate().map(|(i, v)| read_layer(v, &format!("{prefix}layer {}", i + 1))).collect()
}

fn read_layer(value: Value, place: &str) -> Result<Layer, NtkError> {
    let (name, body) = match value {
        Value::String(name) => (name, json!({})),
        Value::Object(map) if map.len() == 1 => match map.into_iter().next() {
            Some(entry) => entry,
            None => return Err(not_a_layer(place, "{}")),
        },
        other => return Err(not_a_layer(place, &other.to_string())),
    };
    let at = format!("{place} ({name})");
    if name == "residual" {
        let Value::Array(branch) = body else {
            return Err(NtkError::Schema { at, reason: format!("expected a list of layers, got {body}") });
        };
        return Ok(Layer::Residual(read_layers(branch, &format!("{at}, "))?));
    }
    let mut f = Fields::new(&at, body)?;
    let layer = match name.as_str() {
        "dense" => Layer::Dense(Dense {
            width: f.count("width")?.ok_or_else(|| f.missing("width"))?,
            w_std: f.std("w_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        }),
        "conv" => Layer::Conv(Conv {
            channels: f.count("channels")?.ok_or_else(|| f.missing("channels"))?,
            filter: f.pair("filter")?.ok_or_else(|| f.missing("filter"))?,
            strides: f.pair("strides")?.unwrap_or([1, 1]),
            padding: f.word("padding", &PADDINGS)?.unwrap_or_default(),
            w_std: f.std("w_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        }),
        "avg_pool" => Layer::AvgPool(read_pool(&mut f)?),
        "sum_pool" => Layer::SumPool(read_pool(&mut f)?),
        "max_pool" => Layer::MaxPool(read_pool(&mut f)?),
        "global_avg_pool" => Layer::GlobalAvgPool,
        "global_sum_pool" => Layer::GlobalSumPool,
        "flatten" => Layer::Flatten,
        "layer_norm" => Layer::LayerNorm(LayerNorm { eps: f.std("eps")?.unwrap_or(1e-12) }),
        "dropout" => Layer::Dropout(Dropout {
            keep: f
                .number("keep", "a probability in (0, 1]", |p| p > 0.0 && p <= 1.0)?
                .ok_or_else(|| f.missing("keep"))?,
        }),
        "global_self_attention" => Layer::GlobalSelfAttention(GlobalSelfAttention {
            channels: f.count("channels")?.ok_or_else(|| f.missing("channels"))?,
            w_query_std: f.std("w_query_std")?.unwrap_or(1.0),
            w_key_std: f.std("w_key_std")?.unwrap_or(1.0),
            w_value_std: f.std("w_value_std")?.unwrap_or(1.0),
            w_out_std: f.std("w_out_std")?.unwrap_or(1.0),
            b_std: f.std("b_std")?,
        }),
        "parallel" => {
            let branches = f.list("branches")?.ok_or_else(|| f.missing("branches"))?;
            let combine = f.word("combine", &COMBINES)?.unwrap_or_default();
            Layer::Parallel { branches: read_branches(branches, &at)?, combine }
        }
        _ => Layer::Activation(read_activation(&name, &mut f, place)?),
    };
    f.finish()?;
    Ok(layer)
}

fn not_a_layer(place: &str, given: &str) -> NtkError {
    NtkError::Schema {
        at: place.to_owned(),
        reason: format!("expected a layer name or an object with one layer as its key, got {given}"),
    }
}

fn read_branches(branches: Vec<Value>, at: &str) -> Result<Vec<Vec<Layer>>, NtkError> {
    if branches.is_empty() {
        return Err(NtkError::Schema {
            at: format!("{at}, field `branches`"),
            reason: "expected at least one branch".into(),
        });
    }
    let read = |(i, branch): (usize, Value)| match branch {
        Value::Array(layers) => read_layers(layers, &format!("{at}, branch {}, ", i + 1)),
        other => Err(NtkError::Schema {
            at: format!("{at}, branch {}", i + 1),
            reason: format!("expected a list of layers, got {other}"),
        }),
    };
    branches.into_iter().enumerate().map(read).collect()
}

fn read_pool(f: &mut Fields<'_>) -> Result<Pool, NtkError> {
    Ok(Pool {
        window: f.pair("window")?.ok_or_else(|| f.missing("window"))?,
        strides: f.pair("strides")?.unwrap_or([1, 1]),
        padding: f.word("padding", &PADDINGS)?.unwrap_or_default(),
    })
}

fn read_activation(name: &str, f: &mut Fields<'_>, place: &str) -> Result<Activation, NtkError> {
    Ok(match name {
        "relu" => Activation::relu(),
        "abs" => Activation::abs(),
        "leaky_relu" => Activation::leaky_relu(f.finite("slope", 0.01)?),
        "ab_relu" => Activation::AbRelu { a: f.finite("a", 0.0)?, b: f.finite("b", 1.0)? },
        "erf" => Activation::Erf,
        "gelu" => Activation::Gelu,
        "sign" => Activation::Sign,
        "sin" => Activation::Sin { a: f.finite("a", 1.0)?, b: f.finite("b", 1.0)?, c: f.finite("c", 0.0)? },
        "cos" => Activation::Cos { a: f.finite("a", 1.0)?, b: f.finite("b", 1.0)?, c: f.finite("c", 0.0)? },
        "rbf" => {
            Activation::Rbf { gamma: f.number("gamma", "a finite number > 0", |x| x > 0.0)?.unwrap_or(1.0) }
        }
        "exp" => Activation::Exp { a: f.finite("a", 1.0)?, b: f.finite("b", 1.0)? },
        "monomial" => {
            Activation::Monomial { degree: f.integer("degree", 0..=20)?.ok_or_else(|| f.missing("degree"))? }
        }
        "rectified_monomial" => Activation::RectifiedMonomial {
            degree: f.integer("degree", 0..=20)?.ok_or_else(|| f.missing("degree"))?,
        },
        "polynomial" => Activation::Polynomial {
            coefficients: f.numbers("coefficients")?.ok_or_else(|| f.missing("coefficients"))?,
        },
        "hermite" => Activation::Hermite {
            coefficients: f.numbers("coefficients")?.ok_or_else(|| f.missing("coefficients"))?,
        },
        _ => match Activation::numerical(name, f.integer("nodes", 1..=500)?) {
            Some(activation) => activation,
            None => {
                return Err(NtkError::Schema {
                    at: place.to_owned(),
                    reason: format!(
                        "there is no layer or activation called \"{name}\"; names are in lower case, such as \"relu\", \
                         \"leaky_relu\", \"dense\", \"global_avg_pool\""
                    ),
                });
            }
        },
    })
}

fn word_of<T: PartialEq>(x: &T, words: &[(&'static str, T)]) -> &'static str {
    words.iter().find(|(_, y)| y == x).map_or("", |(word, _)| word)
}

fn write_layers(layers: &[Layer]) -> Vec<Value> {
    layers.iter().map(write_layer).collect()
}

fn write_layer(layer: &Layer) -> Value {
    let body = match layer {
        Layer::Dense(l) => with_bias(json!({"width": l.width, "w_std": l.w_std}), l.b_std),
        Layer::Conv(l) => with_bias(
            json!({"channels": l.channels, "filter": l.filter, "strides": l.strides,
                   "padding": word_of(&l.padding, &PADDINGS), "w_std": l.w_std}),
            l.b_std,
        ),
        Layer::AvgPool(p) | Layer::SumPool(p) | Layer::MaxPool(p) => {
            json!({"window": p.window, "strides": p.strides, "padding": word_of(&p.padding, &PADDINGS)})
        }
        Layer::GlobalAvgPool | Layer::GlobalSumPool | Layer::Flatten => return json!(layer.name()),
        Layer::LayerNorm(l) => json!({"eps": l.eps}),
        Layer::Dropout(l) => json!({"keep": l.keep}),
        Layer::GlobalSelfAttention(l) => with_bias(
            json!({"channels": l.channels, "w_query_std": l.w_query_std, "w_key_std": l.w_key_std,
                   "w_value_std": l.w_value_std, "w_out_std": l.w_out_std}),
            l.b_std,
        ),
        Layer::Residual(branch) => json!(write_layers(branch)),
        Layer::Parallel { branches, combine } => json!({
            "branches": branches.iter().map(|b| write_layers(b)).collect::<Vec<_>>(),
            "combine": word_of(combine, &COMBINES),
        }),
        Layer::Activation(activation) => match activation {
            Activation::AbRelu { a, b } if layer.name() == "ab_relu" => json!({"a": a, "b": b}),
            Activation::AbRelu { a, .. } if layer.name() == "leaky_relu" => json!({"slope": a}),
            Activation::AbRelu { .. } | Activation::Erf | Activation::Gelu | Activation::Sign => {
                return json!(layer.name());
            }
            Activation::Sin { a, b, c } | Activation::Cos { a, b, c } => json!({"a": a, "b": b, "c": c}),
            Activation::Rbf { gamma } => json!({"gamma": gamma}),
            Activation::Exp { a, b } => json!({"a": a, "b": b}),
            Activation::Monomial { degree } | Activation::RectifiedMonomial { degree } => {
                json!({"degree": degree})
            }
            Activation::Polynomial { coefficients } | Activation::Hermite { coefficients } => {
                json!({"coefficients": coefficients})
            }
            Activation::Numerical(numerical) => json!({"nodes": numerical.nodes()}),
        },
    };
    json!({layer.name(): body})
}

fn with_bias(mut body: Value, b_std: Option<f64>) -> Value {
    if let Some(b_std) = b_std {
        body["b_std"] = json!(b_std);
    }
    body
}
