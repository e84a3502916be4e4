//! CIFAR-10 in its binary version: six files in a folder.
//!
//! A file holds records of 3,073 bytes: the label, 0 to 9, then 1,024 bytes of red, of green and of blue, each row by row of
//! a 32 x 32 image (A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009). Published files hold
//! 10,000 records; fewer are read as well.

use std::path::Path;

use super::error::DataError;
use super::file::{Input, find};
use super::images::{CLASSES, ImageDataset, LabelledImages};

/// The most records a file may hold: what the published ones do.
pub const MAX_RECORDS: u64 = 10_000;

/// Rows, and columns, of an image.
const SIDE: usize = 32;
const CHANNELS: usize = 3;
const RECORD: usize = 1 + CHANNELS * SIDE * SIDE;

/// Reads CIFAR-10 from a folder that holds `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, each plain or as
/// `.gz`. Training images are in the order of the files.
///
/// # Errors
/// A [`DataError`] that names file, found and expected: a missing folder or file, an empty one, a size that is no whole
/// number of records or more than [`MAX_RECORDS`] of them (refused before it is read where the size is known, after one
/// byte too many in a gzip stream), a label above 9.
pub fn load_cifar10(folder: &Path) -> Result<ImageDataset, DataError> {
    let mut hasher = blake3::Hasher::new();
    let mut read = |name: &str, into: &mut LabelledImages| -> Result<(), DataError> {
        let path = find(folder, name, "six files such as data_batch_1.bin and test_batch.bin")?;
        let bytes = records(Input::open(&path)?)?;
        hasher.update(blake3::hash(&bytes).as_bytes());
        append(&bytes, into);
        Ok(())
    };
    let (mut train, mut test) = (none(), none());
    for batch in 1..=5 {
        read(&format!("data_batch_{batch}.bin"), &mut train)?;
    }
    read("test_batch.bin", &mut test)?;
    Ok(ImageDataset { train, test, digest: hasher.finalize().to_hex().to_string() })
}

/// The images in the content of one of the six files, gzip if its name ends in `.gz`.
///
/// # Errors
/// As [`load_cifar10`], of the content.
pub fn parse_cifar10_file(name: &Path, content: &[u8]) -> Result<LabelledImages, DataError> {
    let mut images = none();
    append(&records(Input::within(name, content)?)?, &mut images);
    Ok(images)
}

fn none() -> LabelledImages {
    LabelledImages { rows: SIDE, columns: SIDE, channels: CHANNELS, pixels: Vec::new(), labels: Vec::new() }
}

/// Adds records to the images, colours side by side.
fn append(records: &[u8], images: &mut LabelledImages) {
    for record in records.chunks_exact(RECORD) {
        images.labels.push(record[0]);
        let planes = &record[1..];
        let pixel = |i: usize| (0..CHANNELS).map(move |c| planes[c * SIDE * SIDE + i]);
        images.pixels.extend((0..SIDE * SIDE).flat_map(pixel));
    }
}

