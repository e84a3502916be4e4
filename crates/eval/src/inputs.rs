//! Data sets that the user brings: `--data NAME=PATH`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::data::{DataError, ImageDataset, Ratings, load_cifar10, load_image_dataset, read_ratings};

/// The names that `--data` knows, and what each stands for.
pub const KNOWN: [(&str, &str); 4] = [
    ("movielens-100k", "a folder with MovieLens-100K's u.data (or u.data.gz)"),
    ("mnist", "a folder with MNIST's four IDX files, plain or gzip"),
    ("fashion-mnist", "a folder with Fashion-MNIST's four IDX files, plain or gzip"),
    (
        "cifar10",
        "a folder with the six files of CIFAR-10's binary version, data_batch_1.bin to test_batch.bin",
    ),
];

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The argument is not `NAME=PATH`.
    #[error("--data {given}: expected NAME=PATH, for example movielens-100k=data/ml-100k")]
    Form {
        /// As typed.
        given: String,
    },
    /// No such data set.
    #[error("--data {given}: unknown data set; known are {}", known_names())]
    Unknown {
        /// The name as typed.
        given: String,
    },
    /// The files are wrong.
    #[error(transparent)]
    Data(#[from] DataError),
}

fn known_names() -> String {
    KNOWN.map(|(name, _)| name).join(", ")
}

enum Dataset {
    Ratings(Ratings),
    Images(ImageDataset),
}

/// The data sets of a run, read and checked before anything is computed.
#[derive(Default)]
pub struct Inputs {
    sets: BTreeMap<String, Dataset>,
}

impl Inputs {
    /// No data sets.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads every `NAME=PATH`.
    ///
    /// # Errors
    /// The first that is misspelt, unknown or has wrong files; see [`InputError`].
    pub fn load<S: AsRef<str>>(arguments: &[S]) -> Result<Self, InputError> {
        let mut sets = BTreeMap::new();
        for argument in arguments {
            let given = argument.as_ref();
            let (name, path) =
                given.split_once('=').ok_or_else(|| InputError::Form { given: given.to_owned() })?;
            let path = Path::new(path);
            let set = match name {
                "movielens-100k" => Dataset::Ratings(read_ratings(path)?),
                "mnist" | "fashion-mnist" => Dataset::Images(load_image_dataset(path)?),
                "cifar10" => Dataset::Images(load_cifar10(path)?),
                _ => return Err(InputError::Unknown { given: name.to_owned() }),
            };
            sets.insert(name.to_owned(), set);
        }
        Ok(Self { sets })
    }

    /// The ratings of this name, if the user brought them.
    pub fn ratings(&self, name: &str) -> Option<&Ratings> {
        match self.sets.get(name) {
            Some(Dataset::Ratings(ratings)) => Some(ratings),
            _ => None,
        }
    }

    /// The images of this name, if the user brought them.
    pub fn images(&self, name: &str) -> Option<&ImageDataset> {
        match self.sets.get(name) {
            Some(Dataset::Images(images)) => Some(images),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.sets.keys()).finish()
    }
}
