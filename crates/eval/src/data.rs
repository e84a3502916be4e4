//! Data sets: real ones that are embedded or that the user brings, and ways to split and hide them.
//!
//! | module | data | form |
//! |---|---|---|
//! | [`digits`](mod@digits) | 1,797 handwritten digits, 8x8, embedded | none needed |
//! | [`ratings`] | MovieLens-100K and the like | `u.data`: user, item, rating, timestamp, tab-separated |
//! | [`idx`] | one IDX file of images or labels | plain or gzip |
//! | [`images`] | MNIST, Fashion-MNIST | four IDX files in a folder |
//! | [`cifar`] | CIFAR-10 | six files of the binary version in a folder |
//! | [`numbers`] | rows of numbers | CSV, with or without a heading |
//! | [`plain`] | whole files, and nothing that only looks like one | any |
//! | [`split`](mod@split) | training, validation and test parts; observed entries of a matrix | |
//!
//! Files that users bring are not trusted. Every reader checks everything it reads and answers with one [`DataError`]
//! that names the file, the place, what was found and what was expected. No header, no identifier and no gzip stream can
//! make it allocate more than the limits below, which are far above the data sets these readers are for:
//!
//! | limit | value | constant |
//! |---|---|---|
//! | user and item identifiers | 200,000 | [`ratings::MAX_ID`] |
//! | users times items (a dense matrix of 800 MB) | 10^8 | [`ratings::MAX_CELLS`] |
//! | ratings in a file | 20 million | [`ratings::MAX_RATINGS`] |
//! | bytes in a line | 1,000 | [`ratings::MAX_LINE_BYTES`] |
//! | bytes of entries in an IDX file, uncompressed | 256 MiB | [`idx::MAX_BYTES`] |
//! | images in a CIFAR-10 file | 10,000 | [`cifar::MAX_RECORDS`] |
//!
//! ```
//! use overparam_eval::data;
//! use overparam_tensor::random::Stream;
//!
//! let digits = data::digits();
//! let parts = data::split(digits.labels.len(), 300, 300, &Stream::root(0).named("split"))?;
//! assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (1197, 300, 300));
//! # Ok::<(), data::DataError>(())
//! ```

pub mod cifar;
pub mod digits;
mod error;
mod file;
pub mod idx;
pub mod images;
pub mod numbers;
pub use overparam_jobs::plain;
pub mod ratings;
pub mod split;

pub use cifar::load_cifar10;
pub use digits::{Digits, digits};
pub use error::DataError;
pub use images::{ImageDataset, LabelledImages, load_image_dataset};
pub use numbers::{Columns, read_columns, read_numbers};
pub use ratings::{Rating, Ratings, read_ratings};
pub use split::{Split, observed_entries, split};
