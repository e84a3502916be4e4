//! Labelled images of one size; MNIST and Fashion-MNIST: four IDX files in a folder.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use super::error::DataError;
use super::file::find;
use super::idx::{IdxArray, read_idx};

/// Labels run from 0 to 9.
pub const CLASSES: u8 = 10;

/// Images of one size with their labels.
///
/// Pixels stay bytes: 60,000 images of MNIST are 47 MB so, and 376 MB as `f64`. [`matrix`](Self::matrix) takes out the
/// examples of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledImages {
    /// Pixels in a column of an image.
    pub rows: usize,
    /// Pixels in a row of an image.
    pub columns: usize,
    /// Numbers a pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// All pixels, image after image, row by row, the channels of a pixel side by side, 0 to 255.
    pub pixels: Vec<u8>,
    /// One label an image, 0 to 9.
    pub labels: Vec<u8>,
}

impl LabelledImages {
    /// Number of images, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Pixels of image `i`, row by row.
    ///
    /// # Panics
    /// If `i >= len()`.
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.rows * self.columns * self.channels;
        &self.pixels[i * size..(i + 1) * size]
    }

    /// The chosen images as an `indices.len() x (rows * columns * channels)` matrix of numbers from 0 to 255, one image a row.
    ///
    /// # Panics
    /// If an index is not below `len()`.
    pub fn matrix(&self, indices: &[usize]) -> DMatrix<f64> {
        let images: Vec<&[u8]> = indices.iter().map(|&i| self.image(i)).collect();
        DMatrix::from_fn(indices.len(), self.rows * self.columns * self.channels, |i, j| {
            f64::from(images[i][j])
        })
    }
}

/// A training and a test set of images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageDataset {
    /// To train on.
    pub train: LabelledImages,
    /// To judge by.
    pub test: LabelledImages,
    /// BLAKE3 digest, hexadecimal, of the digests of the uncompressed files.
    pub digest: String,
}

/// Reads MNIST, Fashion-MNIST or anything in their form from a folder.
///
/// The folder holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each plain or as `.gz`.
///
/// # Errors
/// A [`DataError`] that names file, found and expected: a missing folder or file, whatever [`read_idx`] finds wrong,
/// unequal numbers of images and labels, a label above 9, training and test images of different sizes.
pub fn load_image_dataset(folder: &Path) -> Result<ImageDataset, DataError> {
    let mut hasher = blake3::Hasher::new();
    let mut part = |part: &str| -> Result<(LabelledImages, PathBuf), DataError> {
        let find = |name: &str| find(folder, name, "four IDX files such as train-images-idx3-ubyte.gz");
        let images_path = find(&format!("{part}-images-idx3-ubyte"))?;
        let labels_path = find(&format!("{part}-labels-idx1-ubyte"))?;
        let images = read_idx(&images_path, 3)?;
        let labels = read_idx(&labels_path, 1)?;
        hasher.update(images.digest.as_bytes()).update(labels.digest.as_bytes());
        let labelled = labelled((&images_path, images), (&labels_path, labels))?;
        Ok((labelled, images_path))
    };
    let (train, train_path) = part("train")?;
    let (test, test_path) = part("t10k")?;
    if (train.rows, train.columns) != (test.rows, test.columns) {
        let size = |images: &LabelledImages| format!("images of {} x {}", images.rows, images.columns);
        return Err(DataError::Mismatch {
            found: size(&train),
            other_found: size(&test),
            path: train_path,
            other: test_path,
        });
    }
    Ok(ImageDataset { train, test, digest: hasher.finalize().to_hex().to_string() })
}

