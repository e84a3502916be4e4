//! Statistics of small samples: estimates that carry their intervals.
//!
//! Experiments on over-parameterised networks are repeated over a handful of seeds. What such a handful can say is
//! little, and the functions here say how little: every summary comes as an [`Estimate`], a value with an interval and
//! the level at which the interval covers the truth.
//!
//! | module | what it answers | source |
//! |---|---|---|
//! | [`mean`](mod@mean) | mean and geometric mean, Student-t intervals | Student 1908 |
//! | [`median`](mod@median) | quantiles (type 7), median with a distribution-free interval | Hyndman and Fan 1996; Thompson 1936 |
//! | [`binomial`] | tails, and the confidence limit of a share | Clopper and Pearson 1934 |
//! | [`line`](mod@line) | least squares, weighted, and the slope of a power law | Draper and Smith, ch. 1-2 |
//! | [`rank`] | Spearman's rank correlation with ties | Spearman 1904; Kendall and Gibbons, ch. 3 |
//! | [`paired`](mod@paired) | is A below B on the same seeds? t interval and sign test | Dixon and Mood 1946 |
//! | [`student_t`] | distribution function and quantile | DLMF 8.17 |
//!
//! ```
//! use overparam_eval::stats;
//!
//! let test_error = [0.31, 0.28, 0.35, 0.30, 0.27]; // five seeds
//! let mean = stats::mean(&test_error, 0.95)?;
//! assert!(mean.interval.contains(0.302));
//!
//! // Five seeds cannot support a 95% interval of the median without further assumptions: the whole range covers it
//! // with probability 1 - 2/2^5, and that is the level the estimate reports.
//! let median = stats::median_interval(&test_error, 0.95)?;
//! assert_eq!((median.value, median.level), (0.30, 0.9375));
//! # Ok::<(), stats::StatsError>(())
//! ```
//!
//! # Conventions
//!
//! * A sample is a slice of finite `f64`. Empty samples, NaN and infinities, levels outside `(0, 1)` and overflowing sums
//!   are a [`StatsError`] that says which number was wrong; no function returns NaN.
//! * Intervals are two-sided and closed. `level` is a probability, `0.95`, not a percentage.
//! * Nothing here draws random numbers.

pub mod binomial;
mod error;
mod estimate;
pub mod line;
pub mod mean;
pub mod median;
pub mod paired;
pub mod rank;
pub mod student_t;

pub use error::StatsError;
pub use estimate::{Estimate, Interval};
pub use line::{Line, least_squares, log_log_slope, log_log_slope_weighted, weighted_least_squares};
pub use mean::{geometric_mean, mean, standard_deviation, standard_error};
pub use median::{median, median_interval, quantile};
pub use paired::{Paired, paired, sign_test};
pub use rank::{PValueMethod, Spearman, average_ranks, spearman};
