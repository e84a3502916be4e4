//! What a kernel is of: enough to tell whether two commands mean the same one.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grid::Grid;

/// Which kernel an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Covariance of the outputs at initialisation.
    Nngp,
    /// Neural tangent kernel.
    Ntk,
}

impl Kind {
    /// The name of its array.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nngp => "nngp",
            Self::Ntk => "ntk",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of the numbers of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single.
    F32,
    /// Double.
    F64,
}

impl Precision {
    /// `"f32"` or `"f64"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A file of inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Hash of the numbers, as they are computed with.
    pub blake3: String,
    /// Its axes; the first counts the inputs.
    pub shape: Vec<usize>,
    /// Where it was when the store was made. Not compared: a file may move.
    pub path: String,
    /// The order of the axes in the file, if it was said. Not compared: the hash is of the numbers with channels last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
}

impl Input {
    /// How many inputs there are.
    pub fn count(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The same numbers, wherever they are.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.blake3, &self.shape) == (&other.blake3, &other.shape)
    }

    fn words(&self) -> String {
        let shape = self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        let hash: String = self.blake3.chars().take(8).collect();
        format!("{} ({shape}, hash {hash}...)", self.path)
    }
}

/// What a kernel is of, and how it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The architecture, as its own JSON.
    pub architecture: Value,
    /// The inputs of the rows.
    pub x1: Input,
    /// The inputs of the columns; without them those of the rows, and the kernel is symmetric.
    pub x2: Option<Input>,
    /// Of the computation and the result.
    pub precision: Precision,
    /// Which kernels, at least one, in order.
    pub kinds: Vec<Kind>,
    /// Rows and columns of a tile.
    pub tile: usize,
}

impl Spec {
    /// Its tiles.
    pub fn grid(&self) -> Grid {
        let n = self.x1.count();
        Grid {
            shape: [n, self.x2.as_ref().map_or(n, Input::count)],
            edge: self.tile.max(1),
            symmetric: self.x2.is_none(),
        }
    }

    /// Bytes of all chunks of all kernels.
    pub fn bytes(&self) -> u64 {
        let grid = self.grid();
        let [rows, columns] = grid.counts();
        self.chunk_bytes() * rows as u64 * columns as u64 * self.kinds.len() as u64
    }

    /// Bytes of one chunk of one kernel.
    pub fn chunk_bytes(&self) -> u64 {
        let [rows, columns] = self.grid().chunk();
        (rows as u64) * (columns as u64) * self.precision.bytes() as u64
    }

    /// Names the kernel and how it is cut, whatever its files are called: 32 hexadecimal digits.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut absorb = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        absorb(&canonical(&self.architecture));
        for input in [Some(&self.x1), self.x2.as_ref()] {
            let text = input.map(|input| format!("{} {:?}", input.blake3, input.shape));
            absorb(text.as_deref().unwrap_or("none"));
        }
        let kinds = self.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ");
        absorb(&format!("{} {kinds} {}", self.precision.name(), self.tile));
        hasher.finalize().to_hex()[..32].to_owned()
    }

    /// What `asked` has otherwise, in words; `None` if it is the same kernel, cut the same way.
    pub fn difference(&self, asked: &Self) -> Option<String> {
        if self.architecture != asked.architecture {
            return Some("its architecture is another than that of --arch".to_owned());
        }
        // Before the inputs, whose hashes are of the numbers in this precision.
        if self.precision != asked.precision {
            let (ours, theirs) = (self.precision.name(), asked.precision.name());
            return Some(format!("its --precision is {ours}, and {theirs} was asked for"));
        }
        if !self.x1.is_same(&asked.x1) {
            return Some(format!("its --x1 is {}, and {} was given", self.x1.words(), asked.x1.words()));
        }
        let words = |input: Option<&Input>| input.map_or("none".to_owned(), Input::words);
        let same = match (&self.x2, &asked.x2) {
            (Some(ours), Some(theirs)) => ours.is_same(theirs),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let (ours, theirs) = (words(self.x2.as_ref()), words(asked.x2.as_ref()));
            return Some(format!("its --x2 is {ours}, and {theirs} was given"));
        }
        if self.kinds != asked.kinds {
            let words = |kinds: &[Kind]| match kinds {
                [kind] => kind.name().to_owned(),
                _ => "both".to_owned(),
            };
            let (ours, theirs) = (words(&self.kinds), words(&asked.kinds));
            return Some(format!("its --kind is {ours}, and {theirs} was asked for"));
        }
        (self.tile != asked.tile)
            .then(|| format!("its --tile is {}, and {} was asked for", self.tile, asked.tile))
    }
}

/// JSON with the fields of every object in order, whatever the order in memory.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let each = |(name, value): (&String, &Value)| format!("{name:?}:{}", canonical(value));
            format!("{{{}}}", fields.into_iter().map(each).collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::{Input, Kind, Precision, Spec};

    pub(in crate::tiles) fn input(n: usize, hash: &str) -> Input {
        Input { blake3: hash.into(), shape: vec![n, 3], path: format!("{hash}.npy"), layout: None }
    }

    /// Of `n` inputs with themselves.
    pub(in crate::tiles) fn spec(n: usize, tile: usize) -> Spec {
        Spec {
            architecture: json!({"layers": [{"dense": 1}, "relu"]}),
            x1: input(n, "aaaa"),
            x2: None,
            precision: Precision::F64,
            kinds: vec![Kind::Nngp, Kind::Ntk],
            tile,
        }
    }

    #[test]
    fn each_part_that_differs_is_named_and_changes_the_name() {
        let own = spec(5, 2);
        let others = [
            (Spec { architecture: json!({"layers": ["relu"]}), ..own.clone() }, "--arch"),
            (
                Spec { x1: input(5, "bbbb"), ..own.clone() },
                "--x1 is aaaa.npy (5 x 3, hash aaaa...), and bbbb",
            ),
            (Spec { x1: input(6, "aaaa"), ..own.clone() }, "--x1"),
            (Spec { x2: Some(input(5, "aaaa")), ..own.clone() }, "--x2 is none, and aaaa.npy"),
            (Spec { precision: Precision::F32, ..own.clone() }, "--precision is f64, and f32"),
            (Spec { kinds: vec![Kind::Ntk], ..own.clone() }, "--kind is both, and ntk"),
            (Spec { tile: 3, ..own.clone() }, "--tile is 2, and 3"),
        ];
        for (other, word) in others {
            let difference = own.difference(&other).expect(word);
            assert!(difference.contains(word), "{difference}");
            assert_ne!(own.id(), other.id(), "{word}");
        }
        let moved = Input { path: "elsewhere".into(), layout: Some("nhwc".into()), ..own.x1.clone() };
        let moved = Spec { x1: moved, ..own.clone() };
        assert_eq!((own.difference(&moved), own.id()), (None, moved.id()));
    }

    #[test]
    fn bytes_are_those_of_whole_chunks() {
        assert_eq!(spec(5, 2).bytes(), 2 * 9 * 4 * 8);
        assert_eq!(spec(5, 100).bytes(), 2 * 25 * 8);
        let narrow =
            Spec { x2: Some(input(1, "b")), kinds: vec![Kind::Ntk], precision: Precision::F32, ..spec(5, 2) };
        assert_eq!(narrow.bytes(), 3 * 2 * 4);
    }
}