/// Images with their labels, once they are seen to belong together.
fn labelled(
    (images_path, images): (&Path, IdxArray),
    (labels_path, labels): (&Path, IdxArray),
) -> Result<LabelledImages, DataError> {
    if images.shape[0] != labels.shape[0] {
        return Err(DataError::Mismatch {
            path: images_path.to_owned(),
            found: format!("{} images", images.shape[0]),
            other: labels_path.to_owned(),
            other_found: format!("{} labels", labels.shape[0]),
        });
    }
    if let Some(i) = labels.data.iter().position(|&label| label >= CLASSES) {
        return Err(DataError::Binary {
            path: labels_path.to_owned(),
            found: format!("label {} of {} is {}", i + 1, labels.data.len(), labels.data[i]),
            expected: format!("0 to {}", CLASSES - 1),
        });
    }
    Ok(LabelledImages {
        rows: images.shape[1],
        columns: images.shape[2],
        channels: 1,
        pixels: images.data,
        labels: labels.data,
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::testing::{gzip, message};
    use super::*;

    fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let header =
            [0, 0, 8, shape.len() as u8].into_iter().chain(shape.iter().flat_map(|d| d.to_be_bytes()));
        header.chain(data.iter().copied()).collect()
    }

    /// Three training and two test images of 2 x 2 pixels; `change` may spoil a file.
    fn folder(change: impl Fn(&str, &mut Vec<u8>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, mut content) in [
            ("train-images-idx3-ubyte", idx(&[3, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255])),
            ("train-labels-idx1-ubyte.gz", idx(&[3], &[7, 0, 9])),
            ("t10k-images-idx3-ubyte.gz", idx(&[2, 2, 2], &[0; 8])),
            ("t10k-labels-idx1-ubyte", idx(&[2], &[1, 2])),
        ] {
            change(name, &mut content);
            let content = if name.ends_with(".gz") { gzip(&content) } else { content };
            std::fs::write(folder.path().join(name), content).expect("a temporary file");
        }
        folder
    }

    fn message_for(change: impl Fn(&str, &mut Vec<u8>)) -> String {
        let folder = folder(change);
        message(folder.path(), load_image_dataset(folder.path()))
    }

    #[test]
    fn plain_and_compressed_files_make_one_data_set() -> Result<(), DataError> {
        let folder = folder(|_, _| ());
        let data = load_image_dataset(folder.path())?;
        assert_eq!((data.train.len(), data.test.len()), (3, 2));
        assert_eq!(data.train.labels, [7, 0, 9]);
        assert_eq!(data.train.image(1), [5, 6, 7, 8]);
        let chosen = DMatrix::from_row_slice(2, 4, &[9.0, 10.0, 11.0, 255.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(data.train.matrix(&[2, 0]), chosen);
        assert_eq!(data.digest.len(), 64);
        Ok(())
    }

    #[test]
    fn files_that_do_not_belong_together_are_errors() {
        assert_eq!(
            message_for(|name, content| if name.starts_with("train-labels") {
                *content = idx(&[2], &[7, 0]);
            }),
            "DIR/train-images-idx3-ubyte has 3 images but DIR/train-labels-idx1-ubyte.gz has 2 labels: they do not \
             belong together"
        );
        assert_eq!(
            message_for(|name, content| if name.starts_with("t10k-images") {
                *content = idx(&[2, 4, 1], &[0; 8]);
            }),
            "DIR/train-images-idx3-ubyte has images of 2 x 2 but DIR/t10k-images-idx3-ubyte.gz has images of 4 x 1: \
             they do not belong together"
        );
        assert_eq!(
            message_for(|name, content| if name.starts_with("t10k-labels") {
                *content = idx(&[2], &[1, 10]);
            }),
            "DIR/t10k-labels-idx1-ubyte: label 2 of 2 is 10, expected 0 to 9"
        );
    }

    #[test]
    fn missing_folders_and_files_are_named() {
        let folder = folder(|_, _| ());
        let text = |path: &Path| message(folder.path(), load_image_dataset(path));
        assert_eq!(
            text(&folder.path().join("mnist")),
            "no such folder: DIR/mnist; expected a folder that holds four IDX files such as train-images-idx3-ubyte.gz"
        );
        std::fs::remove_file(folder.path().join("t10k-labels-idx1-ubyte")).expect("it was written");
        assert_eq!(
            text(folder.path()),
            "DIR holds neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz"
        );
    }
}
