//! Arrays from NumPy's files and from CSV.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;

use overparam_eval::data::read_numbers;
use overparam_tensor::Array;
use overparam_tensor::array::{read_npy, read_npz, write_npy, write_npz};

use super::refused;

fn same(a: &Array<f64>, b: &Array<f64>) -> bool {
    let bits = |x: &Array<f64>| x.to_vec().into_iter().map(f64::to_bits).collect::<Vec<_>>();
    a.shape() == b.shape() && bits(a) == bits(b)
}

/// An accepted array, written, is read as the same, bit for bit.
pub fn npy(content: &[u8]) -> bool {
    let array = match read_npy::<f64>(content) {
        Ok(array) => array,
        Err(e) => return refused(&e, &["npy: "]),
    };
    let mut file = Vec::new();
    write_npy(&mut file, &array).expect("writing to memory");
    let again = read_npy(file.as_slice()).expect("what was written is accepted");
    assert!(same(&array, &again), "{array:?} came back as {again:?}");
    let narrow = read_npy::<f32>(content).expect("either precision accepts the same files");
    assert_eq!(narrow.shape(), array.shape());
    true
}

/// Accepted arrays, written, are read as the same, bit for bit.
pub fn npz(content: &[u8]) -> bool {
    let arrays: BTreeMap<String, Array<f64>> = match read_npz(Cursor::new(content)) {
        Ok(arrays) => arrays,
        Err(e) => return refused(&e, &["npz: ", "npy: "]),
    };
    let mut file = Cursor::new(Vec::new());
    write_npz(&mut file, arrays.iter().map(|(name, array)| (name.as_str(), array)))
        .expect("writing to memory");
    let again = read_npz::<f64>(file).expect("what was written is accepted");
    assert!(arrays.keys().eq(again.keys()), "{:?} came back as {:?}", arrays.keys(), again.keys());
    assert!(arrays.values().zip(again.values()).all(|(a, b)| same(a, b)));
    true
}

/// An accepted table, written, is read as the same, bit for bit.
pub fn csv(content: &[u8]) -> bool {
    let array = match read_numbers::<f64>(content) {
        Ok(array) => array,
        Err(e) => return refused(&e, &["line", "byte"]),
    };
    let &[rows, columns] = array.shape() else { panic!("rows and columns, not {:?}", array.shape()) };
    let mut text = String::new();
    for row in array.to_vec().chunks(columns.max(1)) {
        let fields: Vec<String> = row.iter().map(f64::to_string).collect();
        let _ = writeln!(text, "{}", fields.join(","));
    }
    let again = read_numbers::<f64>(text.as_bytes()).expect("what was accepted is accepted");
    let nan_free = array.to_vec().iter().all(|x| !x.is_nan());
    assert!(!nan_free || same(&array, &again), "{rows} x {columns}: {array:?} came back as {again:?}");
    assert_eq!(array.shape(), again.shape());
    true
}
