//! Parts of a data set, and which entries of a matrix are seen.

use overparam_tensor::random::Stream;
use serde::{Deserialize, Serialize};

use super::error::DataError;

/// Indices of three disjoint parts that together are all examples, each ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// To fit.
    pub train: Vec<usize>,
    /// To choose, for example when to stop.
    pub validation: Vec<usize>,
    /// To judge.
    pub test: Vec<usize>,
}

/// Splits `0..n` uniformly at random into `validation` and `test` examples and the rest to train on.
///
/// The indices depend on `n`, the counts and the stream alone. For a fixed stream and `n` the test part does not depend
/// on `validation`, so that experiments that tune on more or less are judged on the same examples.
///
/// # Errors
/// [`DataError::Split`] unless `validation + test < n`.
pub fn split(n: usize, validation: usize, test: usize, stream: &Stream) -> Result<Split, DataError> {
    if validation.checked_add(test).is_none_or(|held_out| held_out >= n) {
        return Err(DataError::Split { available: n, validation, test });
    }
    let order = stream.permutation(n);
    let part = |range: std::ops::Range<usize>| {
        let mut indices = order[range].to_vec();
        indices.sort_unstable();
        indices
    };
    Ok(Split {
        test: part(0..test),
        validation: part(test..test + validation),
        train: part(test + validation..n),
    })
}

/// `count` distinct entries `(row, column)` of a `rows x columns` matrix, uniformly without replacement, in row-major
/// order: the observations of a matrix-completion problem.
///
/// Takes memory in proportion to `rows * columns`.
///
/// # Errors
/// [`DataError::Observed`] if the matrix has fewer entries.
pub fn observed_entries(
    rows: usize,
    columns: usize,
    count: usize,
    stream: &Stream,
) -> Result<Vec<(usize, usize)>, DataError> {
    match rows.checked_mul(columns) {
        Some(entries) if count <= entries => Ok(stream
            .sample_indices(entries, count)
            .into_iter()
            .map(|i| (i / columns, i % columns))
            .collect()),
        _ => Err(DataError::Observed { count, rows, columns }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_requests_are_errors() {
        let stream = Stream::root(0);
        let message = |r: Result<Split, DataError>| r.expect_err("impossible").to_string();
        assert_eq!(
            message(split(10, 5, 5, &stream)),
            "cannot take 5 validation and 5 test examples out of 10: none would be left to train on"
        );
        assert!(split(10, usize::MAX, 2, &stream).is_err());
        assert_eq!(
            observed_entries(3, 4, 13, &stream).expect_err("impossible").to_string(),
            "cannot observe 13 entries of a 3 x 4 matrix"
        );
        assert!(observed_entries(usize::MAX, 4, 13, &stream).is_err());
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_are_a_partition(seed: u64, train in 1usize..20, validation in 0usize..20, test in 0usize..20) {
            let (n, stream) = (train + validation + test, Stream::root(seed));
            let parts = split(n, validation, test, &stream)?;
            prop_assert_eq!(
                (parts.train.len(), parts.validation.len(), parts.test.len()),
                (train, validation, test)
            );
            let mut all = [&parts.train[..], &parts.validation, &parts.test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
            prop_assert_eq!(split(n, 0, test, &stream)?.test, parts.test);
        }

        #[test]
        fn observed_entries_are_distinct_and_inside(seed: u64, rows in 1usize..12, columns in 1usize..12, share in 0.0..=1.0) {
            let count = ((rows * columns) as f64 * share) as usize;
            let entries = observed_entries(rows, columns, count, &Stream::root(seed))?;
            prop_assert_eq!(entries.len(), count);
            prop_assert!(entries.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(entries.iter().all(|&(i, j)| i < rows && j < columns));
        }
    }
}
