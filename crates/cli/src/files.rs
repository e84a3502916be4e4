//! Files that a user names on the command line: every complaint begins with the option and the file.

mod architecture;
mod array;
mod batch;
mod columns;
mod images;
mod labels;
mod npy;
mod output;

pub(crate) use architecture::architecture;
pub(crate) use array::matrix;
pub(crate) use batch::Batch;
pub(crate) use batch::Layout;
pub(crate) use labels::{Classes, look_like_classes};
pub(crate) use npy::NpyMatrix;
pub(crate) use output::{Output, ReadFile};

use std::path::Path;

/// `"--x1 inputs.npy"`.
pub(crate) fn label(option: &str, path: &Path) -> String {
    format!("--{option} {}", path.display())
}

/// The extension in lower case, empty if there is none.
pub(crate) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// `"3 x 4"`, `"()"` for a single number.
fn shape_words(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "()".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}
