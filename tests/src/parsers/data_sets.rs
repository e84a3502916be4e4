//! Ratings, IDX and CIFAR-10, plain or gzip.

use std::fmt::Write;
use std::path::Path;

use overparam_eval::data::cifar::parse_cifar10_file;
use overparam_eval::data::idx::parse_idx;
use overparam_eval::data::ratings::{MAX_CELLS, parse_ratings};

use super::refused;

fn is_gzip(content: &[u8]) -> bool {
    content.starts_with(&[0x1f, 0x8b])
}

/// Accepted ratings, written as a file again, are read as the same.
pub fn ratings(content: &[u8]) -> bool {
    let name = if is_gzip(content) { "u.data.gz" } else { "u.data" };
    let ratings = match parse_ratings(Path::new(name), content) {
        Ok(ratings) => ratings,
        Err(e) => return refused(&e, &[name]),
    };
    assert!(!ratings.entries.is_empty() && ratings.users as u64 * ratings.items as u64 <= MAX_CELLS);
    let mut text = String::new();
    for rating in &ratings.entries {
        assert!((rating.user as usize) < ratings.users && (rating.item as usize) < ratings.items);
        assert!([1.0, 2.0, 3.0, 4.0, 5.0].contains(&rating.value));
        let _ = writeln!(text, "{}\t{}\t{}\t0", rating.user + 1, rating.item + 1, rating.value);
    }
    let again = parse_ratings(Path::new("u.data"), text.as_bytes()).expect("what was accepted is accepted");
    assert_eq!((again.users, again.items, again.entries), (ratings.users, ratings.items, ratings.entries));
    if !is_gzip(content) {
        assert_eq!(ratings.digest, blake3::hash(content).to_hex().as_str());
    }
    true
}

/// Header and entries of an accepted array are the file.
pub fn idx(content: &[u8]) -> bool {
    let name = if is_gzip(content) { "images.gz" } else { "images" };
    let dimensions = if content.get(3) == Some(&1) { 1 } else { 3 };
    let array = match parse_idx(Path::new(name), content, dimensions) {
        Ok(array) => array,
        Err(e) => return refused(&e, &[name]),
    };
    let mut file = vec![0, 0, 8, dimensions as u8];
    file.extend(array.shape.iter().flat_map(|&d| (d as u32).to_be_bytes()));
    file.extend(&array.data);
    assert_eq!(array.digest, blake3::hash(&file));
    assert!(is_gzip(content) || file == content);
    true
}

/// Labels and pixels of accepted images, colour after colour, are the file.
pub fn cifar(content: &[u8]) -> bool {
    let name = if is_gzip(content) { "test_batch.bin.gz" } else { "test_batch.bin" };
    let images = match parse_cifar10_file(Path::new(name), content) {
        Ok(images) => images,
        Err(e) => return refused(&e, &[name]),
    };
    assert_eq!((images.rows, images.columns, images.channels), (32, 32, 3));
    let mut file = Vec::with_capacity(content.len());
    for (i, &label) in images.labels.iter().enumerate() {
        assert!(label < 10);
        file.push(label);
        let pixels = images.image(i);
        (0..3).for_each(|colour| file.extend(pixels.iter().skip(colour).step_by(3)));
    }
    assert!(is_gzip(content) || file == content);
    true
}
