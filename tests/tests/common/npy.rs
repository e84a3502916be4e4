//! Files as NumPy and people write them, without the crates under test.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::path::Path;

/// The bytes of an `.npy` file of version 1.
pub(crate) fn npy(descr: &str, fortran_order: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}");
    header.push_str(&" ".repeat(63 - (10 + header.len()) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

/// Writes `f64` numbers, row-major.
pub(crate) fn write(path: &Path, shape: &[usize], numbers: &[f64]) {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let elements: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    fs::write(path, npy("<f8", false, &shape, &elements)).expect("the folder is ours");
}

/// Writes rows of numbers as text, each with all its digits.
pub(crate) fn write_csv(path: &Path, columns: usize, numbers: &[f64]) {
    let line = |row: &[f64]| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    fs::write(path, numbers.chunks(columns).map(line).collect::<String>()).expect("the folder is ours");
}
