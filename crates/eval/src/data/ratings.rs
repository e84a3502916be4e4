//! Ratings of items by users, in the form of MovieLens-100K's `u.data`.
//!
//! One rating a line: four whole numbers separated by tabs, `user item rating timestamp`; users and items count from 1,
//! ratings run from 1 to 5 (F. M. Harper and J. A. Konstan, *The MovieLens Datasets*, ACM TiiS 2015;
//! <https://grouplens.org/datasets/movielens/100k/>). Lines may end in CRLF, and the last line may lack its end; blank
//! lines may follow the last rating and stand nowhere else.

mod line;

use std::io::{BufRead, Read};
use std::path::Path;

use super::error::DataError;
use super::file::{Input, find};
use line::{Place, parse};

/// The largest user or item identifier that is accepted.
pub const MAX_ID: u32 = 200_000;

/// The most entries that the matrix of all users and all items may have: 800 MB as dense `f64`.
pub const MAX_CELLS: u64 = 100_000_000;

/// The most lines a file may have.
pub const MAX_RATINGS: usize = 20_000_000;

/// The most bytes a line may have, its end included.
pub const MAX_LINE_BYTES: usize = 1_000;

/// One rating.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// User, from 0: one less than in the file.
    pub user: u32,
    /// Item, from 0: one less than in the file.
    pub item: u32,
    /// Rating, a whole number from 1 to 5.
    pub value: f64,
}

/// The ratings of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    /// Number of users: the largest user identifier of the file, so that some may have rated nothing.
    pub users: usize,
    /// Number of items: the largest item identifier of the file.
    pub items: usize,
    /// The ratings in the order of the file; every pair of user and item at most once.
    pub entries: Vec<Rating>,
    /// BLAKE3 digest of the uncompressed file, hexadecimal: the same for `u.data` and `u.data.gz`.
    pub digest: String,
}

/// Reads `u.data`, or failing that `u.data.gz`, from a folder.
///
/// Timestamps are checked to be whole numbers and dropped.
///
/// # Errors
/// A [`DataError`] that names file, line, field, value and expectation: no folder, no file, an unreadable, empty or
/// oversized file, truncated gzip, text that is not UTF-8, a wrong number of fields, a field that is no whole number or
/// out of range, a blank line before the last rating, a pair rated twice. Limits: [`MAX_ID`], [`MAX_CELLS`],
/// [`MAX_RATINGS`], [`MAX_LINE_BYTES`].
pub fn read_ratings(folder: &Path) -> Result<Ratings, DataError> {
    ratings_of(Input::open(&find(folder, "u.data", "u.data or u.data.gz")?)?)
}

/// The ratings in the content of a file, gzip if its name ends in `.gz`.
///
/// # Errors
/// As [`read_ratings`], of the content.
pub fn parse_ratings(name: &Path, content: &[u8]) -> Result<Ratings, DataError> {
    ratings_of(Input::within(name, content)?)
}

fn ratings_of(mut input: Input<'_>) -> Result<Ratings, DataError> {
    let path = input.path.clone();
    let mut hasher = blake3::Hasher::new();
    let mut entries = Vec::new();
    let mut blank = None;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // One byte beyond the limit tells a line that is too long from one that is just long enough.
        (&mut input.reader)
            .take(MAX_LINE_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(|cause| input.failed(cause, || format!("{} whole lines", number - 1)))?;
        if line.is_empty() {
            break;
        }
        if number > MAX_RATINGS {
            let found = format!("more than {MAX_RATINGS} lines");
            return Err(DataError::TooLarge { path, found, limit: MAX_RATINGS as u64 });
        }
        hasher.update(&line);
        match parse(Place { path: &path, line: number }, &line)? {
            None => blank = blank.or(Some(number)),
            Some(rating) => match blank {
                Some(blank) => return Err(Place { path: &path, line: blank }.blank()),
                None => entries.push(rating),
            },
        }
    }
    if entries.is_empty() {
        return Err(DataError::Empty { path, expected: line::EXPECTED });
    }
    check_cells(&path, &entries)?;
    check_distinct(&path, &entries)?;
    let count = |id: fn(&Rating) -> u32| entries.iter().map(id).max().map_or(0, |id| id as usize + 1);
    Ok(Ratings {
        users: count(|r| r.user),
        items: count(|r| r.item),
        digest: hasher.finalize().to_hex().to_string(),
        entries,
    })
}

/// Users times items stays a matrix that fits in memory.
fn check_cells(path: &Path, entries: &[Rating]) -> Result<(), DataError> {
    let largest = |id: fn(&Rating) -> u32| {
        entries.iter().enumerate().max_by_key(|(_, r)| id(r)).map_or((0, 0), |(i, r)| (i + 1, id(r) + 1))
    };
    let ((user_line, user), (item_line, item)) = (largest(|r| r.user), largest(|r| r.item));
    let cells = u64::from(user) * u64::from(item);
    if cells <= MAX_CELLS {
        return Ok(());
    }
    Err(DataError::TooLarge {
        path: path.to_owned(),
        found: format!(
            "user {user} (line {user_line}) and item {item} (line {item_line}) span a matrix of {cells} entries"
        ),
        limit: MAX_CELLS,
    })
}

/// No pair of user and item twice. Sorting positions takes a quarter of the memory of a hash map.
fn check_distinct(path: &Path, entries: &[Rating]) -> Result<(), DataError> {
    let pair = |i: usize| (entries[i].user, entries[i].item);
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_unstable_by_key(|&i| (pair(i), i));
    let repeated = order.windows(2).filter(|w| pair(w[0]) == pair(w[1])).min_by_key(|w| w[1]);
    match repeated {
        None => Ok(()),
        Some(w) => {
            let (user, item) = pair(w[1]);
            let (first, line) = (w[0] + 1, w[1] + 1);
            Err(DataError::Duplicate { path: path.to_owned(), line, first, user: user + 1, item: item + 1 })
        }
    }
}

#[cfg(test)]
mod tests;