/// The content of a file once it is seen to be records with labels.
fn records(mut input: Input<'_>) -> Result<Vec<u8>, DataError> {
    let path = input.path.clone();
    let most = MAX_RECORDS * RECORD as u64;
    let wrong = |found: String, expected: String| DataError::Binary { path: path.clone(), found, expected };
    let form = || format!("records of {RECORD} bytes, at most {MAX_RECORDS}, so at most {most} bytes");
    let check = |size: u64| match size {
        0 => Err(DataError::Empty { path: path.clone(), expected: "a file of CIFAR-10's binary version" }),
        _ if size > most => Err(wrong(format!("{size} bytes"), form())),
        _ if !size.is_multiple_of(RECORD as u64) => {
            let (whole, rest) = (size / RECORD as u64, size % RECORD as u64);
            Err(wrong(format!("{size} bytes, which are {whole} records and {rest} bytes"), form()))
        }
        _ => Ok(()),
    };
    input.length.map_or(Ok(()), check)?;
    let bytes = input.read_up_to(most + 1, 0)?;
    if bytes.len() as u64 > most {
        return Err(wrong("more bytes are unpacked".to_owned(), form()));
    }
    check(bytes.len() as u64)?;
    match bytes.chunks_exact(RECORD).position(|record| record[0] >= CLASSES) {
        Some(i) => {
            let found = format!("the label of record {} is {}", i + 1, bytes[i * RECORD]);
            Err(wrong(found, format!("0 to {}", CLASSES - 1)))
        }
        None => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::testing::{gzip, message};
    use super::*;

    /// A record whose red bytes count up from `label`; green is 100, blue 200.
    fn record(label: u8) -> Vec<u8> {
        let pixels = SIDE * SIDE;
        let red = (0..pixels).map(|i| (i as u8).wrapping_add(label));
        let rest = [100, 200].into_iter().flat_map(|v| std::iter::repeat_n(v, pixels));
        [label].into_iter().chain(red).chain(rest).collect()
    }

    /// One record a training file, two in the test file; `change` may spoil a file.
    fn folder(change: impl Fn(&str, &mut Vec<u8>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, mut content: Vec<u8>| {
            change(name, &mut content);
            let content = if name.ends_with(".gz") { gzip(&content) } else { content };
            std::fs::write(folder.path().join(name), content).expect("a temporary file");
        };
        for batch in 1..=4 {
            write(&format!("data_batch_{batch}.bin"), record(batch));
        }
        write("data_batch_5.bin.gz", record(5));
        write("test_batch.bin", [record(9), record(0)].concat());
        folder
    }

    fn message_for(change: impl Fn(&str, &mut Vec<u8>)) -> String {
        let folder = folder(change);
        message(folder.path(), load_cifar10(folder.path()))
    }

    #[test]
    fn six_files_make_one_data_set() -> Result<(), DataError> {
        let folder = folder(|_, _| ());
        let data = load_cifar10(folder.path())?;
        assert_eq!(data.train.labels, [1, 2, 3, 4, 5]);
        assert_eq!(data.test.labels, [9, 0]);
        assert_eq!((data.train.rows, data.train.columns, data.train.channels), (32, 32, 3));
        assert_eq!(data.train.image(4)[..6], [5, 100, 200, 6, 100, 200]);
        assert_eq!(data.test.image(0)[3 * 32..][..3], [9 + 32, 100, 200]);
        assert_eq!(data.train.matrix(&[1]).shape(), (1, 3072));
        let other = folder_digest(|name, content| {
            if name == "test_batch.bin" {
                content[7] ^= 1;
            }
        })?;
        assert_ne!(data.digest, other);
        Ok(())
    }

    fn folder_digest(change: impl Fn(&str, &mut Vec<u8>)) -> Result<String, DataError> {
        let folder = folder(change);
        Ok(load_cifar10(folder.path())?.digest)
    }

    #[test]
    fn wrong_files_are_named_with_what_was_expected() {
        let form = "expected records of 3073 bytes, at most 10000, so at most 30730000 bytes";
        let spoil = |file: &'static str, change: fn(&mut Vec<u8>)| {
            message_for(move |name, content| {
                if name.starts_with(file) {
                    change(content);
                }
            })
        };
        assert_eq!(
            spoil("data_batch_2", Vec::clear),
            "DIR/data_batch_2.bin is empty, expected a file of CIFAR-10's binary version"
        );
        assert_eq!(
            spoil("data_batch_3", |c| c.truncate(3000)),
            format!("DIR/data_batch_3.bin: 3000 bytes, which are 0 records and 3000 bytes, {form}")
        );
        assert_eq!(
            spoil("data_batch_5", |c| c.push(0)),
            format!("DIR/data_batch_5.bin.gz: 3074 bytes, which are 1 records and 1 bytes, {form}")
        );
        assert_eq!(
            spoil("test_batch", |c| c[3073] = 10),
            "DIR/test_batch.bin: the label of record 2 is 10, expected 0 to 9"
        );
    }

    /// A sparse file of a terabyte is refused by its size, a gzip stream after one byte too many.
    #[test]
    fn sizes_are_refused_before_they_are_read() {
        let folder = folder(|_, _| ());
        let path = folder.path().join("data_batch_1.bin");
        let file = std::fs::File::create(&path).expect("a temporary file");
        file.set_len(1 << 40).expect("a sparse file");
        assert_eq!(
            message(folder.path(), load_cifar10(folder.path())),
            "DIR/data_batch_1.bin: 1099511627776 bytes, expected records of 3073 bytes, at most 10000, so at most 30730000 \
             bytes"
        );
        assert_eq!(
            message_for(|name, content| if name.ends_with(".gz") {
                content.resize(40_000_000, 0);
            }),
            "DIR/data_batch_5.bin.gz: more bytes are unpacked, expected records of 3073 bytes, at most 10000, so at most \
             30730000 bytes"
        );
    }

    #[test]
    fn missing_folders_and_files_are_named() {
        let folder = folder(|_, _| ());
        let text = |path: &Path| message(folder.path(), load_cifar10(path));
        assert_eq!(
            text(&folder.path().join("cifar")),
            "no such folder: DIR/cifar; expected a folder that holds six files such as data_batch_1.bin and test_batch.bin"
        );
        std::fs::remove_file(folder.path().join("test_batch.bin")).expect("it was written");
        assert_eq!(text(folder.path()), "DIR holds neither test_batch.bin nor test_batch.bin.gz");
    }
}
