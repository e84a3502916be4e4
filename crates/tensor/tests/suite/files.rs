//! NumPy files: round trips, foreign layouts, broken bytes.

use std::io::Cursor;

use overparam_tensor::Array;
use overparam_tensor::array::{NpyError, read_npy, read_npz, write_npy, write_npz};

fn sample() -> Array<f64> {
    Array::from_fn(&[2, 3], |i| i[0] as f64 + 0.1 * i[1] as f64)
}

/// A version 1.0 file with this header and these bytes.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut header = header.to_owned();
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap();
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn arrays_come_back_bit_for_bit() {
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &sample().transpose(0, 1)).unwrap();
    assert_eq!(read_npy::<f64>(bytes.as_slice()).unwrap(), sample().transpose(0, 1));
    let single = Array::from_slice(&[2], &[0.1f32, f32::NAN]);
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &single).unwrap();
    let back = read_npy::<f32>(bytes.as_slice()).unwrap();
    assert_eq!(back.to_vec().map_bits(), single.to_vec().map_bits());
    assert_eq!(read_npy::<f64>(bytes.as_slice()).unwrap().at(&[0]), f64::from(0.1f32));
}

trait Bits {
    fn map_bits(&self) -> Vec<u32>;
}

impl Bits for Vec<f32> {
    fn map_bits(&self) -> Vec<u32> {
        self.iter().map(|x| x.to_bits()).collect()
    }
}

#[test]
fn archives_come_back() {
    let mut bytes = Cursor::new(Vec::new());
    let other = Array::scalar(3.0);
    write_npz(&mut bytes, [("x", &sample()), ("y", &other)]).unwrap();
    let arrays = read_npz::<f64>(bytes).unwrap();
    assert_eq!(arrays["x"], sample());
    assert_eq!(arrays["y"].item(), 3.0);
}

#[test]
fn columns_first_and_integers_are_understood() {
    let data: Vec<u8> = [1i32, 2, 3, 4, 5, 6].iter().flat_map(|x| x.to_le_bytes()).collect();
    let bytes = file("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", &data);
    assert_eq!(read_npy::<f64>(bytes.as_slice()).unwrap().to_vec(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
}

#[test]
fn broken_files_are_errors_that_say_why() {
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
    let short = read_npy::<f64>(file(header, &[0; 40]).as_slice());
    assert!(matches!(short, Err(NpyError::Io(_))), "{short:?}");
    assert!(matches!(read_npy::<f64>(&b"not an array"[..]), Err(NpyError::Io(_))));
    let complex = read_npy::<f64>(file(&header.replace("f8", "c16"), &[0; 96]).as_slice());
    assert!(complex.unwrap_err().to_string().contains("c16"));
    let vast = header.replace("(2, 3)", "(9000000000000000000, 9000000000000000000)");
    assert!(matches!(
        read_npy::<f64>(file(&vast, &[]).as_slice()),
        Err(NpyError::Shape { .. } | NpyError::Io(_))
    ));
    let deep = header.replace("(2, 3)", "(1, 1, 1, 1, 1, 1, 1, 1, 1)");
    assert!(matches!(read_npy::<f64>(file(&deep, &[0; 8]).as_slice()), Err(NpyError::Shape { .. })));
    assert!(matches!(read_npz::<f64>(Cursor::new(vec![0; 50])), Err(NpyError::Archive(_))));
}

/// The parser of headers below ours calls itself for every bracket, and tries some three readings of each: sixty thousand
/// would end the stack, eight before some digits took a second.
#[test]
fn a_header_of_brackets_is_an_error() {
    let error = |header: &str| read_npy::<f64>(file(header, &[]).as_slice()).unwrap_err().to_string();
    for brackets in ["(".repeat(6_000), "{".repeat(4)] {
        let error = error(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {brackets}722"));
        assert!(error.contains("nested"), "{error}");
    }
    let long =
        error(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }}{}", " ".repeat(10_000)));
    assert!(long.contains("expected at most 10000"), "{long}");
    // As deep as NumPy writes them: fields with shapes, which are no numbers.
    let fields =
        error("{'descr': [('a', '<f4', (2,)), ('b', '<i2')], 'fortran_order': False, 'shape': (3,), }");
    assert!(fields.contains("elements of type"), "{fields}");
}

/// In an archive without compression nothing but the checksum tells a number that was altered.
#[test]
fn an_altered_number_in_an_archive_is_noticed() {
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, [("x", &sample())]).unwrap();
    let mut bytes = bytes.into_inner();
    let at = bytes.windows(8).position(|w| w == 0.1f64.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    let error = read_npz::<f64>(Cursor::new(bytes)).unwrap_err().to_string();
    assert!(error.contains("array `x`") && error.to_lowercase().contains("checksum"), "{error}");
}

/// What an array becomes counts: a byte in the file is eight in memory.
#[test]
fn an_archive_of_bytes_counts_as_the_numbers_that_they_become() {
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (60000000,), }";
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut archive, &file(header, &vec![0; 60_000_000])).unwrap();
    let archive = archive.finish().unwrap();
    assert!(archive.get_ref().len() < 1 << 20);
    assert!(matches!(read_npz::<f64>(archive), Err(NpyError::Bomb { .. } | NpyError::Member { .. })));
}

/// By the definitions of IEEE 754's binary16 (largest number 65504, smallest 2^-24) and of bfloat16, the upper half of binary32.
#[test]
fn floats_of_sixteen_bits_are_read_and_dates_are_not() {
    let read = |descr: &str, bits: &[u16]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({},), }}", bits.len());
        let data: Vec<u8> = bits.iter().flat_map(|b| b.to_le_bytes()).collect();
        read_npy::<f64>(file(&header, &data).as_slice()).map(|array| array.to_vec())
    };
    let half = read("<f2", &[0x3c00, 0xc100, 0x03ff, 0x0001, 0x7bff, 0x7c00, 0x8000]).unwrap();
    let expected = [1.0, -2.5, 1023.0 * 2f64.powi(-24), 2f64.powi(-24), 65504.0, f64::INFINITY, -0.0];
    assert_eq!(half, expected);
    assert!(read("<f2", &[0x7e00]).unwrap()[0].is_nan());
    for descr in ["<V2", "|V2"] {
        assert_eq!(read(descr, &[0x3f80, 0xc020, 0x4049]).unwrap(), [1.0, -2.5, 3.140625]);
    }
    let dates = read("<M8[ns]", &[0; 4]).unwrap_err().to_string();
    assert!(dates.contains("expected floats or integers"), "{dates}");
}

/// Eight megabytes of zeros in eight kilobytes are an array; a header that promises 16 TiB of them is not.
#[test]
fn a_decompression_bomb_is_refused_before_it_is_unpacked() {
    let zeros = |promised: u64, held: usize| {
        let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({promised},), }}");
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("x.npy", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &file(&header, &vec![0; 8 * held])).unwrap();
        archive.finish().unwrap()
    };
    let million = zeros(1 << 20, 1 << 20);
    assert!(million.get_ref().len() < 10_000);
    assert_eq!(read_npz::<f64>(million).unwrap()["x"].shape(), [1 << 20]);
    let error = read_npz::<f64>(zeros(1 << 41, 1 << 20)).unwrap_err().to_string();
    assert!(error.contains("take more than 268435456 bytes of memory"), "{error}");
}
