//! NumPy's `.npy` and `.npz` files.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use npyz::{DType, NpyFile, Order, WriterBuilder};
use zip::result::ZipError;

use super::{Array, Dims, MAX_RANK};
use crate::linalg::Real;

/// What can go wrong with a `.npy` or `.npz` file.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// Reading or writing failed, or the bytes are no such file.
    #[error("npy: {0}")]
    Io(#[from] io::Error),
    /// The archive around the arrays is broken.
    #[error("npz: {0}")]
    Archive(#[from] ZipError),
    /// The elements are no numbers that fit a float.
    #[error(
        "npy: elements of type {found} given, expected floats or integers (f2, f4, f8, bfloat16, i1 to i8, u1 to u8, bool)"
    )]
    Elements {
        /// The file's own description of its elements.
        found: String,
    },
    /// The shape is beyond what an [`Array`] holds.
    #[error("npy: shape {found:?} given, expected at most {MAX_RANK} axes and a size that fits in memory")]
    Shape {
        /// The shape in the file.
        found: Vec<u64>,
    },
    /// The arrays of an archive are larger than such a file has reason to hold.
    #[error(
        "npz: its arrays take more than {most} bytes of memory, expected at most that of an archive of {length} bytes"
    )]
    Bomb {
        /// Bytes in the archive.
        length: u64,
        /// Bytes that its arrays may take.
        most: u64,
    },
    /// An array of an archive is at fault.
    #[error("npz: array `{name}`: {source}")]
    Member {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: Box<NpyError>,
    },
}

/// Reads one array. Floats of 16 (NumPy's `float16`, and `bfloat16` as `ml_dtypes` writes it), 32 and 64 bits and integers are
/// converted to `T`, rounding where they must; both element orders are understood. Dates are no numbers.
///
/// # Errors
/// [`NpyError`], for whatever is wrong with the bytes.
pub fn read_npy<T: Real>(reader: impl Read) -> Result<Array<T>, NpyError> {
    read_within(reader, u64::MAX)?.ok_or_else(|| NpyError::Shape { found: vec![u64::MAX] })
}

/// `None` if the elements take more than `most` bytes, in the file or as an array: known before any of them is read.
fn read_within<T: Real>(mut reader: impl Read, most: u64) -> Result<Option<Array<T>>, NpyError> {
    let mut header = read_header(&mut reader)?;
    let short = Short::rename(&mut header);
    let file = NpyFile::new(header.as_slice().chain(reader))?;
    let found = file.shape().to_vec();
    let shape: Option<Vec<usize>> = found.iter().map(|&n| usize::try_from(n).ok()).collect();
    let volume = shape.as_ref().and_then(|s| s.iter().try_fold(1usize, |n, &m| n.checked_mul(m)));
    let (Some(shape), Some(volume), true) = (shape, volume, found.len() <= MAX_RANK) else {
        return Err(NpyError::Shape { found });
    };
    let width = file.dtype().num_bytes().unwrap_or(1).max(size_of::<T>()) as u64;
    if (volume as u64).saturating_mul(width) > most {
        return Ok(None);
    }
    let columns_first = file.order() == Order::Fortran;
    let elements: Vec<T> = match short {
        Some(short) => short.read(file)?,
        None => read_elements(file)?,
    };
    if elements.len() != volume {
        return Err(NpyError::Shape { found });
    }
    if columns_first {
        let reversed: Dims = shape.iter().rev().copied().collect();
        let order: Dims = (0..shape.len()).rev().collect();
        return Ok(Some(Array::from_vec(&reversed, elements).permute(&order)));
    }
    Ok(Some(Array::from_vec(&shape, elements)))
}

