//! From draws to a decision: p values, looks with spending, what holds, what fails, what cannot be told.
//!
//! A check is a statement about the distribution of one number per seed. It is looked at when 8, 16 and 32 draws are there, and
//! its two p values at look `k`, each divided by the share of the error that the look may spend, are kept at their least so
//! far:
//!
#![doc = overparam_formula::formula!(
    "P_yes = min_(j <= k) p_yes(n_j) / w_j,    P_no = min_(j <= k) p_no(n_j) / w_j,    sum_j w_j = 1"
)]
//!
//! By the union bound this is valid however the looks depend on each other. A claim *holds* if every check has
//! `P_yes <= 0.01`: a conjunction of rejections has the level of one of them (Berger 1982), so nothing is divided by the number
//! of checks. A claim *fails* if some check has `P_no <= 0.05 / (claims x checks)`, so that in a whole run of the repository
//! the probability of calling any true claim false is at most 5 %.
//!
//! | module | its idea |
//! |---|---|
//! | [`design`] | looks, weights, levels |
//! | [`p_value`] | one check at `n` draws |
//! | [`evidence`] | one check over the looks: sequential p values, the interval |
//! | [`verdict`] | a claim and its control |

pub mod design;
pub mod evidence;
pub mod p_value;
pub mod verdict;

pub use design::Design;
pub use evidence::Evidence;
pub use verdict::{Decision, Verdict, decide};
