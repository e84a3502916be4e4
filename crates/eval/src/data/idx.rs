//! One IDX file: the form in which MNIST and its kin are published.
//!
//! Big-endian: two zero bytes, the type of the entries (`0x08`, unsigned bytes), the number of dimensions, each dimension
//! as a `u32`, then the entries, last dimension fastest (Y. LeCun, C. Cortes and C. Burges, *The MNIST database*). Only
//! unsigned bytes are read. A file whose name ends in `.gz` is decompressed on the way.

use std::path::Path;

use super::error::DataError;
use super::file::Input;

/// The most bytes of entries that a header may promise: 256 MiB, five times MNIST.
pub const MAX_BYTES: u64 = 1 << 28;

/// An array of unsigned bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdxArray {
    /// The dimensions, outermost first; none is 0.
    pub shape: Vec<usize>,
    /// The entries, last dimension fastest.
    pub data: Vec<u8>,
    /// BLAKE3 digest of the uncompressed file.
    pub digest: blake3::Hash,
}

/// Reads an IDX file of unsigned bytes with the given number of dimensions: 3 for images, 1 for labels.
///
/// The header is checked before anything is allocated, and no more is decompressed than it promises and one byte: a gzip
/// stream that would expand without end does no harm.
///
/// # Errors
/// A [`DataError`] that names the file, what it has and what was expected: an unreadable or empty file, truncated gzip,
/// a short header, another magic number, a dimension of 0, more than [`MAX_BYTES`], fewer or more entries than
/// promised.
///
/// # Panics
/// If `dimensions` is above 255, which no file can have.
pub fn read_idx(path: &Path, dimensions: usize) -> Result<IdxArray, DataError> {
    array_of(Input::open(path)?, dimensions)
}

/// The array in the content of a file, gzip if its name ends in `.gz`.
///
/// # Errors
/// As [`read_idx`], of the content.
///
/// # Panics
/// As [`read_idx`].
pub fn parse_idx(name: &Path, content: &[u8], dimensions: usize) -> Result<IdxArray, DataError> {
    array_of(Input::within(name, content)?, dimensions)
}