/// The bytes before the elements, once npyz is known to survive them: it multiplies shapes out unchecked, and reads
/// brackets within brackets by recursion without end, of which every level may triple the time.
fn read_header(reader: &mut impl Read) -> Result<Vec<u8>, NpyError> {
    const PREFIX: usize = 8; // magic string and version
    let mut header = vec![0; PREFIX];
    reader.read_exact(&mut header)?;
    let width = if header[6] == 1 { 2 } else { 4 };
    header.resize(PREFIX + width, 0);
    reader.read_exact(&mut header[PREFIX..])?;
    let length = header[PREFIX..].iter().rev().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::InvalidData, reason).into());
    // As NumPy has it, whose own headers of numbers have some hundred.
    const LONGEST: u64 = 10_000;
    if length > LONGEST {
        return refuse(format!("the header has {length} bytes, expected at most {LONGEST}"));
    }
    let read = reader.take(length).read_to_end(&mut header)?;
    if read as u64 != length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    // Dictionary, list of fields, field, its shape: numbers need two.
    const DEEPEST: i32 = 4;
    let deeper = |depth: &mut i32, byte: &u8| {
        *depth += i32::from(b"([{".contains(byte)) - i32::from(b")]}".contains(byte));
        Some(*depth)
    };
    if header[PREFIX + width..].iter().scan(0, deeper).any(|depth| depth > DEEPEST) {
        return refuse(format!("the header has brackets nested more than {DEEPEST} deep"));
    }
    let text = String::from_utf8_lossy(&header[PREFIX + width..]);
    let shape = text.split_once("shape").and_then(|(_, rest)| rest.split_once('(')?.1.split_once(')'));
    let sizes: Vec<u64> =
        shape.map_or("", |(sizes, _)| sizes).split(',').filter_map(|n| n.trim().parse().ok()).collect();
    // Strides in bytes are multiplied out too; no element is wider than this.
    const WIDEST: u64 = 1 << 10;
    if sizes.iter().try_fold(WIDEST, |n, &size| n.checked_mul(size.max(1))).is_none() {
        return Err(NpyError::Shape { found: sizes });
    }
    Ok(header)
}

/// Floats of 16 bits, which the library below does not know.
#[derive(Clone, Copy)]
enum Short {
    /// 5 bits of exponent, 10 of fraction.
    Half,
    /// The upper half of an `f32`.
    Brain,
}

impl Short {
    /// Makes 16-bit integers of them in the header, as long, so that the library below reads their bits.
    fn rename(header: &mut [u8]) -> Option<Self> {
        const NAMES: [(&[u8], &[u8], Short); 4] = [
            (b"'<f2'", b"'<u2'", Short::Half),
            (b"'>f2'", b"'>u2'", Short::Half),
            (b"'<V2'", b"'<u2'", Short::Brain),
            (b"'|V2'", b"'<u2'", Short::Brain),
        ];
        NAMES.iter().find_map(|(name, bits, short)| {
            let at = header.windows(name.len()).position(|window| window == *name)?;
            header[at..at + name.len()].copy_from_slice(bits);
            Some(*short)
        })
    }

    fn read<T: Real, R: Read>(self, file: NpyFile<R>) -> Result<Vec<T>, NpyError> {
        let Ok(bits) = file.try_data::<u16>() else {
            return Err(NpyError::Elements { found: "two bytes each".to_owned() });
        };
        bits.map(|bits| Ok(T::of(self.value(bits?)))).collect()
    }

    /// Exact: both are among the numbers of `f64`.
    fn value(self, bits: u16) -> f64 {
        if let Self::Brain = self {
            return f64::from(f32::from_bits(u32::from(bits) << 16));
        }
        let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
        sign * match exponent {
            0 => fraction * 2f64.powi(-24),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
        }
    }
}

fn read_elements<T: Real, R: Read>(file: NpyFile<R>) -> Result<Vec<T>, NpyError> {
    macro_rules! first_that_fits {
        ($file:ident, $($scalar:ty => $convert:expr),* $(,)?) => {{
            $(let $file = match $file.try_data::<$scalar>() {
                Ok(data) => {
                    let convert = $convert;
                    return data.map(|x| Ok(convert(x?))).collect();
                }
                Err(file) => file,
            };)*
            $file
        }};
    }
    if let DType::Plain(plain) = file.dtype()
        && plain.to_string().trim_start_matches(['\'', '<', '>', '|']).starts_with(['M', 'm'])
    {
        // Dates and times are counts of some unit since some day: as numbers they would mean nothing.
        return Err(NpyError::Elements { found: plain.to_string() });
    }
    let file = first_that_fits!(file,
        f64 => T::of,
        f32 => |x| T::of(f64::from(x)),
        i64 => |x| T::of(x as f64),
        u64 => |x| T::of(x as f64),
        i32 => |x| T::of(f64::from(x)),
        u32 => |x| T::of(f64::from(x)),
        i16 => |x| T::of(f64::from(x)),
        u16 => |x| T::of(f64::from(x)),
        i8 => |x| T::of(f64::from(x)),
        u8 => |x| T::of(f64::from(x)),
        bool => |x| T::of(f64::from(u8::from(x))),
    );
    let found = match file.dtype() {
        DType::Plain(plain) => plain.to_string(),
        other => other.descr(),
    };
    Err(NpyError::Elements { found })
}

