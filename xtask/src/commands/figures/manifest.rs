//! `docs/figures/manifest.json`: of every figure of the book, what it is drawn from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// All figures of the book.
pub(super) struct Manifest {
    pub(super) entries: Vec<Entry>,
}

/// A figure of the book.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Its file's name without extension.
    pub(super) file: String,
    /// What it is drawn from.
    pub(super) origin: Origin,
}

/// What a figure is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Origin {
    /// A claim's run.
    Claim {
        /// Whose.
        claim: String,
        /// Which of its figures.
        figure: String,
        /// Which run; none before the first is taken.
        run: Option<Run>,
    },
    /// A program of its own, which writes the numbers as well.
    Program {
        /// Its command.
        program: String,
    },
}

/// A run, as far as a figure can be told from that of another.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// The size of the experiment.
    pub(super) scale: String,
    /// Hash of what the claim declared.
    pub(super) seal: String,
    /// Digest of every draw.
    pub(super) draws: String,
}

impl Manifest {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let values = value.as_array().context("expected a list of figures")?;
        let entry = |(i, value): (usize, &Value)| {
            Entry::of(value).with_context(|| format!("figure {} of the list, {value}", i + 1))
        };
        let entries: Vec<Entry> = values.iter().enumerate().map(entry).collect::<Result<_>>()?;
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].file >= pair[1].file) {
            bail!(
                "file {:?} stands after {:?}: expected every file once, in alphabetical order",
                pair[1].file,
                pair[0].file
            );
        }
        Ok(Self { entries })
    }

    /// A line for each figure.
    pub(super) fn text(&self) -> String {
        let lines: Vec<String> = self.entries.iter().map(|entry| entry.value().to_string()).collect();
        format!("[\n{}\n]\n", lines.join(",\n"))
    }
}

impl Entry {
    fn of(value: &Value) -> Result<Self> {
        let fields = value.as_object().context("expected an object")?;
        let known = ["claim", "draws", "figure", "file", "program", "scale", "seal"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            bail!("field {name:?}: expected one of {}", known.join(", "));
        }
        let text = |name: &str| -> Result<String> {
            let text = value[name].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
                .with_context(|| format!("field {name:?}: expected a text, found {}", value[name]))
        };
        let file = text("file")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        ensure!(
            file.chars().all(plain),
            "field \"file\": expected a name of letters, digits and dashes, found {file:?}"
        );
        let origin = if fields.contains_key("program") {
            Origin::Program { program: text("program")? }
        } else {
            let taken = ["scale", "seal", "draws"].iter().any(|name| fields.contains_key(*name));
            let run = || -> Result<Run> {
                Ok(Run { scale: text("scale")?, seal: text("seal")?, draws: text("draws")? })
            };
            let run = if taken { Some(run()?) } else { None };
            Origin::Claim { claim: text("claim")?, figure: text("figure")?, run }
        };
        Ok(Self { file, origin })
    }

    fn value(&self) -> Value {
        let file = &self.file;
        match &self.origin {
            Origin::Program { program } => json!({"file": file, "program": program}),
            Origin::Claim { claim, figure, run: None } => {
                json!({"file": file, "claim": claim, "figure": figure})
            }
            Origin::Claim { claim, figure, run: Some(Run { scale, seal, draws }) } => json!({
                "file": file, "claim": claim, "figure": figure, "scale": scale, "seal": seal, "draws": draws
            }),
        }
    }
}

impl Origin {
    /// How it is drawn again.
    pub(super) fn how(&self) -> String {
        match self {
            Origin::Claim { claim, run, .. } => {
                let scale = run.as_ref().map_or("standard", |run| run.scale.as_str());
                format!(
                    "after `cargo xtask reproduce {claim} --scale {scale} --out DIR`, `cargo xtask figures --from DIR` draws it and \
                     `cargo xtask results --from DIR` keeps the draws"
                )
            }
            Origin::Program { program } => format!("`{program}` draws it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    const TEXT: &str = r#"[
{"file":"a","program":"cargo run"},
{"claim":"t/c","figure":"f","file":"b"},
{"claim":"t/c","draws":"0","figure":"g","file":"c","scale":"smoke","seal":"1"}
]
"#;

    #[test]
    fn the_text_is_read_back() {
        let manifest = Manifest::parse(TEXT).unwrap();
        assert_eq!(manifest.text(), TEXT);
        assert!(manifest.entries[2].origin.how().contains("reproduce t/c --scale smoke"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |text: &str| format!("{:#}", Manifest::parse(text).err().unwrap());
        assert!(said(&TEXT.replace("\"b\"", "\"a\"")).contains("every file once"));
        assert!(said(&TEXT.replace("\"b\"", "\"../b\"")).contains("letters, digits and dashes"));
        assert!(said(&TEXT.replace("\"0\"", "0")).contains("field \"draws\": expected a text, found 0"));
        assert!(said(&TEXT.replace("\"figure\"", "\"fig\"")).contains("field \"fig\""));
        assert!(said("[{\"file\": \"a\"}]").contains("field \"claim\""));
        assert!(said("{}").contains("expected a list"));
    }
}