fn array_of(mut input: Input<'_>, dimensions: usize) -> Result<IdxArray, DataError> {
    let magic = [0, 0, 0x08, u8::try_from(dimensions).expect("IDX allows at most 255 dimensions")];
    let path = input.path.clone();
    let wrong = |found: String, expected: String| DataError::Binary { path: path.clone(), found, expected };

    let header_bytes = 4 + 4 * dimensions;
    let header = input.read_up_to(header_bytes as u64, 0)?;
    if header.is_empty() {
        return Err(DataError::Empty { path, expected: "an IDX file" });
    }
    if !header.starts_with(&magic[..header.len().min(4)]) {
        return Err(wrong(
            format!("starts with bytes {:02x?}", &header[..header.len().min(4)]),
            format!("{magic:02x?}, an IDX file of unsigned bytes with dimensions: {dimensions}"),
        ));
    }
    if header.len() < header_bytes {
        return Err(wrong(
            format!("ends after {} bytes", header.len()),
            format!("a header of {header_bytes}"),
        ));
    }
    let shape: Vec<u32> =
        header[4..].chunks_exact(4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect();
    let shown = shape.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ");
    if shape.contains(&0) {
        return Err(wrong(format!("the header says {shown}"), "no dimension of 0".to_owned()));
    }
    let length = shape.iter().try_fold(1_u64, |product, &d| product.checked_mul(u64::from(d)));
    let Some(length) = length.filter(|&length| length <= MAX_BYTES) else {
        return Err(wrong(format!("the header says {shown}"), format!("at most {MAX_BYTES} bytes")));
    };

    let data = input.read_up_to(length + 1, header.len())?;
    if data.len() as u64 != length {
        let found = if data.len() as u64 > length {
            "more bytes follow the header than it says".to_owned()
        } else {
            format!("{} bytes follow the header", data.len())
        };
        return Err(wrong(found, format!("{length} ({shown})")));
    }
    let digest = blake3::Hasher::new().update(&header).update(&data).finalize();
    Ok(IdxArray { shape: shape.into_iter().map(|d| d as usize).collect(), data, digest })
}

#[cfg(test)]
mod tests {
    use super::super::file::testing::{gzip, message};
    use super::*;

    /// A file with this shape in its header.
    pub(super) fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|d| d.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    pub(super) fn read(name: &str, content: &[u8], dimensions: usize) -> Result<IdxArray, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a temporary file");
        match read_idx(&path, dimensions) {
            Ok(array) => Ok(array),
            error => Err(message(folder.path(), error)),
        }
    }

    #[test]
    fn plain_and_compressed_files_are_the_same() {
        let file = idx(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
        let array = read("a", &file, 3).expect("a good file");
        assert_eq!((&array.shape[..], &array.data[..]), (&[2, 1, 3][..], &[1, 2, 3, 4, 5, 6][..]));
        assert_eq!(array.digest, blake3::hash(&file));
        assert_eq!(read("a.gz", &gzip(&file), 3), Ok(array));
    }

    #[test]
    fn wrong_files_are_named_with_what_was_expected() {
        let good = idx(&[2, 3], &[0; 6]);
        let cases: [(&[u8], &str); 9] = [
            (b"", "DIR/a is empty, expected an IDX file"),
            (
                b"PK\x03\x04 and so on",
                "DIR/a: starts with bytes [50, 4b, 03, 04], expected [00, 00, 08, 02], an IDX file of unsigned bytes \
                 with dimensions: 2",
            ),
            (
                &idx(&[6], &[0; 6]),
                "DIR/a: starts with bytes [00, 00, 08, 01], expected [00, 00, 08, 02], an IDX file of unsigned bytes \
                 with dimensions: 2",
            ),
            (&good[..3], "DIR/a: ends after 3 bytes, expected a header of 12"),
            (&good[..11], "DIR/a: ends after 11 bytes, expected a header of 12"),
            (&good[..17], "DIR/a: 5 bytes follow the header, expected 6 (2 x 3)"),
            (&idx(&[2, 3], &[0; 7]), "DIR/a: more bytes follow the header than it says, expected 6 (2 x 3)"),
            (&idx(&[2, 0], &[]), "DIR/a: the header says 2 x 0, expected no dimension of 0"),
            (
                &idx(&[u32::MAX, u32::MAX], &[0; 6]),
                "DIR/a: the header says 4294967295 x 4294967295, expected at most 268435456 bytes",
            ),
        ];
        for (content, expected) in cases {
            assert_eq!(read("a", content, 2), Err(expected.to_owned()));
        }
        assert_eq!(
            read("a", &idx(&[u32::MAX; 4], &[]), 4).map(|_| ()),
            Err(
                "DIR/a: the header says 4294967295 x 4294967295 x 4294967295 x 4294967295, expected at most \
                 268435456 bytes"
                    .to_owned()
            )
        );
    }

    #[test]
    fn damaged_gzip_says_how_far_it_was_good() {
        let whole = gzip(&idx(&[2, 3], &[9; 6]));
        assert_eq!(
            read("a.gz", &whole[..whole.len() - 4], 2),
            Err("DIR/a.gz: truncated or damaged gzip after 18 bytes: unexpected end of file".to_owned())
        );
    }

    /// 64 MiB of zeros behind a header of six bytes: one byte too many is enough to refuse.
    #[test]
    fn a_gzip_bomb_is_not_unpacked() {
        let bomb = gzip(&idx(&[2, 3], &vec![0; 1 << 26]));
        assert_eq!(
            read("a.gz", &bomb, 2),
            Err("DIR/a.gz: more bytes follow the header than it says, expected 6 (2 x 3)".to_owned())
        );
    }

    /// A header that promises a quarter of a gigabyte with nothing behind it costs nothing.
    #[test]
    fn a_promise_is_not_allocated() {
        assert_eq!(
            read("a", &idx(&[1 << 14, 1 << 14], &[]), 2),
            Err("DIR/a: 0 bytes follow the header, expected 268435456 (16384 x 16384)".to_owned())
        );
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::super::file::testing::gzip;
    use super::tests::{idx, read};

    proptest! {
        #[test]
        fn what_is_written_is_read(shape in prop::collection::vec(1u32..6, 1..4), seed: u8, gz: bool) {
            let length = shape.iter().product::<u32>();
            let data: Vec<u8> = (0..length).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
            let file = idx(&shape, &data);
            let array = if gz { read("a.gz", &gzip(&file), shape.len()) } else { read("a", &file, shape.len()) };
            let array = array.map_err(TestCaseError::fail)?;
            prop_assert_eq!(array.data, data);
            prop_assert!(array.shape.iter().zip(&shape).all(|(&a, &b)| a == b as usize));
        }

        #[test]
        fn any_bytes_are_an_array_or_an_error(
            mut bytes in prop::collection::vec(any::<u8>(), 0..64),
            dimensions in 1usize..4,
            plausible: bool,
            gz: bool,
        ) {
            if plausible {
                let start = [0, 0, 8, dimensions as u8, 0, 0, 0];
                bytes.splice(..0, start);
            }
            let content = if gz && plausible { gzip(&bytes) } else { bytes };
            if let Ok(array) = read(if gz { "a.gz" } else { "a" }, &content, dimensions) {
                prop_assert_eq!(array.shape.iter().product::<usize>(), array.data.len());
            }
        }
    }
}