/// Writes one array, row-major, little-endian, in its own precision.
///
/// # Errors
/// [`NpyError::Io`].
pub fn write_npy<T: Real>(writer: impl Write, array: &Array<T>) -> Result<(), NpyError> {
    let shape: Vec<u64> = array.shape().iter().map(|&n| n as u64).collect();
    // Through f64, which holds both types: the trait of the file format is not one of `Real`'s.
    macro_rules! write_as {
        ($scalar:ty, $convert:expr) => {{
            let mut file = npyz::WriteOptions::<$scalar>::new()
                .default_dtype()
                .shape(&shape)
                .writer(writer)
                .begin_nd()?;
            file.extend(array.elements().iter().copied().map($convert))?;
            file.finish()?;
        }};
    }
    if T::NAME == "f32" {
        write_as!(f32, |x: T| f32::of(x.f64()));
    } else {
        write_as!(f64, |x: T| x.f64());
    }
    Ok(())
}

/// The arrays of an archive may take this many bytes whatever its size: see [`read_npz`].
const LARGEST_UNASKED: u64 = 256 << 20;

/// The arrays of an archive may take this many times its size. Numbers from an experiment do not shrink that much: the pixels
/// of MNIST, a byte each and mostly zero, take 40 times the size of their archive as `f64`.
const LARGEST_RATIO: u64 = 64;

/// Reads all arrays of an archive, by name. Every byte of an array is checked by the archive's checksum.
///
/// An archive of a few megabytes can promise terabytes of zeros. Arrays that take 256 MiB of memory in all, or 64 times the
/// size of the archive if that is more, are read; others are refused before they are unpacked.
///
/// # Errors
/// [`NpyError`], naming the array at fault.
pub fn read_npz<T: Real>(mut reader: impl Read + Seek) -> Result<BTreeMap<String, Array<T>>, NpyError> {
    let length = reader.seek(SeekFrom::End(0))?;
    let most = LARGEST_UNASKED.max(length.saturating_mul(LARGEST_RATIO));
    let mut left = most;
    let mut archive = zip::ZipArchive::new(reader)?;
    let mut arrays = BTreeMap::new();
    for i in 0..archive.len() {
        let member = archive.by_index(i)?;
        let Some(name) = npyz::npz::array_name_from_file_name(&member.name()?).map(str::to_owned) else {
            continue;
        };
        let mut member = member.take(left);
        let array = match read_within(&mut member, left) {
            // The checksum is compared at the end, which may lie beyond the last element.
            Ok(Some(array)) => io::copy(&mut member, &mut io::sink()).map(|_| array).map_err(NpyError::Io),
            Ok(None) => Err(NpyError::Bomb { length, most }),
            Err(e) => Err(e),
        };
        let unpacked = left - member.limit();
        if unpacked == left {
            return Err(NpyError::Bomb { length, most });
        }
        let array =
            array.map_err(|source| NpyError::Member { name: display(&name), source: Box::new(source) })?;
        left = left.saturating_sub(unpacked.max(array.len() as u64 * size_of::<T>() as u64));
        arrays.insert(name, array);
    }
    Ok(arrays)
}

/// A name as it stands in a message: an archive may hold names of any length.
fn display(name: &str) -> String {
    const LONGEST: usize = 80;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST).chain("...".chars()).collect()
}

/// Writes named arrays as an archive without compression, as `numpy.savez` does. The same arrays give the same bytes.
///
/// # Errors
/// [`NpyError::Io`] and [`NpyError::Archive`].
pub fn write_npz<'a, T: Real>(
    writer: impl Write + Seek,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array<T>)>,
) -> Result<(), NpyError> {
    let mut archive = zip::ZipWriter::new(writer);
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .large_file(true);
    for (name, array) in arrays {
        archive.start_file(npyz::npz::file_name_from_array_name(name), options)?;
        write_npy(&mut archive, array)?;
    }
    archive.finish()?;
    Ok(())
}
